use super::*;

pub(super) fn parse(line: &str) -> Result<Args, clap::Error> {
    Args::try_parse_from(format!("dcos-kafka {line}").split_whitespace())
}

#[test]
fn definition_is_sound() {
    Args::command().debug_assert();
}

// S-116, S-127: both spellings, before the command and after it.
#[test]
fn name() {
    for line in
        ["--name kafka-dev broker list", "--name=kafka-dev broker list", "broker list --name=kafka-dev"]
    {
        assert_eq!(parse(line).unwrap().common.name.as_deref(), Some("kafka-dev"), "{line}");
    }
    assert_eq!(parse("broker list").unwrap().common.name, None);
}

// S-013, S-104, D41: what is not given is not sent.
#[test]
fn topic_create() {
    let counts = |line: &str| match parse(line).unwrap().command {
        Some(Command::Topic(Topic::Create { partitions, replication, .. })) => (partitions, replication),
        other => panic!("{other:?}"),
    };
    assert_eq!(counts("topic create topic1"), (None, None));
    assert_eq!(counts("topic create topic1 --partitions=3 --replication=2"), (Some(3), Some(2)));
    assert_eq!(counts("topic create topic1 -p 3 -r 2"), (Some(3), Some(2)));
}

// S-117: the guide's spelling, and one with hyphens.
#[test]
fn both_spellings() {
    for name in ["under_replicated_partitions", "under-replicated-partitions"] {
        let command = parse(&format!("topic {name}")).unwrap().command;
        assert!(matches!(command, Some(Command::Topic(Topic::UnderReplicatedPartitions))), "{name}");
    }
    for name in ["unavailable_partitions", "unavailable-partitions"] {
        let command = parse(&format!("topic {name}")).unwrap().command;
        assert!(matches!(command, Some(Command::Topic(Topic::UnavailablePartitions))), "{name}");
    }
}

// S-105, D6
#[test]
fn topic_offsets() {
    let time = |line: &str| match parse(line).map(|args| args.command) {
        Ok(Some(Command::Topic(Topic::Offsets { time, .. }))) => Ok(time.map(|time| time.0)),
        Ok(other) => panic!("{other:?}"),
        Err(error) => Err(error.exit_code()),
    };
    assert_eq!(time("topic offsets t"), Ok(None));
    for good in ["first", "last", "-1", "-2", "0", "1764104090500"] {
        assert_eq!(time(&format!("topic offsets t --time={good}")), Ok(Some(good.to_owned())));
        assert_eq!(time(&format!("topic offsets t --time {good}")), Ok(Some(good.to_owned())));
    }
    for bad in ["", "-3", "now", "1.5", "9223372036854775808"] {
        assert_eq!(time(&format!("topic offsets t --time={bad}")), Err(2), "{bad}");
    }
}

// Usage mistakes end with 2, help and version with 0.
#[test]
fn exit_codes() {
    let code =
        |line: &str| parse(line).and_then(Args::complete).map_or_else(|error| error.exit_code(), |_| 0);
    for line in ["--help", "--version", "plan show --help", "help topic create", "--info", "--config-schema"]
    {
        assert_eq!(code(line), 0, "{line}");
    }
    for line in [
        "",
        "--table",
        "brokers",
        "topic create",
        "topic create t --partitions=0",
        "plan show --within 5",
        "plan show --wait --within 0",
        "connection --timeout x",
        "connection addresses",
        "topic partitions t",
        "topic partitions t 0",
        "topic delete",
        "connection --token t --token-file f",
        "topic config",
        "topic reassign",
        "topic reassign t --partition=0=1 --brokers=0",
        "topic reassign t --dry-run --wait",
        "topic reassign t --throttle=fast",
        "topic reassignments --within=5",
        "topic cancel-reassignments",
        "topic cancel-reassignments t --all",
        "topic elect-leaders",
        "topic elect-leaders t --all",
        "topic elect-leaders --partition=0",
        "broker log-dirs x",
        "group describe",
    ] {
        assert_eq!(code(line), 2, "{line}");
    }
}

// `--help` is the documentation: what one needs to begin is in it.
#[test]
fn help() {
    let text = Args::command().render_long_help().to_string();
    for part in [
        "connection",
        "broker",
        "plan",
        "topic",
        "group",
        "--table",
        "--name <NAME>",
        "--url <URL>",
        "KAFKA_SCHEDULER_URL",
        "KAFKA_SCHEDULER_TOKEN",
        "--token-file <FILE>",
        "DCOS_URL",
        "core.dcos_url",
        "dcos-kafka plan show --wait",
        "Exit codes: 0 done, 1 refused or failed, 2 wrong usage.",
    ] {
        assert!(text.contains(part), "{part:?} is missing in:\n{text}");
    }
}
