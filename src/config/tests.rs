#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use super::*;

/// The least that must be set.
fn minimal() -> BTreeMap<String, String> {
    env("MESOS_MASTER=127.0.0.1:5050 SCHEDULER_STATE_URI=file:///var/lib/kafka FRAMEWORK_USER=kafka \
         KAFKA_URI=file:///k.tgz EXECUTOR_URI=http://h/kafka-executor")
}

fn env(text: &str) -> BTreeMap<String, String> {
    text.split_whitespace()
        .map(|pair| pair.split_once('=').unwrap())
        .map(|(name, value)| (name.to_owned(), value.to_owned()))
        .collect()
}

/// Reads the minimal settings changed by `changes` (`NAME=` unsets).
fn read(changes: &str) -> Result<Settings, Errors> {
    let mut all = minimal();
    all.extend(env(changes));
    Settings::from_env(&all)
}

fn service(changes: &str) -> Service {
    read(changes).unwrap().service
}

/// The one mistake that `changes` make.
fn mistake(changes: &str) -> String {
    let Errors(errors) = read(changes).unwrap_err();
    assert_eq!(errors.len(), 1, "{changes}: {errors:?}");
    errors[0].to_string()
}

// S-016, S-060 to S-071, S-075 to S-086, D8, D13, D20, D22, D32, D33, D35, D36
#[test]
fn defaults_are_those_of_the_contract() {
    let Settings { process, service, warnings } = read("").unwrap();
    expect_test::expect_file!["tests/default.json"]
        .assert_eq(&format!("{}\n", serde_json::to_string_pretty(&service).unwrap()));
    assert_eq!(
        process,
        Process {
            masters: "127.0.0.1:5050".parse().unwrap(),
            state: StateUri::File("/var/lib/kafka".into()),
            listen_address: "0.0.0.0".parse().unwrap(),
            api_port: 8080,
            admin_port: None,
            host: None,
            access: Access::default(),
            kafka: KafkaClient::default(),
            log_format: LogFormat::Text,
            log_level: "info".into(),
            syslog: None,
            crash_at: None,
        }
    );
    assert_eq!(warnings, Vec::<String>::new());
}

/// A stored configuration of this version loads for good, whatever is added later.
#[test]
fn the_stored_form_loads_and_ignores_what_it_does_not_know() {
    let mut stored: serde_json::Value = serde_json::from_str(include_str!("tests/default.json")).unwrap();
    stored["brokers"]["from_the_future"] = true.into();
    assert_eq!(serde_json::from_value::<Service>(stored).unwrap(), service(""));
}

// S-019
#[test]
fn the_minimal_sample_is_accepted() {
    let brokers = service("BROKER_COUNT=1 BROKER_MEM=512 BROKER_HEAP_MB=500 BROKER_DISK=1000").brokers;
    assert_eq!((brokers.count, brokers.mem_mb, brokers.heap_mb, brokers.disk_mb), (1, 512, 500, 1000));
}

// S-020, S-021, S-071
#[test]
fn the_custom_sample_is_accepted() {
    let service = service(
        "FRAMEWORK_NAME=sample-kafka-custom PLACEMENT_STRATEGY=NODE BROKER_COUNT=10 \
         KAFKA_OVERRIDE_DELETE_TOPIC_ENABLE=true KAFKA_OVERRIDE_LOG_RETENTION_HOURS=128",
    );
    assert_eq!(service.framework.role, "sample-kafka-custom-role"); // S-026, D20
    assert_eq!(service.zookeeper_connect(), "master.mesos:2181/dcos-service-sample-kafka-custom"); // D7, S-088
    assert_eq!(service.brokers.placement, Placement::Node);
    let overrides: Vec<_> = service.kafka.overrides.iter().map(|(k, v)| format!("{k}={v}")).collect();
    assert_eq!(overrides, ["delete.topic.enable=true", "log.retention.hours=128"]);
}

