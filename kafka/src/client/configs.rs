//! DescribeConfigs: the settings topics have, defaults of the broker included.

use std::collections::BTreeMap;

use kafka_protocol::{
    messages::{DescribeConfigsRequest, describe_configs_request::DescribeConfigsResource},
    protocol::StrBytes,
};

use super::{Connection, Error, call::Call};
use crate::error::KafkaError;

/// Kafka's number for a topic as a thing with settings.
const TOPIC: i8 = 2;
/// The setting the availability rule needs.
const MIN_ISR: &str = "min.insync.replicas";

/// A topic's settings that have a value, or Kafka's error for that topic.
pub type TopicConfigs = Result<BTreeMap<String, String>, KafkaError>;

impl Connection {
    /// The settings `keys` of each of `topics`; all settings where `keys` is `None`.
    ///
    /// # Errors
    /// No answer of use; a topic's own error (it may just have been deleted) is in its entry.
    pub async fn describe_configs(
        &mut self,
        topics: &[&str],
        keys: Option<&[&str]>,
    ) -> Result<BTreeMap<String, TopicConfigs>, Error> {
        if topics.is_empty() {
            return Ok(BTreeMap::new());
        }
        let text = |text: &&str| StrBytes::from_string((*text).to_owned());
        let resources = topics.iter().map(|topic| {
            DescribeConfigsResource::default()
                .with_resource_type(TOPIC)
                .with_resource_name(text(topic))
                .with_configuration_keys(keys.map(|keys| keys.iter().map(text).collect()))
        });
        let request = DescribeConfigsRequest::default().with_resources(resources.collect());
        let response = self.call(|_| request).await?;
        let entries = response.results.iter().map(|result| {
            let configs = match KafkaError::from_code(result.error_code, result.error_message.as_ref()) {
                Some(error) => Err(error),
                None => Ok(result
                    .configs
                    .iter()
                    .filter_map(|config| Some((config.name.to_string(), config.value.as_ref()?.to_string())))
                    .collect()),
            };
            (result.resource_name.to_string(), configs)
        });
        Ok(entries.collect())
    }

    /// `min.insync.replicas` of each topic, or why it is not known. A topic that no longer exists is left out.
    ///
    /// # Errors
    /// No answer of use from the broker.
    pub async fn min_insync_replicas(
        &mut self,
        topics: &[&str],
    ) -> Result<BTreeMap<String, Result<u32, String>>, Error> {
        let configs = match self.describe_configs(topics, Some(&[MIN_ISR])).await {
            Ok(configs) => configs,
            // Kafka 1.0: not known, which the availability rule takes for no.
            Err(error @ Error::Version { .. }) => {
                let unknown = topics.iter().map(|topic| ((*topic).to_owned(), Err(error.to_string())));
                return Ok(unknown.collect());
            }
            Err(error) => return Err(error),
        };
        let gone = |error: &KafkaError| error.is(kafka_protocol::ResponseError::UnknownTopicOrPartition);
        let known = configs.into_iter().filter_map(|(topic, configs)| {
            let min_isr = match configs {
                Err(error) if gone(&error) => return None,
                Err(error) => Err(error.to_string()),
                Ok(configs) => read_min_isr(configs.get(MIN_ISR)),
            };
            Some((topic, min_isr))
        });
        Ok(known.collect())
    }
}

fn read_min_isr(value: Option<&String>) -> Result<u32, String> {
    let Some(value) = value else {
        return Err(format!("{} gave no {MIN_ISR}", DescribeConfigsRequest::NAME));
    };
    value.parse().map_err(|_| format!("{MIN_ISR} is {value:?}, which is no number"))
}
