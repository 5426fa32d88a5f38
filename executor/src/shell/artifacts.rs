//! Looking for Kafka and Java where the agent's fetcher put them (D34).

use std::{
    collections::BTreeMap,
    fs, io,
    os::unix::fs::PermissionsExt as _,
    path::{Path, PathBuf},
};

use crate::artifact::{Java, JavaSource, Kafka, feature, kafka};

/// What is missing, and where it was looked for.
#[derive(Debug, thiserror::Error)]
pub(super) enum Missing {
    #[error("cannot list {}", .0.display())]
    List(PathBuf, #[source] io::Error),
    #[error(
        "no Kafka in the sandbox: none of its directories ({}) has libs/kafka_<scala>-<version>.jar: is KAFKA_URI an \
         archive of a Kafka distribution?",
        names(.0)
    )]
    Kafka(Vec<String>),
    #[error("several Kafkas in the sandbox: {}: KAFKA_URI must bring one", names(.0))]
    Kafkas(Vec<String>),
    #[error("several Javas in the sandbox: {}: JAVA_URI must bring one", names(.0))]
    Javas(Vec<String>),
    #[error("JAVA_HOME is {0:?}, but there is no program bin/java in it")]
    JavaHome(String),
    #[error(
        "no Java: no bin/java in the sandbox (JAVA_URI), JAVA_HOME is not set, and no java on the PATH {0:?}"
    )]
    Java(String),
}

fn names(names: &[String]) -> String {
    if names.is_empty() { "none".to_owned() } else { names.join(", ") }
}

/// Names of the directories in the sandbox, sorted, but for the broker's volume: that is full of topics, not programs.
fn directories(sandbox: &Path, volume: &str) -> Result<Vec<String>, Missing> {
    let list = |error| Missing::List(sandbox.to_owned(), error);
    let mut found = Vec::new();
    for entry in fs::read_dir(sandbox).map_err(list)? {
        let entry = entry.map_err(list)?;
        let name = entry.file_name().into_string();
        // Symbolic links are followed: the fetcher's cache may be linked in.
        if let Ok(name) = name
            && name != volume
            && entry.path().is_dir()
        {
            found.push(name);
        }
    }
    found.sort_unstable();
    Ok(found)
}

/// The Kafka distribution in the sandbox.
pub(super) fn find_kafka(sandbox: &Path, volume: &str) -> Result<Kafka, Missing> {
    let directories = directories(sandbox, volume)?;
    let mut found: Vec<Kafka> = directories
        .iter()
        .filter_map(|directory| {
            let files = fs::read_dir(sandbox.join(directory).join("libs")).ok()?.flatten();
            kafka(directory, files.filter_map(|file| file.file_name().into_string().ok()))
        })
        .collect();
    match (found.pop(), found.is_empty()) {
        (Some(only), true) => Ok(only),
        (Some(last), false) => {
            found.push(last);
            Err(Missing::Kafkas(found.into_iter().map(|kafka| kafka.directory).collect()))
        }
        (None, _) => Err(Missing::Kafka(directories)),
    }
}

/// The sandbox's Java, else `JAVA_HOME`'s, else the first on the `PATH`.
pub(super) fn find_java(
    sandbox: &Path,
    volume: &str,
    environment: &BTreeMap<String, String>,
) -> Result<Java, Missing> {
    let (program, source) = java_program(sandbox, volume, environment)?;
    let release = jre_of(&program).and_then(|jre| fs::read_to_string(jre.join("release")));
    Ok(Java { feature: release.ok().and_then(|release| feature(&release)), program, source })
}

/// The directory of the JRE whose `bin/java` this is, behind all links to it.
pub(super) fn jre_of(program: &Path) -> io::Result<PathBuf> {
    let program = program.canonicalize()?;
    program.ancestors().nth(2).map(Path::to_owned).ok_or_else(|| io::ErrorKind::NotFound.into())
}

