//! Does `java.util.Properties` read what we read, and read back what we write? Asked of a real one: Java is needed
//! to run Kafka anyway, so a machine without it fails here.
#![allow(clippy::unwrap_used, missing_docs)] // a failed unwrap is a failed test

use std::{
    collections::BTreeMap,
    io::Write as _,
    path::PathBuf,
    process::{Command, Stdio},
};

use overrider::properties::Properties;
use proptest::{
    prelude::*,
    strategy::ValueTree as _,
    test_runner::{Config, TestRng, TestRunner},
};

/// What Java reads from each of `files`; `None` where it refuses.
fn java(files: &[Vec<u8>]) -> Vec<Option<BTreeMap<Vec<u16>, Vec<u16>>>> {
    let directory = tempfile::tempdir().unwrap();
    let mut names = String::new();
    for (number, bytes) in files.iter().enumerate() {
        let path = directory.path().join(number.to_string());
        std::fs::write(&path, bytes).unwrap();
        names.push_str(path.to_str().unwrap());
        names.push('\n');
    }
    let source = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/Load.java");
    let mut java = Command::new("java")
        .args(["-Xshare:auto", "-XX:TieredStopAtLevel=1"])
        .arg(source)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .expect("this test needs `java` on the PATH: install a JDK, 17 or later");
    let mut stdin = java.stdin.take().unwrap();
    let feeder = std::thread::spawn(move || stdin.write_all(names.as_bytes()).unwrap());
    let output = java.wait_with_output().unwrap();
    feeder.join().unwrap();
    assert!(output.status.success(), "java failed: {}", output.status);
    let text = String::from_utf8(output.stdout).unwrap();
    let read: Vec<_> = text.split_terminator("--\n").map(block).collect();
    assert_eq!(read.len(), files.len());
    read
}

fn block(text: &str) -> Option<BTreeMap<Vec<u16>, Vec<u16>>> {
    if text.contains("refused") {
        return None;
    }
    let units = |hex: &str| -> Vec<u16> {
        (0..hex.len()).step_by(4).map(|at| u16::from_str_radix(&hex[at..at + 4], 16).unwrap()).collect()
    };
    let pair = |line: &str| line.split_once('=').map(|(key, value)| (units(key), units(value))).unwrap();
    Some(text.lines().map(pair).collect())
}

fn units(map: BTreeMap<String, String>) -> BTreeMap<Vec<u16>, Vec<u16>> {
    map.into_iter()
        .map(|(key, value)| (key.encode_utf16().collect(), value.encode_utf16().collect()))
        .collect()
}

fn runner() -> TestRunner {
    TestRunner::new_with_rng(Config::default(), TestRng::deterministic_rng(Config::default().rng_algorithm))
}

fn byte() -> impl Strategy<Value = u8> {
    prop_oneof![
        8 => proptest::sample::select(b"\\\\\\\\\n\n\n\r \t\x0c=:#!u00abn\xe9".to_vec()),
        1 => any::<u8>(),
    ]
}

#[test]
fn java_reads_the_same() {
    let mut runner = runner();
    let mut files: Vec<Vec<u8>> = [
        &b"\\"[..],
        b"\\\n",
        b"\\\r\n#c\nx=y",
        b"\\\n\n\na",
        b"\\\n  \\\n b=c",
        b"#\\\na=b",
        b"a\\\n\\\n#b=c",
        b" \\\\\n#",
    ]
    .iter()
    .map(|bytes| bytes.to_vec())
    .collect();
    let strategy = proptest::collection::vec(byte(), 0..24);
    files.extend((0..4000).map(|_| strategy.new_tree(&mut runner).unwrap().current()));
    let (mut read, mut refused) = (0, 0);
    for (file, java) in files.iter().zip(java(&files)) {
        let shown = String::from_utf8_lossy(file);
        match (Properties::parse(file), java) {
            (Ok(ours), Some(theirs)) => {
                assert_eq!(units(ours.to_map()), theirs, "{shown:?}");
                read += 1;
            }
            (Err(_), None) => refused += 1,
            // Java keeps half a surrogate pair; for us that is no text.
            (Err(error), Some(_)) => assert!(error.to_string().contains("surrogate"), "{shown:?}: {error}"),
            (Ok(_), None) => panic!("java refuses {shown:?}"),
        }
    }
    assert!(read > 3000 && refused > 20, "the generator makes both kinds: {read} read, {refused} refused");
}

#[test]
fn java_reads_back_what_we_write() {
    let mut runner = runner();
    let strategy = (
        proptest::collection::vec(byte(), 0..12),
        "\\PC{0,6}|[ \\t\\\\=:#!\\n\\r]{0,4}",
        "(?s).{0,8}|[ \\t\\\\=:#!\\n\\r]{0,4}",
    );
    let mut files = Vec::new();
    let mut expected = Vec::new();
    while files.len() < 1500 {
        let (base, key, value) = strategy.new_tree(&mut runner).unwrap().current();
        let Ok(mut properties) = Properties::parse(&base) else { continue };
        let mut expect = properties.to_map();
        properties.set(&key, &value);
        expect.insert(key, value);
        files.push(properties.to_bytes());
        expected.push(units(expect));
    }
    for ((file, java), expect) in files.iter().zip(java(&files)).zip(expected) {
        assert_eq!(java.as_ref(), Some(&expect), "{:?}", String::from_utf8_lossy(file));
    }
}
