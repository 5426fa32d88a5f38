//! The list of masters as an operator writes it.

use std::fmt;
use std::str::FromStr;

use reqwest::Url;

/// Port of a master that is given without one.
const PORT: u16 = 5050;

/// At least one master, in the order given.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Masters(Vec<Url>);

/// What is wrong with a list of masters: everything at once.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MastersError(pub Vec<Problem>);

/// One thing that is wrong with a list of masters.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Problem {
    /// There is no entry.
    #[error("no master is given: write host:5050, a list host:5050,host:5050, or http://host:5050")]
    Empty,
    /// ZooKeeper is named.
    #[error(
        "{entry:?}: finding the master in ZooKeeper is not supported yet: list the masters as host:5050,host:5050"
    )]
    ZooKeeper {
        /// The entry.
        entry: String,
    },
    /// The scheme is unknown.
    #[error("{entry:?}: the scheme {scheme:?} is unknown: use http, https, or none")]
    Scheme {
        /// The entry.
        entry: String,
        /// Its scheme.
        scheme: String,
    },
    /// The entry is no address.
    #[error("{entry:?} is no address ({what}): write host:5050 or http://host:5050")]
    Address {
        /// The entry.
        entry: String,
        /// What is wrong with it.
        what: String,
    },
}

impl Masters {
    /// How many there are; never 0.
    pub(super) fn count(&self) -> usize {
        self.0.len()
    }

    /// The scheduler endpoint of one of them; the index may run on.
    pub(super) fn endpoint(&self, index: usize) -> Url {
        let mut url = self.0[index % self.0.len()].clone();
        let base = url.path().trim_end_matches('/').to_owned();
        url.set_path(&format!("{base}/api/v1/scheduler"));
        url
    }

    /// Base addresses, in the order given.
    pub fn urls(&self) -> &[Url] {
        &self.0
    }
}

impl FromStr for Masters {
    type Err = MastersError;

    /// Reads `host`, `host:port` (5050 if it is left out), `http://host:port` or `https://host:port`, or several of
    /// these with commas between them.
    fn from_str(text: &str) -> Result<Self, MastersError> {
        let text = text.trim();
        // Its hosts have commas between them too.
        if text.starts_with("zk://") {
            return Err(MastersError(vec![Problem::ZooKeeper { entry: without_secret(text) }]));
        }
        let mut urls = Vec::new();
        let mut problems = Vec::new();
        for entry in text.split(',').map(str::trim).filter(|entry| !entry.is_empty()) {
            match read(entry) {
                Ok(url) => urls.push(url),
                Err(problem) => problems.push(problem),
            }
        }
        if urls.is_empty() && problems.is_empty() {
            problems.push(Problem::Empty);
        }
        if problems.is_empty() { Ok(Masters(urls)) } else { Err(MastersError(problems)) }
    }
}

fn read(entry: &str) -> Result<Url, Problem> {
    let wrong = |what: &str| Problem::Address { entry: without_secret(entry), what: what.to_owned() };
    let (scheme, rest) = entry.split_once("://").unwrap_or(("", entry));
    match scheme {
        "" | "http" | "https" => {}
        "zk" => return Err(Problem::ZooKeeper { entry: without_secret(entry) }),
        scheme => {
            return Err(Problem::Scheme { entry: without_secret(entry), scheme: scheme.to_owned() });
        }
    }
    let text = if scheme.is_empty() { format!("http://{rest}") } else { entry.to_owned() };
    let mut url = Url::parse(&text).map_err(|error| wrong(&error.to_string()))?;
    if !url.username().is_empty() || url.password().is_some() {
        return Err(wrong("credentials do not belong here"));
    }
    if url.query().is_some() || url.fragment().is_some() {
        return Err(wrong("it has a query or a fragment"));
    }
    if scheme.is_empty() {
        if url.path() != "/" {
            return Err(wrong("it has a path but no scheme"));
        }
        // The parser drops :80 as the default of http, so ask the text.
        let has_port =
            rest.rsplit_once(':').is_some_and(|(_, port)| port.bytes().all(|byte| byte.is_ascii_digit()));
        if !has_port {
            url.set_port(Some(PORT)).map_err(|()| wrong("it takes no port"))?;
        }
    }
    Ok(url)
}

/// Credentials before an `@` are not for logs.
fn without_secret(entry: &str) -> String {
    let (scheme, rest) = entry.split_once("://").map_or((None, entry), |(scheme, rest)| (Some(scheme), rest));
    let rest = match rest.rsplit_once('@') {
        Some((_, host)) => format!("…@{host}"),
        None => rest.to_owned(),
    };
    scheme.map_or(rest.clone(), |scheme| format!("{scheme}://{rest}"))
}

impl fmt::Display for MastersError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, problem) in self.0.iter().enumerate() {
            if index > 0 {
                f.write_str("; ")?;
            }
            write!(f, "{problem}")?;
        }
        Ok(())
    }
}

impl std::error::Error for MastersError {}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

    use super::*;

    fn endpoints(text: &str) -> Vec<String> {
        let masters: Masters = text.parse().unwrap();
        (0..masters.count()).map(|index| masters.endpoint(index).to_string()).collect()
    }

    // D21: http(s)://host:5050 or host:5050[,…].
    #[test]
    fn all_forms_read() {
        for (text, expected) in [
            ("host:5050", &["http://host:5050/api/v1/scheduler"][..]),
            ("host", &["http://host:5050/api/v1/scheduler"]),
            ("host:80", &["http://host/api/v1/scheduler"]),
            ("[::1]", &["http://[::1]:5050/api/v1/scheduler"]),
            ("[::1]:5051", &["http://[::1]:5051/api/v1/scheduler"]),
            (" a:1 , b:2,", &["http://a:1/api/v1/scheduler", "http://b:2/api/v1/scheduler"]),
            ("https://m.example:5050/", &["https://m.example:5050/api/v1/scheduler"]),
            ("http://m.example/mesos", &["http://m.example/mesos/api/v1/scheduler"]),
        ] {
            assert_eq!(endpoints(text), expected, "{text}");
        }
        let masters: Masters = "a:1,b:2".parse().unwrap();
        assert_eq!(masters.endpoint(3), masters.endpoint(1));
    }

    // D21: zk:// is refused with what to use instead, until it works.
    #[test]
    fn zookeeper_is_refused_with_what_to_write_instead() {
        let error = "zk://user:secret@h1:2181,h2:2181/mesos".parse::<Masters>().unwrap_err();
        assert!(matches!(error.0.as_slice(), [Problem::ZooKeeper { .. }]));
        let text = error.to_string();
        assert!(text.contains("not supported yet") && text.contains("host:5050,host:5050"), "{text}");
        assert!(!text.contains("secret"), "{text}");
    }

    #[test]
    fn everything_wrong_is_said_at_once() {
        let error = "a:1,b:99999,file:///x,c:1/path,http://u:secret@d:1,http://e:1/?q"
            .parse::<Masters>()
            .unwrap_err();
        assert_eq!(error.0.len(), 5, "{error}");
        assert!(!error.to_string().contains("secret"), "{error}");
        assert!(error.to_string().contains("\"file\" is unknown"), "{error}");
        assert_eq!("".parse::<Masters>().unwrap_err().0, [Problem::Empty]);
        assert_eq!(" , ".parse::<Masters>().unwrap_err().0, [Problem::Empty]);
    }
}
