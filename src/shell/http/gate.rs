//! Who may come in: reads the header `Authorization`, knows static tokens and JSON Web Tokens, and what each role may
//! do (S-093, D39). Open to everybody where neither is set up, as behind the DC/OS router.
//!
//! `/admin/ping` and `/admin/healthcheck` are open always: Marathon's health checks carry no token.

use std::{
    fmt,
    net::IpAddr,
    sync::{Arc, Mutex, PoisonError},
};

use api::rest::ErrorCode;
use axum::http::{HeaderMap, HeaderValue, Method, header::AUTHORIZATION};
use tokio::time::Instant;

use super::{ApiError, reload::Watched};

mod failures;
pub mod jwt;
pub mod tokens;

#[cfg(test)]
pub(super) use failures::BURST;
use failures::Failures;
pub(super) use failures::{REFILL, place};

/// Longest token looked at, in bytes. A JSON Web Token of many claims has two thousand.
const TOKEN_LIMIT: usize = 8 << 10;
/// What needs no token.
pub(super) const OPEN: [&str; 2] = ["/admin/ping", "/admin/healthcheck"];

/// What somebody may do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Role {
    /// GET and HEAD.
    ReadOnly,
    /// Everything.
    Operator,
}

impl Role {
    /// The role of that name, as tokens files and claims have it.
    fn named(name: &str) -> Option<Role> {
        [Role::ReadOnly, Role::Operator].into_iter().find(|role| role.as_str() == name)
    }

    fn as_str(self) -> &'static str {
        match self {
            Role::ReadOnly => "read-only",
            Role::Operator => "operator",
        }
    }

    fn may(self, method: &Method) -> bool {
        self == Role::Operator || is_read(method)
    }
}

/// Whether the method changes nothing.
pub(super) fn is_read(method: &Method) -> bool {
    matches!(*method, Method::GET | Method::HEAD)
}

/// Who makes a request, for the audit log.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Caller {
    /// Nobody is asked.
    Anonymous,
    /// No token, or none that counts.
    Unknown,
    /// The token of that name, or the subject of a JSON Web Token.
    Known {
        /// `token` or `jwt`.
        by: &'static str,
        name: String,
        role: Role,
    },
}

impl Caller {
    pub(super) fn role(&self) -> &'static str {
        match self {
            Caller::Known { role, .. } => role.as_str(),
            Caller::Anonymous | Caller::Unknown => "none",
        }
    }
}

impl fmt::Display for Caller {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Caller::Anonymous => f.write_str("anonymous"),
            Caller::Unknown => f.write_str("unknown"),
            Caller::Known { by, name, .. } => write!(f, "{by}:{name}"),
        }
    }
}

/// Why a token does not count.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Refusal {
    /// It may be a guess, and guesses are counted.
    Guess(&'static str),
    /// It was signed by whom we trust, and is of no use all the same.
    Useless(String),
}

/// Lets requests in.
#[derive(Default)]
pub(crate) struct Gate {
    tokens: Option<Arc<Watched<tokens::Tokens>>>,
    jwt: Option<Arc<Watched<jwt::Key>>>,
    failures: Mutex<Failures>,
}

impl Gate {
    /// A gate that knows these; open where there are none.
    pub(super) fn new(
        tokens: Option<Arc<Watched<tokens::Tokens>>>,
        jwt: Option<Arc<Watched<jwt::Key>>>,
    ) -> Self {
        Self { tokens, jwt, failures: Mutex::default() }
    }

