//! Writes the C header from `src/abi`, and gives the shared library its SONAME, or its install name.
//!
//! The header goes to cargo's output folder. `include/eventsource.h` is a copy that is checked in, because whoever uses
//! the library should read it without building anything; `tests/boundary/header.rs` fails when the two differ, and building with
//! EVENTSOURCE_WRITE_HEADER=1 renews it. A build never writes to the source tree unasked.

use std::env;
use std::error::Error;
use std::fs;
use std::path::PathBuf;

/// Files of `src/abi` with public items, in the order in which the header presents them.
const SOURCES: [&str; 23] = [
    "types/status.rs",
    "types/handles.rs",
    "types/tls_version.rs",
    "types/payload.rs",
    "types/callback.rs",
    "calls/client.rs",
    "calls/callbacks.rs",
    "calls/settings/name.rs",
    "calls/settings/request.rs",
    "calls/settings/cookies.rs",
    "calls/settings/reconnect.rs",
    "calls/settings/limits.rs",
    "calls/settings/network.rs",
    "calls/settings/http.rs",
    "calls/settings/tls.rs",
    "calls/getters.rs",
    "calls/request.rs",
    "calls/response.rs",
    "calls/runtime.rs",
    "calls/parser.rs",
    "calls/log.rs",
    "calls/library.rs",
    "calls/android.rs",
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

    if env::var("CARGO_CFG_TARGET_VENDOR")? == "apple" {
        // Wherever the program looks for libraries; with the ABI's number, as below.
        println!("cargo::rustc-cdylib-link-arg=-Wl,-install_name,@rpath/libeventsource.0.dylib");
    }
    // The ABI's number, not the version's: programs go on running with every library that has it. An app of Android's can
    // have no such name in it.
    let soname = match env::var("CARGO_CFG_TARGET_OS")?.as_str() {
        "linux" | "freebsd" => Some("libeventsource.so.0"),
        "android" => Some("libeventsource.so"),
        _ => None,
    };
    if let Some(soname) = soname {
        println!("cargo::rustc-cdylib-link-arg=-Wl,-soname,{soname}");
        // Threads of the library may still be on their way out when a host calls dlclose.
        println!("cargo::rustc-cdylib-link-arg=-Wl,-z,nodelete");
    }
    Ok(())
}
