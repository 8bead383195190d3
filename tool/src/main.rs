//! The command `eventsource`: follows, checks and serves event streams.
//!
//! It is a program in Rust on the library's C functions (`sys.rs`, `client.rs`), and nothing else of the library. So it is held
//! to what every other program is held to, and shows that the C API is enough for such a one. As CMake builds it, it is linked
//! with the shared library, as packages want it: one copy of the code on the machine, and what is mended in the library is mended
//! in the command. Cargo alone (the feature `bundled`, the default) makes a single file that needs no library beside it.
//!
//! In Rust rather than C: clap makes help, man pages and completions from the one description of the options, serde_json
//! writes JSON, and the server of `eventsource serve` is the one in Rust that the library is tested with
//! (tests/support/server). In C these would be three libraries, two of which many systems lack, and a second server.
//!
//! What a server sends is quoted (`text.rs`) before it can reach a terminal.

#[cfg(feature = "bundled")]
use eventsource as _;

mod check;
mod cli;
mod client;
mod request;
mod serve;
mod sys;
mod tail;
mod text;

use std::process::ExitCode;
use std::{fs, io};

use cli::Commands;

/// For bad usage, as clap has it.
const BAD_USAGE: u8 = 2;

fn main() -> ExitCode {
    let done = match cli::parse().command {
        Commands::Tail(options) => tail::run(*options),
        Commands::Check(options) => check::run(*options),
        Commands::Serve(options) => return serve::run(*options),
        Commands::Completions { shell } => {
            clap_complete::generate(shell, &mut cli::command(), "eventsource", &mut io::stdout());
            return ExitCode::SUCCESS;
        }
        Commands::Man { folder } => {
            let written = fs::create_dir_all(&folder)
                .and_then(|()| clap_mangen::generate_to(cli::command(), &folder));
            return match written {
                Ok(_) => ExitCode::SUCCESS,
                Err(error) => {
                    eprintln!("eventsource: {}: {error}", folder.display());
                    ExitCode::FAILURE
                }
            };
        }
    };
    done.unwrap_or_else(|problem| {
        eprintln!("error: {problem}\n\nFor more information, try '--help'.");
        ExitCode::from(BAD_USAGE)
    })
}
