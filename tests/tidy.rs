//! The repository's rules, executable: which crate may know which, where effects may live, what a file may say.

#![allow(clippy::unwrap_used, clippy::disallowed_methods, reason = "a test may panic, and it is all effects")]

use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    path::{Path, PathBuf},
    sync::LazyLock,
};

use cargo_metadata::{DependencyKind, Metadata, MetadataCommand, TargetKind};
use sha2::Digest;

/// Arrows between our crates: protocols at the bottom know none of ours, tools know protocols, processes know both and
/// never each other.
const ARROWS: [(&str, &[&str]); 10] = [
    ("mesos", &[]),
    ("kafka", &[]),
    ("api", &[]),
    ("overrider", &[]),
    ("syslog", &[]),
    ("healthcheck", &["kafka"]),
    ("scheduler", &["api", "kafka", "mesos", "syslog"]),
    ("executor", &["api", "healthcheck", "kafka", "mesos", "overrider", "syslog"]),
    ("cli", &["api"]),
    ("local", &["api", "mesos"]),
];

/// Every program, and the crate it comes from.
const PROGRAMS: [(&str, &str); 7] = [
    ("dcos-kafka", "cli"),
    ("kafka-executor", "executor"),
    ("kafka-healthcheck", "healthcheck"),
    ("kafka-local", "local"),
    ("kafka-overrider", "overrider"),
    ("kafka-scheduler", "scheduler"),
    ("mesos-local", "local"),
];

/// A file is near 150 lines and at most this many, tests apart.
const LINES: usize = 400;

/// Longer ones, none longer than written here; the list may only shrink.
const LONG: [(&str, usize); 0] = [];

/// Words that say that an effect happens: none of them in the scheduler's core. Random generators come in seeded, and
/// addresses are only values.
const EFFECTS: [&str; 15] = [
    "shell::",
    "tokio",
    "reqwest",
    "axum",
    "std::fs",
    "std::env",
    "std::process",
    "std::thread",
    "TcpStream",
    "TcpListener",
    "SystemTime",
    "Instant::now",
    "rand::rng(",
    "SysRng",
    "new_v4",
];

/// Licences that code we link may have; an expression is fine if one of its alternatives is made of these.
const LICENCES: [&str; 12] = [
    "0BSD",
    "Apache-2.0",
    "Apache-2.0 WITH LLVM-exception",
    "BSD-2-Clause",
    "BSD-3-Clause",
    "BSL-1.0",
    "CC0-1.0",
    "CDLA-Permissive-2.0",
    "ISC",
    "MIT",
    "Unicode-3.0",
    "Zlib",
];

/// SHA-256 over the conformance kit as it was recorded.
const KIT: &str = include_str!("mesos-conformance.sha256");

/// The contract's last items: a test may name S-001 to S-127 and D1 to D48.
const LAST_PROMISE: u32 = 127;
const LAST_DECISION: u32 = 48;

static ROOT: LazyLock<PathBuf> = LazyLock::new(|| PathBuf::from(env!("CARGO_MANIFEST_DIR")));

static METADATA: LazyLock<Metadata> = LazyLock::new(|| {
    MetadataCommand::new()
        .current_dir(&*ROOT)
        .other_options(vec!["--locked".to_owned(), "--offline".to_owned()])
        .exec()
        .unwrap()
});

/// Files of the repository below `dir`, relative to the root: no build products, no data, not git's own.
fn files(dir: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    let mut entries: Vec<_> = fs::read_dir(ROOT.join(dir)).unwrap().map(|entry| entry.unwrap()).collect();
    entries.sort_by_key(fs::DirEntry::file_name);
    for entry in entries {
        let name = entry.file_name().into_string().unwrap();
        let path = dir.join(&name);
        let skipped =
            name == ".git" || name == ".kafka-local" || name == "__pycache__" || name.starts_with("target");
        match entry.file_type().unwrap() {
            _ if skipped => {}
            kind if kind.is_dir() => found.extend(files(&path)),
            _ => found.push(path),
        }
    }
    found
}

fn read(path: &Path) -> String {
    fs::read_to_string(ROOT.join(path)).unwrap_or_default()
}

