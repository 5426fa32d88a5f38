//! Errors as Kafka itself answers them.

use kafka_protocol::{ResponseError, protocol::StrBytes};

/// A Kafka error code with its name and, where the broker gave one, its message.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KafkaError {
    /// The code on the wire; never 0.
    pub code: i16,
    /// Kafka's own name of it, for example `TOPIC_ALREADY_EXISTS`.
    pub name: String,
    /// What the broker adds; newer brokers say more.
    pub message: Option<String>,
    /// Whether Kafka's protocol calls it worth trying again.
    pub retriable: bool,
}

impl std::error::Error for KafkaError {}

impl std::fmt::Display for KafkaError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match &self.message {
            Some(message) => write!(f, "{}: {message}", self.name),
            None => f.write_str(&self.name),
        }
    }
}

impl KafkaError {
    /// The error of a response's `error_code`; `None` for 0, which means success.
    pub(crate) fn from_code(code: i16, message: Option<&StrBytes>) -> Option<Self> {
        let error = ResponseError::try_from_code(code)?;
        Some(Self {
            code,
            name: name(error),
            message: message.map(ToString::to_string).filter(|text| !text.is_empty()),
            retriable: error.is_retriable(),
        })
    }

    /// Whether it is the error of this kind.
    pub(crate) fn is(&self, kind: ResponseError) -> bool {
        self.code == kind.code()
    }

    /// Whether a change was begun, and goes on; or what the controller works with failed half way, such as its ZooKeeper
    /// session.
    pub(crate) fn is_half_way(&self) -> bool {
        self.is(ResponseError::RequestTimedOut) || self.is(ResponseError::UnknownServerError)
    }
}

/// Kafka writes its error names in capitals; the codec crate in camel case.
fn name(error: ResponseError) -> String {
    if let ResponseError::Unknown(code) = error {
        return format!("UNKNOWN_ERROR_{code}");
    }
    let mut name = String::new();
    for character in format!("{error:?}").chars() {
        if character.is_ascii_uppercase() && !name.is_empty() {
            name.push('_');
        }
        name.push(character.to_ascii_uppercase());
    }
    name
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(code: i16, message: Option<&'static str>, expect: Option<&str>) {
        let message = message.map(StrBytes::from_static_str);
        let error = KafkaError::from_code(code, message.as_ref());
        assert_eq!(error.map(|error| error.to_string()).as_deref(), expect, "code {code}");
    }

    #[test]
    fn named_as_kafka_names_them() {
        check(0, None, None);
        check(36, Some("Topic 'a' already exists."), Some("TOPIC_ALREADY_EXISTS: Topic 'a' already exists."));
        check(36, Some(""), Some("TOPIC_ALREADY_EXISTS"));
        check(41, None, Some("NOT_CONTROLLER"));
        check(-1, None, Some("UNKNOWN_SERVER_ERROR"));
        check(9999, None, Some("UNKNOWN_ERROR_9999"));
    }
}
