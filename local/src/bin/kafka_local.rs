//! `kafka-local`: a Kafka cluster on this machine. Exit codes: 0 done, 1 refused or failed, 2 usage.

use std::process::ExitCode;

use clap::Parser;
use local::laptop;

// One thread: it waits for processes and for loopback, and what happens between two waits happens as one.
#[tokio::main(flavor = "current_thread")]
async fn main() -> ExitCode {
    // Fails only if there is a provider of TLS already.
    let _ = rustls::crypto::ring::default_provider().install_default();
    match laptop::run(laptop::args::Cli::parse()).await {
        Ok(code) => code,
        Err(error) => {
            eprintln!("kafka-local: {error:#}");
            ExitCode::FAILURE
        }
    }
}
