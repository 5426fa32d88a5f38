//! What topics and brokers are set to, with where each value comes from, and changing it.

use std::collections::{BTreeMap, BTreeSet};

use kafka_protocol::{
    messages::{
        AlterConfigsRequest, DescribeConfigsRequest, IncrementalAlterConfigsRequest, alter_configs_request,
        describe_configs_request::DescribeConfigsResource,
        describe_configs_response::DescribeConfigsResourceResult, incremental_alter_configs_request,
    },
    protocol::StrBytes,
};

use super::{Connection, Error, call::Call};
use crate::{error::KafkaError, topic::TopicName};

/// A thing with settings.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Resource {
    /// A topic.
    Topic(TopicName),
    /// A broker. Kafka wants it to be asked itself.
    Broker(u32),
}

/// One setting of a [`Resource`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Setting {
    /// `None` where Kafka gives none, and always for what is [`Setting::sensitive`].
    pub value: Option<String>,
    /// Who set it.
    pub source: Source,
    /// Whether it can't be changed while the broker runs.
    pub read_only: bool,
    /// Whether it is a secret.
    pub sensitive: bool,
}

/// Where a setting's value comes from, the strongest first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Source {
    /// Set for this topic.
    Topic,
    /// Set for this broker while it ran.
    DynamicBroker,
    /// Set for all brokers while they ran.
    DynamicDefaultBroker,
    /// The broker's `server.properties`.
    StaticBroker,
    /// Kafka's own.
    Default,
    /// One that this program does not know, with Kafka's number for it.
    Other(i8),
}

/// A change of some settings; the others stay.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Change {
    /// These get a value.
    pub set: BTreeMap<String, String>,
    /// These lose theirs, so that the next source's holds.
    pub unset: BTreeSet<String>,
}

/// Settings by name, or Kafka's error for that resource.
pub type Settings = Result<BTreeMap<String, Setting>, KafkaError>;

/// Why settings were not changed.
#[derive(Debug, thiserror::Error)]
pub enum AlterError {
    /// Kafka does not take the change.
    #[error("Kafka refused the change: {0}")]
    Refused(KafkaError),
    /// No answer of use.
    #[error(transparent)]
    Call(#[from] Error),
}

const SET: i8 = 0;
const DELETE: i8 = 1;

impl Connection {
    /// The settings of each of `resources`, defaults included; only `keys` where they are given.
    ///
    /// # Errors
    /// No answer of use; a resource's own error is in its entry.
    pub async fn settings(
        &mut self,
        resources: &[Resource],
        keys: Option<&[&str]>,
    ) -> Result<BTreeMap<Resource, Settings>, Error> {
        if resources.is_empty() {
            return Ok(BTreeMap::new());
        }
        let keys = keys.map(|keys| keys.iter().map(|key| text(key)).collect::<Vec<_>>());
        let asked = resources.iter().map(|resource| {
            DescribeConfigsResource::default()
                .with_resource_type(resource.number())
                .with_resource_name(resource.name())
                .with_configuration_keys(keys.clone())
        });
        let request = DescribeConfigsRequest::default().with_resources(asked.collect());
        let response = self.call(|_| request).await?;
        let found = response.results.iter().filter_map(|result| {
            let is_it = |resource: &&Resource| {
                resource.number() == result.resource_type && resource.name() == result.resource_name
            };
            let resource = resources.iter().find(is_it)?.clone();
            let settings = match KafkaError::from_code(result.error_code, result.error_message.as_ref()) {
                Some(error) => Err(error),
                None => {
                    Ok(result.configs.iter().map(|found| (found.name.to_string(), read(found))).collect())
                }
            };
            Some((resource, settings))
        });
        Ok(found.collect())
    }

    /// Changes some settings of `resource`; with `dry_run` Kafka only says whether it would.
    ///
    /// Kafka before 2.3 can only replace all settings (AlterConfigs). There what the topic is set to is read first and
    /// written back with the change, so another's change in the moment between is lost. A broker's settings are then
    /// refused: its secrets can't be read, and would be lost.
    ///
    /// # Errors
    /// Kafka's refusal, or no answer of use.
    pub async fn alter_settings(
        &mut self,
        resource: &Resource,
        change: &Change,
        dry_run: bool,
    ) -> Result<(), AlterError> {
        match self.alter_incrementally(resource, change, dry_run).await {
            Err(AlterError::Call(Error::Version { .. })) if matches!(resource, Resource::Topic(_)) => {
                self.replace_settings(resource, change, dry_run).await
            }
            answer => answer,
        }
    }