fn java_program(
    sandbox: &Path,
    volume: &str,
    environment: &BTreeMap<String, String>,
) -> Result<(PathBuf, JavaSource), Missing> {
    let inside = |directory: &Path| Some(directory.join("bin/java")).filter(|program| is_program(program));
    let found: Vec<(String, PathBuf)> = directories(sandbox, volume)?
        .into_iter()
        .filter_map(|name| inside(&sandbox.join(&name)).map(|program| (name, program)))
        .collect();
    if found.len() > 1 {
        return Err(Missing::Javas(found.into_iter().map(|(name, _)| name).collect()));
    }
    if let Some((_, program)) = found.into_iter().next() {
        return Ok((program, JavaSource::Sandbox));
    }
    if let Some(home) = environment.get("JAVA_HOME").filter(|home| !home.is_empty()) {
        let program = inside(Path::new(home)).ok_or_else(|| Missing::JavaHome(home.clone()))?;
        return Ok((program, JavaSource::JavaHome));
    }
    let path = environment.get("PATH").cloned().unwrap_or_default();
    let program =
        std::env::split_paths(&path).map(|directory| directory.join("java")).find(|java| is_program(java));
    program.map(|program| (program, JavaSource::Path)).ok_or(Missing::Java(path))
}

fn is_program(path: &Path) -> bool {
    fs::metadata(path).is_ok_and(|file| file.is_file() && file.permissions().mode() & 0o111 != 0)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)] // a failed unwrap is a failed test

    use super::*;

    fn program(path: PathBuf) {
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(&path, "#!/bin/sh\n").unwrap();
        fs::set_permissions(&path, fs::Permissions::from_mode(0o755)).unwrap();
    }

    fn jar(sandbox: &Path, directory: &str) {
        let libs = sandbox.join(directory).join("libs");
        fs::create_dir_all(&libs).unwrap();
        fs::write(libs.join("kafka_2.13-3.9.2.jar"), "").unwrap();
    }

    // D34
    #[test]
    fn kafka_is_found_by_its_jar_and_each_failure_is_its_own() {
        let sandbox = tempfile::tempdir().unwrap();
        let find = || {
            find_kafka(sandbox.path(), "data").map(|kafka| kafka.directory).map_err(|error| error.to_string())
        };
        jar(sandbox.path(), "data");
        let error = find().unwrap_err();
        assert!(
            error.starts_with("no Kafka in the sandbox: none of its directories (none) has libs/"),
            "{error}"
        );
        fs::create_dir(sandbox.path().join("jre")).unwrap();
        assert!(find().unwrap_err().contains("(jre)"));
        jar(sandbox.path(), "any-name");
        assert_eq!(find(), Ok("any-name".to_owned()));
        jar(sandbox.path(), "other");
        assert_eq!(
            find(),
            Err("several Kafkas in the sandbox: any-name, other: KAFKA_URI must bring one".to_owned())
        );
    }

    // D34
    #[test]
    fn java_is_the_sandbox_s_then_java_home_s_then_the_path_s() {
        let (sandbox, agent) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
        let (home, bin) = (agent.path().join("home"), agent.path().join("bin"));
        let find = |home: &str| {
            let path = bin.to_str().unwrap();
            let environment =
                [("JAVA_HOME", home), ("PATH", path)].map(|(name, value)| (name.into(), value.into()));
            find_java(sandbox.path(), "data", &environment.into())
                .map(|java| java.source)
                .map_err(|error| error.to_string())
        };
        assert!(find("").unwrap_err().starts_with("no Java: no bin/java in the sandbox"));
        let home_text = home.to_str().unwrap();
        assert!(find(home_text).unwrap_err().starts_with("JAVA_HOME is "));
        program(bin.join("java"));
        assert_eq!(find(""), Ok(JavaSource::Path));
        assert!(find(home_text).is_err(), "a wrong JAVA_HOME is not passed over in silence");
        program(home.join("bin/java"));
        assert_eq!(find(home_text), Ok(JavaSource::JavaHome));
        fs::create_dir_all(sandbox.path().join("jre/bin")).unwrap();
        fs::write(sandbox.path().join("jre/bin/java"), "not executable").unwrap();
        assert_eq!(find(home_text), Ok(JavaSource::JavaHome));
        program(sandbox.path().join("jre/bin/java"));
        assert_eq!(find(home_text), Ok(JavaSource::Sandbox));
        program(sandbox.path().join("jdk/bin/java"));
        assert!(find(home_text).unwrap_err().starts_with("several Javas in the sandbox: jdk, jre"));
    }
}
