//! `scripts/install.sh` on a machine that has nothing: which packages it asks for, and when it asks for none.

use std::{
    fs,
    os::unix::fs::{PermissionsExt, symlink},
    path::Path,
    process::{Command, Output},
};

use crate::cluster::text;

/// A machine whose PATH holds these programs, as shell scripts, and what the script itself is run with.
struct Machine(tempfile::TempDir);

impl Machine {
    fn new(programs: &[(&str, &str)]) -> Self {
        let machine = Self(tempfile::tempdir().unwrap());
        fs::create_dir(machine.bin()).unwrap();
        for tool in ["bash", "env", "sh", "cat", "chmod"] {
            let paths = std::env::var_os("PATH").unwrap();
            let real = std::env::split_paths(&paths).map(|dir| dir.join(tool)).find(|path| path.is_file());
            symlink(real.unwrap(), machine.bin().join(tool)).unwrap();
        }
        for (name, script) in programs {
            let path = machine.bin().join(name);
            fs::write(&path, format!("#!/bin/sh\n{script}\n")).unwrap();
            fs::set_permissions(&path, fs::Permissions::from_mode(0o755)).unwrap();
        }
        machine
    }

    fn bin(&self) -> std::path::PathBuf {
        self.0.path().join("bin")
    }

    fn install(&self) -> Output {
        self.run(&Path::new(env!("CARGO_MANIFEST_DIR")).join("scripts/install.sh"))
    }

    fn run(&self, script: &Path) -> Output {
        Command::new(self.bin().join("bash"))
            .arg(script)
            .env_clear()
            .env("PATH", self.bin())
            .env("HOME", self.0.path())
            .output()
            .unwrap()
    }

    /// What `apt-get` was called with.
    fn asked(&self) -> String {
        fs::read_to_string(self.0.path().join("asked")).unwrap_or_default()
    }
}

const JAVA: &str = "echo 'openjdk version \"17.0.15\" 2025-04-15' >&2";
/// Notes what it is asked for, and then a Java is there.
const APT_GET: &str = "echo \"$@\" >>\"$HOME/asked\"
printf '#!/bin/sh\\necho openjdk version \\\\\"17.0.15\\\\\" >&2\\n' >\"$HOME/bin/java\"
chmod +x \"$HOME/bin/java\"";
/// Debian 13: no Java 17, but rustup.
const APT_CACHE: &str = "case $2 in openjdk-21-jre-headless | rustup) ;; *) exit 1 ;; esac";

// Issue 3: local.sh installs what is missing, on a fresh Debian or Ubuntu, and says so.
#[test]
fn a_bare_machine_gets_everything() {
    let machine = Machine::new(&[
        ("apt-get", APT_GET),
        ("apt-cache", APT_CACHE),
        ("sudo", "exec \"$@\""),
        // What the rustup package brings.
        ("rustup", ""),
    ]);
    let output = machine.install();
    assert!(output.status.success(), "{}", text(&output.stderr));
    let asked = machine.asked();
    for package in ["build-essential", "maven", "python3", "procps", "openjdk-21-jre-headless", "rustup"] {
        assert!(asked.contains(package), "{package} is missing in:\n{asked}");
        assert!(text(&output.stderr).contains(package), "said before it is done");
    }
    assert!(!asked.contains("default-jre"), "one Java is enough: {asked}");
}

#[test]
fn a_complete_machine_is_left_alone() {
    let all = ["cc", "c++", "make", "mvn", "python3", "ps", "cargo"].map(|name| (name, ""));
    let machine = Machine::new(&[&all[..], &[("java", JAVA)]].concat());
    let output = machine.install();
    assert!(output.status.success(), "{}", text(&output.stderr));
    assert_eq!(text(&output.stderr), "");
}

#[test]
fn an_old_java_is_replaced() {
    let all = ["cc", "c++", "make", "mvn", "python3", "ps", "cargo"].map(|name| (name, ""));
    let old = ("java", "echo 'java version \"1.8.0_392\"' >&2");
    let apt = [old, ("apt-get", APT_GET), ("apt-cache", "exit 0"), ("sudo", "exec \"$@\"")];
    let machine = Machine::new(&[&all[..], &apt].concat());
    let output = machine.install();
    assert!(output.status.success(), "{}", text(&output.stderr));
    assert!(
        machine.asked().contains("install -qq -y --no-install-recommends openjdk-17-jre-headless"),
        "{}",
        machine.asked()
    );
}

// An older release without a rustup package: curl brings it, and needs certificates to trust anyone.
#[test]
fn curl_comes_with_certificates() {
    let all = ["cc", "c++", "make", "mvn", "python3", "ps"].map(|name| (name, ""));
    let apt = [
        ("java", JAVA),
        ("apt-get", APT_GET),
        ("apt-cache", "test \"$2\" = curl"),
        ("sudo", "exec \"$@\""),
        ("curl", ""),
    ];
    let machine = Machine::new(&[&all[..], &apt].concat());
    let output = machine.install();
    assert!(output.status.success(), "{}", text(&output.stderr));
    assert!(machine.asked().contains("recommends curl ca-certificates"), "{}", machine.asked());
}

#[test]
fn a_checkout_with_a_blank_in_its_path_is_refused() {
    let machine = Machine::new(&[]);
    let scripts = machine.0.path().join("my work/scripts");
    fs::create_dir_all(&scripts).unwrap();
    let script = scripts.join("install.sh");
    fs::copy(Path::new(env!("CARGO_MANIFEST_DIR")).join("scripts/install.sh"), &script).unwrap();
    let output = machine.run(&script);
    assert_eq!(output.status.code(), Some(1));
    let said = text(&output.stderr);
    assert!(said.contains("/my work has a blank in it") && said.contains("move the checkout"), "{said}");
}

#[test]
fn a_missing_sudo_is_said() {
    // As root there is nothing to be said.
    let machine = Machine::new(&[("apt-get", APT_GET), ("apt-cache", APT_CACHE), ("rustup", "")]);
    let output = machine.install();
    let said = text(&output.stderr);
    if nix::unistd::geteuid().is_root() {
        assert!(output.status.success(), "{said}");
    } else {
        assert_eq!(output.status.code(), Some(1));
        assert!(said.contains("there is no sudo") && said.contains("as root"), "{said}");
    }
}

#[test]
fn another_system_is_told_what_to_do() {
    let machine = Machine::new(&[]);
    let output = machine.install();
    assert_eq!(output.status.code(), Some(1));
    let said = text(&output.stderr);
    assert!(said.contains("missing: build-essential maven python3 procps java rust"), "{said}");
    assert!(said.contains("not Debian or Ubuntu"), "{said}");
}
