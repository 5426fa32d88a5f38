//! Unpacking what was fetched (§7.3): which names are archives, and how each kind is opened.
use std::collections::BTreeSet;
use std::fs::{self, File};
use std::io;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::Command;

use flate2::read::GzDecoder;

/// A kind of archive.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    Tar,
    TarGz,
    /// bzip2 and xz are left to the system's `tar`.
    TarOther,
    Zip,
    /// One compressed file: its name without `.gz`.
    Gz,
}

impl Kind {
    /// By the end of a name; `None` is no archive.
    pub(super) fn of(name: &str) -> Option<Self> {
        let ends = |list: &[&str]| list.iter().any(|end| name.ends_with(end));
        match () {
            () if ends(&[".tgz", ".tar.gz"]) => Some(Self::TarGz),
            () if ends(&[".tbz2", ".tar.bz2", ".txz", ".tar.xz"]) => Some(Self::TarOther),
            () if ends(&[".tar"]) => Some(Self::Tar),
            () if ends(&[".zip"]) => Some(Self::Zip),
            () if ends(&[".gz"]) => Some(Self::Gz),
            () => None,
        }
    }

    /// Unpacks `archive` into `directory`. Nothing lands outside of it.
    pub(super) fn unpack(self, archive: &Path, directory: &Path) -> io::Result<()> {
        match self {
            Self::Tar => tar::Archive::new(File::open(archive)?).unpack(directory),
            Self::TarGz => tar::Archive::new(GzDecoder::new(File::open(archive)?)).unpack(directory),
            Self::Zip => {
                let mut zip = zip::ZipArchive::new(File::open(archive)?).map_err(io::Error::other)?;
                zip.extract(directory).map_err(io::Error::other)?;
                open_implied(&zip, directory)
            }
            Self::Gz => {
                let name = archive.file_stem().ok_or_else(|| io::Error::other("the archive has no name"))?;
                let mut target = File::create(directory.join(name))?;
                io::copy(&mut GzDecoder::new(File::open(archive)?), &mut target).map(drop)
            }
            Self::TarOther => {
                let output = Command::new("tar").arg("-xf").arg(archive).arg("-C").arg(directory).output()?;
                if output.status.success() {
                    return Ok(());
                }
                let why = String::from_utf8_lossy(&output.stderr);
                Err(io::Error::other(format!("tar says: {}", why.trim())))
            }
        }
    }
}

/// The zip library shuts directories that no entry names to all but us; everybody else's unzip leaves them open.
fn open_implied(zip: &zip::ZipArchive<File>, directory: &Path) -> io::Result<()> {
    let names: Vec<String> = zip
        .file_names()
        .map(|name| Ok(name.map_err(io::Error::other)?.into_owned()))
        .collect::<io::Result<_>>()?;
    let named: BTreeSet<&Path> = names.iter().filter(|name| name.ends_with('/')).map(Path::new).collect();
    let parents: BTreeSet<&Path> =
        names.iter().flat_map(|name| Path::new(name).ancestors().skip(1)).collect();
    for implied in parents.into_iter().filter(|path| !path.as_os_str().is_empty() && !named.contains(path)) {
        // Names that led out of the directory have failed the extraction.
        fs::set_permissions(directory.join(implied), fs::Permissions::from_mode(0o755))?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_tell_archives() {
        let check = |name: &str, expect: Option<Kind>| assert_eq!(Kind::of(name), expect, "{name}");
        check("a.tgz", Some(Kind::TarGz));
        check("a.tar.gz", Some(Kind::TarGz));
        check("a.tar", Some(Kind::Tar));
        check("a.tar.xz", Some(Kind::TarOther));
        check("a.tbz2", Some(Kind::TarOther));
        check("a.zip", Some(Kind::Zip));
        check("a.txt.gz", Some(Kind::Gz));
        check("a.tgz?x=1", None);
        check("a.jar", None);
    }
}
