//! DeleteTopics and CreatePartitions, on one broker, which must be the controller. [`crate::cluster`] finds it.

use kafka_protocol::messages::{
    CreatePartitionsRequest, DeleteTopicsRequest, create_partitions_request::CreatePartitionsTopic,
    delete_topics_request::DeleteTopicState,
};

use super::{Connection, Error, call::Call, topics::wire_name};
use crate::{error::KafkaError, topic::TopicName};

impl Connection {
    /// Deletes a topic, and waits until no broker knows of it, within the limit of one request.
    ///
    /// # Errors
    /// Kafka's refusal, or no answer of use.
    pub async fn delete_topic(&mut self, topic: &TopicName) -> Result<(), Error> {
        let patience = self.patience();
        let request = |version| {
            let request = DeleteTopicsRequest::default().with_timeout_ms(patience);
            // From 6 on a topic may go by its id too (KIP-516).
            if version < 6 {
                return request.with_topic_names(vec![wire_name(topic)]);
            }
            request.with_topics(vec![DeleteTopicState::default().with_name(Some(wire_name(topic)))])
        };
        let response = self.call(request).await?;
        let result =
            response.responses.first().map(|result| (result.error_code, result.error_message.as_ref()));
        self.done(DeleteTopicsRequest::NAME, result)
    }

    /// Gives a topic `total` partitions, which must be more than it has.
    ///
    /// # Errors
    /// Kafka's refusal (fewer, or as many, partitions: `INVALID_PARTITIONS`), or no answer of use.
    pub async fn create_partitions(&mut self, topic: &TopicName, total: u32) -> Result<(), Error> {
        let wanted = CreatePartitionsTopic::default()
            .with_name(wire_name(topic))
            .with_count(i32::try_from(total).unwrap_or(i32::MAX))
            // Kafka decides where they go.
            .with_assignments(None);
        let request =
            CreatePartitionsRequest::default().with_topics(vec![wanted]).with_timeout_ms(self.patience());
        let response = self.call(|_| request).await?;
        let result =
            response.results.first().map(|result| (result.error_code, result.error_message.as_ref()));
        self.done(CreatePartitionsRequest::NAME, result)
    }

    fn done(
        &self,
        call: &'static str,
        result: Option<(i16, Option<&kafka_protocol::protocol::StrBytes>)>,
    ) -> Result<(), Error> {
        let (code, message) = result.ok_or_else(|| self.codec(call, 0, "the answer names no topic"))?;
        KafkaError::from_code(code, message).map_or(Ok(()), |error| Err(self.refused(call, error)))
    }
}
