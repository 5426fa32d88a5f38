//! The Kafka distribution on this machine: where its archive is, and an unpacked copy for ZooKeeper and Kafka's tools.
//! Brokers get theirs through the Mesos agent.

use std::{
    fs,
    io::{self, Write},
    os::unix::fs::{MetadataExt, symlink},
    path::{Path, PathBuf},
    time::Duration,
};

use super::environment::Environment;

/// Where the archive comes from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Source {
    /// A file of this machine.
    File(PathBuf),
    /// Somewhere in the network.
    Http(String),
}

/// Why there is no distribution.
#[derive(Debug, thiserror::Error)]
pub enum DistributionError {
    /// `KAFKA_URI` is neither a path nor a URL we can fetch.
    #[error("KAFKA_URI {uri:?} is neither an absolute path, file:// nor http(s)://")]
    Uri {
        /// What it says.
        uri: String,
    },
    /// The file is not there.
    #[error("{} is not a file: run scripts/fetch-kafka.sh, or set KAFKA_URI to a Kafka archive", path.display())]
    Absent {
        /// Where it should be.
        path: PathBuf,
    },
    /// The archive could not be fetched.
    #[error("{url} cannot be fetched")]
    Fetch {
        /// Where from.
        url: String,
        /// Why.
        source: reqwest::Error,
    },
    /// The archive could not be unpacked.
    #[error("{} cannot be unpacked into {}", archive.display(), into.display())]
    Unpack {
        /// What.
        archive: PathBuf,
        /// Where to.
        into: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// The archive holds something else (D34).
    #[error("{} is no Kafka distribution: it has no directory with libs/kafka_<scala>-<version>.jar", archive.display())]
    NotKafka {
        /// What.
        archive: PathBuf,
    },
}

/// Name of the archive that `scripts/fetch-kafka.sh` keeps in the user's cache.
const CACHED: &str = "kafka-mesos/kafka_2.13-3.9.2.tgz";
/// A fetch that receives nothing for this long is given up.
const FETCH_TIMEOUT: Duration = Duration::from_secs(30);

/// The archive the cluster runs: `KAFKA_URI` as it is, else what `scripts/fetch-kafka.sh` built.
///
/// # Errors
/// If the URI is of an unknown kind or the file is not there.
pub fn source(environment: &Environment) -> Result<Source, DistributionError> {
    let get = |name: &str| environment.get(name).filter(|value| !value.is_empty());
    let file = match get("KAFKA_URI") {
        Some(uri) if uri.starts_with("http://") || uri.starts_with("https://") => {
            return Ok(Source::Http(uri.clone()));
        }
        Some(uri) => {
            let path = Path::new(uri.strip_prefix("file://").unwrap_or(uri));
            if !path.is_absolute() {
                return Err(DistributionError::Uri { uri: uri.clone() });
            }
            path.to_owned()
        }
        None => {
            let cache = get("XDG_CACHE_HOME").map(PathBuf::from);
            let cache = cache.or_else(|| get("HOME").map(|home| Path::new(home).join(".cache")));
            cache.unwrap_or_else(|| "/root/.cache".into()).join(CACHED)
        }
    };
    if file.is_file() { Ok(Source::File(file)) } else { Err(DistributionError::Absent { path: file }) }
}

impl Source {
    /// The URI that agents fetch it by.
    pub fn uri(&self) -> String {
        match self {
            Self::File(path) => format!("file://{}", path.display()),
            Self::Http(url) => url.clone(),
        }
    }
}

/// The unpacked distribution's `libs`, if one was unpacked below `dir`.
pub fn unpacked(dir: &Path) -> Option<PathBuf> {
    let libs = dir.join("current/libs").canonicalize().ok()?;
    is_kafka(&libs).then_some(libs)
}

/// Unpacks the distribution below `dir`, unless this very archive was unpacked before, and returns its `libs`.
///
/// # Errors
/// If it cannot be fetched or unpacked, or is no Kafka distribution.
pub async fn unpack(source: &Source, dir: &Path) -> Result<PathBuf, DistributionError> {
    let unpack_error = |archive: &Path, source| DistributionError::Unpack {
        archive: archive.to_owned(),
        into: dir.to_owned(),
        source,
    };
    fs::create_dir_all(dir).map_err(|error| unpack_error(dir, error))?;
    let archive = match source {
        Source::File(path) => path.clone(),
        Source::Http(url) => fetch(url, dir).await?,
    };
    let into = dir.to_owned();
    let task = tokio::task::spawn_blocking(move || {
        let result = unpack_file(&archive, &into);
        result
            .map_err(|source| DistributionError::Unpack { archive: archive.clone(), into, source })
            .and_then(|libs| libs.ok_or(DistributionError::NotKafka { archive }))
    });
    task.await.map_err(|error| unpack_error(dir, io::Error::other(error)))?
}

/// Fetches `url` into `dir`; a file fetched before is used again.
async fn fetch(url: &str, dir: &Path) -> Result<PathBuf, DistributionError> {
    use futures_util::StreamExt;

    let name: String =
        url.chars().map(|c| if c.is_ascii_alphanumeric() || c == '.' { c } else { '_' }).collect();
    let archive = dir.join(name);
    if archive.is_file() {
        return Ok(archive);
    }
    let failed = |source| DistributionError::Fetch { url: url.to_owned(), source };
    let unpack =
        |source| DistributionError::Unpack { archive: archive.clone(), into: dir.to_owned(), source };
    let client = reqwest::Client::builder().read_timeout(FETCH_TIMEOUT).build().map_err(failed)?;
    let response =
        client.get(url).send().await.and_then(reqwest::Response::error_for_status).map_err(failed)?;
    let mut file = tempfile::NamedTempFile::new_in(dir).map_err(unpack)?;
    let mut body = response.bytes_stream();
    while let Some(bytes) = body.next().await {
        file.write_all(&bytes.map_err(failed)?).map_err(unpack)?;
    }
    file.persist(&archive).map_err(|error| unpack(error.error))?;
    Ok(archive)
}

/// `None` if it is not Kafka.
fn unpack_file(archive: &Path, dir: &Path) -> io::Result<Option<PathBuf>> {
    let meta = archive.metadata()?;
    // Another archive of the same name has another size or time.
    let print = format!("{}-{}", meta.len(), meta.mtime());
    let kept = dir.join(&print);
    if !kept.is_dir() {
        // A start that was stopped meanwhile may have left some; only one start at a time is here.
        for entry in fs::read_dir(dir)?.flatten() {
            if entry.file_name().to_string_lossy().starts_with(".unpack") {
                fs::remove_dir_all(entry.path())?;
            }
        }
        let beside = tempfile::Builder::new().prefix(".unpack").tempdir_in(dir)?;
        tar::Archive::new(flate2::read::GzDecoder::new(fs::File::open(archive)?)).unpack(beside.path())?;
        fs::rename(beside.keep(), &kept)?;
    }
    let mut found = None;
    for entry in fs::read_dir(&kept)? {
        let path = entry?.path();
        if is_kafka(&path.join("libs")) {
            found = Some(path);
        }
    }
    let Some(found) = found else {
        fs::remove_dir_all(&kept)?;
        return Ok(None);
    };
    let link = dir.join("current");
    match fs::remove_file(&link) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
        _ => symlink(found.strip_prefix(dir).unwrap_or(&found), &link)?,
    }
    Ok(Some(found.join("libs")))
}

