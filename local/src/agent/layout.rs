//! Where things are under the agent's work directory (§7.1).
use std::path::{Path, PathBuf};

use mesos::resource::identity;
use mesos::v1;
use mesos::v1::resource::disk_info::source::Type as Source;

use super::Run;

/// The sandbox of a run: the executor's working directory.
pub fn sandbox(work_dir: &Path, run: &Run) -> PathBuf {
    runs(work_dir, run).join(&run.container.0)
}

/// The directory of all sandboxes of an executor; `latest` in it is a symlink to the newest.
pub fn runs(work_dir: &Path, run: &Run) -> PathBuf {
    executors(work_dir.join("slaves"), run)
}

/// The checkpoints of a run.
pub fn meta_run(work_dir: &Path, run: &Run) -> PathBuf {
    executors(meta_agents(work_dir), run).join(&run.container.0)
}

/// The directory that holds one directory for each id this agent ever had, and the symlink `latest`.
pub fn meta_agents(work_dir: &Path) -> PathBuf {
    work_dir.join("meta/slaves")
}

/// The checkpoints of a framework.
pub fn meta_framework(work_dir: &Path, agent_id: &str, framework_id: &str) -> PathBuf {
    meta_agents(work_dir).join(agent_id).join("frameworks").join(framework_id)
}

/// The checkpoints of an executor.
pub fn meta_executor(work_dir: &Path, run: &Run) -> PathBuf {
    meta_framework(work_dir, &run.agent_id, &run.framework_id).join("executors").join(&run.executor_id)
}

fn executors(top: PathBuf, run: &Run) -> PathBuf {
    let framework = top.join(&run.agent_id).join("frameworks").join(&run.framework_id);
    framework.join("executors").join(&run.executor_id).join("runs")
}

/// The directory of a persistent volume, and whether it is a mount point, which outlives the volume. `None` for a
/// resource that is no volume on a disk we know. Relative roots count from the work directory.
pub fn volume(work_dir: &Path, resource: &v1::Resource) -> Option<(PathBuf, bool)> {
    let id = identity::persistence_id(resource)?;
    let role = identity::reservation_role(resource).replace('/', " ");
    let under = |top: PathBuf| (top.join("volumes/roles").join(&role).join(id), false);
    let Some(source) = identity::disk_source(resource) else { return Some(under(work_dir.to_owned())) };
    match source.r#type() {
        Source::Path => Some(under(work_dir.join(source.path.as_ref()?.root.as_ref()?))),
        Source::Mount => Some((work_dir.join(source.mount.as_ref()?.root.as_ref()?), true)),
        Source::Unknown | Source::Block | Source::Raw => None,
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a panic is how a test fails")]
    use mesos::resource::reservation::dynamic;
    use mesos::v1::resource::DiskInfo;
    use mesos::v1::resource::disk_info::source::{Mount, Path as PathSource};
    use mesos::v1::resource::disk_info::{Persistence, Source as SourceInfo};

    use super::*;
    use crate::agent::Container;

    #[test]
    fn volumes_by_disk() {
        let check = |source: Option<SourceInfo>, expect: (&str, bool)| {
            let resource = v1::Resource {
                name: "disk".into(),
                reservations: vec![dynamic("a/b", None, None)],
                disk: Some(DiskInfo {
                    persistence: Some(Persistence { id: "v".into(), principal: None }),
                    source,
                    ..Default::default()
                }),
                ..Default::default()
            };
            assert_eq!(volume(Path::new("/w"), &resource).unwrap(), (expect.0.into(), expect.1));
        };
        check(None, ("/w/volumes/roles/a b/v", false));
        let path = |root: &str| SourceInfo {
            r#type: Source::Path.into(),
            path: Some(PathSource { root: Some(root.into()) }),
            ..Default::default()
        };
        check(Some(path("/p")), ("/p/volumes/roles/a b/v", false));
        check(Some(path("p")), ("/w/p/volumes/roles/a b/v", false));
        let mount = Mount { root: Some("/m".into()) };
        check(
            Some(SourceInfo { r#type: Source::Mount.into(), mount: Some(mount), ..Default::default() }),
            ("/m", true),
        );
    }

    #[test]
    fn sandboxes_are_where_mesos_has_them() {
        let run = Run {
            agent_id: "A".into(),
            framework_id: "F".into(),
            executor_id: "E".into(),
            container: Container("C".into()),
        };
        assert_eq!(sandbox(Path::new("/w"), &run), Path::new("/w/slaves/A/frameworks/F/executors/E/runs/C"));
        assert_eq!(
            meta_run(Path::new("/w"), &run),
            Path::new("/w/meta/slaves/A/frameworks/F/executors/E/runs/C")
        );
    }
}
