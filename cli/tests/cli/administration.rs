//! What goes beyond the guide: settings, moves, elections, disks, groups.

use std::{process::Child, time::Duration};

use axum::routing::any;

use super::*;

/// A scheduler that answers each request with what was sent, as a refusal.
async fn telling() -> Stub {
    async fn tell(method: Method, uri: Uri, body: String) -> (StatusCode, String) {
        error(400, "InvalidParameter", &format!("{method} {uri} {body}").trim_end().replace('"', "\\\""))
    }
    Stub::serve(Router::new().fallback(tell)).await
}

// What is sent where.
#[tokio::test(flavor = "multi_thread")]
async fn requests() {
    let stub = telling().await;
    for (line, request) in [
        ("topic config t", "GET /v1/topics/t/config"),
        (
            "topic config t --set=a=1 --unset b",
            r#"PATCH /v1/topics/t/config {"set":{"a":"1"},"unset":["b"]}"#,
        ),
        ("topic reassign t --brokers=0,1", r#"POST /v1/reassignments {"brokers":[0,1],"topics":["t"]}"#),
        ("topic reassignments", "GET /v1/reassignments"),
        ("topic cancel-reassignments t", "DELETE /v1/reassignments?topic=t"),
        ("topic cancel-reassignments --all", "DELETE /v1/reassignments"),
        ("topic elect-leaders --all", "POST /v1/leader-elections {}"),
        ("topic elect-leaders a b", r#"POST /v1/leader-elections {"topics":["a","b"]}"#),
        (
            "topic elect-leaders a --partition=3",
            r#"POST /v1/leader-elections {"partitions":[{"partition":3,"topic":"a"}]}"#,
        ),
        ("broker log-dirs", "GET /v1/log-dirs"),
        ("broker log-dirs 1 --topic=t", "GET /v1/log-dirs?broker=1&topic=t"),
        ("group list", "GET /v1/groups"),
        ("group describe a/b", "GET /v1/groups/a%2Fb"),
    ] {
        let run = stub.run(line).await;
        assert_eq!(run.err, format!("error: {request} (InvalidParameter, request r-1)\n"), "{line}");
        assert_eq!((run.code, run.out.as_str()), (Some(1), ""), "{line}");
    }
}

// D16: all mistakes at once, and nobody is asked.
#[tokio::test(flavor = "multi_thread")]
async fn mistakes() {
    let stub = Stub::serve(Router::new()).await;
    stub.run("topic config t --set a --set b").await.fails(
        2,
        expect![[r#"
            error: --set is "a"; NAME=VALUE is expected; --set is "b"; NAME=VALUE is expected; see --help
        "#]],
    );
    stub.run("topic reassign a b --partition=0=x").await.fails(
        2,
        expect![[r#"
            error: --partition holds "x"; ids of brokers are expected, as in 0,1,2; --partition goes with one topic; there are a, b; see --help
        "#]],
    );
    stub.run("topic elect-leaders a b --partition=0").await.fails(
        2,
        expect![[r#"
            error: --partition goes with one topic; there are a, b; see --help
        "#]],
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn topic_config() {
    let body = r#"{"config":{"retention.ms":{"read_only":false,"sensitive":false,"source":"topic","value":"3600000"},"secret":{"read_only":true,"sensitive":true,"source":"static_broker","value":null}}}"#;
    let done = || async { r#"{"message":"Output: Completed updating config for topic t.\n"}"# };
    let router = Router::new().route("/v1/topics/t/config", get(move || async move { body }).patch(done));
    let stub = Stub::serve(router).await;
    stub.run("topic config t --table").await.prints(expect![[r#"
        SETTING       VALUE     FROM
        retention.ms  3600000   topic
        secret        (secret)  static_broker
    "#]]);
    let shown = stub.run("topic config t").await;
    assert!(shown.out.contains("\n            \"source\": \"topic\",\n"), "{}", shown.out);
    stub.run("topic config t --set=retention.ms=1 --table").await.prints(expect![[r#"
        Output: Completed updating config for topic t.
    "#]]);
}

const BEGUN: &str = r#"{"copies":1,"dry_run":false,"partitions":[{"from":[0,1],"partition":0,"to":[2,1],"topic":"t"}],"unchanged":2}"#;
const LIMITED: &str = r#"{"copies":0,"dry_run":false,"limited":[{"from":[0,1],"partition":0,"to":[2,1],"topic":"t"}],"partitions":[],"unchanged":3}"#;
const THERE: &str = r#"{"copies":0,"dry_run":true,"partitions":[],"unchanged":1}"#;

/// A cluster that moves a partition: its progress, the last for ever, and what it says to a dry run then.
async fn moving(progress: Vec<&'static str>, then: &'static str) -> Stub {
    let asked = Arc::new(AtomicUsize::new(0));
    let list = move || {
        let turn = asked.fetch_add(1, Ordering::SeqCst).min(progress.len() - 1);
        let moving = match progress[turn] {
            "" => String::new(),
            bytes => format!(
                r#"{{"adding":[2],{bytes},"partition":0,"removing":[0],"replicas":[2,1,0],"topic":"t"}}"#
            ),
        };
        // Another's move is none of ours.
        let other = r#"{"adding":[1],"bytes_done":0,"bytes_total":9,"partition":0,"removing":[],"replicas":[0,1],"topic":"other"}"#;
        let list = [moving.as_str(), other]
            .iter()
            .filter(|one| !one.is_empty())
            .copied()
            .collect::<Vec<_>>()
            .join(",");
        async move { format!(r#"{{"reassignments":[{list}]}}"#) }
    };
    let begin = move |body: String| async move {
        match body.as_str() {
            r#"{"topics":["t"]}"# => BEGUN,
            r#"{"throttle_bytes_per_second":5,"topics":["t"]}"# => LIMITED,
            r#"{"dry_run":true,"partitions":[{"partition":0,"replicas":[2,1],"topic":"t"}]}"# => then,
            other => panic!("{other}"),
        }
    };
    Stub::serve(Router::new().route("/v1/reassignments", get(list).post(begin))).await
}

// What is begun is said at once, its progress on stderr, and that it is there only when it is.
#[tokio::test(flavor = "multi_thread")]
async fn reassign_wait() {
    let half = r#""bytes_done":512,"bytes_total":1024"#;
    let stub = moving(vec![r#""bytes_done":null,"bytes_total":1024"#, half, half, ""], THERE).await;
    let run = stub.run("topic reassign t --wait --table").await;
    expect![[r#"
        TOPIC  PARTITION  FROM  TO   REFUSED
        t      0          0,1   2,1

        replicas to copy:             1
        partitions as they are to be: 2
    "#]]
    .assert_eq(&run.out);
    expect![[r#"
        1 of 1 partitions move: not all brokers say how much is copied
        1 of 1 partitions move: 50 % of 1.0 KiB
        moved: 1 of 1 partitions
    "#]]
    .assert_eq(&run.err);
    assert_eq!(run.code, Some(0));
}

#[tokio::test(flavor = "multi_thread")]
async fn reassign_wait_sees_a_cancel() {
    let there = r#"{"copies":1,"dry_run":true,"partitions":[{"from":[0,1],"partition":0,"to":[2,1],"topic":"t"}],"unchanged":0}"#;
    let run = moving(vec![""], there).await.run("topic reassign t --wait").await;
    assert_eq!(
        run.err,
        "error: somebody stopped 1 of 1 partitions, or moved them elsewhere: t/0 is on 0,1 instead of 2,1\n"
    );
    assert_eq!(run.code, Some(1));
}

// What moves already and gets another limit is said, and followed as what is begun.
#[tokio::test(flavor = "multi_thread")]
async fn reassign_with_another_limit() {
    let stub = moving(vec![r#""bytes_done":512,"bytes_total":1024"#, ""], THERE).await;
    let run = stub.run("topic reassign t --throttle=5 --wait --table").await;
    expect![[r#"
        TOPIC  PARTITION  FROM  TO  REFUSED

        replicas to copy:             0
        partitions as they are to be: 3
        on their way already, with the limit asked for from now on:
        TOPIC  PARTITION  FROM  TO
        t      0          0,1   2,1
    "#]]
    .assert_eq(&run.out);
    expect![[r#"
        1 of 1 partitions move: 50 % of 1.0 KiB
        moved: 1 of 1 partitions
    "#]]
    .assert_eq(&run.err);
    assert_eq!(run.code, Some(0));
}

#[tokio::test(flavor = "multi_thread")]
async fn reassign_wait_has_an_end() {
    let stub = moving(vec![r#""bytes_done":512,"bytes_total":1024"#], THERE).await;
    let run = stub.run("topic reassign t --wait --within 1").await;
    expect![[r#"
        1 of 1 partitions move: 50 % of 1.0 KiB
        error: not all is copied after 1 s; the partitions move on (1 of 1 partitions move: 50 % of 1.0 KiB): 'dcos-kafka topic reassignments' shows how far they are, 'dcos-kafka topic cancel-reassignments' stops them
    "#]]
    .assert_eq(&run.err);
    assert_eq!(run.code, Some(1));
}

/// Presses Ctrl-C.
pub(crate) fn interrupt(child: &Child) {
    let done = Command::new("kill").args(["-INT", &child.id().to_string()]).status().unwrap();
    assert!(done.success());
}

// Ctrl-C ends the wait alone, and says so.
#[tokio::test(flavor = "multi_thread")]
async fn reassign_wait_interrupted() {
    let stub = moving(vec![r#""bytes_done":512,"bytes_total":1024"#], THERE).await;
    let mut command = program(Path::new("/nonexistent"));
    command.args(["topic", "reassign", "t", "--wait", "--url", &stub.url()]);
    command.stdout(Stdio::piped()).stderr(Stdio::piped());
    let interrupted = tokio::task::spawn_blocking(move || {
        use std::io::{BufRead, BufReader, Read};
        let mut child = command.spawn().unwrap();
        let mut err = BufReader::new(child.stderr.take().unwrap());
        let mut said = String::new();
        // It waits by now.
        err.read_line(&mut said).unwrap();
        interrupt(&child);
        err.read_to_string(&mut said).unwrap();
        (said, child.wait().unwrap().code())
    });
    let (said, code) = tokio::time::timeout(Duration::from_secs(60), interrupted).await.unwrap().unwrap();
    expect![[r#"
        1 of 1 partitions move: 50 % of 1.0 KiB
        error: interrupted; the partitions move on (1 of 1 partitions move: 50 % of 1.0 KiB): 'dcos-kafka topic reassignments' shows how far they are, 'dcos-kafka topic cancel-reassignments' stops them
    "#]]
    .assert_eq(&said);
    assert_eq!(code, Some(1));
}

// Partitions that Kafka refused are in the answer, and make a failure of it.
#[tokio::test(flavor = "multi_thread")]
async fn refused_in_part() {
    let refused = r#"[{"error":"NOPE: so it is","partition":1,"topic":"t"}]"#;
    let done = r#"[{"partition":0,"topic":"t"}]"#;
    let elected = format!(r#"{{"elected":{done},"refused":{refused}}}"#);
    let cancelled = format!(r#"{{"cancelled":{done},"refused":{refused}}}"#);
    let begun = r#"{"copies":1,"dry_run":false,"partitions":[{"error":"NOPE: so it is","from":[0],"partition":1,"to":[1],"topic":"t"}],"unchanged":0}"#;
    let router = Router::new().route("/v1/leader-elections", post(move || async move { elected })).route(
        "/v1/reassignments",
        post(move || async move { begun }).delete(move || async move { cancelled }),
    );
    let stub = Stub::serve(router).await;
    for (line, table) in [
        (
            "topic elect-leaders t",
            "TOPIC  PARTITION  RESULT\nt      0          elected\nt      1          NOPE: so it is\n",
        ),
        (
            "topic cancel-reassignments t",
            "TOPIC  PARTITION  RESULT\nt      0          stopped\nt      1          NOPE: so it is\n",
        ),
        (
            "topic reassign t --wait",
            "TOPIC  PARTITION  FROM  TO  REFUSED\nt      1          0     1   NOPE: so it is\n",
        ),
    ] {
        let run = stub.run(&format!("{line} --table")).await;
        assert!(run.out.starts_with(table), "{}", run.out);
        assert_eq!(run.err, "error: Kafka refused 1 of the partitions: t/1: NOPE: so it is\n", "{line}");
        assert_eq!(run.code, Some(1), "{line}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn reassignments() {
    let one = r#"{"reassignments":[{"adding":[2],"bytes_done":512,"bytes_total":1024,"partition":0,"removing":[0],"replicas":[2,1,0],"topic":"t"}]}"#;
    let stub = Stub::serve(Router::new().route("/v1/reassignments", any(move || async move { one }))).await;
    stub.run("topic reassignments --table").await.prints(expect![[r#"
        TOPIC  PARTITION  REPLICAS  TO COME  TO GO  COPIED
        t      0          2,1,0     2        0      50 % of 1.0 KiB
    "#]]);
    let untended =
        r#"{"limits_untended":{"message":"no broker answered","since_ms":7000},"reassignments":[]}"#;
    let stub =
        Stub::serve(Router::new().route("/v1/reassignments", get(move || async move { untended }))).await;
    stub.run("topic reassignments --table").await.prints(expect![[r#"
        (nothing moves)
        limits of copying are not looked after since 1970-01-01 00:00:07 UTC: no broker answered
    "#]]);
    let none = || async { r#"{"reassignments":[]}"# };
    let stub = Stub::serve(Router::new().route("/v1/reassignments", get(none))).await;
    let run = stub.run("topic reassignments --wait --table").await;
    assert_eq!(
        (run.code, run.out.as_str(), run.err.as_str()),
        (Some(0), "(nothing moves)\n", "nothing moves\n")
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn broker_log_dirs() {
    let body = r#"{"brokers":[{"broker":0,"error":null,"log_dirs":[{"error":null,"path":"/var/kafka","replicas":[{"future":false,"lag":0,"partition":0,"size_bytes":1024,"topic":"t"},{"future":false,"lag":0,"partition":1,"size_bytes":512,"topic":"t"}],"size_bytes":1536,"total_bytes":10240,"usable_bytes":null}]},{"broker":1,"error":"no answer","log_dirs":[]}]}"#;
    let stub = Stub::serve(Router::new().route("/v1/log-dirs", get(move || async move { body }))).await;
    stub.run("broker log-dirs --table").await.prints(expect![[r#"
        BROKER  SIZE     FREE  OF        DIRECTORY
        0       1.5 KiB        10.0 KiB  /var/kafka
        1                                no answer

        BROKER  TOPIC  REPLICAS  SIZE
        0       t      2         1.5 KiB
    "#]]);
}

#[tokio::test(flavor = "multi_thread")]
async fn groups() {
    let list = r#"{"groups":[{"group":"readers","protocol":"consumer","state":"Stable","type":null}],"silent":[{"broker":1,"error":"no answer"}]}"#;
    let one = r#"{"assignor":"range","group":"readers","lag":null,"members":[{"assigned":[{"partition":0,"topic":"t"}],"client":"reader-7","host":"10.0.0.9","id":"reader-7-5b1e","instance":null}],"partitions":[{"committed":4,"end":10,"error":null,"lag":6,"partition":0,"topic":"t"},{"committed":4,"end":null,"error":"NOT_LEADER","lag":null,"partition":1,"topic":"t"}],"state":"Stable"}"#;
    let router = Router::new()
        .route("/v1/groups", get(move || async move { list }))
        .route("/v1/groups/readers", get(move || async move { one }));
    let stub = Stub::serve(router).await;
    stub.run("group list --table").await.prints(expect![[r#"
        GROUP    STATE   PROTOCOL  TYPE
        readers  Stable  consumer
        broker 1 did not tell its groups: no answer
    "#]]);
    stub.run("group describe readers --table").await.prints(expect![[r#"
        state:   Stable
        members: 1
        lag:     -

        TOPIC  PARTITION  COMMITTED  END  LAG  CLIENT    HOST      ERROR
        t      0          4          10   6    reader-7  10.0.0.9
        t      1          4          -    -                        NOT_LEADER
    "#]]);
}
