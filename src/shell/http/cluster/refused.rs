//! What Kafka's and ZooKeeper's refusals mean over HTTP.

use api::rest::ErrorCode;
use kafka::{
    client::{self, CreateError},
    cluster::{AskError, ChangeError, CreateTopicError, NoBroker, OffsetsError, TopicsError},
    topic::TopicName,
    zookeeper,
};

use crate::shell::http::ApiError;

/// Neither ZooKeeper nor the brokers told which topics there are.
pub(super) fn topics(error: &TopicsError) -> ApiError {
    match error {
        TopicsError::ZooKeeper(error) => by_zookeeper(error),
        TopicsError::Ask(error) => question(error),
    }
}

fn by_zookeeper(error: &zookeeper::Error) -> ApiError {
    let code = if error.is_away() { ErrorCode::KafkaUnavailable } else { ErrorCode::KafkaRefused };
    ApiError::caused(code, error)
}

/// The brokers did not tell.
pub(super) fn question(error: &AskError) -> ApiError {
    let code = match error {
        AskError::NoBroker(error) => of_nobody(error),
        AskError::NoController => ErrorCode::KafkaUnavailable,
        AskError::Call(call) => of_call(call),
    };
    ApiError::caused(code, error)
}

/// Offsets are not known.
pub(super) fn offsets(error: &OffsetsError) -> ApiError {
    let code = match error {
        OffsetsError::NotFound { .. } => ErrorCode::TopicNotFound,
        OffsetsError::NoBroker(error) => of_nobody(error),
        OffsetsError::NoController | OffsetsError::NoLeader { .. } => ErrorCode::KafkaUnavailable,
        OffsetsError::Call(call) => of_call(call),
        OffsetsError::Refused { source, .. } if source.retriable => ErrorCode::KafkaUnavailable,
        OffsetsError::Refused { .. } => ErrorCode::KafkaRefused,
    };
    ApiError::caused(code, error)
}

/// A topic was not changed.
pub(super) fn change(error: &ChangeError) -> ApiError {
    let code = match error {
        ChangeError::NotFound { .. } => ErrorCode::TopicNotFound,
        ChangeError::InvalidPartitions(_) => ErrorCode::InvalidParameter,
        ChangeError::Unknown(_) => ErrorCode::OutcomeUnknown,
        ChangeError::NoBroker(error) => of_nobody(error),
        ChangeError::NoController => ErrorCode::KafkaUnavailable,
        ChangeError::Refused(refusal) if refusal.retriable => ErrorCode::KafkaUnavailable,
        ChangeError::Refused(_) => ErrorCode::KafkaRefused,
        ChangeError::Call(call) => of_call(call),
        ChangeError::DeletionDisabled => {
            // Kafka's own words (D42), and what to do.
            let message = "Topic deletion is disabled. Nothing was deleted: delete.topic.enable is false; set \
                           KAFKA_OVERRIDE_DELETE_TOPIC_ENABLE=true in the configuration of the service";
            return ApiError::new(ErrorCode::TopicDeletionDisabled, message);
        }
    };
    ApiError::caused(code, error)
}

/// Kafka did not create `topic`.
pub(super) fn creation(topic: &TopicName, error: &CreateTopicError) -> ApiError {
    let create = match error {
        CreateTopicError::Create(create) => create,
        CreateTopicError::NoBroker(nobody) => return ApiError::caused(of_nobody(nobody), error),
    };
    if create.is_uncertain() {
        // Whoever repeats it must be ready for 409.
        let error = ApiError::caused(ErrorCode::OutcomeUnknown, create);
        let message = format!("{}; topic \"{topic}\" may have been created all the same", error.message);
        return ApiError::new(ErrorCode::OutcomeUnknown, message);
    }
    let code = match create {
        CreateError::AlreadyExists { .. } | CreateError::BeingDeleted { .. } => ErrorCode::TopicAlreadyExists,
        CreateError::Collides { .. }
        | CreateError::InvalidName(_)
        | CreateError::InvalidPartitions { .. }
        | CreateError::InvalidReplication { .. }
        | CreateError::InvalidConfig(_) => ErrorCode::InvalidParameter,
        CreateError::NotController { .. } | CreateError::NoController => ErrorCode::KafkaUnavailable,
        CreateError::Refused(refusal) if refusal.retriable => ErrorCode::KafkaUnavailable,
        CreateError::Refused(_) => ErrorCode::KafkaRefused,
        CreateError::Call(call) => of_call(call),
    };
    ApiError::caused(code, create)
}

/// No broker answered.
pub(in super::super) fn of_nobody(error: &NoBroker) -> ErrorCode {
    if error.is_login_refused() { ErrorCode::KafkaLoginRefused } else { ErrorCode::KafkaUnavailable }
}

/// A call that changed nothing.
pub(in super::super) fn of_call(error: &client::Error) -> ErrorCode {
    match error {
        client::Error::Connect { .. }
        | client::Error::Timeout { .. }
        | client::Error::Io { .. }
        | client::Error::Closed { .. }
        | client::Error::Uninformed { .. }
        | client::Error::Gone { .. } => ErrorCode::KafkaUnavailable,
        client::Error::Refused { source, .. } if source.retriable => ErrorCode::KafkaUnavailable,
        client::Error::Version { .. } => ErrorCode::NotSupported,
        client::Error::Sasl { .. } => ErrorCode::KafkaLoginRefused,
        _ => ErrorCode::KafkaRefused,
    }
}

#[cfg(test)]
mod tests;
