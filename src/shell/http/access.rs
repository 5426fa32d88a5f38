//! What guards the API, out of the files that settings name: read before anything starts, all mistakes at once, and read
//! again when they change.

use std::sync::{
    Arc,
    atomic::{AtomicU64, Ordering},
};

use api::rest::{Door, NotTakenOver, Refused};
use tokio_util::sync::CancellationToken;

use super::{
    gate::{Gate, jwt, tokens::Tokens},
    limit::Limits,
    reload::{self, Keep, Look, Watched, trouble},
    tls::{self, Tls},
};
use crate::config::{self, Errors, Settings, ValidationError};

/// Who may come in, and over what, ready to be asked; everybody may over plain HTTP by default.
#[derive(Default)]
pub struct Access {
    pub(super) gate: Gate,
    pub(super) limits: Arc<Limits>,
    tls: Option<Tls>,
    watched: Vec<Arc<dyn Look>>,
}

impl Access {
    /// Reads every file that the settings name.
    ///
    /// # Errors
    /// What is wrong with them, each under its setting's name (S-047).
    pub fn open(settings: &Settings) -> Result<Access, Errors> {
        let config::Access { tokens, jwt, tls } = settings.process.access.clone();
        let mut opening = Opening { watched: Vec::new(), errors: Vec::new() };
        let tokens = tokens.map(|file| {
            Watched::open(vec![file.clone()], move || {
                const SETTING: &str = "API_TOKENS_FILE";
                let bytes = reload::read(SETTING, &file, Keep::Secret)?;
                let text = str::from_utf8(&bytes).map_err(|_| trouble(SETTING, &file, "is no UTF-8 text"))?;
                let tokens = Tokens::parse(text)
                    .map_err(|why| trouble(SETTING, &file, &format!("is wrong: {why}")))?;
                tracing::info!(file = %file.display(), tokens = tokens.len(), "tokens are read");
                Ok(tokens)
            })
        });
        let audience = settings.service.framework.name.clone();
        let jwt = jwt.map(|config::JwtFile { key: file, algorithm }| {
            Watched::open(vec![file.clone()], move || {
                const SETTING: &str = "API_JWT_KEY_FILE";
                let keep = match algorithm {
                    config::JwtAlgorithm::Hs256 => Keep::Secret,
                    config::JwtAlgorithm::Rs256 => Keep::Public,
                };
                let bytes = reload::read(SETTING, &file, keep)?;
                jwt::Key::read(&bytes, algorithm, &audience)
                    .map_err(|why| trouble(SETTING, &file, &format!("cannot be used: {why}")))
            })
        });
        let tls = tls.map(tls::open);
        let gate = Gate::new(opening.keep(tokens), opening.keep(jwt));
        let tls = opening.keep(tls);
        let Opening { watched, errors } = opening;
        if errors.is_empty() {
            Ok(Access { gate, limits: Arc::default(), tls, watched })
        } else {
            Err(Errors(errors))
        }
    }

    /// The certificate and key that connections are served with; `None`: plain HTTP.
    pub(super) fn tls(&self) -> Option<Tls> {
        self.tls.clone()
    }

    /// How URLs of the API begin.
    pub(crate) fn scheme(&self) -> &'static str {
        if self.tls.is_some() { "https" } else { "http" }
    }

    /// How it fares.
    pub(super) fn door(&self) -> Door {
        let count = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
        let (wrong_tokens, wrong_tokens_crowded) = self.gate.wrong_tokens();
        let told = |ValidationError { field: setting, message }| NotTakenOver { message, setting };
        Door {
            not_taken_over: self.watched.iter().filter_map(|one| one.trouble()).map(told).collect(),
            refused: Refused {
                connections_of_one_address: count(&self.limits.connections),
                large_bodies: count(&self.limits.large_bodies),
                overloaded: count(&self.limits.overloaded),
                slow_bodies: count(&self.limits.slow_bodies),
                slow_readers: count(&self.limits.slow_readers),
                wrong_tokens,
                wrong_tokens_crowded,
            },
        }
    }

    /// Looks at every file once.
    #[cfg(test)]
    pub(super) fn look(&self) {
        self.watched.iter().for_each(|one| one.look());
    }

    /// Looks after the files until `stop`.
    pub(crate) async fn watch(&self, stop: CancellationToken) {
        reload::watch(self.watched.clone(), stop).await;
    }
}

/// Collects what is opened, and every mistake.
struct Opening {
    watched: Vec<Arc<dyn Look>>,
    errors: Vec<ValidationError>,
}

impl Opening {
    fn keep<T: Send + Sync + 'static>(
        &mut self,
        opened: Option<Result<Watched<T>, ValidationError>>,
    ) -> Option<Arc<Watched<T>>> {
        match opened? {
            Ok(watched) => {
                let watched = Arc::new(watched);
                self.watched.push(watched.clone());
                Some(watched)
            }
            Err(error) => {
                self.errors.push(error);
                None
            }
        }
    }
}
