//! Compiles the little C++ that tch does not cover.

use std::{env, path::PathBuf};

const CPP: [&str; 3] = ["src/torchscript.cpp", "src/optimise.cpp", "src/packed.cpp"];

fn main() {
    println!("cargo:rerun-if-changed=src");
    println!("cargo:rerun-if-env-changed=LIBTORCH");
    let Some(libtorch) = env::var_os("LIBTORCH").map(PathBuf::from) else {
        println!(
            "cargo:warning=LIBTORCH is not set: run `make libtorch`, or set it to a libtorch 2.11.0 of your own"
        );
        return;
    };
    if !libtorch.join("lib").is_dir() {
        println!("cargo:warning=there is no libtorch at {}: run `make libtorch`", libtorch.display());
        return;
    }
    let headers = libtorch.join("include");
    cc::Build::new()
        .cpp(true)
        .std("c++20")
        .warnings(false)
        .include(headers.join("torch/csrc/api/include"))
        .include(headers)
        .files(CPP)
        .compile("lookalike_torchscript");
    println!("cargo:rustc-link-lib=torch_cpu");
    println!("cargo:rustc-link-lib=c10");
    println!("cargo:rustc-link-search=native={}/lib", libtorch.display());
    println!("cargo:rustc-link-arg=-Wl,-rpath,{}/lib", libtorch.display());
}
