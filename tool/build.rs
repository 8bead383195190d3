//! Without the feature `bundled`: where the shared library is that the program is linked with.

use std::env;

fn main() {
    println!("cargo::rerun-if-env-changed=EVENTSOURCE_LIB_DIR");
    if env::var_os("CARGO_FEATURE_BUNDLED").is_some() {
        return;
    }
    // Else the linker looks where the system's libraries are.
    if let Ok(folder) = env::var("EVENTSOURCE_LIB_DIR") {
        println!("cargo::rustc-link-search=native={folder}");
    }
    println!("cargo::rustc-link-lib=dylib=eventsource");
    // Where it is to be found at run time, CMake says: $ORIGIN/../lib, or nothing for packages of a system.
    println!("cargo::rerun-if-env-changed=EVENTSOURCE_RPATH");
    if let Ok(paths) = env::var("EVENTSOURCE_RPATH") {
        for path in paths.split(':').filter(|path| !path.is_empty()) {
            println!("cargo::rustc-link-arg-bins=-Wl,-rpath,{path}");
        }
    }
}
