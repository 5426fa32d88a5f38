//! Settings of topics and brokers.

use std::collections::BTreeMap;

use kafka_protocol::ResponseError;

use super::{
    AdminError, Cluster, PATIENCE,
    admin::patiently,
    attempts::{Attempts, insist},
};
use crate::{
    client::{Change, Connection, Resource, Setting, Topics},
    error::KafkaError,
    retry::Retry,
};

impl Cluster {
    /// What a topic, or a broker that lives, is set to, defaults included; only `keys` where they are given.
    ///
    /// # Errors
    /// There is none such, or no answer of use.
    pub async fn settings(
        &self,
        resource: &Resource,
        keys: Option<&[&str]>,
    ) -> Result<BTreeMap<String, Setting>, AdminError> {
        patiently!(async {
            match settings_at(&mut *self.of(resource).await?, resource, keys).await {
                // That there is no such topic is the controller's word.
                Err(AdminError::UnknownTopic(_)) => {
                    settings_at(&mut *self.any_controller().await?, resource, keys).await
                }
                answer => answer,
            }
        })
    }

    /// Changes some settings of a topic, or of a broker that lives; with `dry_run` Kafka only says whether it would. The
    /// same change made twice is one, so it can be asked again. Of Kafka before 2.3 see
    /// [`Connection::alter_settings`](crate::client::Connection::alter_settings).
    ///
    /// # Errors
    /// There is none such, Kafka's refusal, or no answer of use.
    pub async fn alter_settings(
        &self,
        resource: &Resource,
        change: &Change,
        dry_run: bool,
    ) -> Result<(), AdminError> {
        let mut attempts = Attempts::new();
        insist!(attempts, async {
            match alter_at(&mut *self.of(resource).await?, resource, change, dry_run).await {
                // That there is no such topic is the controller's word.
                Err(AdminError::UnknownTopic(_)) => {
                    alter_at(&mut *self.any_controller().await?, resource, change, dry_run).await
                }
                answer => answer,
            }
        })
    }

    /// Whom to ask: brokers know their own settings, any broker those of topics.
    async fn of(&self, resource: &Resource) -> Result<crate::pool::Lent<'_>, AdminError> {
        match resource {
            Resource::Topic(_) => Ok(self.any().await?),
            Resource::Broker(id) => {
                let metadata = self.metadata(Topics::None).await?;
                self.broker(&metadata, *id).await
            }
        }
    }
}

async fn settings_at(
    broker: &mut Connection,
    resource: &Resource,
    keys: Option<&[&str]>,
) -> Result<BTreeMap<String, Setting>, AdminError> {
    let mut found = broker.settings(std::slice::from_ref(resource), keys).await?;
    let settings = found.remove(resource).unwrap_or_else(|| Ok(BTreeMap::new()));
    settings.map_err(|error| missing(resource, error))
}

async fn alter_at(
    broker: &mut Connection,
    resource: &Resource,
    change: &Change,
    dry_run: bool,
) -> Result<(), AdminError> {
    let answer = broker.alter_settings(resource, change, dry_run).await;
    answer.map_err(|error| match error.into() {
        AdminError::Refused(error) => missing(resource, error),
        error => error,
    })
}

fn missing(resource: &Resource, error: KafkaError) -> AdminError {
    match resource {
        Resource::Topic(name) if error.is(ResponseError::UnknownTopicOrPartition) => {
            AdminError::UnknownTopic(name.clone())
        }
        _ => AdminError::Refused(error),
    }
}
