//! What this machine has, for an agent whose `--resources` do not say (mesos-v1-http §7.4).

use std::path::{Path, PathBuf};

use mesos::{resource::Resources, v1};

/// The machine does not say what it has.
#[derive(Debug, thiserror::Error)]
pub enum Unknown {
    /// How much memory.
    #[error("cannot tell how much memory there is; name mem in --resources")]
    Memory(#[source] sysinfo::Error),
    /// How big the file system is.
    #[error("cannot tell the size of the file system at {path}; name disk in --resources")]
    Disk {
        /// The directory asked about.
        path: PathBuf,
        /// Why not.
        #[source]
        source: nix::Error,
    },
}

const GB: u64 = 1024;

/// `resources` with cpus, mem, disk and ports added if they name none.
///
/// # Errors
/// [`Unknown`].
pub fn complete(mut resources: Resources, work_dir: &Path) -> Result<Resources, Unknown> {
    let names: Vec<String> = resources.iter().map(|it| it.name.clone()).collect();
    let lacks = |name: &str| !names.iter().any(|it| it == name);
    if lacks("cpus") {
        let cores = std::thread::available_parallelism().map_or(1, std::num::NonZero::get);
        resources.add(scalar("cpus", cores as f64));
    }
    if lacks("mem") {
        let mut system = sysinfo::System::new().map_err(Unknown::Memory)?;
        system.refresh_memory();
        resources.add(scalar("mem", less(system.total_memory() >> 20, GB) as f64));
    }
    if lacks("disk") {
        let stat = nix::sys::statvfs::statvfs(work_dir)
            .map_err(|source| Unknown::Disk { path: work_dir.to_owned(), source })?;
        let size = (stat.blocks() as u64).saturating_mul(stat.fragment_size() as u64) >> 20;
        resources.add(scalar("disk", less(size, 5 * GB) as f64));
    }
    if lacks("ports") {
        let range = v1::value::Range { begin: 31_000, end: 32_000 };
        resources.add(v1::Resource {
            name: "ports".to_owned(),
            r#type: v1::value::Type::Ranges.into(),
            ranges: Some(v1::value::Ranges { range: vec![range] }),
            ..Default::default()
        });
    }
    Ok(resources)
}

/// Something is left to the system; half of it if there is little.
fn less(megabytes: u64, reserve: u64) -> u64 {
    if megabytes < 2 * reserve { megabytes / 2 } else { megabytes - reserve }
}

fn scalar(name: &str, value: f64) -> v1::Resource {
    v1::Resource {
        name: name.to_owned(),
        r#type: v1::value::Type::Scalar.into(),
        scalar: Some(v1::value::Scalar { value }),
        ..Default::default()
    }
}
