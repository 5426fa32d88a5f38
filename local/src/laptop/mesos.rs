//! How the embedded Mesos of a laptop cluster is started.

use std::path::Path;

use super::{
    child::Spec,
    environment::Environment,
    home::{Home, Part},
    settings::{Offered, Settings},
};

/// `mesos-local` on loopback, with the resources this cluster offers.
pub fn spec(settings: &Settings, home: &Home, programs: &Path, environment: &Environment) -> Spec {
    let offered = settings.offered.as_ref();
    let argument = |name: &str, value: String| [format!("--{name}"), value];
    let arguments = [
        argument("work-dir", home.mesos().display().to_string()),
        argument("master", format!("127.0.0.1:{}", settings.master_port)),
        argument("agent", format!("127.0.0.1:{}", settings.agent_port)),
        argument("resources", offered.map(resources).unwrap_or_default()),
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
