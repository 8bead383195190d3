//! Writes the C header from `src/abi`, and gives the shared library its SONAME.
//!
//! The header goes to cargo's output folder. `include/eventsource.h` is a copy that is checked in, because whoever uses
//! the library should read it without building anything; `tests/header.rs` fails when the two differ, and building with
//! EVENTSOURCE_WRITE_HEADER=1 renews it. A build never writes to the source tree unasked.

use std::env;
use std::error::Error;
use std::fs;
use std::path::PathBuf;

/// Files of `src/abi` with public items, in the order in which the header presents them.
const SOURCES: [&str; 14] = [
    "status.rs",
    "client.rs",
    "callbacks.rs",
    "settings/request.rs",
    "settings/reconnect.rs",
    "settings/limits.rs",
    "settings/network.rs",
    "settings/http.rs",
    "settings/tls.rs",
    "questions.rs",
    "request.rs",
    "runtime.rs",
    "parser.rs",
    "library.rs",
];

fn main() -> Result<(), Box<dyn Error>> {
    println!("cargo::rerun-if-changed=src/abi");
    println!("cargo::rerun-if-changed=cbindgen.toml");
    println!("cargo::rerun-if-env-changed=EVENTSOURCE_WRITE_HEADER");

    let root = PathBuf::from(env::var("CARGO_MANIFEST_DIR")?);
    let abi = root.join("src/abi");
    let mut config = cbindgen::Config::from_file(root.join("cbindgen.toml"))?;
    config.header = Some(
        fs::read_to_string(abi.join("preamble.h"))?
            .trim_end()
            .to_owned(),
    );
    let mut builder = cbindgen::Builder::new().with_config(config);
    for source in SOURCES {
        builder = builder.with_src(abi.join(source));
    }
    let header = PathBuf::from(env::var("OUT_DIR")?).join("eventsource.h");
    builder.generate()?.write_to_file(&header);
    // Swift reads the header as C before C23, but knows enumerations that have a type. Without, functions would answer
    // plain integers there, and the constants to compare them with be of other types.
    let typed_enums = "__STDC_VERSION__ >= 202311L";
    let text = fs::read_to_string(&header)?;
    fs::write(
        &header,
        text.replace(typed_enums, &format!("{typed_enums} || defined(__swift__)")),
    )?;
    if env::var_os("EVENTSOURCE_WRITE_HEADER").is_some_and(|value| value == "1") {
        fs::copy(&header, root.join("include/eventsource.h"))?;
    }

    if env::var("CARGO_CFG_TARGET_OS")? == "linux" {
        // The ABI's number, not the version's: programs go on running with every library that has it.
        println!("cargo::rustc-cdylib-link-arg=-Wl,-soname,libeventsource.so.0");
        // Threads of the library may still be on their way out when a host calls dlclose.
        println!("cargo::rustc-cdylib-link-arg=-Wl,-z,nodelete");
    }
    Ok(())
}
