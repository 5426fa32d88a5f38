//! The program as an operator meets it, golden: what it prints, writes and answers.
//! `UPDATE_EXPECT=1 cargo test -p overrider` rewrites the expectations.
#![allow(clippy::unwrap_used, missing_docs)] // a failed unwrap is a failed test

use std::{
    path::{Path, PathBuf},
    process::Command,
};

use expect_test::{Expect, expect};

fn golden(name: &str) -> String {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden").join(name).to_str().unwrap().to_owned()
}

/// Runs it with a clean environment but for `env`, and compares exit code, stderr and stdout.
fn check(args: &[&str], env: &[(&str, &str)], expect: Expect) {
    let output = Command::new(env!("CARGO_BIN_EXE_kafka-overrider"))
        .args(args)
        .env_clear()
        .envs(env.iter().copied())
        .output()
        .unwrap();
    let text = format!(
        "exit {}\n{}----\n{}",
        output.status.code().unwrap(),
        String::from_utf8(output.stderr).unwrap(),
        String::from_utf8(output.stdout).unwrap()
    );
    expect.assert_eq(&text.replace(&golden(""), "golden/"));
}

#[test]
fn layers_win_in_order_and_the_rest_keeps_its_bytes() {
    let layer = format!("service={}", golden("service.properties"));
    check(
        &[&golden("server.properties"), "--layer", &layer, "--env", "--set", "num.io.threads=4"],
        &[
            ("KAFKA_OVERRIDE_LOG_RETENTION_HOURS", "24"),
            ("KAFKA_OVERRIDE_NUM_NETWORK_THREADS", "3"),
            ("OTHER", "1"),
        ],
        expect![[r#"
            exit 0
            log.cleanup.policy: compact,delete → delete (service)
            log.retention.hours: 72 → 24 (environment over service)
            num.io.threads: unset → 4 (--set)
            ssl.keystore.password: [hidden] → [hidden] (service)
            ----
            # The broker's own file.
            broker.id=0

            ############################# Sockets #############################
            #listeners=PLAINTEXT://:9092
            num.network.threads = 3
            socket.send.buffer.bytes: 102400
            log.cleanup.policy=delete

            log.retention.hours=168
            ssl.keystore.password=new
            log.retention.hours=24
            num.io.threads=4
        "#]],
    );
}

#[test]
fn starts_empty_without_a_file() {
    check(
        &["--set", "a=b=c", "--set", "path= \\"],
        &[],
        expect![[r#"
        exit 0
        a: unset → b=c (--set)
        path: unset →  \ (--set)
        ----
        a=b=c
        path=\ \\
    "#]],
    );
}

// D37
#[test]
fn reserved_keys_are_refused_all_at_once() {
    check(
        &[
            "--set",
            "port=1",
            "--set",
            "advertised.port=2",
            "--reserve",
            "port=use BROKER_PORT",
            "--reserve",
            "advertised.*=use X",
        ],
        &[],
        expect![[r#"
            exit 1
            kafka-overrider: advertised.port (--set) is reserved: use X; port (--set) is reserved: use BROKER_PORT
            ----
        "#]],
    );
}

#[test]
fn check_writes_nothing_and_tells_by_its_code() {
    let file = golden("server.properties");
    check(
        &[&file, "--check", "--set", "broker.id=0"],
        &[],
        expect![[r#"
        exit 0
        ----
    "#]],
    );
    check(
        &[&file, "--check", "--set", "broker.id=1"],
        &[],
        expect![[r#"
        exit 1
        broker.id: 0 → 1 (--set)
        ----
    "#]],
    );
}

#[test]
fn output_replaces_the_file() {
    let directory = tempfile::tempdir().unwrap();
    let path: PathBuf = directory.path().join("out.properties");
    std::fs::write(&path, "# kept\na=1\n").unwrap();
    let path = path.to_str().unwrap();
    check(
        &[path, "--set", "a=2", "--output", path],
        &[],
        expect![[r#"
        exit 0
        a: 1 → 2 (--set)
        ----
    "#]],
    );
    assert_eq!(std::fs::read_to_string(path).unwrap(), "# kept\na=2\n");
}

#[test]
fn what_cannot_be_read_is_said() {
    check(
        &["golden/nowhere"],
        &[],
        expect![[r#"
        exit 1
        kafka-overrider: cannot read golden/nowhere: No such file or directory (os error 2)
        ----
    "#]],
    );
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("bad.properties");
    std::fs::write(&path, "a=\\u00\nb=\\uzzzz\n").unwrap();
    let output = Command::new(env!("CARGO_BIN_EXE_kafka-overrider")).arg(&path).output().unwrap();
    let error = String::from_utf8(output.stderr).unwrap();
    assert!(error.contains("line 1: ") && error.contains("line 2: "), "{error}");
    assert_eq!(output.status.code(), Some(1));
}
