//! What refusals of an administrator's question mean over HTTP.

use api::rest::ErrorCode;
use kafka::error::KafkaError;
use kafka::{client, cluster::AdminError};

use super::{ApiError, cluster};

/// Kafka's words for what the request itself has wrong.
const OURS: [&str; 6] = [
    "INVALID_CONFIG",
    "INVALID_REQUEST",
    "INVALID_REPLICA_ASSIGNMENT",
    "INVALID_TOPIC_EXCEPTION",
    "INVALID_GROUP_ID",
    "UNKNOWN_TOPIC_OR_PARTITION",
];

/// Something was not told.
pub(super) fn question(error: &AdminError) -> ApiError {
    ApiError::caused(code(error), error)
}

/// Something was not changed, or may not have been.
pub(super) fn change(error: &AdminError) -> ApiError {
    if error.is_uncertain() {
        let error = ApiError::caused(ErrorCode::OutcomeUnknown, error);
        let message = format!("{}; it may have happened all the same", error.message);
        return ApiError::new(ErrorCode::OutcomeUnknown, message);
    }
    question(error)
}

fn code(error: &AdminError) -> ErrorCode {
    match error {
        AdminError::NoBroker(error) => cluster::of_nobody(error),
        AdminError::NoController => ErrorCode::KafkaUnavailable,
        AdminError::Call(client::Error::Refused { source, .. }) => by_kafka(source),
        AdminError::Call(error) => cluster::of_call(error),
        AdminError::Refused(error) => by_kafka(error),
        AdminError::UnknownTopic(_) => ErrorCode::TopicNotFound,
        AdminError::UnknownGroup(_) => ErrorCode::GroupNotFound,
        AdminError::UnknownPartition(_) | AdminError::UnknownBroker { .. } | AdminError::Plan(_) => {
            ErrorCode::InvalidParameter
        }
        AdminError::ForeignThrottle(_) => ErrorCode::ThrottleConflict,
    }
}

fn by_kafka(error: &KafkaError) -> ErrorCode {
    if OURS.contains(&error.name.as_str()) {
        ErrorCode::InvalidParameter
    } else if error.retriable {
        ErrorCode::KafkaUnavailable
    } else {
        ErrorCode::KafkaRefused
    }
}
