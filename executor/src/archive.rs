//! The class-data archive, with which a JVM maps its classes instead of reading and checking them one by one: does one
//! fit, and how is it made.
//!
//! An archive lies on the broker's volume, in [`DIRECTORY`], under the name of all that it depends on; so a JVM finds
//! it after a restart in place as from the next sandbox, and one that no longer fits is not even looked at. A JVM that
//! finds none notes the classes it loads (which costs nothing that can be measured). Once it serves, another JVM of the
//! lowest priority makes the archive out of that list: a dump by the broker itself at its exit was as good, and held up
//! each first stop by a second and a half.
//!
//! The JVM checks what it maps (`-XX:+VerifySharedSpaces`, 30 ms: without it a damaged archive is a SIGSEGV) and goes
//! on without, in silence, where anything is wrong.

use std::hash::{DefaultHasher, Hash as _, Hasher as _};

use api::launch::LaunchContract;

use crate::{
    artifact::{Java, Kafka},
    command::{JvmCommand, chooses_collector, class_path},
};

/// Where archives are, on the broker's volume, beside Kafka's own directory there.
pub const DIRECTORY: &str = ".jvm-archive";
/// The list of classes a JVM loaded, in the sandbox.
pub const CLASSES: &str = "jvm-archive.classes";
/// What of it is whole when the archive is made, while that JVM goes on.
pub const LIST: &str = "jvm-archive.list";
/// Where the JVM that makes the archive says what it does, in the sandbox.
pub const LOG: &str = "jvm-archive.log";
/// The first Java whose archives hold classes of an application, lambdas too, and whose JVM is silent about one that
/// does not fit: older ones start without.
const FIRST_JAVA: u32 = 17;
/// From here on object references are not compressed, and archives of one kind do not fit the other.
const COMPRESSED_MB: u32 = 32 * 1024;

/// What a start does about the archive.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Use {
    /// Nothing.
    None,
    /// Note the classes that are loaded.
    Note,
    /// Map it.
    Map,
}

/// An archive's name, and whether it is there.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Archive {
    /// The file, relative to the sandbox.
    pub file: String,
    /// What this start does about it.
    pub used: Use,
}

/// A file as far as a JVM compares it: its size and the time it was changed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Stamp {
    /// In bytes.
    pub size: u64,
    /// Since 1970, in nanoseconds.
    pub changed: i128,
}

/// The JRE, and each of the distribution's jars in the order of the class path, as they lie there now.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Looks {
    /// What the JRE's `release` file says.
    pub release: String,
    /// Its classes, `lib/modules`, and the JVM itself.
    pub jre: Vec<Stamp>,
    /// One for each of [`Kafka::jars`].
    pub jars: Vec<Stamp>,
}

/// Whether this broker starts with an archive at all. `BROKER_JVM_ARCHIVE` and the user's own options may be against
/// it, and so may the JRE's age.
pub fn wanted(contract: &LaunchContract, java: &Java) -> bool {
    let own = |option: &String| {
        ["-Xshare", "-XX:SharedArchiveFile", "-XX:AOT", "-Xbootclasspath", "--patch-module"]
            .iter()
            .any(|begin| option.starts_with(begin))
            || ["DumpLoadedClassList", "ArchiveClassesAtExit", "AutoCreateSharedArchive"]
                .iter()
                .any(|name| option.contains(name))
    };
    contract.jvm_archive
        && java.feature.is_some_and(|feature| feature >= FIRST_JAVA)
        && !contract.jvm_options.iter().any(own)
}

/// The file's name, relative to the sandbox: the same as long as all is the same that the archive depends on.
pub fn file(contract: &LaunchContract, kafka: &Kafka, looks: &Looks) -> String {
    // Whatever two that share a name by chance differ in, the JVM sees it.
    let mut hasher = DefaultHasher::new();
    (&kafka.directory, &kafka.version, &kafka.jars, looks, layout(contract)).hash(&mut hasher);
    format!("{}/{DIRECTORY}/{:016x}.jsa", contract.volume, hasher.finish())
}

/// The options that decide how objects and classes lie in memory; the archive must be made with the same.
fn layout(contract: &LaunchContract) -> Vec<String> {
    let decides = |option: &&String| {
        let switched = option.strip_prefix("-XX:+").or_else(|| option.strip_prefix("-XX:-"));
        switched.is_some_and(|name| {
            name.starts_with("UseCompressed")
                || name == "UseCompactObjectHeaders"
                || (name.starts_with("Use") && name.ends_with("GC"))
        }) || option.starts_with("-XX:ObjectAlignmentInBytes=")
    };
    let mut options: Vec<String> = contract.jvm_options.iter().filter(decides).cloned().collect();
    if !options.iter().any(|option| chooses_collector(option)) {
        options.push("-XX:+UseG1GC".to_owned());
    }
    // Only on which side of the limit it is matters, not what it is.
    let heap = if contract.heap_mb < COMPRESSED_MB { 128 } else { COMPRESSED_MB };
    options.push(format!("-Xmx{heap}M"));
    options
}

impl Archive {
    /// The options of a JVM that starts so.
    pub fn options(&self) -> Vec<String> {
        match self.used {
            Use::None => Vec::new(),
            Use::Note => vec![format!("-XX:DumpLoadedClassList={CLASSES}")],
            Use::Map => vec![
                "-Xshare:auto".to_owned(),
                format!("-XX:SharedArchiveFile={}", self.file),
                "-XX:+VerifySharedSpaces".to_owned(),
                // Newer JVMs say so when it does not fit.
                "-Xlog:cds=off".to_owned(),
            ],
        }
    }