    async fn alter_incrementally(
        &mut self,
        resource: &Resource,
        change: &Change,
        dry_run: bool,
    ) -> Result<(), AlterError> {
        use incremental_alter_configs_request::{AlterConfigsResource, AlterableConfig};
        let one = |name: &str, operation, value: Option<&String>| {
            AlterableConfig::default()
                .with_name(text(name))
                .with_config_operation(operation)
                .with_value(value.map(|value| text(value)))
        };
        let set = change.set.iter().map(|(name, value)| one(name, SET, Some(value)));
        let unset = change.unset.iter().map(|name| one(name, DELETE, None));
        let changed = AlterConfigsResource::default()
            .with_resource_type(resource.number())
            .with_resource_name(resource.name())
            .with_configs(set.chain(unset).collect());
        let request = IncrementalAlterConfigsRequest::default()
            .with_resources(vec![changed])
            .with_validate_only(dry_run);
        let response = self.call(|_| request).await?;
        let answer =
            response.responses.first().map(|answer| (answer.error_code, answer.error_message.as_ref()));
        self.altered(IncrementalAlterConfigsRequest::NAME, answer)
    }

    async fn replace_settings(
        &mut self,
        resource: &Resource,
        change: &Change,
        dry_run: bool,
    ) -> Result<(), AlterError> {
        use alter_configs_request::{AlterConfigsResource, AlterableConfig};
        let found = self.settings(std::slice::from_ref(resource), None).await?.remove(resource);
        let settings = found.transpose().map_err(AlterError::Refused)?.unwrap_or_default();
        let configs = replaced(settings, change).into_iter().map(|(name, value)| {
            AlterableConfig::default().with_name(text(&name)).with_value(Some(text(&value)))
        });
        let changed = AlterConfigsResource::default()
            .with_resource_type(resource.number())
            .with_resource_name(resource.name())
            .with_configs(configs.collect());
        let request =
            AlterConfigsRequest::default().with_resources(vec![changed]).with_validate_only(dry_run);
        let response = self.call(|_| request).await?;
        let answer =
            response.responses.first().map(|answer| (answer.error_code, answer.error_message.as_ref()));
        self.altered(AlterConfigsRequest::NAME, answer)
    }

    fn altered(
        &self,
        call: &'static str,
        answer: Option<(i16, Option<&StrBytes>)>,
    ) -> Result<(), AlterError> {
        let Some((code, message)) = answer else {
            return Err(self.codec(call, 0, "the answer names nothing that was changed").into());
        };
        KafkaError::from_code(code, message).map_or(Ok(()), |error| Err(AlterError::Refused(error)))
    }
}

impl Resource {
    /// Kafka's number for the kind of it.
    fn number(&self) -> i8 {
        match self {
            Self::Topic(_) => 2,
            Self::Broker(_) => 4,
        }
    }

    fn name(&self) -> StrBytes {
        match self {
            Self::Topic(name) => text(name.as_str()),
            Self::Broker(id) => StrBytes::from_string(id.to_string()),
        }
    }
}

/// All that a topic is to be set to, after a change of what it is set to.
fn replaced(settings: BTreeMap<String, Setting>, change: &Change) -> BTreeMap<String, String> {
    let own = settings.into_iter().filter(|(_, setting)| setting.source == Source::Topic);
    let mut all: BTreeMap<String, String> =
        own.filter_map(|(name, setting)| Some((name, setting.value?))).collect();
    all.retain(|name, _| !change.unset.contains(name));
    all.extend(change.set.clone());
    all
}

fn read(found: &DescribeConfigsResourceResult) -> Setting {
    let source = match found.config_source {
        1 => Source::Topic,
        2 => Source::DynamicBroker,
        3 => Source::DynamicDefaultBroker,
        4 => Source::StaticBroker,
        5 => Source::Default,
        other => Source::Other(other),
    };
    // Kafka does not tell a secret; nor do we, should it ever.
    let value = found.value.as_ref().filter(|_| !found.is_sensitive).map(ToString::to_string);
    Setting { value, source, read_only: found.read_only, sensitive: found.is_sensitive }
}

fn text(text: &str) -> StrBytes {
    StrBytes::from_string(text.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn secrets_are_not_told() {
        let found = DescribeConfigsResourceResult::default()
            .with_name(text("ssl.key.password"))
            .with_value(Some(text("hunter2")))
            .with_config_source(4)
            .with_is_sensitive(true);
        assert_eq!(
            read(&found),
            Setting { value: None, source: Source::StaticBroker, read_only: false, sensitive: true }
        );
    }

    /// Brokers before 2.3: what the topic is not itself set to must not become its own.
    #[test]
    fn replacing_keeps_the_topics_own() {
        let setting = |value: &str, source| Setting {
            value: Some(value.into()),
            source,
            read_only: false,
            sensitive: false,
        };
        let settings = BTreeMap::from([
            ("retention.ms".to_owned(), setting("1", Source::Topic)),
            ("segment.bytes".to_owned(), setting("2", Source::Topic)),
            ("cleanup.policy".to_owned(), setting("delete", Source::Default)),
            ("min.insync.replicas".to_owned(), setting("2", Source::StaticBroker)),
        ]);
        let change = Change {
            set: BTreeMap::from([("max.message.bytes".into(), "9".into())]),
            unset: BTreeSet::from(["segment.bytes".into()]),
        };
        let expect =
            BTreeMap::from([("retention.ms".into(), "1".into()), ("max.message.bytes".into(), "9".into())]);
        assert_eq!(replaced(settings, &change), expect);
    }
}
