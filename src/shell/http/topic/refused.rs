//! What Kafka's and ZooKeeper's refusals mean over HTTP.

use api::rest::ErrorCode;
use kafka::{
    client::{self, CreateError},
    cluster::CreateTopicError,
    topic::TopicName,
    zookeeper,
};

use super::ApiError;

/// ZooKeeper did not tell.
pub(super) fn by_zookeeper(error: &zookeeper::Error) -> ApiError {
    let code = if error.is_away() { ErrorCode::KafkaUnavailable } else { ErrorCode::KafkaRefused };
    ApiError::caused(code, error)
}

/// Kafka did not create `topic`.
pub(super) fn by_kafka(topic: &TopicName, error: &CreateTopicError) -> ApiError {
    let CreateTopicError::Create(create) = error else {
        return ApiError::caused(ErrorCode::KafkaUnavailable, error);
    };
    let code = match create {
        CreateError::AlreadyExists { .. } => ErrorCode::TopicAlreadyExists,
        CreateError::Collides { .. }
        | CreateError::InvalidName(_)
        | CreateError::InvalidPartitions { .. }
        | CreateError::InvalidReplication { .. }
        | CreateError::InvalidConfig(_) => ErrorCode::InvalidParameter,
        CreateError::NotController { .. } | CreateError::NoController => ErrorCode::KafkaUnavailable,
        CreateError::Refused(refusal) if refusal.retriable => ErrorCode::KafkaUnavailable,
        CreateError::Refused(_) => ErrorCode::KafkaRefused,
        CreateError::Call(call) => match call {
            client::Error::Connect { .. } => ErrorCode::KafkaUnavailable,
            // The request may have arrived: whoever repeats it must be ready for 409.
            client::Error::Timeout { .. }
            | client::Error::Io { .. }
            | client::Error::Closed { .. }
            | client::Error::Gone { .. } => {
                let error = ApiError::caused(ErrorCode::Timeout, create);
                let message =
                    format!("{}; topic \"{topic}\" may have been created all the same", error.message);
                return ApiError::new(ErrorCode::Timeout, message);
            }
            _ => ErrorCode::KafkaRefused,
        },
    };
    ApiError::caused(code, create)
}
