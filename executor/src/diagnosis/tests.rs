//! Recorded evidence → cause and words. The same ends, made to happen to a real JVM, are in `tests/supervise/forensics.rs`.

use expect_test::{Expect, expect};

use super::*;

fn facts() -> Facts {
    Facts {
        java: "/jre/bin/java".to_owned(),
        heap_mb: 256,
        address: "127.0.0.1:9092".to_owned(),
        volume: "data".to_owned(),
        zookeeper: "zk:2181/dcos-service-kafka".to_owned(),
    }
}

fn texts(text: &str) -> Vec<String> {
    text.lines().map(str::to_owned).collect()
}

fn said(stdout: &str, stderr: &str) -> Evidence {
    let disk = |path: &str, free| Disk { free, path: path.to_owned(), total: 10 << 20 };
    Evidence {
        facts: facts(),
        stdout: texts(stdout),
        stderr: texts(stderr),
        memory: Some(Memory { limit: Some(300 << 20), oom_kills: 0 }),
        disks: vec![disk("data", 4096), disk(".", 5 << 20)],
        ..Evidence::default()
    }
}

#[track_caller]
fn check(how: How, evidence: &Evidence, expect: Expect) {
    let found = diagnose(how, Wanted::ByNobody, evidence);
    expect.assert_eq(&format!("{}: {}", found.cause, found.words));
}

#[track_caller]
fn exits(stdout: &str, stderr: &str, expect: Expect) {
    check(How::Code(1), &said(stdout, stderr), expect);
}

/// Kafka's own report of a fatal error in front of other lines.
fn fatal(exception: &str) -> String {
    format!(
        "[2026-11-25 20:53:49,465] INFO starting (kafka.server.KafkaServer)\n\
         [2026-11-25 20:53:50,198] ERROR Exiting Kafka due to fatal exception during startup. (kafka.Kafka$)\n{exception}\n\
         [2026-11-25 20:53:50,199] INFO shutting down (kafka.server.KafkaServer)"
    )
}

// D45
#[test]
fn what_java_says_of_itself() {
    exits(
        "",
        "Error: Could not find or load main class kafka.Kafka\nCaused by: java.lang.ClassNotFoundException: kafka.Kafka",
        expect![[
            r#"missing_class: a class is missing (Error: Could not find or load main class kafka.Kafka: java.lang.ClassNotFoundException: kafka.Kafka): is KAFKA_URI the archive of a whole Kafka distribution?"#
        ]],
    );
    exits(
        "",
        "java: error while loading shared libraries: libjli.so: cannot open shared object file: No such file or directory",
        expect![[
            r#"java_unusable: /jre/bin/java is no whole Java (java: error while loading shared libraries: libjli.so: cannot open shared object file: No such file or directory): JAVA_URI, or else the agent's JAVA_HOME or PATH, must name a whole JRE"#
        ]],
    );
    exits(
        "",
        "Error: could not find libjava.so\nError: Could not find Java SE Runtime Environment.",
        expect![[
            r#"java_unusable: /jre/bin/java is no whole Java (Error: Could not find Java SE Runtime Environment.): JAVA_URI, or else the agent's JAVA_HOME or PATH, must name a whole JRE"#
        ]],
    );
    exits(
        "",
        "Error: LinkageError occurred while loading main class kafka.Kafka\n\tjava.lang.UnsupportedClassVersionError: kafka/Kafka has been compiled by a more recent version of the Java Runtime (class file version 55.0), this version of the Java Runtime only recognizes class file versions up to 52.0",
        expect![[
            r#"java_too_old: /jre/bin/java is too old for this Kafka (java.lang.UnsupportedClassVersionError: kafka/Kafka has been compiled by a more recent version of the Java Runtime (class file version 55.0), this version of the Java Runtime only recognizes class file versions up to 52.0): give the brokers a newer JRE by JAVA_URI"#
        ]],
    );
    exits(
        "",
        "Unrecognized VM option 'Foo'\nError: Could not create the Java Virtual Machine.\nError: A fatal exception has occurred. Program will exit.",
        expect![[
            r#"bad_jvm_option: the JVM refuses an option (Unrecognized VM option 'Foo'): correct BROKER_JVM_OPTS"#
        ]],
    );
    exits(
        "Error occurred during initialization of VM\nMultiple garbage collectors selected",
        "",
        expect![[
            r#"bad_jvm_option: the JVM refuses an option (Multiple garbage collectors selected): correct BROKER_JVM_OPTS"#
        ]],
    );
}