fn rust_sources() -> Vec<PathBuf> {
    files(Path::new("")).into_iter().filter(|path| path.extension().is_some_and(|end| end == "rs")).collect()
}

fn is_test(path: &Path) -> bool {
    path.components().any(|part| part.as_os_str() == "tests" || part.as_os_str() == "tests.rs")
}

#[track_caller]
fn none(what: &str, found: &[String]) {
    assert!(found.is_empty(), "{what}:\n  {}", found.join("\n  "));
}

#[test]
fn arrows_between_crates_point_down() {
    let ours: BTreeMap<&str, &[&str]> = ARROWS.into();
    let members: BTreeSet<&str> =
        METADATA.workspace_packages().iter().map(|package| package.name.as_str()).collect();
    assert_eq!(members, ours.keys().copied().collect(), "every crate has its place in ARROWS");
    let mut wrong = Vec::new();
    for package in METADATA.workspace_packages() {
        for dependency in &package.dependencies {
            let (from, to) = (package.name.as_str(), dependency.name.as_str());
            // Only the root's tests join processes.
            let joins = dependency.kind == DependencyKind::Development && from == "scheduler";
            if ours.contains_key(to) && !joins && !ours[from].contains(&to) {
                wrong.push(format!("{from} -> {to}"));
            }
        }
    }
    none("arrows that point up or sideways", &wrong);
}

#[test]
fn every_program_exists() {
    let found: BTreeSet<(String, String)> = METADATA
        .workspace_packages()
        .iter()
        .flat_map(|package| package.targets.iter().map(|target| (package.name.to_string(), target)))
        .filter(|(_, target)| target.kind.contains(&TargetKind::Bin))
        .map(|(package, target)| (target.name.clone(), package))
        .collect();
    let expected =
        PROGRAMS.iter().map(|(name, package)| ((*name).to_owned(), (*package).to_owned())).collect();
    assert_eq!(found, expected);
}

#[test]
fn every_crate_takes_the_shared_lints_and_versions() {
    let mut wrong = Vec::new();
    for package in METADATA.workspace_packages() {
        let text = fs::read_to_string(&package.manifest_path).unwrap();
        if !text.contains("[lints]\nworkspace = true") {
            wrong.push(format!("{} has its own lints", package.name));
        }
        let own = text.split("[dependencies]").nth(1).unwrap_or_default().lines().filter(|line| {
            // A version written down here and not in the workspace.
            line.contains(" = \"") || line.contains("version = ")
        });
        wrong.extend(own.map(|line| format!("{}: {line}", package.name)));
    }
    none("not from the workspace", &wrong);
}

#[test]
fn no_module_is_called_mod() {
    let found: Vec<String> = rust_sources()
        .iter()
        .filter(|path| path.file_name().is_some_and(|name| name == "mod.rs"))
        .map(|path| path.display().to_string())
        .collect();
    none("use foo.rs beside foo/", &found);
}

#[test]
fn files_are_small() {
    let long: Vec<String> = rust_sources()
        .iter()
        .filter(|path| !is_test(path))
        .filter_map(|path| {
            let text = read(path);
            // Tests at the end of a file do not count.
            let lines = text.lines().take_while(|line| *line != "#[cfg(test)]").count();
            let allowed = LONG.iter().find(|(long, _)| path == Path::new(long)).map(|(_, lines)| *lines);
            match allowed {
                Some(_) if lines <= LINES => {
                    Some(format!("{} is short now: take it off LONG", path.display()))
                }
                _ => (lines > allowed.unwrap_or(LINES))
                    .then(|| format!("{} has {lines} lines", path.display())),
            }
        })
        .collect();
    none(&format!("more than {LINES} lines"), &long);
    for (path, _) in LONG {
        assert!(ROOT.join(path).is_file(), "{path} is gone: take it off LONG");
    }
}