// D28
#[test]
fn internal_topics_have_as_many_replicas_as_there_are_brokers_at_most_three() {
    for (count, replicas) in [(1, "1"), (2, "2"), (3, "3"), (9, "3")] {
        let defaults = service(&format!("BROKER_COUNT={count}")).kafka_defaults();
        assert_eq!(defaults["offsets.topic.replication.factor"], replicas);
        assert_eq!(defaults["transaction.state.log.replication.factor"], replicas);
        assert_eq!(defaults.len(), 2);
    }
}

// S-047: all at once, each with its variable, in the order of the table.
#[test]
fn all_mistakes_are_reported_at_once() {
    let errors =
        Settings::from_env(&env("BROKER_COUNT=0 BROKER_CPUS=x PORT1=99999 KAFKA_OVERRIDE_BROKER_ID=7"))
            .unwrap_err();
    expect_test::expect_file!["tests/mistakes.txt"].assert_eq(&format!("{errors}\n"));
}

#[test]
fn each_mistake_says_what_is_wrong_and_what_to_give_instead() {
    let cases = [
        "MESOS_MASTER=zk://master.mesos:2181/mesos",          // D21
        "MESOS_MASTER=a:5050/path",                           // D21
        "SCHEDULER_STATE_URI=zk://h:2181/dcos-service-kafka", // D21
        "SCHEDULER_STATE_URI=file://relative",                // D21
        "SCHEDULER_STATE_URI=",                               // D21
        "PORT0=8080",                                         // D22
        "LISTEN_ADDRESS=localhost",                           // D22
        "LOG_LEVEL=in=fo=",
        "SCHEDULER_SYSLOG_URI=log://u:secret@h:514", // D24
        "SCHEDULER_SYSLOG_FACILITY=local8",          // D24
        "SCHEDULER_SYSLOG_FORMAT=json",              // D24
        "SCHEDULER_SYSLOG_CA_FILE=ca.pem",           // D24
        "FRAMEWORK_NAME=My/Kafka",                   // S-060
        "FRAMEWORK_ROLE=*",                          // D20
        "FRAMEWORK_USER=",                           // D35
        "FRAMEWORK_FAILOVER_TIMEOUT_SEC=0",          // D35
        "BROKER_COUNT=three",                        // S-061
        "BROKER_PORT=65536",                         // S-062
        "PLACEMENT_STRATEGY=RACK",                   // S-063
        "PHASE_STRATEGY=STAGE",                      // S-064
        "BROKER_MEM=1000",                           // S-066
        "BROKER_HEAP_MB=3000",                       // S-066
        "BROKER_DISK=-1",                            // S-067
        "DISK_TYPE=SSD",                             // S-068
        "BROKER_CPUS=0.0001",                        // S-069
        "BROKER_CPUS=0",                             // S-069
        "KAFKA_ZOOKEEPER_URI=zk://h:2181/kafka",     // S-070
        "KAFKA_OVERRIDE_LOG__DIRS=x",                // S-071
        "KAFKA_OVERRIDE_ADVERTISED_LISTENERS=x",     // D37
        "ENABLE_REPLACEMENT=true",                   // S-075
        "BROKER_HEALTH_CHECK_INTERVAL_SEC=0",        // S-083
        "ENABLE_BROKER_HEALTH_CHECK=yes",            // S-081
        "KAFKA_URI=kafka.tgz",                       // D34
        "EXECUTOR_URI=",                             // D34
        "BROKER_JVM_OPTS=-Xmx1g",                    // D39
        "BROKER_JMX_PORT=9999",                      // D39
        "BROKER_METRICS_AGENT_URI=jolokia.jar",      // D39
        "BROKER_HEALTH_CHECK_TOPIC=a/b",             // S-081
        "BROKER_STATSD_HOST=localhost:8125",         // D23
        "BROKER_STATSD_PREFIX=a..b",                 // D23
        "BROKER_SYSLOG_URI=logs.example:514",        // D24
        "BROKER_SYSLOG_FACILITY=kafka",              // D24
        "BROKER_SYSLOG_CA_FILE=ca.pem",              // D24
        "API_TOKENS_FILE=tokens",                    // D39
        "API_JWT_KEY_FILE=/k.pem",                   // D39
        "API_JWT_ALGORITHM=HS256",                   // D39
        "API_TLS_CERT_FILE=/c.pem",                  // D39
        "API_TLS_KEY_FILE=/k.pem",                   // D39
        "API_PORT=9092",                             // D32
        "KAFKA_SCHEDULER_CRASH_AT=sometimes",
    ];
    let told: String = cases.iter().map(|case| format!("{case}\n    {}\n", mistake(case))).collect();
    expect_test::expect_file!["tests/each.txt"].assert_eq(&told);
}

