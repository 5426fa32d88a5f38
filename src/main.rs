//! Arguments → configuration → `shell::run` → exit code; nothing else.

use std::{fmt::Write as _, process::ExitCode};

use clap::{CommandFactory as _, FromArgMatches as _, Parser};
use scheduler::{
    config::{Settings, variables_help},
    shell::{self, Exit},
};

/// Runs a Kafka cluster on Apache Mesos.
///
/// All settings are environment variables, listed below. Brokers live on when this process ends; started again, it takes
/// them over from its stored state.
#[derive(Parser)]
#[command(name = "kafka-scheduler", version)]
struct Args {
    /// Check the configuration, say what is wrong with it, and exit.
    #[arg(long)]
    check: bool,
    /// List the environment variables and exit.
    #[arg(long)]
    variables: bool,
}

fn main() -> ExitCode {
    let help = format!("Environment variables:\n\n{}\nExit codes:\n\n{}", variables_help(), exit_codes());
    let matches = Args::command().after_long_help(help).get_matches();
    let args = Args::from_arg_matches(&matches).unwrap_or_else(|error| error.exit());
    if args.variables {
        print!("{}", variables_help());
        return Exit::Stopped.into();
    }
    let settings = match Settings::from_env(&shell::environment()) {
        Ok(settings) => settings,
        Err(errors) => {
            eprintln!("{errors}");
            return Exit::Configuration.into();
        }
    };
    if args.check {
        if let Err(errors) = shell::check(&settings) {
            eprintln!("{errors}");
            return Exit::Configuration.into();
        }
        settings.warnings.iter().for_each(|warning| eprintln!("warning: {warning}"));
        println!("the configuration is valid");
        return Exit::Stopped.into();
    }
    let log = shell::log::init(&settings);
    let exit = shell::start(settings);
    log.finish();
    exit.into()
}

fn exit_codes() -> String {
    Exit::ALL.iter().fold(String::new(), |mut text, exit| {
        // Proof: writing to a String cannot fail.
        let _ = writeln!(text, "  {}  {}", exit.code(), exit.meaning());
        text
    })
}
