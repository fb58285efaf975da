//! The build script of every package with a program, a test or a benchmark that runs libtorch: they find it beside
//! themselves (a container), then where it was at build time. What a library's build script says of this does not reach
//! the packages that use it.
#![allow(clippy::print_stdout)] // cargo is told on standard output

use std::env;

fn main() {
    println!("cargo:rerun-if-env-changed=LIBTORCH");
    println!("cargo:rustc-link-arg=-Wl,-rpath,$ORIGIN/../lib/libtorch");
    if let Ok(libtorch) = env::var("LIBTORCH") {
        println!("cargo:rustc-link-arg=-Wl,-rpath,{libtorch}/lib");
    }
}