// S-071, S-074: every key of the package at the tag can be set.
#[test]
fn overrides_map_names_to_keys() {
    let mut all = minimal();
    for (name, value) in [
        ("KAFKA_OVERRIDE_MAX_CONNECTIONS_PER_IP_OVERRIDES", ""),
        ("KAFKA_OVERRIDE_log_retention_bytes", "-1"),
    ] {
        all.insert(name.into(), value.into());
    }
    let overrides = Settings::from_env(&all).unwrap().service.kafka.overrides;
    assert_eq!(overrides["max.connections.per.ip.overrides"], "");
    assert_eq!(overrides["log.retention.bytes"], "-1");
    all.insert("KAFKA_OVERRIDE_LOG_RETENTION_BYTES".into(), "1".into());
    let error = Settings::from_env(&all).unwrap_err().to_string();
    assert!(error.ends_with("sets log.retention.bytes a second time: remove one"), "{error}");
}

// D37
#[test]
fn every_reserved_key_is_refused_with_the_option_that_sets_it() {
    for (key, instead) in api::launch::RESERVED {
        let key = if key.ends_with('.') { format!("{key}host.name") } else { (*key).to_owned() };
        let error = mistake(&format!("{}=x", overrides::variable(&key)));
        assert!(error.contains(&key) && error.ends_with(instead), "{error}");
    }
}

#[test]
fn names_that_look_like_ours_are_warned_of() {
    for (name, meant) in [
        ("BROKER_COUNTS", "BROKER_COUNT"),
        ("BROKER_DISK_TYPE", "kafka-scheduler --variables"),
        ("PHASE_STRATEGIE", "PHASE_STRATEGY"),
        ("framework_name", "FRAMEWORK_NAME"),
        ("KAFKA_OVERIDE_LOG_DIRS", "KAFKA_OVERRIDE_<KEY>"),
        ("KAFKA_OVERRIDES_LOG_DIRS", "KAFKA_OVERRIDE_<KEY>"),
        ("FRAMEWORK_SECRET", "kafka-scheduler --variables"),
    ] {
        let warnings = read(&format!("{name}=x")).unwrap().warnings;
        assert!(
            warnings.len() == 1 && warnings[0].contains(name) && warnings[0].contains(meant),
            "{warnings:?}"
        );
    }
    let others = "PATH=x HOME=x HOSTNAME=x PORT=1 PORT2=1 PORTS=1 USER=x MESOS_TASK_ID=x MESOS_SANDBOX=x \
                  MARATHON_APP_ID=x JAVA_HOME=x KAFKA_HOME=x RUST_LOG=x LANG=x";
    assert_eq!(read(others).unwrap().warnings, Vec::<String>::new());
}

