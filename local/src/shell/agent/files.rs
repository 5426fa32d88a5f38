//! `/files/…` and LIST_FILES, READ_FILE: sandboxes as an operator reads them (§9.4).
//!
//! A path is a sandbox's own (also with `runs/latest`), or the virtual
//! `/frameworks/<framework>/executors/<executor>/runs/<latest or container>/<file>`. Nothing outside of sandboxes and
//! the volumes linked into them is shown, whatever links or dots a path holds.
use std::fs;
use std::io::{self, Read, Seek, SeekFrom};
use std::os::unix::fs::MetadataExt;
use std::path::PathBuf;
use std::time::UNIX_EPOCH;

use mesos::resource::identity;
use mesos::v1;
use nix::unistd::{Gid, Group, Uid, User};

use crate::agent::Options;

/// Most bytes one read gives: 16 pages.
pub(super) const READ_LIMIT: u64 = 16 * 4096;

/// Why a file is not shown.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Hidden {
    /// 404.
    Missing,
    /// 403: outside of what is shown.
    Forbidden,
    /// 400: a directory where a file was asked for, for instance.
    Wrong(String),
}

impl From<io::Error> for Hidden {
    fn from(error: io::Error) -> Self {
        match error.kind() {
            io::ErrorKind::NotFound | io::ErrorKind::NotADirectory => Self::Missing,
            io::ErrorKind::PermissionDenied => Self::Forbidden,
            _ => Self::Wrong(error.to_string()),
        }
    }
}

/// What may be shown.
#[derive(Clone, Debug)]
pub(super) struct Files {
    agents: PathBuf,
    /// Where volumes are that sandboxes link to.
    volumes: Vec<PathBuf>,
}

impl Files {
    pub(super) fn new(options: &Options) -> Self {
        let disks = options.resources.iter().filter_map(|resource| {
            let source = identity::disk_source(resource)?;
            let root = source.mount.as_ref().and_then(|m| m.root.clone());
            let root = root.or_else(|| source.path.as_ref().and_then(|path| path.root.clone()))?;
            Some(options.work_dir.join(root))
        });
        let volumes = std::iter::once(options.work_dir.join("volumes")).chain(disks).collect();
        Self { agents: options.work_dir.join("slaves"), volumes }
    }

    /// The real path behind `path`.
    pub(super) fn resolve(&self, agent_id: &str, path: &str) -> Result<PathBuf, Hidden> {
        let asked = if path.starts_with("/frameworks/") {
            self.agents.join(agent_id).join(path.trim_start_matches('/'))
        } else {
            PathBuf::from(path)
        };
        // Not even a hint at what is elsewhere: a path that does not start in a sandbox is judged unseen.
        let inside = asked.strip_prefix(&self.agents).map_err(|_| Hidden::Missing)?;
        if inside.components().any(|part| !matches!(part, std::path::Component::Normal(_))) {
            return Err(Hidden::Forbidden);
        }
        // <agent>/frameworks/<framework>/executors/<executor>/runs/<run>
        if inside.components().count() < 7 {
            return Err(Hidden::Missing);
        }
        let real = fs::canonicalize(&asked)?;
        let roots = std::iter::once(&self.agents).chain(&self.volumes);
        let shown = roots.filter_map(|root| fs::canonicalize(root).ok()).any(|root| real.starts_with(root));
        if shown { Ok(real) } else { Err(Hidden::Forbidden) }
    }

    /// What is in the directory `path`, by name; the paths in the answer start with `path` as it was asked for.
    pub(super) fn list(&self, agent_id: &str, path: &str) -> Result<Vec<v1::FileInfo>, Hidden> {
        let real = self.resolve(agent_id, path)?;
        if !real.is_dir() {
            return Ok(Vec::new());
        }
        let mut all = Vec::new();
        for entry in fs::read_dir(real)? {
            let entry = entry?;
            // A dangling link, or a file that has just gone.
            let Ok(facts) = fs::metadata(entry.path()) else { continue };
            let name = entry.file_name().to_string_lossy().into_owned();
            all.push(info(format!("{}/{name}", path.trim_end_matches('/')), &facts));
        }
        all.sort_by(|a, b| a.path.cmp(&b.path));
        Ok(all)
    }

    /// At most `length` bytes from `offset`, and the size of the file.
    pub(super) fn read(
        &self,
        agent_id: &str,
        path: &str,
        offset: u64,
        length: u64,
    ) -> Result<(Vec<u8>, u64), Hidden> {
        let real = self.resolve(agent_id, path)?;
        if real.is_dir() {
            return Err(Hidden::Wrong("Cannot read a directory".to_owned()));
        }
        let mut file = fs::File::open(real)?;
        let size = file.metadata()?.len();
        file.seek(SeekFrom::Start(offset))?;
        let mut data = Vec::new();
        file.take(length.min(READ_LIMIT)).read_to_end(&mut data)?;
        Ok((data, size))
    }
}