// D45
#[test]
fn memory_of_each_kind() {
    exits(
        "Error occurred during initialization of VM\nCould not reserve enough space for 2048000KB object heap",
        "",
        expect![[
            r#"heap_too_large: its heap of 256 MiB does not fit into the memory there is (Could not reserve enough space for 2048000KB object heap): lower BROKER_HEAP_MB"#
        ]],
    );
    exits(
        "#\n# There is insufficient memory for the Java Runtime Environment to continue.\n# Native memory allocation (mmap) failed to map 268435456 bytes. Error detail: committing reserved memory.",
        "",
        expect![[
            r#"heap_too_large: its heap of 256 MiB does not fit into the memory there is (Native memory allocation (mmap) failed to map 268435456 bytes. Error detail: committing reserved memory.): lower BROKER_HEAP_MB"#
        ]],
    );
    exits(
        "#\n# There is insufficient memory for the Java Runtime Environment to continue.\n# Native memory allocation (malloc) failed to allocate 32744 bytes. Error detail: ChunkPool::allocate",
        "",
        expect![[
            r#"native_memory: the system has no memory for the JVM (Native memory allocation (malloc) failed to allocate 32744 bytes. Error detail: ChunkPool::allocate): lower BROKER_HEAP_MB (now 256), or give the brokers a larger BROKER_MEM"#
        ]],
    );
    exits(
        "Error occurred during initialization of VM\nCould not allocate compressed class space: 1073741824 bytes",
        "",
        expect![
            "native_memory: the system has no memory for the JVM (Could not allocate compressed class space: 1073741824 bytes): lower BROKER_HEAP_MB (now 256), or give the brokers a larger BROKER_MEM"
        ],
    );
    check(
        How::Code(3),
        &said("Terminating due to java.lang.OutOfMemoryError: Java heap space", ""),
        expect![[
            r#"heap_out_of_memory: its heap of 256 MiB is full (java.lang.OutOfMemoryError: Java heap space): raise BROKER_HEAP_MB"#
        ]],
    );
    check(
        How::Code(3),
        &said("Terminating due to java.lang.OutOfMemoryError: Metaspace", ""),
        expect![[
            r#"metaspace: there is no room for its classes (java.lang.OutOfMemoryError: Metaspace): raise -XX:MaxMetaspaceSize in BROKER_JVM_OPTS, or leave it out"#
        ]],
    );
    check(
        How::Code(3),
        &said("", ""),
        expect![[
            r#"heap_out_of_memory: its heap of 256 MiB is full (by its exit code): raise BROKER_HEAP_MB"#
        ]],
    );
    let direct = fatal(
        "java.io.IOException: Couldn't instantiate org.apache.zookeeper.ClientCnxnSocketNIO\nCaused by: java.lang.OutOfMemoryError: Cannot reserve 4 bytes of direct buffer memory (allocated: 8192, limit: 8192)",
    );
    exits(
        &direct,
        "",
        expect![[
            r#"direct_memory: no direct buffer could be had (java.lang.OutOfMemoryError: Cannot reserve 4 bytes of direct buffer memory (allocated: 8192, limit: 8192)): raise -XX:MaxDirectMemorySize in BROKER_JVM_OPTS, or BROKER_HEAP_MB, which it is bounded by otherwise"#
        ]],
    );
    exits(
        "",
        "Exception in thread \"main\" java.lang.OutOfMemoryError: unable to create native thread: possibly out of memory or process/resource limits reached",
        expect![[
            r#"threads: no new thread could be had (java.lang.OutOfMemoryError: unable to create native thread: possibly out of memory or process/resource limits reached): raise the agent's limits on processes, or give the brokers a larger BROKER_MEM"#
        ]],
    );
}

