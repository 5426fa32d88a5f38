//! `dcos-kafka`: the operator's command line.
//!
//! Arguments ([`args`]) → where the scheduler is ([`address`], D46) → one or more requests ([`command`]) → the guide's
//! JSON, or tables for people ([`render`]). Nothing is decided here: what is refused, the scheduler refuses.
//!
//! Exit codes: 0 done; 1 refused or failed, with one line on stderr that says what to do; 2 wrong usage.
#![cfg_attr(test, allow(clippy::unwrap_used, reason = "a test that cannot go on should stop"))]

use std::{
    ffi::OsString,
    io::{self, Write},
    process::ExitCode,
};

use clap::Parser;

mod address;
mod args;
mod command;
mod failure;
mod module;
mod render;

use args::{Args, Asked, Command, Common};
use failure::Failure;

fn main() -> ExitCode {
    let parsed = Args::try_parse_from(without_module_name(std::env::args_os()));
    let (common, command) = match parsed.and_then(Args::complete) {
        Ok(Asked::Command(asked)) => *asked,
        Ok(Asked::Module(question)) => {
            let _ = writeln!(io::stdout(), "{question}");
            return ExitCode::SUCCESS;
        }
        // Help and version come this way too, and are no failures.
        Err(error) => {
            let code = error.exit_code();
            let _ = error.print();
            return u8::try_from(code).map_or(ExitCode::FAILURE, ExitCode::from);
        }
    };
    match run(&common, &command) {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => {
            let _ = writeln!(io::stderr(), "error: {failure}");
            ExitCode::from(failure.exit_code())
        }
    }
}

fn run(common: &Common, command: &Command) -> Result<(), Failure> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .map_err(|error| Failure::Local(format!("the runtime cannot be started: {error}")))?;
    runtime.block_on(command::run(common, command))
}

/// The DC/OS CLI calls `dcos-kafka kafka …`: the module's name comes first (S-127).
fn without_module_name(args: impl Iterator<Item = OsString>) -> Vec<OsString> {
    let mut args: Vec<_> = args.collect();
    if args.get(1).is_some_and(|first| first == "kafka") {
        args.remove(1);
    }
    args
}

#[cfg(test)]
mod tests {
    use super::*;

    // S-127
    #[test]
    fn module_name_is_passed_over_once() {
        let check = |line: &str, expect: &str| {
            let args = without_module_name(line.split(' ').map(OsString::from));
            let words: Vec<_> = args.iter().map(|word| word.to_str().unwrap()).collect();
            assert_eq!(words.join(" "), expect);
        };
        check("dcos-kafka kafka broker list", "dcos-kafka broker list");
        check("dcos-kafka broker list", "dcos-kafka broker list");
        check("dcos-kafka kafka topic create kafka", "dcos-kafka topic create kafka");
        check("dcos-kafka topic create kafka", "dcos-kafka topic create kafka");
    }
}