    /// What makes it, beside its place: whoever finds it there finds it whole. `broker` is the command it is for.
    pub fn maker(&self, contract: &LaunchContract, kafka: &Kafka, broker: &JvmCommand) -> JvmCommand {
        let mut arguments = layout(contract);
        arguments.extend([
            "-Xshare:dump".to_owned(),
            format!("-XX:SharedClassListFile={LIST}"),
            format!("-XX:SharedArchiveFile={}", self.unfinished()),
            // Its crash is nobody's incident.
            "-XX:ErrorFile=jvm-archive.crash".to_owned(),
            "-XX:-UsePerfData".to_owned(),
            "-cp".to_owned(),
            class_path(kafka),
        ]);
        JvmCommand { program: broker.program.clone(), arguments, environment: broker.environment.clone() }
    }

    /// The file it is made in.
    pub fn unfinished(&self) -> String {
        format!("{}.new", self.file)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{artifact::JavaSource, contract::tests::good};

    fn java(feature: Option<u32>) -> Java {
        Java { program: "/usr/bin/java".into(), source: JavaSource::Path, feature }
    }

    fn kafka() -> Kafka {
        Kafka {
            directory: "kafka".to_owned(),
            scala: "2.13".to_owned(),
            version: "3.9.2".to_owned(),
            jars: vec!["a.jar".to_owned(), "b.jar".to_owned()],
        }
    }

    fn looks() -> Looks {
        let stamp = Stamp { size: 7, changed: 9 };
        Looks { release: "17".to_owned(), jre: vec![stamp], jars: vec![stamp, stamp] }
    }

    fn contract(options: &[&str]) -> LaunchContract {
        let jvm_options = options.iter().map(|&option| option.to_owned()).collect();
        LaunchContract { jvm_archive: true, jvm_options, ..good() }
    }

    // D39
    #[test]
    fn it_is_off_with_one_setting_with_the_users_own_and_on_old_javas() {
        let new = java(Some(17));
        assert!(wanted(&contract(&["-Xss1m"]), &new));
        assert!(!wanted(&LaunchContract { jvm_archive: false, ..good() }, &new));
        assert!(!wanted(&contract(&[]), &java(Some(11))) && !wanted(&contract(&[]), &java(None)));
        for own in ["-Xshare:off", "-XX:SharedArchiveFile=x", "-XX:ArchiveClassesAtExit=x", "-XX:AOTCache=x"]
        {
            assert!(!wanted(&contract(&[own]), &new), "{own}");
        }
    }

    #[test]
    fn its_name_changes_with_all_it_depends_on_and_with_nothing_else() {
        let name = |options: &[&str], heap_mb, looks: &Looks| {
            file(&LaunchContract { heap_mb, ..contract(options) }, &kafka(), looks)
        };
        let first = name(&[], 1024, &looks());
        assert!(first.starts_with("data/.jvm-archive/") && first.ends_with(".jsa"), "{first}");
        assert_eq!(name(&["-Dx=1", "-XX:MaxGCPauseMillis=5"], 2048, &looks()), first);
        assert_eq!(name(&["-XX:+UseG1GC"], 1024, &looks()), first, "what we would say too");
        assert_ne!(name(&["-XX:+UseSerialGC"], 1024, &looks()), first);
        assert_ne!(name(&["-XX:-UseCompressedOops"], 1024, &looks()), first);
        assert_ne!(name(&[], 40_000, &looks()), first);
        for change in [
            |looks: &mut Looks| looks.release.push('x'),
            |looks: &mut Looks| looks.jre[0].size += 1,
            |looks: &mut Looks| looks.jars[1].changed += 1,
        ] {
            let mut other = looks();
            change(&mut other);
            assert_ne!(name(&[], 1024, &other), first, "{other:?}");
        }
        let newer = Kafka { version: "3.9.3".to_owned(), ..kafka() };
        assert_ne!(file(&contract(&[]), &newer, &looks()), first);
    }

    #[test]
    fn the_maker_has_the_layout_and_none_of_the_users_effects() {
        let archive = Archive { file: "data/.jvm-archive/1.jsa".to_owned(), used: Use::Note };
        assert_eq!(archive.options(), ["-XX:DumpLoadedClassList=jvm-archive.classes"]);
        let broker = JvmCommand {
            program: "/jre/bin/java".into(),
            arguments: vec!["kafka.Kafka".to_owned()],
            environment: [("TZ".to_owned(), "UTC".to_owned())].into(),
        };
        let user = ["-agentlib:jdwp=address=5005", "-XX:+UseSerialGC", "-Xlog:gc:file=x", "-Xmx1g"];
        let maker = archive.maker(&contract(&user), &kafka(), &broker);
        assert_eq!(maker.program, broker.program);
        assert_eq!(maker.environment, broker.environment);
        let arguments = maker.arguments.join(" ");
        assert!(arguments.starts_with("-XX:+UseSerialGC -Xmx128M -Xshare:dump "), "{arguments}");
        assert!(arguments.contains("-XX:SharedArchiveFile=data/.jvm-archive/1.jsa.new "), "{arguments}");
        assert!(arguments.ends_with("-cp kafka/libs/a.jar:kafka/libs/b.jar"), "no main class: {arguments}");
        let mapped = Archive { used: Use::Map, ..archive }.options();
        assert!(mapped.contains(&"-XX:SharedArchiveFile=data/.jvm-archive/1.jsa".to_owned()));
        assert!(Archive { file: String::new(), used: Use::None }.options().is_empty());
    }
}