fn info(path: String, facts: &fs::Metadata) -> v1::FileInfo {
    let user = User::from_uid(Uid::from_raw(facts.uid())).ok().flatten();
    let group = Group::from_gid(Gid::from_raw(facts.gid())).ok().flatten();
    let modified = facts.modified().ok().and_then(|at| at.duration_since(UNIX_EPOCH).ok());
    v1::FileInfo {
        path,
        nlink: i32::try_from(facts.nlink()).ok(),
        size: Some(facts.len()),
        mtime: modified
            .map(|at| v1::TimeInfo { nanoseconds: i64::try_from(at.as_nanos()).unwrap_or(i64::MAX) }),
        mode: Some(facts.mode()),
        uid: Some(user.map_or_else(|| facts.uid().to_string(), |user| user.name)),
        gid: Some(group.map_or_else(|| facts.gid().to_string(), |group| group.name)),
    }
}

/// `/files/browse`'s rendering of an entry.
pub(super) fn browse_entry(info: &v1::FileInfo) -> serde_json::Value {
    serde_json::json!({
        "path": info.path,
        "nlink": info.nlink(),
        "size": info.size(),
        "mtime": info.mtime.as_ref().map_or(0, |at| at.nanoseconds / 1_000_000_000),
        "mode": mode_text(info.mode()),
        "uid": info.uid(),
        "gid": info.gid(),
    })
}

/// `-rw-r--r--`
fn mode_text(mode: u32) -> String {
    let kind = match mode & 0o170_000 {
        0o040_000 => 'd',
        0o120_000 => 'l',
        _ => '-',
    };
    let bit = |shift: u32, letter: char| if mode >> shift & 1 == 1 { letter } else { '-' };
    let bits = (0..9).rev().map(|shift| bit(shift, ['x', 'w', 'r'][shift as usize % 3]));
    std::iter::once(kind).chain(bits).collect()
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a panic is how a test fails")]
    use std::path::Path;

    use super::*;

    #[test]
    fn nothing_outside_of_sandboxes_is_shown() {
        let directory = tempfile::tempdir().unwrap();
        let work_dir = directory.path().canonicalize().unwrap();
        let address = ([127, 0, 0, 1], 5051).into();
        let options = Options::new(address, work_dir.clone(), mesos::resource::Resources::new());
        let files = Files::new(&options);
        let sandbox = work_dir.join("slaves/A/frameworks/F/executors/E/runs/C");
        let volume = work_dir.join("volumes/roles/r/v");
        fs::create_dir_all(&sandbox).unwrap();
        fs::create_dir_all(&volume).unwrap();
        fs::write(sandbox.join("stdout"), "hello").unwrap();
        fs::write(volume.join("log"), "data").unwrap();
        fs::write(work_dir.join("secret"), "x").unwrap();
        let link = std::os::unix::fs::symlink::<&Path, PathBuf>;
        link(Path::new("C"), sandbox.parent().unwrap().join("latest")).unwrap();
        link(&volume, sandbox.join("data")).unwrap();
        link(&work_dir.join("secret"), sandbox.join("escape")).unwrap();

        let real = sandbox.to_str().unwrap();
        let check = |path: &str, expect: Result<&str, Hidden>| {
            let got = files.read("A", path, 0, 100).map(|(data, _)| String::from_utf8(data).unwrap());
            assert_eq!(got, expect.map(str::to_owned), "{path}");
        };
        check(&format!("{real}/stdout"), Ok("hello"));
        check("/frameworks/F/executors/E/runs/latest/stdout", Ok("hello"));
        check("/frameworks/F/executors/E/runs/C/data/log", Ok("data"));
        check(&format!("{real}/escape"), Err(Hidden::Forbidden));
        check(&format!("{real}/../../../../../../../secret"), Err(Hidden::Forbidden));
        check("/frameworks/../../../secret", Err(Hidden::Forbidden));
        check("/etc/passwd", Err(Hidden::Missing));
        check(work_dir.join("secret").to_str().unwrap(), Err(Hidden::Missing));
        check(&format!("{real}/none"), Err(Hidden::Missing));
        let names: Vec<_> = files.list("A", real).unwrap().into_iter().map(|f| f.path).collect();
        assert_eq!(names, ["data", "escape", "stdout"].map(|name| format!("{real}/{name}")));
        assert_eq!(mode_text(0o100_644), "-rw-r--r--");
        assert_eq!(mode_text(0o040_750), "drwxr-x---");
    }
}