// D24
#[test]
fn the_schedulers_own_log_may_go_to_syslog() {
    assert_eq!(read("SCHEDULER_SYSLOG_FACILITY=local1").unwrap().process.syslog, None);
    let settings = read("SCHEDULER_SYSLOG_URI=udp://log:514").unwrap();
    let syslog = Syslog {
        uri: "udp://log:514".to_owned(),
        facility: "daemon".to_owned(),
        format: SyslogFormat::Rfc5424,
        ca_file: None,
    };
    assert_eq!(settings.process.syslog, Some(syslog));
    assert_eq!(settings.service, service(""), "no broker is touched by it");
    let all = "SCHEDULER_SYSLOG_URI=tls://log:6514 SCHEDULER_SYSLOG_FACILITY=local1 \
               SCHEDULER_SYSLOG_FORMAT=rfc3164 SCHEDULER_SYSLOG_CA_FILE=/ca.pem";
    let syslog = Syslog {
        uri: "tls://log:6514".to_owned(),
        facility: "local1".to_owned(),
        format: SyslogFormat::Rfc3164,
        ca_file: Some("/ca.pem".to_owned()),
    };
    assert_eq!(read(all).unwrap().process.syslog, Some(syslog));
    let warnings = read("SCHEDULER_SYSLOG_URL=x").unwrap().warnings;
    assert!(warnings.len() == 1 && warnings[0].contains("is SCHEDULER_SYSLOG_URI meant?"), "{warnings:?}");
}

// D8
#[test]
fn a_port_without_effect_is_warned_of() {
    let warnings = read("BROKER_PORT=9093").unwrap().warnings;
    assert!(warnings.len() == 1 && warnings[0].contains("BROKER_PORT=9093 has no effect"), "{warnings:?}");
    assert_eq!(read("BROKER_PORT=9093 PLACEMENT_STRATEGY=NODE").unwrap().warnings, Vec::<String>::new());
}

// D35
#[test]
fn the_web_address_names_a_host_that_others_can_reach() {
    for (changes, host) in [
        ("", "machine"),
        ("LISTEN_ADDRESS=127.0.0.1", "127.0.0.1"),
        ("LISTEN_ADDRESS=::1", "[::1]"),
        ("LISTEN_ADDRESS=127.0.0.1 HOST=node7", "node7"),
    ] {
        assert_eq!(read(changes).unwrap().process.host_or("machine"), host);
    }
}

fn refused(old: &str, new: &str) -> Vec<String> {
    match diff(&service(old), &service(new)) {
        Change::Refused(errors) => errors.iter().map(ValidationError::to_string).collect(),
        other => panic!("{old} to {new}: {other:?}"),
    }
}

// S-046, S-061: the guide's own words.
#[test]
fn fewer_brokers_are_refused() {
    assert_eq!(
        refused("BROKER_COUNT=3", "BROKER_COUNT=2"),
        [
            r#"Validation error on field "BROKER_COUNT": Decreasing this value (from 3 to 2) is not supported."#
        ]
    );
}

