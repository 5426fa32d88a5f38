//! A sandbox on disk: its directory, the volumes linked into it, who owns it (§7.1, §7.2).
use std::fs::{self, File, OpenOptions};
use std::io;
use std::os::unix::fs::{DirBuilderExt, PermissionsExt, chown, symlink};
use std::path::{Path, PathBuf};

use nix::unistd::{Uid, User};

use super::store::point;
use crate::agent::layout;
use crate::agent::{Mount, Run};

/// Why a sandbox cannot be made.
#[derive(Debug, thiserror::Error)]
pub(super) enum SandboxError {
    /// No such user.
    #[error("the user `{0}` does not exist")]
    NoUser(String),
    /// The file system refuses.
    #[error("cannot make {path}")]
    Io {
        path: PathBuf,
        #[source]
        source: io::Error,
    },
    /// Something else has the volume's name.
    #[error("cannot show a volume at {0}: something else is there")]
    Taken(PathBuf),
}

/// Whom files and processes of a run belong to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Owner {
    /// User and group to switch to; `None` where there is nothing to switch: we are not root, or already that user.
    ids: Option<(u32, u32)>,
}

impl Owner {
    /// `name`, if we may switch users at all.
    pub(super) fn find(name: &str) -> Result<Self, SandboxError> {
        if !Uid::effective().is_root() {
            return Ok(Self { ids: None });
        }
        let user =
            User::from_name(name).ok().flatten().ok_or_else(|| SandboxError::NoUser(name.to_owned()))?;
        let ids = (!user.uid.is_root()).then(|| (user.uid.as_raw(), user.gid.as_raw()));
        Ok(Self { ids })
    }

    /// Nobody to switch to.
    pub(super) const NOBODY: Self = Self { ids: None };

    /// By user and group id.
    pub(super) fn by_ids(user: u32, group: u32) -> Self {
        Self { ids: (Uid::effective().is_root() && user != 0).then_some((user, group)) }
    }

    pub(super) fn ids(self) -> Option<(u32, u32)> {
        self.ids
    }

    /// Gives `path` itself, not what is below it.
    pub(super) fn give(self, path: &Path) -> io::Result<()> {
        self.ids.map_or(Ok(()), |(user, group)| chown(path, Some(user), Some(group)))
    }

    /// Gives `path` and all below it, links not followed.
    pub(super) fn give_all(self, path: &Path) -> io::Result<()> {
        let Some((user, group)) = self.ids else { return Ok(()) };
        std::os::unix::fs::lchown(path, Some(user), Some(group))?;
        if fs::symlink_metadata(path)?.is_dir() {
            for entry in fs::read_dir(path)? {
                self.give_all(&entry?.path())?;
            }
        }
        Ok(())
    }
}

/// Makes the sandbox of a run with its volumes, `stdout` and `stderr`, and lets `runs/latest` point to it.
pub(super) fn make(
    work_dir: &Path,
    run: &Run,
    owner: Owner,
    mounts: &[Mount],
) -> Result<PathBuf, SandboxError> {
    let runs = layout::runs(work_dir, run);
    let sandbox = layout::sandbox(work_dir, run);
    let io = |path: &Path| {
        let path = path.to_owned();
        move |source| SandboxError::Io { path, source }
    };
    fs::create_dir_all(&runs).map_err(io(&runs))?;
    fs::DirBuilder::new().mode(0o750).create(&sandbox).map_err(io(&sandbox))?;
    // The process's umask may have taken bits away.
    fs::set_permissions(&sandbox, fs::Permissions::from_mode(0o750)).map_err(io(&sandbox))?;
    owner.give(&sandbox).map_err(io(&sandbox))?;
    point(&runs.join("latest"), &run.container.0).map_err(io(&runs))?;
    for name in ["stdout", "stderr"] {
        let path = sandbox.join(name);
        log(&path).and_then(|_| owner.give(&path)).map_err(io(&path))?;
    }
    for mount in mounts {
        show(&sandbox, owner, mount)?;
    }
    Ok(sandbox)
}

/// `stdout` or `stderr` of a sandbox, for appending.
pub(super) fn log(path: &Path) -> io::Result<File> {
    OpenOptions::new().create(true).append(true).open(path)
}

/// Links a volume into a sandbox. Its top directory becomes the owner's, what is below stays as it is.
pub(super) fn show(sandbox: &Path, owner: Owner, mount: &Mount) -> Result<(), SandboxError> {
    let link = sandbox.join(&mount.name);
    let io = |path: &Path| {
        let path = path.to_owned();
        move |source| SandboxError::Io { path, source }
    };
    fs::create_dir_all(&mount.target).map_err(io(&mount.target))?;
    owner.give(&mount.target).map_err(io(&mount.target))?;
    match fs::symlink_metadata(&link) {
        Ok(there) if there.is_symlink() => {
            if fs::read_link(&link).is_ok_and(|target| target == mount.target) {
                return Ok(());
            }
            fs::remove_file(&link).map_err(io(&link))?;
        }
        Ok(_) => return Err(SandboxError::Taken(link)),
        Err(_) => {}
    }
    symlink(&mount.target, &link).map_err(io(&link))
}

/// Takes the link to a volume out of a sandbox.
pub(super) fn hide(sandbox: &Path, mount: &Mount) -> io::Result<()> {
    let link = sandbox.join(&mount.name);
    if fs::read_link(&link).is_ok_and(|target| target == mount.target) {
        fs::remove_file(link)
    } else {
        Ok(())
    }
}

/// Removes a volume's content, and its directory unless that is a mount point.
pub(super) fn empty_volume(path: &Path, keep_root: bool) -> io::Result<()> {
    let gone = |error: &io::Error| error.kind() == io::ErrorKind::NotFound;
    if !keep_root {
        return fs::remove_dir_all(path).or_else(|error| if gone(&error) { Ok(()) } else { Err(error) });
    }
    let entries = match fs::read_dir(path) {
        Err(error) if gone(&error) => return Ok(()),
        entries => entries?,
    };
    for entry in entries {
        let entry = entry?;
        if entry.file_type()?.is_dir() {
            fs::remove_dir_all(entry.path())?;
        } else {
            fs::remove_file(entry.path())?;
        }
    }
    Ok(())
}
