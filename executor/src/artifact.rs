//! What was fetched into the sandbox, known by its marks and not by its name (D34).
//!
//! Pure: the shell lists directories, this module recognises them.

use std::path::PathBuf;

/// A Kafka distribution.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Kafka {
    /// Its directory, relative to the sandbox.
    pub directory: String,
    /// Scala version of its `libs/kafka_<scala>-<version>.jar`.
    pub scala: String,
    /// Kafka's version, from the same jar.
    pub version: String,
    /// File names in `libs/` that belong on the class path, sorted.
    pub jars: Vec<String>,
}

/// A line of Kafka: major and minor number.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Line(pub u32, pub u32);

impl Kafka {
    /// The line its version belongs to. Numbers that nobody can read are taken for the newest.
    pub fn line(&self) -> Line {
        let mut numbers = self.version.split(['.', '-']).map(|part| part.parse().ok());
        let mut next = || numbers.next().flatten().unwrap_or(u32::MAX);
        Line(next(), next())
    }
}

/// A Java to run it with.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Java {
    /// The `java` program.
    pub program: PathBuf,
    /// Where it was found.
    pub source: JavaSource,
    /// Its feature number, 17 of 17.0.15, where its `release` file says so.
    pub feature: Option<u32>,
}

/// The feature number that a JRE's `release` file tells: 17 of `JAVA_VERSION="17.0.15"`, 8 of `"1.8.0_392"`.
pub fn feature(release: &str) -> Option<u32> {
    let version = release.lines().find_map(|line| line.strip_prefix("JAVA_VERSION="))?.trim_matches('"');
    let version = version.strip_prefix("1.").unwrap_or(version);
    version.split(|char: char| !char.is_ascii_digit()).next()?.parse().ok()
}

/// Where a Java comes from; the first that is there wins.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum JavaSource {
    /// An archive fetched into the sandbox (`JAVA_URI`).
    Sandbox,
    /// The executor's `JAVA_HOME`.
    JavaHome,
    /// The executor's `PATH`.
    Path,
}

/// The distribution that `files`, the names in `<directory>/libs`, make up; `None` if the marking jar is not there.
pub fn kafka(directory: &str, files: impl IntoIterator<Item = String>) -> Option<Kafka> {
    let mut jars: Vec<_> = files.into_iter().filter(|name| on_class_path(name)).collect();
    jars.sort_unstable();
    let (scala, version) = jars.iter().find_map(|name| marking_jar(name))?;
    let (scala, version) = (scala.to_owned(), version.to_owned());
    Some(Kafka { directory: directory.to_owned(), scala, version, jars })
}

/// Scala and Kafka version of `kafka_<scala>-<version>.jar`.
fn marking_jar(name: &str) -> Option<(&str, &str)> {
    let (scala, version) = name.strip_prefix("kafka_")?.strip_suffix(".jar")?.split_once('-')?;
    let begins_with_digit = |text: &str| text.starts_with(|char: char| char.is_ascii_digit());
    (begins_with_digit(scala) && begins_with_digit(version)).then_some((scala, version))
}

/// Jars, but for sources, documentation and tests: what Kafka's own script leaves out too.
fn on_class_path(name: &str) -> bool {
    let Some(stem) = name.strip_suffix(".jar") else { return false };
    !["-test", "-test-sources", "-sources", "-src", "-scaladoc", "-javadoc"]
        .iter()
        .any(|end| stem.ends_with(end))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(files: &[&str], expect: Option<(&str, &str)>) {
        let found = kafka("k", files.iter().map(|&name| name.to_owned()));
        let found = found.as_ref().map(|kafka| (kafka.scala.as_str(), kafka.version.as_str()));
        assert_eq!(found, expect, "{files:?}");
    }

    // D34
    #[test]
    fn the_marking_jar_tells_the_versions() {
        check(&["zookeeper-3.8.4.jar", "kafka_2.13-3.9.2.jar"], Some(("2.13", "3.9.2")));
        check(&["kafka_2.12-2.8.2.jar", "kafka_2.12-2.8.2-sources.jar"], Some(("2.12", "2.8.2")));
        check(&["kafka_2.13-3.9.2-SNAPSHOT.jar"], Some(("2.13", "3.9.2-SNAPSHOT")));
        check(&["kafka-clients-3.9.2.jar", "kafka_2.13-3.9.2-javadoc.jar", "kafka_2.13-3.9.2.jar.asc"], None);
        check(&[], None);
    }

    #[test]
    fn lines_and_features_are_read() {
        let of = |version: &str| Kafka {
            directory: String::new(),
            scala: String::new(),
            version: version.to_owned(),
            jars: Vec::new(),
        };
        for (version, line) in [
            ("3.9.2", Line(3, 9)),
            ("2.8.2", Line(2, 8)),
            ("0.11.0.2", Line(0, 11)),
            ("4.0-SNAPSHOT", Line(4, 0)),
            ("5", Line(5, u32::MAX)),
        ] {
            assert_eq!(of(version).line(), line);
        }
        for (release, number) in [
            ("IMPLEMENTOR=\"x\"\nJAVA_VERSION=\"17.0.15\"\n", Some(17)),
            ("JAVA_VERSION=\"1.8.0_392\"", Some(8)),
            ("JAVA_VERSION=\"25\"", Some(25)),
            ("JAVA_VERSION=\"\"", None),
            ("JAVA_RUNTIME_VERSION=\"17\"", None),
        ] {
            assert_eq!(feature(release), number, "{release}");
        }
    }

    #[test]
    fn the_class_path_is_sorted_and_free_of_sources() {
        let files = ["z.jar", "kafka_2.13-3.9.2.jar", "kafka_2.13-3.9.2-test.jar", "NOTICE", "a.jar"];
        let found = kafka("k", files.map(str::to_owned));
        assert_eq!(
            found.map(|kafka| kafka.jars),
            Some(vec!["a.jar".into(), "kafka_2.13-3.9.2.jar".into(), "z.jar".into()])
        );
    }
}
