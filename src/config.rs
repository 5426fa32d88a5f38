//! The scheduler's configuration: environment → [`Settings`], all mistakes at once; and what a change of it means.
//!
//! Decides what is valid and what a change costs. Does not decide when a change is rolled out (`plan`), and reads no
//! environment: variables come in as an argument.

mod access;
mod change;
mod cpus;
mod error;
mod kafka_client;
mod overrides;
mod process;
mod read;
mod redact;
mod service;
mod suspect;
mod syslog;
mod validate;
mod variable;

use std::collections::BTreeMap;

pub use access::{Access, JwtAlgorithm, JwtFile, TlsFiles};
pub use change::{Change, Cost, FieldChange, diff};
pub use cpus::{Cpus, InvalidCpus};
pub use error::{Errors, ValidationError};
pub use kafka_client::{KafkaClient, KafkaSasl, KafkaTls};
pub use process::{CrashAt, LogFormat, Process, StateUri};
pub use service::{
    Artifacts, Brokers, DiskType, Executor, Framework, Health, Kafka, Logs, Metrics, PhaseStrategy,
    Placement, Protocol, Recovery, Service, StatsdTags, SyslogFormat,
};
pub use syslog::Syslog;
pub use variable::{Fallback, OnChange, VARIABLES, Variable, variables_help};

/// Everything the scheduler is told when it starts.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Settings {
    /// What holds for this process only.
    pub process: Process,
    /// What is stored, identified and rolled out.
    pub service: Service,
    /// Names in the environment that are probably mistakes, and settings without effect: for the log.
    pub warnings: Vec<String>,
}

impl Settings {
    /// Reads the settings out of environment variables. An empty variable counts as not set.
    ///
    /// `FRAMEWORK_USER` has no default in here, since only the shell knows who runs the scheduler: `shell::environment`
    /// fills it in.
    ///
    /// # Errors
    /// All mistakes at once (S-047), in the order of [`VARIABLES`].
    pub fn from_env(env: &BTreeMap<String, String>) -> Result<Settings, Errors> {
        let mut reader = read::Reader::new(env);
        let service = validate::service(&mut reader, env);
        let process = process::read(&mut reader, service.brokers.protocol);
        let mut warnings = suspect::warnings(env);
        warnings.extend(validate::without_effect(&reader, &service));
        warnings.extend(
            process
                .as_ref()
                .and_then(|process| access::warnings(&process.access, process.listen_address.is_loopback())),
        );
        let mut errors = reader.errors;
        // Stable: mistakes of one variable keep the order in which they were found.
        errors.sort_by_key(|error| {
            VARIABLES.iter().position(|v| v.name == error.field).unwrap_or(VARIABLES.len())
        });
        match process {
            Some(process) if errors.is_empty() => Ok(Settings { process, service, warnings }),
            _ => Err(Errors(errors)),
        }
    }
}

#[cfg(test)]
mod tests;
