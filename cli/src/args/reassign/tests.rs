use super::super::{Command, Topic, tests::parse};

fn wish(line: &str) -> Result<String, String> {
    match parse(line).unwrap().command {
        Some(Command::Topic(Topic::Reassign(reassign))) => match reassign.wish() {
            Ok(wish) => Ok(serde_json::to_string(&wish).unwrap()),
            Err(mistakes) => Err(mistakes.to_string()),
        },
        other => panic!("{other:?}"),
    }
}

#[test]
fn wishes() {
    assert_eq!(wish("topic reassign a b").as_deref(), Ok(r#"{"topics":["a","b"]}"#));
    assert_eq!(
        wish("topic reassign a --brokers=2,0 -r 2 --throttle=7 --dry-run").as_deref(),
        Ok(
            r#"{"brokers":[2,0],"dry_run":true,"replication":2,"throttle_bytes_per_second":7,"topics":["a"]}"#
        )
    );
    assert_eq!(
        wish("topic reassign a --partition=1=2,0 --partition 0=1").as_deref(),
        Ok(
            r#"{"partitions":[{"partition":1,"replicas":[2,0],"topic":"a"},{"partition":0,"replicas":[1],"topic":"a"}]}"#
        )
    );
}

// D16, on this side too: every mistake at once.
#[test]
fn mistakes() {
    assert_eq!(
        wish("topic reassign a --brokers=0,x,").unwrap_err(),
        r#"--brokers holds "x"; ids of brokers are expected, as in 0,1,2; --brokers holds ""; ids of brokers are expected, as in 0,1,2"#
    );
    assert_eq!(
        wish("topic reassign a b --partition=0 --partition=x=1").unwrap_err(),
        r#"--partition is "0"; NUMBER=IDS is expected; --partition is "x=1"; it begins with the number of a partition, as 0=1,2; --partition goes with one topic; there are a, b"#
    );
}
