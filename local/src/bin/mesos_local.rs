//! `mesos-local`: an embedded Mesos master and agent in one process.
//!
//! Exit codes: 0 stopped as asked or the control verb is done, 1 failed, 2 usage.

mod mesos_local {
    pub(crate) mod args;
    pub(crate) mod run;
}

use std::process::ExitCode;

use clap::Parser;
use mesos_local::{args, run};

fn main() -> ExitCode {
    let args = args::Args::parse();
    let runtime = match tokio::runtime::Builder::new_multi_thread().enable_all().build() {
        Ok(runtime) => runtime,
        Err(error) => {
            eprintln!("mesos-local: cannot start a runtime: {error}");
            return ExitCode::FAILURE;
        }
    };
    let result = match args.command {
        Some(args::Command::Ctl(ctl)) => runtime.block_on(run::ctl(ctl)),
        None => runtime.block_on(run::run(args.run)),
    };
    // Tasks that hang on a dead client must not keep the process.
    runtime.shutdown_background();
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("mesos-local: {error:#}");
            ExitCode::FAILURE
        }
    }
}