// The core decides, the shell acts (code anchors 4.1): no clock, chance or IO, and no word about the shell.
#[test]
fn the_core_has_no_effects() {
    let mut found = Vec::new();
    for path in rust_sources() {
        let core = path.starts_with("src") && !path.starts_with("src/shell") && !is_test(&path);
        if !core || [Path::new("src/main.rs"), Path::new("src/shell.rs")].contains(&path.as_path()) {
            continue;
        }
        let text = read(&path);
        let code = text.lines().take_while(|line| *line != "#[cfg(test)]");
        for (number, line) in code.enumerate().filter(|(_, line)| !line.trim_start().starts_with("//")) {
            for effect in EFFECTS.iter().filter(|effect| line.contains(**effect)) {
                found.push(format!("{}:{}: {effect}", path.display(), number + 1));
            }
        }
    }
    none("effects in the core", &found);
}

// Issue 3: nothing in the repository reads outside it.
#[test]
fn nothing_points_outside() {
    // Put together here, so that this file does not find itself.
    let outside: Vec<String> = [
        ["../sha", "red"],
        ["/work/", "main"],
        ["/work/", "shared"],
        ["repo1.maven", ".org"],
        ["repo.maven.apache", ".org"],
        ["static.crates", ".io"],
        ["index.crates", ".io"],
        ["files.pythonhosted", ".org"],
        ["deb.debian", ".org"],
        ["archive.ubuntu", ".com"],
    ]
    .iter()
    .map(|parts| parts.concat())
    .collect();
    let mut found = Vec::new();
    for path in files(Path::new("")) {
        // The kit is a copy, unchanged; its own words are about where it was recorded.
        if path.starts_with("tests/mesos-conformance") {
            continue;
        }
        for (number, line) in read(&path).lines().enumerate() {
            for word in outside.iter().filter(|word| line.contains(word.as_str())) {
                found.push(format!("{}:{}: {word}", path.display(), number + 1));
            }
        }
    }
    none("words about this machine or a registry", &found);
}

#[test]
fn the_conformance_kit_is_unchanged() {
    let mut lines = String::new();
    for path in files(Path::new("tests/mesos-conformance")) {
        let digest = sha2::Sha256::digest(fs::read(ROOT.join(&path)).unwrap());
        let hex: String = digest.iter().map(|byte| format!("{byte:02x}")).collect();
        lines.push_str(&format!("{hex}  {}\n", path.display()));
    }
    assert!(lines == KIT, "tests/mesos-conformance differs from tests/mesos-conformance.sha256:\n{lines}");
}

// A promise named in a test is one of the contract's.
#[test]
fn contract_items_exist() {
    let mut wrong = Vec::new();
    let mut named = BTreeSet::new();
    for path in rust_sources() {
        for (number, line) in read(&path).lines().enumerate() {
            let place = format!("{}:{}", path.display(), number + 1);
            for item in items(line, "S-") {
                named.insert(item);
                if item == 0 || item > LAST_PROMISE {
                    wrong.push(format!("{place}: S-{item:03}"));
                }
            }
            // Decisions are written in comments only; code has all kinds of D1.
            let comment = line.split_once("//").map(|(_, comment)| comment).unwrap_or_default();
            wrong.extend(
                items(comment, "D")
                    .into_iter()
                    .filter(|item| *item == 0 || *item > LAST_DECISION)
                    .map(|item| format!("{place}: D{item}")),
            );
        }
    }
    none("no such item in the contract", &wrong);
    assert!(named.len() > 20, "promises are named where they are proved: {named:?}");
}

/// The numbers of `S-046`, `D37` in a line: the prefix stands at the beginning of a word, digits end it.
fn items(line: &str, prefix: &str) -> Vec<u32> {
    let word = |c: char| c.is_ascii_alphanumeric() || c == '_' || c == '-';
    line.match_indices(prefix)
        .filter(|(at, _)| !line[..*at].ends_with(word))
        .filter_map(|(at, _)| {
            let rest = &line[at + prefix.len()..];
            let digits: String = rest.chars().take_while(char::is_ascii_digit).collect();
            let ends = !rest[digits.len()..].starts_with(|c: char| c.is_ascii_alphabetic() || c == '_');
            (ends && digits.len() <= 3).then(|| digits.parse().ok()).flatten()
        })
        .collect()
}

