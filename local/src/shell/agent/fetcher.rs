//! Fetching `CommandInfo.uris` into a sandbox before the executor starts (§7.3).
use std::fs;
use std::io::{self, Write};
use std::os::unix::fs::PermissionsExt;
use std::path::{Component, Path, PathBuf};
use std::time::Duration;

use mesos::v1::command_info::Uri;
use tokio::io::AsyncWriteExt;

use super::archive::Kind;
use super::cache::Cache;
use super::sandbox::{self, Owner};

/// A transfer that stands still this long has failed.
const STALL: Duration = Duration::from_secs(60);

/// Why a URI cannot be fetched.
#[derive(Debug, thiserror::Error)]
#[error("failed to fetch `{uri}`")]
pub(super) struct FetchError {
    uri: String,
    #[source]
    why: Why,
}

/// What is wrong with it.
#[derive(Debug, thiserror::Error)]
pub(super) enum Why {
    /// A scheme nobody here knows.
    #[error("only absolute paths, file://, http:// and https:// can be fetched")]
    Scheme,
    /// No usable name for the file.
    #[error("the file's name is empty or has a `\\` or `'`")]
    Name,
    /// `output_file` leads out of the sandbox.
    #[error("output_file must be a relative path inside the sandbox, not `{0}`")]
    Output(String),
    /// The server does not give it.
    #[error("the server answers {0}")]
    Status(reqwest::StatusCode),
    /// The transfer broke off.
    #[error("the transfer failed")]
    Http(#[from] reqwest::Error),
    /// A file cannot be read or written.
    #[error(transparent)]
    Io(#[from] io::Error),
    /// It is no archive of the kind its name says.
    #[error("cannot unpack it")]
    Unpack(#[source] io::Error),
}

/// Fetches files.
#[derive(Clone, Debug)]
pub(super) struct Fetcher {
    client: reqwest::Client,
    cache: Cache,
}

enum Source {
    File(PathBuf),
    Http(String),
}

impl Fetcher {
    pub(super) fn new(work_dir: &Path) -> reqwest::Result<Self> {
        let client = reqwest::Client::builder().connect_timeout(STALL).read_timeout(STALL).build()?;
        Ok(Self { client, cache: Cache::new(work_dir) })
    }

    /// Fetches all, in order, into `sandbox`; what was done is noted in its `stderr`, as Mesos's fetcher does.
    pub(super) async fn fetch_all(
        &self,
        uris: &[Uri],
        sandbox: &Path,
        owner: Owner,
        user: &str,
    ) -> Result<(), FetchError> {
        for uri in uris {
            let done = self.fetch(uri, sandbox, owner, user).await;
            let note = match &done {
                Ok(()) => format!("fetched {}\n", uri.value),
                Err(why) => format!("failed to fetch {}: {}\n", uri.value, super::container::chain(why)),
            };
            // The note is for people; the error itself goes to the framework.
            let _ = sandbox::log(&sandbox.join("stderr")).and_then(|mut log| log.write_all(note.as_bytes()));
            done.map_err(|why| FetchError { uri: uri.value.clone(), why })?;
        }
        Ok(())
    }

    async fn fetch(&self, uri: &Uri, sandbox: &Path, owner: Owner, user: &str) -> Result<(), Why> {
        let source = source(&uri.value)?;
        let target = sandbox.join(target(uri)?);
        if let Some(directory) = target.parent().filter(|directory| *directory != sandbox) {
            fs::create_dir_all(directory)?;
            let first = directory.strip_prefix(sandbox).ok().and_then(|inside| inside.components().next());
            if let Some(first) = first {
                owner.give_all(&sandbox.join(first))?;
            }
        }
        let unpack =
            if uri.executable() || !uri.extract() { None } else { Kind::of(&target.to_string_lossy()) };
        let mut file = target.clone();
        if uri.cache() {
            let cached = self.cache.path(user, &uri.value);
            if !self.cache.has(&cached) {
                let beside = self.cache.beside()?;
                self.copy(&source, &beside).await?;
                self.cache.keep(&beside, &cached)?;
            }
            // An archive is unpacked from the cache; anything else is copied, since the executor may change it.
            if unpack.is_some() {
                file = cached;
            } else {
                fs::copy(&cached, &target)?;
            }
        } else {
            self.copy(&source, &target).await?;
        }
        let (sandbox, executable) = (sandbox.to_owned(), uri.executable());
        let work = move || {
            if file == target {
                let mode = if executable { 0o755 } else { 0o644 };
                fs::set_permissions(&target, fs::Permissions::from_mode(mode))?;
                owner.give(&target)?;
            }
            if let Some(kind) = unpack {
                kind.unpack(&file, &sandbox).map_err(Why::Unpack)?;
                owner.give_all(&sandbox)?;
            }
            Ok(())
        };
        tokio::task::spawn_blocking(work).await.map_err(io::Error::other)?
    }

    async fn copy(&self, source: &Source, target: &Path) -> Result<(), Why> {
        match source {
            Source::File(path) => {
                tokio::fs::copy(path, target).await?;
            }
            Source::Http(url) => {
                let mut response = self.client.get(url).send().await?;
                if response.status() != reqwest::StatusCode::OK {
                    return Err(Why::Status(response.status()));
                }
                let mut file = tokio::fs::File::create(target).await?;
                while let Some(chunk) = response.chunk().await? {
                    file.write_all(&chunk).await?;
                }
                file.flush().await?;
            }
        }
        Ok(())
    }
}

fn source(uri: &str) -> Result<Source, Why> {
    if uri.starts_with('/') {
        return Ok(Source::File(uri.into()));
    }
    if let Some(path) = uri.strip_prefix("file://") {
        let path = path.strip_prefix("localhost").unwrap_or(path);
        return if path.starts_with('/') { Ok(Source::File(path.into())) } else { Err(Why::Scheme) };
    }
    if uri.starts_with("http://") || uri.starts_with("https://") {
        Ok(Source::Http(uri.to_owned()))
    } else {
        Err(Why::Scheme)
    }
}

/// Where in the sandbox the file goes: `output_file`, or what stands after the last slash, a query included.
fn target(uri: &Uri) -> Result<PathBuf, Why> {
    if let Some(output) = uri.output_file.as_deref().filter(|output| !output.is_empty()) {
        let path = Path::new(output);
        let inside = path.components().all(|part| matches!(part, Component::Normal(_)));
        return if inside { Ok(path.to_owned()) } else { Err(Why::Output(output.to_owned())) };
    }
    let name = uri.value.rsplit('/').next().unwrap_or_default();
    if matches!(name, "" | "." | "..") || name.contains(['\\', '\'']) {
        Err(Why::Name)
    } else {
        Ok(name.into())
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a panic is how a test fails")]
    use super::*;

    fn uri(value: &str) -> Uri {
        Uri { value: value.into(), ..Default::default() }
    }

    #[test]
    fn names_in_the_sandbox() {
        let check =
            |it: Uri, expect: Option<&str>| assert_eq!(target(&it).ok(), expect.map(PathBuf::from), "{it:?}");
        check(uri("http://h/a/b.tgz"), Some("b.tgz"));
        check(uri("http://h/b.sh?x=1"), Some("b.sh?x=1"));
        check(uri("http://h/"), None);
        check(uri("/a/.."), None);
        check(uri("/a/it's"), None);
        let out = |output: &str| Uri { output_file: Some(output.into()), ..uri("/a/b") };
        check(out("c/d"), Some("c/d"));
        check(out("/c"), None);
        check(out("../c"), None);
        check(out("c/../../d"), None);
    }

    #[tokio::test]
    async fn cached_files_are_never_fetched_again() {
        let directory = tempfile::tempdir().unwrap();
        let work_dir = directory.path().join("work");
        fs::create_dir_all(&work_dir).unwrap();
        let _ = rustls::crypto::ring::default_provider().install_default();
        let fetcher = Fetcher::new(&work_dir).unwrap();
        let repo = directory.path().join("file");
        fs::write(&repo, "one").unwrap();
        for _ in 0..2 {
            let sandbox = tempfile::tempdir_in(directory.path()).unwrap();
            let it = Uri { cache: Some(true), ..uri(repo.to_str().unwrap()) };
            fetcher.fetch_all(&[it], sandbox.path(), Owner::NOBODY, "u").await.unwrap();
            assert_eq!(fs::read_to_string(sandbox.path().join("file")).unwrap(), "one");
            fs::write(&repo, "two").unwrap();
        }
    }
}