/// D34: known by its mark, not by its name.
fn is_kafka(libs: &Path) -> bool {
    let Ok(jars) = fs::read_dir(libs) else { return false };
    jars.flatten().any(|jar| {
        let name = jar.file_name();
        let name = name.to_string_lossy();
        let version = name.strip_prefix("kafka_").and_then(|rest| rest.strip_suffix(".jar")?.split_once('-'));
        version.is_some_and(|(_, version)| version.starts_with(|c: char| c.is_ascii_digit()))
    })
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test may panic")]

    use super::*;

    fn archive(file: &Path, names: &[&str]) {
        let gz = flate2::write::GzEncoder::new(fs::File::create(file).unwrap(), flate2::Compression::fast());
        let mut tar = tar::Builder::new(gz);
        for name in names {
            let mut header = tar::Header::new_gnu();
            header.set_size(1);
            header.set_mode(0o644);
            tar.append_data(&mut header, name, &b"x"[..]).unwrap();
        }
        tar.into_inner().unwrap().finish().unwrap();
    }

    // D34: found by its mark, used as it is; unpacked once.
    #[tokio::test]
    async fn a_distribution_is_unpacked_once() {
        let dir = tempfile::tempdir().unwrap();
        let tgz = dir.path().join("any-name.tgz");
        archive(&tgz, &["some-dir/libs/kafka_2.13-3.9.2.jar", "some-dir/NOTICE"]);
        let into = dir.path().join("kafka");
        let source = Source::File(tgz);
        assert_eq!(unpacked(&into), None);
        fs::create_dir_all(into.join(".unpack-stopped/libs")).unwrap();
        let libs = unpack(&source, &into).await.unwrap();
        assert!(libs.ends_with("some-dir/libs"));
        assert!(!into.join(".unpack-stopped").exists());
        assert_eq!(unpacked(&into), Some(libs.canonicalize().unwrap()));
        fs::write(libs.join("mark"), "").unwrap();
        assert!(unpack(&source, &into).await.unwrap().join("mark").exists());
    }

    #[tokio::test]
    async fn another_archive_is_refused() {
        let dir = tempfile::tempdir().unwrap();
        let tgz = dir.path().join("kafka.tgz");
        archive(&tgz, &["kafka/libs/kafka_2.13-clients.jar", "kafka/libs/kafka-clients-3.9.2.jar"]);
        let error = unpack(&Source::File(tgz), &dir.path().join("k")).await.unwrap_err();
        assert!(matches!(error, DistributionError::NotKafka { .. }), "{error}");
    }

    #[test]
    fn the_archive_is_found() {
        let dir = tempfile::tempdir().unwrap();
        let environment = |pairs: &[(&str, &str)]| -> Environment {
            pairs.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect()
        };
        let cache = dir.path().to_str().unwrap();
        let in_cache = dir.path().join(CACHED);
        let absent = source(&environment(&[("XDG_CACHE_HOME", cache)])).unwrap_err().to_string();
        assert!(absent.contains("scripts/fetch-kafka.sh"), "{absent}");
        fs::create_dir_all(in_cache.parent().unwrap()).unwrap();
        fs::write(&in_cache, "").unwrap();
        let uri = format!("file://{}", in_cache.display());
        for pairs in [
            &[("XDG_CACHE_HOME", cache)][..],
            &[("KAFKA_URI", in_cache.to_str().unwrap())],
            &[("KAFKA_URI", uri.as_str())],
        ] {
            assert_eq!(source(&environment(pairs)).unwrap().uri(), uri);
        }
        let url = "http://host/kafka.tgz";
        assert_eq!(source(&environment(&[("KAFKA_URI", url)])).unwrap(), Source::Http(url.to_owned()));
        assert!(matches!(
            source(&environment(&[("KAFKA_URI", "k.tgz")])),
            Err(DistributionError::Uri { .. })
        ));
    }
}
