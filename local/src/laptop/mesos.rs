//! How the embedded Mesos of a laptop cluster is started.

use std::path::Path;

use super::{
    child::Spec,
    environment::Environment,
    home::{Home, Part},
    java::Java,
    settings::{Offered, Settings},
};

/// How long it may take to end all brokers, in seconds; less than [`super::stop`] gives it.
const STOP_SECS: u64 = 100;

/// `mesos-local` on loopback, with the resources this cluster offers.
///
/// Executors inherit nothing, so they are given the Java that preflight found: it may be known by the user's JAVA_HOME or
/// PATH alone.
pub fn spec(
    settings: &Settings,
    home: &Home,
    programs: &Path,
    java: &Java,
    environment: &Environment,
) -> Spec {
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
    let variables = executor_variables(java, environment)
        .into_iter()
        .flat_map(|(name, value)| argument("executor-env", format!("{name}={value}")));
    Spec {
        part: Part::Mesos,
        program: programs.join("mesos-local"),
        arguments: arguments.into_iter().flatten().chain(variables).collect(),
        environment: environment.clone(),
    }
}

/// What executors start with: JAVA_HOME and PATH, so that they run this very Java.
fn executor_variables(java: &Java, environment: &Environment) -> Vec<(&'static str, String)> {
    let get = |name: &str| environment.get(name).filter(|value| !value.is_empty()).cloned();
    let home = java.home.as_ref().map(|home| home.display().to_string());
    let variables = [("JAVA_HOME", home.or_else(|| get("JAVA_HOME"))), ("PATH", get("PATH"))];
    variables.into_iter().filter_map(|(name, value)| Some((name, value?))).collect()
}

/// As Mesos writes resources.
fn resources(offered: &Offered) -> String {
    let Offered { cpus, mem_mb, disk_mb, ports } = offered;
    format!("cpus:{cpus};mem:{mem_mb};disk:{disk_mb};ports:[{ports}]")
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test may panic")]

    use std::{fs, os::unix::fs::PermissionsExt};

    use clap::Parser;

    use super::*;
    use crate::laptop::{args::Cli, java, ports::Ranges};

    // Issue 3: a Java that only JAVA_HOME or the user's PATH leads to runs brokers as well.
    #[tokio::test]
    async fn executors_get_the_java_that_preflight_found() {
        let dir = tempfile::tempdir().unwrap();
        let jdk = dir.path().join("jdk");
        fs::create_dir_all(jdk.join("bin")).unwrap();
        let program = jdk.join("bin/java");
        let script = format!(
            "#!/bin/sh\necho '    java.home = {}' >&2\necho 'openjdk version \"17.0.1\"' >&2\n",
            jdk.display()
        );
        fs::write(&program, script).unwrap();
        fs::set_permissions(&program, fs::Permissions::from_mode(0o755)).unwrap();
        let home = Home::open(&dir.path().join("data")).unwrap();
        let settings = Settings::resolve(&Cli::parse_from(["kafka-local"]).up, &Environment::new(), None);
        let settings = settings.unwrap();
        let expected = format!("JAVA_HOME={}", jdk.display());
        for (name, value) in [("JAVA_HOME", jdk.clone()), ("PATH", jdk.join("bin"))] {
            let environment: Environment = [(name.to_owned(), value.display().to_string())].into();
            let java = java::ask(&environment).await.unwrap();
            let arguments = spec(&settings, &home, dir.path(), &java, &environment).arguments;
            let given: Vec<&str> = arguments
                .windows(2)
                .filter(|pair| pair[0] == "--executor-env")
                .map(|pair| pair[1].as_str())
                .collect();
            let path = format!("PATH={}", jdk.join("bin").display());
            let both = [expected.as_str(), path.as_str()];
            assert_eq!(given, if name == "PATH" { &both[..] } else { &both[..1] }, "{name}");
        }
    }

    #[test]
    fn resources_are_written_as_mesos_reads_them() {
        let ports = Ranges::of([1, 2, 3, 7]);
        let text = resources(&Offered { cpus: 16, mem_mb: 8000, disk_mb: 9000, ports });
        assert_eq!(text, "cpus:16;mem:8000;disk:9000;ports:[1-3,7-7]");
        let read = mesos::resource::parse::resources(&text).map_err(|errors| format!("{errors:?}"));
        assert!(read.is_ok(), "{read:?}");
    }
}