    /// Who asks, and what speaks against it.
    pub(super) fn admit(
        &self,
        (method, path, headers): (&Method, &str, &HeaderMap),
        client: Option<IpAddr>,
        now: Instant,
    ) -> (Caller, Result<(), ApiError>) {
        if self.tokens.is_none() && self.jwt.is_none() {
            return (Caller::Anonymous, Ok(()));
        }
        if OPEN.contains(&path) && is_read(method) {
            return (Caller::Anonymous, Ok(()));
        }
        let unauthorized = |why: &str| {
            let message = format!("{why}; send the header 'Authorization: Bearer <token>'");
            ApiError::new(ErrorCode::Unauthorized, message)
        };
        let token = match presented(headers) {
            Ok(Some(token)) => token,
            Ok(None) => return (Caller::Unknown, Err(unauthorized("a token is needed"))),
            Err(why) => return (Caller::Unknown, Err(unauthorized(why))),
        };
        // Held for a look only, never while a token is checked.
        let failures = || self.failures.lock().unwrap_or_else(PoisonError::into_inner);
        if failures().is_blocked(client, now) {
            // Whether this one is right is not looked at: that would be another guess.
            let message = "too many wrong tokens came from this address; ask again in a moment";
            return (Caller::Unknown, Err(ApiError::new(ErrorCode::TooManyFailures, message)));
        }
        match self.identify(token) {
            Ok(caller @ Caller::Known { role, .. }) if !role.may(method) => {
                let message = format!("{caller} is {}, which takes GET and HEAD only", role.as_str());
                (caller, Err(ApiError::new(ErrorCode::Forbidden, message)))
            }
            Ok(caller) => (caller, Ok(())),
            Err(Refusal::Useless(why)) => (Caller::Unknown, Err(unauthorized(&why))),
            Err(Refusal::Guess(why)) => {
                failures().count(client, now);
                (Caller::Unknown, Err(unauthorized(why)))
            }
        }
    }

    fn identify(&self, token: &str) -> Result<Caller, Refusal> {
        if let Some(caller) = self.tokens.as_ref().and_then(|tokens| tokens.get().find(token)) {
            return Ok(caller);
        }
        match &self.jwt {
            Some(key) => key.get().verify(token),
            None => Err(Refusal::Guess("the token is not known")),
        }
    }

    /// Wrong tokens so far, and those whose address found no place in the table.
    pub(super) fn wrong_tokens(&self) -> (u64, u64) {
        self.failures.lock().unwrap_or_else(PoisonError::into_inner).counted()
    }
}

/// The token of the header `Authorization: Bearer <token>` or `token=<token>` (S-093); its name in any case, as HTTP
/// has it.
fn presented(headers: &HeaderMap) -> Result<Option<&str>, &'static str> {
    let mut values = headers.get_all(AUTHORIZATION).iter();
    let Some(value) = values.next() else { return Ok(None) };
    if values.next().is_some() {
        return Err("there are two headers Authorization, and one is taken");
    }
    value.to_str().map_err(|_| "the header Authorization is not ASCII").and_then(token).map(Some)
}

/// The token in the text of a header `Authorization`.
///
/// # Errors
/// What is wrong with it, without repeating it.
pub fn token(header: &str) -> Result<&str, &'static str> {
    let header = header.trim();
    let after = |scheme: &str| {
        header.get(..scheme.len()).filter(|start| start.eq_ignore_ascii_case(scheme))?;
        header.get(scheme.len()..).map(str::trim_start)
    };
    let token =
        after("token=").or_else(|| after("Bearer ")).ok_or("the header Authorization holds no token")?;
    match token {
        "" => Err("the token is empty"),
        _ if token.len() > TOKEN_LIMIT => Err("the token is longer than 8 KiB"),
        _ if token.bytes().any(|byte| !byte.is_ascii_graphic()) => Err("the token holds a blank"),
        _ => Ok(token),
    }
}

/// Entry point for a fuzzer: whatever a header `Authorization` says, reading ends, and a token in it reads alike in either
/// spelling.
///
/// # Panics
/// When that does not hold.
pub fn fuzz(bytes: &[u8]) {
    let text = String::from_utf8_lossy(bytes);
    if let Ok(found) = token(&text) {
        assert!(!found.is_empty() && found.len() <= TOKEN_LIMIT);
        for again in [format!("Bearer {found}"), format!("token={found}")] {
            assert_eq!(token(&again), Ok(found));
        }
    }
    if let Ok(value) = HeaderValue::from_bytes(bytes) {
        let headers = HeaderMap::from_iter([(AUTHORIZATION, value)]);
        let ascii = headers[AUTHORIZATION].to_str().map_err(drop);
        assert_eq!(presented(&headers).ok().flatten(), ascii.ok().and_then(|text| token(text).ok()));
    }
}

#[cfg(test)]
pub(super) mod tests;