// S-029, S-060, S-063, S-067, S-068, S-070, D20, D35; all at once
#[test]
fn what_cannot_change_is_refused() {
    let new = "FRAMEWORK_NAME=other FRAMEWORK_PRINCIPAL=p FRAMEWORK_USER=u BROKER_DISK=6000 DISK_TYPE=MOUNT \
               PLACEMENT_STRATEGY=NODE KAFKA_ZOOKEEPER_URI=zookeeper.marathon.mesos:2181 BROKER_MEM=4096";
    expect_test::expect![[r#"
        Validation error on field "FRAMEWORK_NAME": Changing this value (from kafka to other) is not supported.
        Validation error on field "FRAMEWORK_ROLE": Changing this value (from kafka-role to other-role) is not supported.
        Validation error on field "FRAMEWORK_PRINCIPAL": Changing this value (from kafka-principal to p) is not supported.
        Validation error on field "FRAMEWORK_USER": Changing this value (from kafka to u) is not supported.
        Validation error on field "BROKER_DISK": Changing this value (from 5000 to 6000) is not supported.
        Validation error on field "DISK_TYPE": Changing this value (from ROOT to MOUNT) is not supported.
        Validation error on field "PLACEMENT_STRATEGY": Changing this value (from ANY to NODE) is not supported.
        Validation error on field "KAFKA_ZOOKEEPER_URI": Changing this value (from master.mesos:2181 to zookeeper.marathon.mesos:2181) is not supported."#]]
    .assert_eq(&refused("", new).join("\n"));
}

// D31
#[test]
fn a_change_costs_what_its_dearest_setting_costs() {
    for (old, new, cost) in [
        ("", "ROLLOUT_WAIT_FOR_ISR=false", Cost::Scheduler),
        ("", "BROKER_COUNT=4", Cost::Scheduler),
        ("BROKER_COUNT=1", "BROKER_COUNT=3", Cost::Restart), // D28
        ("", "BROKER_HEAP_MB=512", Cost::Restart),
        ("", "KAFKA_OVERRIDE_LOG_RETENTION_HOURS=100", Cost::Restart),
        ("", "BROKER_PORT=9093", Cost::Scheduler), // D8
        ("PLACEMENT_STRATEGY=NODE", "PLACEMENT_STRATEGY=NODE BROKER_PORT=9093", Cost::Reservation),
        ("", "BROKER_MEM=4096 BROKER_HEAP_MB=512", Cost::Reservation),
    ] {
        assert_eq!(diff(&service(old), &service(new)).cost(), Some(cost), "{new}");
    }
    let Change::Changed(fields) = diff(&service("KAFKA_OVERRIDE_A_B=1"), &service("KAFKA_OVERRIDE_A_B=2"))
    else {
        panic!("an override changed");
    };
    assert_eq!(
        fields,
        [FieldChange {
            variable: "KAFKA_OVERRIDE_A_B".into(),
            from: "1".into(),
            to: "2".into(),
            cost: Cost::Restart
        }]
    );
}

/// Nothing stored escapes the comparison: whatever leaf differs, `diff` and the fingerprint see it.
#[test]
fn every_stored_leaf_takes_part_in_the_comparison() {
    let base = service(
        "JAVA_URI=file:///j.tgz PLACEMENT_STRATEGY=NODE BROKER_JMX_PORT=9999 BROKER_STATSD_HOST=h \
         BROKER_METRICS_AGENT_URI=file:///a.jar BROKER_SYSLOG_URI=udp://h:514 BROKER_SYSLOG_CA_FILE=/ca.pem \
         BROKER_HEALTH_CHECK_TOPIC=health",
    );
    assert_eq!(diff(&base, &base.clone()), Change::Unchanged);
    let mut json = serde_json::to_value(&base).unwrap();
    json["brokers"]["protocol"] = "PLAINTEXT".into(); // left out, since it is
    let mut leaves = Vec::new();
    collect(&json, String::new(), &mut leaves);
    assert!(leaves.len() >= 30, "{leaves:?}");
    for leaf in leaves {
        let mut changed = json.clone();
        let value = changed.pointer_mut(&leaf).unwrap();
        *value = match (leaf.as_str(), &*value) {
            ("/brokers/listen_address", _) => "127.0.0.2".into(),
            ("/brokers/disk_type", _) => "MOUNT".into(),
            ("/brokers/placement", _) => "ANY".into(),
            ("/brokers/protocol", _) => "SASL_SSL".into(),
            ("/metrics/tags", _) => "dogstatsd".into(),
            ("/logs/format", _) => "rfc3164".into(),
            ("/phase_strategy", _) => "STAGE".into(),
            ("/brokers/cpus" | "/executor/cpus", _) => "7".into(),
            (_, serde_json::Value::Bool(flag)) => (!flag).into(),
            (_, serde_json::Value::Number(number)) => (number.as_u64().unwrap() + 1).into(),
            (_, serde_json::Value::String(text)) => format!("{text}x").into(),
            (_, serde_json::Value::Array(_)) => serde_json::json!(["-Dx"]),
            (_, serde_json::Value::Object(_)) => serde_json::json!({"a.b": "c"}),
            (_, serde_json::Value::Null) => panic!("{leaf} is null"),
        };
        let changed: Service = serde_json::from_value(changed).unwrap();
        assert_ne!(diff(&base, &changed), Change::Unchanged, "{leaf}");
        assert_ne!(base.fingerprint(), changed.fingerprint(), "{leaf}");
    }
}

/// JSON pointers of all values that are not objects with fields.
fn collect(value: &serde_json::Value, path: String, leaves: &mut Vec<String>) {
    match value {
        serde_json::Value::Object(fields) if !fields.is_empty() => {
            for (name, field) in fields {
                collect(field, format!("{path}/{name}"), leaves);
            }
        }
        _ => leaves.push(path),
    }
}

/// No name stands twice, no default contradicts its own rule, and the help shows all.
#[test]
fn the_table_is_sound() {
    let help = variables_help();
    for (index, variable) in VARIABLES.iter().enumerate() {
        assert!(VARIABLES[..index].iter().all(|v| v.name != variable.name), "{} stands twice", variable.name);
        assert!(help.contains(variable.name) && help.contains(variable.meaning));
        assert_eq!(variable.stored.is_none(), variable.on_change == OnChange::Process, "{}", variable.name);
    }
    // What is set to its default is as if it were not set.
    let mut explicit = minimal();
    for variable in VARIABLES {
        if let Fallback::Is(text) = variable.default {
            explicit.entry(variable.name.into()).or_insert_with(|| text.into());
        }
    }
    assert_eq!(Settings::from_env(&explicit).unwrap().service, service(""));
}

// S-018, D39: an empty variable counts as not set, so that a template can name all of them.
#[test]
fn empty_counts_as_not_set() {
    let mut all = minimal();
    for variable in VARIABLES {
        all.entry(variable.name.into()).or_default();
    }
    assert_eq!(Settings::from_env(&all).unwrap(), read("").unwrap());
}

// D39: an algorithm is ours to fix, files are named by whole paths, and nothing is guarded by half.
#[test]
fn access_is_read() {
    let access = |text: &str| read(text).unwrap().process.access;
    assert_eq!(access(""), Access::default());
    assert!(!access("API_TLS_CERT_FILE=/c.pem\nAPI_TLS_KEY_FILE=/k.pem").is_guarded());
    let jwt = access("API_JWT_KEY_FILE=/k.pem\nAPI_JWT_ALGORITHM=rs256");
    assert_eq!(jwt.jwt, Some(JwtFile { key: "/k.pem".into(), algorithm: JwtAlgorithm::Rs256 }));
    assert!(jwt.is_guarded() && access("API_TOKENS_FILE=/t").is_guarded());
    for (text, mistakes) in [
        ("API_JWT_KEY_FILE=k\nAPI_JWT_ALGORITHM=none", ["API_JWT_KEY_FILE", "API_JWT_ALGORITHM"]),
        ("API_TLS_KEY_FILE=k", ["API_TLS_CERT_FILE", "API_TLS_KEY_FILE"]),
    ] {
        let errors = read(text).unwrap_err();
        let fields: Vec<_> = errors.0.iter().map(|error| error.field.as_str()).collect();
        assert_eq!(fields, mistakes, "{errors}");
    }
    let warned = |text: &str| read(text).unwrap().warnings.iter().any(|w| w.contains("plain HTTP"));
    assert!(warned("API_TOKENS_FILE=/t"));
    assert!(!warned("API_TOKENS_FILE=/t\nLISTEN_ADDRESS=127.0.0.1"));
    assert!(!warned("API_TOKENS_FILE=/t\nAPI_TLS_CERT_FILE=/c\nAPI_TLS_KEY_FILE=/k"));
}

/// How the scheduler speaks to brokers: what is missing, what has no effect, and all of it at once (S-047).
#[test]
fn secured_brokers() {
    const SASL: &str = "KAFKA_CLIENT_SASL_MECHANISM=SCRAM-SHA-512 KAFKA_CLIENT_SASL_USER=mesos \
                        KAFKA_CLIENT_SASL_PASSWORD_FILE=/password";
    let kafka = |changes: &str| read(changes).unwrap().process.kafka;
    let client = kafka(&format!("BROKER_SECURITY_PROTOCOL=SASL_SSL KAFKA_CLIENT_CA_FILE=/ca {SASL}"));
    assert_eq!(client.tls, Some(KafkaTls { authorities: Some("/ca".into()), own: None }));
    let sasl = client.sasl.unwrap();
    assert_eq!((sasl.mechanism.as_str(), sasl.user.as_str()), ("SCRAM-SHA-512", "mesos"));
    assert_eq!(kafka("BROKER_SECURITY_PROTOCOL=ssl").tls, Some(KafkaTls { authorities: None, own: None }));
    assert_eq!(kafka("BROKER_SECURITY_PROTOCOL=PLAINTEXT"), KafkaClient::default());

    let fields = |changes: &str| -> Vec<String> {
        read(changes).unwrap_err().0.into_iter().map(|error| error.field).collect()
    };
    let missing = fields("BROKER_SECURITY_PROTOCOL=SASL_SSL KAFKA_CLIENT_CERT_FILE=/c");
    assert_eq!(
        missing,
        [
            "KAFKA_CLIENT_KEY_FILE",
            "KAFKA_CLIENT_SASL_MECHANISM",
            "KAFKA_CLIENT_SASL_USER",
            "KAFKA_CLIENT_SASL_PASSWORD_FILE"
        ]
    );
    assert_eq!(fields(&format!("KAFKA_CLIENT_CA_FILE=/ca {SASL}")).len(), 4);
    for (changes, why) in [
        (
            "KAFKA_CLIENT_CA_FILE=/ca".to_owned(),
            "no effect with BROKER_SECURITY_PROTOCOL=PLAINTEXT, only with SSL",
        ),
        (
            format!("BROKER_SECURITY_PROTOCOL=SASL_PLAINTEXT {SASL} KAFKA_CLIENT_SASL_MECHANISM=PLAIN"),
            "for everybody to read",
        ),
        (
            format!("BROKER_SECURITY_PROTOCOL=SASL_SSL {SASL} KAFKA_CLIENT_SASL_PASSWORD_FILE=p"),
            "absolute path",
        ),
        ("BROKER_SECURITY_PROTOCOL=TLS".to_owned(), "is not one of PLAINTEXT, SSL, SASL_PLAINTEXT, SASL_SSL"),
        ("BROKER_SECURITY_PROTOCOL=SSL BROKER_HEALTH_CHECK_TOPIC=h".to_owned(), "have no credentials"),
    ] {
        let error = mistake(&changes);
        assert!(error.contains(why), "{error}");
    }
}

/// Brokers find each other on their one listener, and a stored configuration from before there was a choice is plain.
#[test]
fn brokers_speak_to_each_other_as_to_clients() {
    const KEY: &str = "security.inter.broker.protocol";
    assert_eq!(service("BROKER_SECURITY_PROTOCOL=SSL").kafka_defaults()[KEY], "SSL");
    let plain = service("");
    assert!(!plain.kafka_defaults().contains_key(KEY));
    let stored = serde_json::to_value(&plain).unwrap();
    assert_eq!(stored["brokers"].get("protocol"), None);
    assert_eq!(serde_json::from_value::<Service>(stored).unwrap(), plain);
    // All would have to change at once.
    let change = diff(&plain, &service("BROKER_SECURITY_PROTOCOL=SSL"));
    assert!(matches!(change, Change::Refused(_)), "{change:?}");
}