// A client may call itself as it likes.
#[test]
fn names_that_clients_chose_are_no_evidence() {
    let lines = "[2026-11-25 20:53:50,198] INFO client java.lang.OutOfMemoryError: Java heap space (kafka.x)\n\
                 [2026-11-25 20:53:50,198] INFO topic Unrecognized VM option 'Foo' (kafka.x)";
    exits(lines, "", expect![[r#"unexplained: "#]]);
}

// D45
#[test]
fn what_kafka_says_of_itself() {
    exits(
        &fatal(
            "Caused by: org.apache.kafka.common.KafkaException: Socket server failed to bind to 127.0.0.1:9092: Address already in use.\n\tat x\nCaused by: java.net.BindException: Address already in use",
        ),
        "",
        expect![
            "port_in_use: something else listens on its port (Socket server failed to bind to 127.0.0.1:9092: Address already in use.): stop it, or give the broker another port (127.0.0.1:9092 now)"
        ],
    );
    exits(
        &fatal(
            "org.apache.kafka.common.config.ConfigException: Invalid value several for configuration num.io.threads: Not a number of type INT",
        ),
        "",
        expect![[
            r#"bad_property: Kafka refuses a property (Invalid value several for configuration num.io.threads: Not a number of type INT): correct KAFKA_OVERRIDE_NUM_IO_THREADS"#
        ]],
    );
    exits(
        &fatal(
            "org.apache.kafka.common.config.ConfigException: Invalid value sword for configuration ssl.key.password: no",
        ),
        "",
        expect![[
            r#"bad_property: Kafka refuses the value of ssl.key.password, which is not shown here: correct KAFKA_OVERRIDE_SSL_KEY_PASSWORD"#
        ]],
    );
    exits(
        &fatal(
            "java.lang.IllegalArgumentException: requirement failed: log.retention.ms must be unlimited (-1) or, greater than or equal to 1\n\tat kafka.server.KafkaConfig.getLogRetentionTimeMillis(KafkaConfig.scala:571)",
        ),
        "",
        expect![[
            r#"bad_property: Kafka refuses a property (log.retention.ms must be unlimited (-1) or, greater than or equal to 1): correct the KAFKA_OVERRIDE_… that sets it"#
        ]],
    );
    exits(
        &fatal(
            "java.lang.RuntimeException: Invalid cluster.id in: /s/data/kafka/meta.properties. Expected Y4G7, but read PtFb",
        ),
        "",
        expect![[
            r#"other_cluster: the data on the volume data belongs to another Kafka cluster (Invalid cluster.id in: /s/data/kafka/meta.properties. Expected Y4G7, but read PtFb): KAFKA_ZOOKEEPER_URI must name the ZooKeeper it was written with"#
        ]],
    );
    exits(
        &fatal(
            "kafka.common.InconsistentClusterIdException: The Cluster ID Y4G7 doesn't match stored clusterId Some(PtFb) in meta.properties.",
        ),
        "",
        expect![[
            r#"other_cluster: the data on the volume data belongs to another Kafka cluster (The Cluster ID Y4G7 doesn't match stored clusterId Some(PtFb) in meta.properties.): KAFKA_ZOOKEEPER_URI must name the ZooKeeper it was written with"#
        ]],
    );
    exits(
        &fatal(
            "java.lang.RuntimeException: Stored node id 5 doesn't match previous node id 1 in /s/data/kafka/meta.properties. If you moved your data",
        ),
        "",
        expect![[
            r#"other_broker: the data on the volume data belongs to another broker (Stored node id 5 doesn't match previous node id 1 in /s/data/kafka/meta.properties. If you moved your data): each broker must have the volume it wrote itself"#
        ]],
    );
    exits(
        &fatal(
            "org.apache.kafka.common.KafkaException: Failed to acquire lock on file .lock in /s/data/kafka. A Kafka instance in another process or thread is using this directory.",
        ),
        "",
        expect![[
            r#"data_locked: another process has the data on the volume data (Failed to acquire lock on file .lock in /s/data/kafka. A Kafka instance in another process or thread is using this directory.): stop the other Kafka there first"#
        ]],
    );
    exits(
        &fatal(
            "kafka.zookeeper.ZooKeeperClientTimeoutException: Timed out waiting for connection while in state: CONNECTING",
        ),
        "",
        expect![[
            r#"zookeeper: ZooKeeper at zk:2181/dcos-service-kafka could not be reached in time (Timed out waiting for connection while in state: CONNECTING): is it up, and is KAFKA_ZOOKEEPER_URI right?"#
        ]],
    );
    exits(
        &fatal("org.apache.zookeeper.KeeperException$NodeExistsException: KeeperErrorCode = NodeExists"),
        "",
        expect![[
            r#"id_taken: another broker is registered in ZooKeeper at zk:2181/dcos-service-kafka under its id (KeeperErrorCode = NodeExists): stop the other one, or wait for the end of its session"#
        ]],
    );
    exits(
        &fatal("java.lang.NoClassDefFoundError: org/apache/kafka/common/Foo"),
        "",
        expect![[
            r#"missing_class: a class is missing (java.lang.NoClassDefFoundError: org/apache/kafka/common/Foo): is KAFKA_URI the archive of a whole Kafka distribution?"#
        ]],
    );
    exits(
        &fatal("java.lang.IllegalStateException: odd\n\tat x\nCaused by: java.io.IOException: odder"),
        "",
        expect![[r#"fatal_error: Kafka ended with a fatal error (java.io.IOException: odder)"#]],
    );
}

// Kafka 2.8 says first why and then only that it ends.
#[test]
fn kafka_2_8_ends_with_fewer_words() {
    let lines = "[2026-11-25 20:53:50,086] ERROR [KafkaServer id=1] Fatal error during KafkaServer startup. Prepare to shutdown (kafka.server.KafkaServer)\n\
                 kafka.common.InconsistentBrokerIdException: Configured broker.id 1 doesn't match stored broker.id Some(5) in meta.properties.\n\tat x\n\
                 [2026-11-25 20:53:50,087] INFO [KafkaServer id=1] shutting down (kafka.server.KafkaServer)\n\
                 [2026-11-25 20:53:50,198] ERROR Exiting Kafka. (kafka.Kafka$)";
    exits(
        lines,
        "",
        expect![
            "other_broker: the data on the volume data belongs to another broker (Configured broker.id 1 doesn't match stored broker.id Some(5) in meta.properties.): each broker must have the volume it wrote itself"
        ],
    );
}

// D45
#[test]
fn disks() {
    let failed = "[2026-11-25 20:54:50,572] ERROR Error while writing to checkpoint file /s/data/kafka/x (org.apache.kafka.storage.internals.log.LogDirFailureChannel)\n\
                  java.io.IOException: No space left on device\n\
                  [2026-11-25 20:54:50,580] ERROR Shutdown broker because all log dirs in /s/data/kafka have failed (kafka.log.LogManager)";
    exits(
        failed,
        "",
        expect![[
            r#"disk_full: its disk is full (No space left on device; the volume data: 0.0 of 10.0 MiB free): make room there, keep less (log.retention.*), or take a larger disk"#
        ]],
    );
    exits(
        &failed.replace("No space left on device", "Input/output error"),
        "",
        expect![[
            r#"disk_failed: its disk failed, the log above it says how ([2026-11-25 20:54:50,580] ERROR Shutdown broker because all log dirs in /s/data/kafka have failed (kafka.log.LogManager)): look at the disk of the volume data"#
        ]],
    );
    exits(
        &fatal(
            "java.lang.InternalError: a fault occurred in a recent unsafe memory access operation in compiled Java code",
        ),
        "",
        expect![[
            r#"disk_full: its disk is full (a fault occurred in a recent unsafe memory access operation; the volume data: 0.0 of 10.0 MiB free): make room there, keep less (log.retention.*), or take a larger disk"#
        ]],
    );
}

// D45: who sent a signal is never guessed.
#[test]
fn signals() {
    check(
        How::Signal(9),
        &said("", ""),
        expect![
            "killed: somebody on the agent sent it: it was neither this executor nor the kernel's OOM killer, as the count in its memory cgroup shows"
        ],
    );
    let memory = Some(Memory { limit: Some(300 << 20), oom_kills: 1 });
    check(
        How::Signal(9),
        &Evidence { memory: memory.clone(), ..said("", "") },
        expect![[
            r#"kernel_out_of_memory: the kernel's OOM killer ended it, as its memory cgroup (limited to 300 MiB) counts: the JVM needs more than its heap of 256 MiB: lower BROKER_HEAP_MB, or give the brokers a larger BROKER_MEM"#
        ]],
    );
    check(
        How::Signal(9),
        &Evidence { memory, shared: true, ..said("", "") },
        expect![
            "kernel_out_of_memory: probably the kernel's OOM killer ended it: its memory cgroup (limited to 300 MiB), which it shares with others, counts 1 in the last seconds: the JVM needs more than its heap of 256 MiB: lower BROKER_HEAP_MB, or give the brokers a larger BROKER_MEM"
        ],
    );
    check(
        How::Signal(9),
        &Evidence { memory: None, ..said("", "") },
        expect![[
            r#"killed: this executor did not send it: somebody on the agent did, or the kernel for want of memory, which cannot be seen here for lack of a readable memory cgroup"#
        ]],
    );
    check(
        How::Signal(12),
        &said("", ""),
        expect![[r#"signal: neither this executor nor Kafka sent it: somebody on the agent did"#]],
    );
    check(
        How::Code(143),
        &said("", ""),
        expect![[r#"signal: it was asked to by SIGTERM, which somebody on the agent sent"#]],
    );
    check(
        How::Signal(11),
        &said("", ""),
        expect![[
            r#"jvm_crash: the JVM itself crashed and left no hs_err file: look for a native library among its options, or a faulty machine"#
        ]],
    );
    let head = "# A fatal error has been detected by the Java Runtime Environment:\n\
                #  SIGSEGV (0xb) at pc=0x00007f, pid=1, tid=2\n# Problematic frame:\n# C  [libc.so.6+0x8ac53]";
    let crash = Some(CrashFile { head: texts(head), name: "hs_err_pid1.log".to_owned() });
    check(
        How::Signal(6),
        &Evidence { crash, ..said("", "") },
        expect![[
            r#"jvm_crash: the JVM itself crashed, hs_err_pid1.log in its sandbox says how: SIGSEGV (0xb) at pc=0x00007f, pid=1, tid=2; in C  [libc.so.6+0x8ac53]"#
        ]],
    );
}

#[test]
fn an_end_that_was_asked_for_is_that() {
    let request = || Wanted::ByRequest { forced: false };
    let memory = Wanted::ForMemory { said: "Direct buffer memory".to_owned() };
    for (how, wanted, cause) in [
        (How::Code(143), request(), Cause::Asked),
        (How::Code(0), request(), Cause::Asked),
        (How::Code(1), request(), Cause::Asked),
        (How::Signal(15), request(), Cause::Asked),
        (How::Signal(9), Wanted::ByRequest { forced: true }, Cause::Asked),
        (How::Signal(9), Wanted::ByHealthCheck { forced: true }, Cause::HealthCheck),
        (How::Code(143), Wanted::ByHealthCheck { forced: false }, Cause::HealthCheck),
        (How::Code(143), memory, Cause::DirectMemory),
        // Asked to stop, and killed by somebody before it could.
        (How::Signal(9), request(), Cause::Killed),
        (How::Signal(6), request(), Cause::JvmCrash),
    ] {
        assert_eq!(diagnose(how, wanted.clone(), &said("", "")).cause, cause, "{how:?} {wanted:?}");
    }
}

// What the JVM ends itself for is left to it: a dump of its heap takes time.
#[test]
fn memory_that_the_jvm_does_not_end_for() {
    for (line, expect) in [
        ("java.lang.OutOfMemoryError: Direct buffer memory", Some("Direct buffer memory")),
        (
            "Caused by: java.lang.OutOfMemoryError: Cannot reserve 4 bytes of direct buffer memory (x)",
            Some("Cannot reserve 4 bytes of direct buffer memory (x)"),
        ),
        (
            "Exception in thread \"x\" java.lang.OutOfMemoryError: unable to create native thread: x",
            Some("unable to create native thread: x"),
        ),
        ("java.lang.OutOfMemoryError: Java heap space", None),
        ("Terminating due to java.lang.OutOfMemoryError: Metaspace", None),
        (
            "[2026-11-25 20:53:50,198] INFO client java.lang.OutOfMemoryError: Direct buffer memory (kafka.x)",
            None,
        ),
        ("java.lang.OutOfMemoryError", None),
        ("started", None),
    ] {
        assert_eq!(out_of_memory(line), expect, "{line}");
    }
}

/// Bytes of a linear congruential generator: the same in every run.
struct Bytes(u64);

impl Bytes {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        self.0 >> 33
    }

    /// Noise with pieces of what is looked for in it.
    fn text(&mut self) -> String {
        const PIECES: [&str; 22] = [
            "\n",
            "[2026] ERROR ",
            "java.lang.OutOfMemoryError",
            ": ",
            "Caused by: ",
            " for configuration ",
            "password=",
            "password =",
            "é",
            "#",
            " at pc=",
            "Problematic frame:\n",
            "oom_kill ",
            "4:memory:/",
            "0::/",
            " - cgroup2 ",
            "requirement failed: ",
            "Native memory allocation (mmap) ",
            "18446744073709551616",
            "/../",
            "ConfigException",
            "\0",
        ];
        let mut bytes = Vec::new();
        for _ in 0..self.next() % 60 {
            if self.next().is_multiple_of(3) {
                bytes.push(self.next() as u8);
            } else {
                bytes.extend(PIECES[self.next() as usize % PIECES.len()].as_bytes());
            }
        }
        String::from_utf8_lossy(&bytes).into_owned()
    }
}

// Whatever others write into logs, crash files and /proc: no panic, no bound broken, no secret shown.
#[test]
fn any_bytes_are_read() {
    let mut bytes = Bytes(45);
    for _ in 0..1000 {
        fuzz(format!("{}{}", bytes.text(), bytes.text().repeat(20)).as_bytes());
    }
}
