//! `kafka-local`: a Kafka cluster on this machine. Exit codes: 0 done, 1 refused or failed, 2 usage.

use std::process::ExitCode;

use clap::Parser;
use local::laptop;

fn main() -> ExitCode {
    // Fails only if there is a provider of TLS already.
    let _ = rustls::crypto::ring::default_provider().install_default();
    let cli = laptop::args::Cli::parse();
    // One thread: it waits for processes and for loopback, and what happens between two waits happens as one.
    let result = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .map_err(anyhow::Error::from)
        .and_then(|runtime| {
            let result = runtime.block_on(laptop::run(cli));
            // Unpacking, or a look-up of a name, that nobody waits for any more must not hold up the end.
            runtime.shutdown_background();
            result
        });
    match result {
        Ok(code) => code,
        Err(error) => {
            eprintln!("kafka-local: {error:#}");
            ExitCode::FAILURE
        }
    }
}
