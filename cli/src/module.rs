//! What the DC/OS CLI asks of its modules besides commands (S-116): `dcos-kafka kafka <flag>`, answered on stdout with exit
//! code 0.
//!
//! - `--info`: one line for `dcos help`, and for the description that the DC/OS CLI stores (all versions).
//! - `--config-schema`: a JSON schema (draft 4) of the keys below `kafka.`. Versions 0.4 to 0.6 ask for it before `dcos
//!   config set`, `unset` and `validate`; they take no key that is not in its `properties`, and no `kafka.` key at all where
//!   the answer is no JSON. Versions from 0.7 on take every key and do not ask.
//! - `--version` and `--help` are asked for by people alone.

use std::fmt;

/// One of these questions.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Question {
    /// What the module is for.
    Info,
    /// What it can be set to.
    ConfigSchema,
}

/// The one key: what `--name` is where nobody gives it.
pub(crate) const SERVICE_NAME: &str = "kafka.service_name";

impl fmt::Display for Question {
    /// The answer.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Info => "Operate a Kafka service: brokers, rollouts, topics",
            Self::ConfigSchema => SCHEMA,
        })
    }
}

const SCHEMA: &str = r#"{
    "$schema": "http://json-schema.org/draft-04/schema#",
    "type": "object",
    "properties": {
        "service_name": {
            "type": "string",
            "minLength": 1,
            "title": "Name of the Kafka service",
            "description": "The service that commands are meant for where --name is not given.",
            "default": "kafka"
        }
    },
    "additionalProperties": false
}"#;
