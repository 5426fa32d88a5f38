//! `topic config`

use std::collections::BTreeMap;

use api::rest::ConfigChange;
use clap::Args;

use super::{Mistakes, pair};

/// `topic config <topic> …`
#[derive(Debug, Args)]
pub(crate) struct Config {
    /// The topic
    #[arg(value_name = "TOPIC")]
    pub(crate) name: String,
    /// Set a setting; may be repeated
    #[arg(long, value_name = "NAME=VALUE")]
    set: Vec<String>,
    /// Let a setting be the brokers' again; may be repeated
    #[arg(long, visible_alias = "unset", value_name = "NAME")]
    delete: Vec<String>,
}

impl Config {
    /// What is to be changed; `None` where the settings are only looked at.
    pub(crate) fn change(&self) -> Result<Option<ConfigChange>, Mistakes> {
        let mut mistakes = Mistakes::default();
        let mut set = BTreeMap::new();
        for text in &self.set {
            let Some((name, value)) = pair("--set", text, "NAME=VALUE", &mut mistakes) else { continue };
            if set.insert(name.to_owned(), value.to_owned()).is_some() {
                mistakes.say(format!("--set={name} is given more than once"));
            }
        }
        let change = ConfigChange { set, unset: self.delete.clone() };
        mistakes.none((change != ConfigChange::default()).then_some(change))
    }
}

#[cfg(test)]
mod tests;
