//! Which Java runs ZooKeeper and Kafka's tools, and whether it is new enough.

use std::{
    collections::BTreeMap,
    path::{Path, PathBuf},
};

/// The oldest Java that Kafka 3.9's jars and ours are tried with.
pub const OLDEST: u32 = 17;

/// A Java found on this machine.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Java {
    /// The launcher.
    pub program: PathBuf,
    /// The version as it prints it, such as `17.0.15`.
    pub version: String,
    /// The feature number of that version, such as 17.
    pub feature: u32,
    /// Its `java.home`, where it says so: also behind links and a version manager's stand-ins.
    pub home: Option<PathBuf>,
}

/// Why there is no usable Java.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NoJava {
    /// Neither way leads to a launcher.
    #[error("no Java: JAVA_HOME is not set and there is no java on PATH")]
    Missing,
    /// `JAVA_HOME` leads nowhere.
    #[error("no Java: JAVA_HOME is {} but {} is not a file", home.display(), home.join("bin/java").display())]
    Home {
        /// What `JAVA_HOME` says.
        home: PathBuf,
    },
    /// It is there and does not work.
    #[error("no Java: {} -version does not say its version: {said}", program.display())]
    Mute {
        /// The launcher.
        program: PathBuf,
        /// What it said instead.
        said: String,
    },
}

/// Where the launcher is: `JAVA_HOME` first, then `PATH`. A set `JAVA_HOME` that leads nowhere is an error, since Kafka
/// would stumble over it as well.
pub fn find(
    environment: &BTreeMap<String, String>,
    is_file: impl Fn(&Path) -> bool,
) -> Result<PathBuf, NoJava> {
    if let Some(home) = environment.get("JAVA_HOME").filter(|home| !home.is_empty()) {
        let program = Path::new(home).join("bin/java");
        return if is_file(&program) { Ok(program) } else { Err(NoJava::Home { home: home.into() }) };
    }
    let path = environment.get("PATH").map(String::as_str).unwrap_or_default();
    std::env::split_paths(path).map(|dir| dir.join("java")).find(|java| is_file(java)).ok_or(NoJava::Missing)
}

/// Reads what `java -version` prints: `openjdk version "17.0.15" 2025-04-15` and its relatives, with `java.home` among its
/// properties.
pub fn version(program: &Path, printed: &str) -> Result<Java, NoJava> {
    let read = || {
        let version = printed.split_once("version \"")?.1.split_once('"')?.0;
        let mut numbers = version.split(['.', '_', '-', '+']).map(str::parse::<u32>);
        let first = numbers.next()?.ok()?;
        // Up to Java 8 the feature number is the second: 1.8.0_392.
        let feature = if first == 1 { numbers.next()?.ok()? } else { first };
        let home = printed.lines().find_map(|line| line.trim().strip_prefix("java.home = "));
        let home = home.map(|home| PathBuf::from(home.trim()));
        Some(Java { program: program.to_owned(), version: version.to_owned(), feature, home })
    };
    read().ok_or_else(|| NoJava::Mute { program: program.to_owned(), said: printed.trim().to_owned() })
}

/// Finds Java and asks for its version and its home.
pub async fn ask(environment: &BTreeMap<String, String>) -> Result<Java, NoJava> {
    let program = find(environment, Path::is_file)?;
    let mut command = tokio::process::Command::new(&program);
    let said = match command.args(["-XshowSettings:properties", "-version"]).output().await {
        Ok(output) => String::from_utf8_lossy(&[output.stderr, output.stdout].concat()).into_owned(),
        Err(error) => return Err(NoJava::Mute { program, said: error.to_string() }),
    };
    version(&program, &said)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test may panic")]

    use super::*;

    #[test]
    fn versions_of_all_vendors_are_read() {
        for (printed, version_text, feature) in [
            ("openjdk version \"17.0.15\" 2025-04-15\nOpenJDK Runtime Environment", "17.0.15", 17),
            ("java version \"1.8.0_392\"\nJava(TM) SE", "1.8.0_392", 8),
            ("openjdk version \"21\" 2023-09-19", "21", 21),
            ("openjdk version \"25-ea\" 2025-09-16", "25-ea", 25),
            ("Picked up JAVA_TOOL_OPTIONS: -Xmx1g\nopenjdk version \"11.0.2\" 2019-01-15", "11.0.2", 11),
        ] {
            let java = version(Path::new("/j"), printed).unwrap();
            assert_eq!((java.version.as_str(), java.feature), (version_text, feature));
        }
        assert!(matches!(version(Path::new("/j"), "Killed"), Err(NoJava::Mute { .. })));
    }

    #[test]
    fn its_home_is_read() {
        let printed = "Property settings:\n    java.class.version = 61.0\n    java.home = /opt/a jdk\n    java.io.tmpdir = /tmp\n\n\
                       openjdk version \"17.0.15\" 2025-04-15";
        assert_eq!(version(Path::new("/j"), printed).unwrap().home, Some("/opt/a jdk".into()));
        assert_eq!(version(Path::new("/j"), "openjdk version \"17\"").unwrap().home, None);
    }

    #[test]
    fn java_home_goes_before_path() {
        let environment = |pairs: &[(&str, &str)]| -> BTreeMap<String, String> {
            pairs.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect()
        };
        let there = |path: &Path| path == Path::new("/b/java") || path == Path::new("/jdk/bin/java");
        let on_path = environment(&[("PATH", "/a:/b")]);
        assert_eq!(find(&on_path, there), Ok("/b/java".into()));
        assert_eq!(
            find(&environment(&[("PATH", "/b"), ("JAVA_HOME", "/jdk")]), there),
            Ok("/jdk/bin/java".into())
        );
        assert_eq!(
            find(&environment(&[("PATH", "/b"), ("JAVA_HOME", "/gone")]), there),
            Err(NoJava::Home { home: "/gone".into() })
        );
        assert_eq!(find(&environment(&[("PATH", "/a")]), there), Err(NoJava::Missing));
        assert_eq!(find(&environment(&[]), there), Err(NoJava::Missing));
    }
}
