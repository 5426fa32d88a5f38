//! How the embedded Mesos of a laptop cluster is started.

use std::path::Path;

use super::{
    child::Spec,
    environment::Environment,
    home::{Home, Part},
    settings::{Offered, Settings},
};

/// How long it may take to end all brokers, in seconds; less than [`super::stop`] gives it.
const STOP_SECS: u64 = 100;

/// `mesos-local` on loopback, with the resources this cluster offers.
pub fn spec(settings: &Settings, home: &Home, programs: &Path, environment: &Environment) -> Spec {
    let offered = settings.offered.as_ref();
    let argument = |name: &str, value: String| [format!("--{name}"), value];
    let arguments = [
        argument("work-dir", home.mesos().display().to_string()),
        // Below the directory it is started in: the path of a socket may have 107 bytes at most.
        argument("socket", "mesos/control.sock".to_owned()),
        argument("ip", "127.0.0.1".to_owned()),
        argument("master-port", settings.master_port.to_string()),
        argument("agent-port", settings.agent_port.to_string()),
        argument("resources", offered.map(resources).unwrap_or_default()),
        argument("stop-timeout", format!("{STOP_SECS}secs")),
        // A busy laptop may be slow to find its way back to a restarted agent.
        argument("executor-reregistration-timeout", "10secs".to_owned()),
    ];
    Spec {
        part: Part::Mesos,
        program: programs.join("mesos-local"),
        arguments: arguments.into_iter().flatten().collect(),
        environment: environment.clone(),
    }
}

/// As Mesos writes resources.
fn resources(offered: &Offered) -> String {
    let Offered { cpus, mem_mb, disk_mb, ports } = offered;
    format!("cpus:{cpus};mem:{mem_mb};disk:{disk_mb};ports:[{ports}]")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::laptop::ports::Ranges;

    #[test]
    fn resources_are_written_as_mesos_reads_them() {
        let ports = Ranges::of([1, 2, 3, 7]);
        let text = resources(&Offered { cpus: 16, mem_mb: 8000, disk_mb: 9000, ports });
        assert_eq!(text, "cpus:16;mem:8000;disk:9000;ports:[1-3,7-7]");
        let read = mesos::resource::parse::resources(&text).map_err(|errors| format!("{errors:?}"));
        assert!(read.is_ok(), "{read:?}");
    }
}