#[test]
fn scripts_are_short_strict_and_executable() {
    use std::os::unix::fs::PermissionsExt;

    let mut wrong = Vec::new();
    for path in
        files(Path::new("scripts")).iter().filter(|path| path.extension().is_some_and(|end| end == "sh"))
    {
        let text = read(path);
        let mode = ROOT.join(path).metadata().unwrap().permissions().mode();
        for (rule, kept) in [
            ("set -euo pipefail", text.contains("\nset -euo pipefail\n")),
            ("at most 80 lines", text.lines().count() <= 80),
            ("executable", mode & 0o111 == 0o111),
            ("bash", text.starts_with("#!/usr/bin/env bash\n") || text.starts_with("#!/bin/bash\n")),
        ] {
            if !kept {
                wrong.push(format!("{}: {rule}", path.display()));
            }
        }
    }
    none("rules for scripts", &wrong);
    let run = read(Path::new(".ci/run"));
    assert_eq!(run.lines().count(), 2, "CI calls scripts/check.sh and nothing else");
    assert!(run.contains("/scripts/check.sh"));
}

#[test]
fn licences_are_known() {
    let fine = |expression: &str| {
        // "A OR B AND C", with "/" for OR in old manifests and parentheses around what belongs together.
        let plain = expression.replace('/', " OR ").replace(['(', ')'], "");
        plain.split(" OR ").any(|way| way.split(" AND ").all(|licence| LICENCES.contains(&licence.trim())))
    };
    let wrong: Vec<String> = METADATA
        .packages
        .iter()
        .filter(|package| !package.license.as_deref().is_some_and(fine))
        .map(|package| format!("{}: {:?}", package.name, package.license))
        .collect();
    none("licences to look at", &wrong);
}

#[test]
fn readme_names_what_exists() {
    let readme = read(Path::new("README.md"));
    for (program, _) in PROGRAMS {
        assert!(readme.contains(program), "README.md does not name {program}");
    }
    let mut wrong = Vec::new();
    // Every path in backticks or behind ./ in a code block.
    for word in readme.split([' ', '\n', '`', '(', ')', '|', ',']) {
        let path = word.strip_prefix("./").unwrap_or(word);
        let is_path = path.starts_with("scripts/") || path.starts_with("tests/") || path.ends_with(".md");
        if is_path && !path.contains(['*', '<']) && !ROOT.join(path).exists() {
            wrong.push(path.to_owned());
        }
    }
    none("README.md names what is not there", &wrong);
}

// The tables of README.md are the scheduler's own. `UPDATE_EXPECT=1 cargo test --test tidy` writes them.
#[test]
fn readme_lists_every_variable_and_exit_code() {
    // As text: a `<` would begin an HTML tag, a `|` end the cell.
    let cell = |text: String| text.replace('<', "&lt;").replace('|', "\\|");
    let variables = scheduler::config::VARIABLES.iter().map(|v| {
        let [default, change, meaning] =
            [v.default.to_string(), v.on_change.to_string(), v.meaning.to_owned()].map(cell);
        format!("| `{}` | {default} | {change} | {meaning} |\n", v.name)
    });
    let codes =
        scheduler::shell::Exit::ALL.iter().map(|exit| format!("| {} | {} |\n", exit.code(), exit.meaning()));
    let mut readme = read(Path::new("README.md"));
    for (head, rows) in [("| Variable |", variables.collect::<String>()), ("| Code |", codes.collect())] {
        let start = readme.find(head).unwrap_or_else(|| panic!("README.md has no table {head}"));
        let rows_at = readme[start..].match_indices('\n').nth(1).map(|(at, _)| start + at + 1).unwrap();
        let length: usize =
            readme[rows_at..].split_inclusive('\n').take_while(|l| l.starts_with('|')).map(str::len).sum();
        if readme[rows_at..rows_at + length] != rows {
            assert!(std::env::var_os("UPDATE_EXPECT").is_some(), "below {head} README.md must say:\n{rows}");
            readme.replace_range(rows_at..rows_at + length, &rows);
            fs::write(ROOT.join("README.md"), &readme).unwrap();
        }
    }
}
