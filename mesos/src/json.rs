//! Mesos's own JSON mapping, which is not the proto3 one.
//!
//! Keys are the proto field names, enums are value names, bytes are base64, 64-bit integers are numbers, doubles
//! always carry a fraction or an exponent, empty lists are left out, unset optional fields with an explicit and
//! not deprecated default are written with it, and fields come in the order Mesos declares them.
//!
//! Reading is as lenient as Mesos is: unknown keys are ignored, `null` means absent, integers and doubles may be
//! texts, a list may be a bare value, and the unknown name of an optional enum counts as absent. What is left is
//! refused with all problems at once, each with the path of its field.

mod read;
mod required;
mod write;

use std::fmt;

use prost_reflect::ReflectMessage;
use serde_json::Value;

/// Why a text is no message.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The text is not JSON.
    #[error("not valid JSON")]
    Syntax(#[from] serde_json::Error),
    /// The JSON does not fit the message.
    #[error("{0}")]
    Invalid(Problems),
}

/// Everything that does not fit, in the order of the fields.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Problems(pub(crate) Vec<Problem>);

impl Problems {
    /// The single problems.
    pub fn iter(&self) -> impl Iterator<Item = &Problem> {
        self.0.iter()
    }
}

impl fmt::Display for Problems {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, problem) in self.0.iter().enumerate() {
            if index > 0 {
                f.write_str("; ")?;
            }
            write!(f, "{problem}")?;
        }
        Ok(())
    }
}

impl std::error::Error for Problems {}

/// One thing that does not fit.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{path}: {what}")]
pub struct Problem {
    /// Where it is, such as `accept.operations[0].launch`.
    pub path: String,
    /// What is wrong and what would be right.
    pub what: String,
}

/// Writes a message as compact JSON, byte for byte as Mesos does.
pub fn to_string(message: &impl ReflectMessage) -> String {
    write::to_string(&message.transcode_to_dynamic())
}

/// Turns a message into a JSON value. The order of keys is the one of [`serde_json::Map`], not Mesos's.
pub fn to_value(message: &impl ReflectMessage) -> Value {
    write::to_value(&message.transcode_to_dynamic())
}

/// Reads a message.
///
/// # Errors
/// When the text is not JSON or does not fit the message; all misfits are named at once.
pub fn from_str<T: ReflectMessage + Default>(text: &str) -> Result<T, Error> {
    from_value(&serde_json::from_str(text)?)
}

/// Reads a message from the bytes of a JSON text.
///
/// # Errors
/// As [`from_str`]; bytes that are not UTF-8 are not JSON.
pub fn from_slice<T: ReflectMessage + Default>(bytes: &[u8]) -> Result<T, Error> {
    from_value(&serde_json::from_slice(bytes)?)
}

/// Reads a message from a JSON value.
///
/// # Errors
/// When the value does not fit the message; all misfits are named at once.
pub fn from_value<T: ReflectMessage + Default>(value: &Value) -> Result<T, Error> {
    let mut problems = Vec::new();
    let message = read::message(value, T::default().descriptor(), &mut problems);
    required::find(&message, "", &mut problems);
    if !problems.is_empty() {
        return Err(Error::Invalid(Problems(problems)));
    }
    message.transcode_to().map_err(|error| {
        Error::Invalid(Problems(vec![Problem { path: "message".to_owned(), what: error.to_string() }]))
    })
}

/// Entry point for a fuzzer: whatever the bytes, reading ends; what reads is written, reads again and is then written
/// the same.
///
/// # Panics
/// When that does not hold.
pub fn fuzz(bytes: &[u8]) {
    let Ok(call) = from_slice::<crate::v1::scheduler::Call>(bytes) else { return };
    let text = to_string(&call);
    match from_str::<crate::v1::scheduler::Call>(&text) {
        Ok(again) => assert_eq!(to_string(&again), text, "written twice, the text differs"),
        Err(error) => panic!("what was written does not read: {error}: {text}"),
    }
}
