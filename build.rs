//! Compiles the little C++ that tch does not cover, and lets the binaries find libtorch at run time: beside themselves
//! (a container), then where it was at build time.

use std::{env, path::PathBuf};

const ROOM: &str = "src/libtorch";
const CPP: [&str; 3] = ["torchscript.cpp", "optimise.cpp", "packed.cpp"];

fn main() {
    println!("cargo:rerun-if-changed=build.rs");
    println!("cargo:rerun-if-changed={ROOM}");
    println!("cargo:rerun-if-env-changed=LIBTORCH");
    if env::var_os("CARGO_FEATURE_TCH").is_none() {
        return;
    }
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
        .files(CPP.map(|file| format!("{ROOM}/{file}")))
        .compile("lookalike_torchscript");
    println!("cargo:rustc-link-lib=torch_cpu");
    println!("cargo:rustc-link-lib=c10");
    println!("cargo:rustc-link-search=native={}/lib", libtorch.display());
    println!("cargo:rustc-link-arg=-Wl,-rpath,$ORIGIN/../lib/libtorch");
    println!("cargo:rustc-link-arg=-Wl,-rpath,{}/lib", libtorch.display());
}
