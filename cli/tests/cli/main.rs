//! The real program against a stub that answers with canned bodies.
#![allow(clippy::disallowed_methods, reason = "a test keeps deadlines and tasks of its own")]
#![allow(clippy::unwrap_used, reason = "a test that cannot go on should stop")]

use std::{
    net::SocketAddr,
    path::Path,
    process::{Command, Output, Stdio},
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
};

use axum::{
    Router,
    extract::Request,
    http::{HeaderMap, Method, StatusCode, Uri},
    response::Response,
    routing::{get, post},
};
use expect_test::{Expect, expect};

mod administration;
mod producer_test;

const CONNECTION: &str = r#"{"address":["10.0.0.211:9843"],"dns":["broker-0.kafka.mesos:9843"],"vip":"broker.kafka.l4lb.thisdcos.directory:9092","zookeeper":"master.mesos:2181/dcos-service-kafka"}"#;
const ID: &str = "7752c4fe-e998-4f30-bfd3-9748fc8c8354";

fn plan(status: &str) -> String {
    let block = format!(
        r#"{{"has_decision_point":false,"id":"{ID}","message":"Broker-0 is {status}","name":"broker-0","status":"{status}"}}"#
    );
    format!(
        r#"{{"errors":[],"phases":[{{"blocks":[{block}],"id":"{ID}","name":"Update to: {ID}","status":"{status}"}}],"status":"{status}"}}"#
    )
}

fn error(status: u16, code: &str, message: &str) -> (StatusCode, String) {
    let status = StatusCode::from_u16(status).unwrap();
    (status, format!(r#"{{"error_code":"{code}","message":"{message}","request_id":"r-1"}}"#))
}

/// The program's own environment holds nothing of the developer's.
fn program(path: &Path) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_dcos-kafka"));
    command.env_clear().env("PATH", path).stdin(Stdio::null());
    command
}

struct Stub {
    address: SocketAddr,
}

impl Stub {
    async fn serve(router: Router) -> Self {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        tokio::spawn(async move { axum::serve(listener, router).await.unwrap() });
        Self { address }
    }

    fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// Runs `dcos-kafka <line>` against this stub.
    async fn run(&self, line: &str) -> Run {
        let mut command = program(Path::new("/nonexistent"));
        command.env("KAFKA_SCHEDULER_URL", self.url()).args(line.split_whitespace());
        let run = run(command).await;
        // Ports differ from run to run.
        Run { err: run.err.replace(&self.address.to_string(), "host:1"), ..run }
    }
}

async fn run(mut command: Command) -> Run {
    let output: Output = tokio::task::spawn_blocking(move || command.output().unwrap()).await.unwrap();
    Run {
        code: output.status.code(),
        out: String::from_utf8(output.stdout).unwrap(),
        err: String::from_utf8(output.stderr).unwrap(),
    }
}

struct Run {
    code: Option<i32>,
    out: String,
    err: String,
}

impl Run {
    #[track_caller]
    fn prints(&self, expect: Expect) {
        expect.assert_eq(&self.out);
        assert_eq!((self.code, self.err.as_str()), (Some(0), ""));
    }

    #[track_caller]
    fn fails(&self, code: i32, expect: Expect) {
        expect.assert_eq(&self.err);
        assert_eq!((self.code, self.out.as_str()), (Some(code), ""));
    }
}

// S-014, S-088, S-127: as `dcos` calls it, with the name spelt both ways, and by itself.
#[tokio::test(flavor = "multi_thread")]
async fn connection() {
    let stub = Stub::serve(Router::new().route("/v1/connection", get(|| async { CONNECTION }))).await;
    for line in ["connection", "kafka --name=kafka connection", "kafka connection --name kafka"] {
        stub.run(line).await.prints(expect![[r#"
            {
                "address": [
                    "10.0.0.211:9843"
                ],
                "dns": [
                    "broker-0.kafka.mesos:9843"
                ],
                "vip": "broker.kafka.l4lb.thisdcos.directory:9092",
                "zookeeper": "master.mesos:2181/dcos-service-kafka"
            }
        "#]]);
    }
    stub.run("connection --table").await.prints(expect![[r#"
        ADDRESS          DNS
        10.0.0.211:9843  broker-0.kafka.mesos:9843

        vip:       broker.kafka.l4lb.thisdcos.directory:9092
        zookeeper: master.mesos:2181/dcos-service-kafka
    "#]]);
}

// S-088, S-089: the parts of it.
#[tokio::test(flavor = "multi_thread")]
async fn connection_parts() {
    let router = Router::new()
        .route("/v1/connection/address", get(|| async { r#"{"address":["10.0.0.211:9843"]}"# }))
        .route("/v1/connection/dns", get(|| async { r#"{"dns":["broker-0.kafka.mesos:9843"]}"# }));
    let stub = Stub::serve(router).await;
    stub.run("--name=kafka connection address").await.prints(expect![[r#"
        {
            "address": [
                "10.0.0.211:9843"
            ]
        }
    "#]]);
    stub.run("connection dns").await.prints(expect![[r#"
        {
            "dns": [
                "broker-0.kafka.mesos:9843"
            ]
        }
    "#]]);
    stub.run("connection --table address").await.prints(expect![[r#"
        ADDRESS
        10.0.0.211:9843
    "#]]);
    stub.run("connection dns --table").await.prints(expect![[r#"
        DNS
        broker-0.kafka.mesos:9843
    "#]]);
}

// S-119, D19: the checks on stdout, what fails on stderr too, and an exit code for scripts.
#[tokio::test(flavor = "multi_thread")]
async fn health() {
    let check = |healthy: bool, message: &str| format!(r#"{{"healthy":{healthy},"message":"{message}"}}"#);
    let body = format!(
        r#"{{"broker_count":{},"under_replicated":{}}}"#,
        check(true, "3 of 3 brokers run"),
        check(false, "1 under-replicated: orders/7")
    );
    let ill = move || async move { (StatusCode::INTERNAL_SERVER_ERROR, body) };
    let stub = Stub::serve(Router::new().route("/admin/healthcheck", get(ill))).await;
    let run = stub.run("health").await;
    assert_eq!(run.code, Some(1));
    assert_eq!(run.err, "error: the service is not well: under_replicated: 1 under-replicated: orders/7\n");
    expect![[r#"
        {
            "broker_count": {
                "healthy": true,
                "message": "3 of 3 brokers run"
            },
            "under_replicated": {
                "healthy": false,
                "message": "1 under-replicated: orders/7"
            }
        }
    "#]]
    .assert_eq(&run.out);
    expect![[r#"
        CHECK             HEALTHY  MESSAGE
        broker_count      yes      3 of 3 brokers run
        under_replicated  NO       1 under-replicated: orders/7
    "#]]
    .assert_eq(&stub.run("health --table").await.out);

    let body = format!(r#"{{"store":{}}}"#, check(true, "the last commit succeeded"));
    let well = move || async move { body };
    let stub = Stub::serve(Router::new().route("/admin/healthcheck", get(well))).await;
    assert_eq!(stub.run("health").await.code, Some(0));
    // A failure of the scheduler itself is not taken for a check's.
    let failed = || async { error(500, "InternalError", "the scheduler failed on this request") };
    let stub = Stub::serve(Router::new().route("/admin/healthcheck", get(failed))).await;
    stub.run("health").await.fails(
        1,
        expect![[r#"
            error: the scheduler failed on this request (InternalError, request r-1)
        "#]],
    );
}

// S-098, D4
#[tokio::test(flavor = "multi_thread")]
async fn broker_list() {
    let one = r#"{"agent":null,"config_id":null,"generation":0,"health":"unknown","host":null,"id":"0","message":"","port":null,"task_id":null,"task_state":null,"waiting":{"message":"no offer fits","reason":"Offer"}}"#;
    let router = Router::new()
        .route("/v1/brokers", get(|| async { r#"{"brokers":["0"]}"# }))
        .route("/v1/brokers/0", get(move || async move { one }));
    let stub = Stub::serve(router).await;
    stub.run("--name=kafka broker list").await.prints(expect![[r#"
        {
            "brokers": [
                "0"
            ]
        }
    "#]]);
    stub.run("broker list --table").await.prints(expect![[r#"
        BROKER  TASK  HEALTH   ADDRESS  AGENT  TASK ID  WAITS FOR
        0       none  unknown                           no offer fits
    "#]]);
}

// D45
#[tokio::test(flavor = "multi_thread")]
async fn broker_incidents() {
    let body = r#"{"incidents":[{"asked":null,"at":1764104090500,"broker":"1","cause":"kernel_out_of_memory","config_id":null,"crash":null,"disks":[],"end":{"signal":9},"generation":0,"id":"00000000-0000-0000-0000-000000000005","memory":null,"stderr":[],"stdout":[],"summary":"the JVM was ended by SIGKILL after 61.0 s: the kernel's OOM killer ended it","task":"broker-1__00000000-0000-0000-0000-000000000001","uptime_ms":61000,"whole":true},{"at":1764100000000,"broker":"1","cause":"asked","end":{"code":143},"id":"00000000-0000-0000-0000-000000000004","summary":"killed as asked","task":"broker-1__00000000-0000-0000-0000-000000000001","uptime_ms":90000000,"whole":true}]}"#;
    let refused = || async { error(404, "BrokerNotFound", "broker 7 does not exist; the brokers are 0, 1") };
    let router = Router::new()
        .route("/v1/brokers/1/incidents", get(move || async move { body }))
        .route("/v1/brokers/7/incidents", get(refused));
    let stub = Stub::serve(router).await;
    stub.run("broker incidents 1 --table").await.prints(expect![[r#"
        WHEN (UTC)           CAUSE                 END       UPTIME     SUMMARY
        2025-11-25 20:54:50  kernel_out_of_memory  signal 9  1 min 1 s  the JVM was ended by SIGKILL after 61.0 s: the kernel's OOM killer ended it
        2025-11-25 19:46:40  asked                 code 143  1 d 1 h    killed as asked
    "#]]);
    let shown = stub.run("broker incidents 1").await;
    assert!(shown.out.contains("\n            \"cause\": \"kernel_out_of_memory\",\n"), "{}", shown.out);
    stub.run("broker incidents 7").await.fails(
        1,
        expect![[r#"
        error: broker 7 does not exist; the brokers are 0, 1 (BrokerNotFound, request r-1)
    "#]],
    );
    assert_eq!(stub.run("broker incidents one").await.code, Some(2));
}

// S-048, S-058: the 503 of a rollout is no error.
#[tokio::test(flavor = "multi_thread")]
async fn plan_show_while_rolling() {
    let answer = || async { (StatusCode::SERVICE_UNAVAILABLE, plan("InProgress")) };
    let stub = Stub::serve(Router::new().route("/v1/plan", get(answer))).await;
    stub.run("plan show").await.prints(expect![[r#"
        {
            "errors": [],
            "phases": [
                {
                    "blocks": [
                        {
                            "has_decision_point": false,
                            "id": "7752c4fe-e998-4f30-bfd3-9748fc8c8354",
                            "message": "Broker-0 is InProgress",
                            "name": "broker-0",
                            "status": "InProgress"
                        }
                    ],
                    "id": "7752c4fe-e998-4f30-bfd3-9748fc8c8354",
                    "name": "Update to: 7752c4fe-e998-4f30-bfd3-9748fc8c8354",
                    "status": "InProgress"
                }
            ],
            "status": "InProgress"
        }
    "#]]);
}

/// A scheduler whose answers to `GET /v1/plan` are these, the last one for ever.
async fn plans(answers: Vec<(StatusCode, String)>) -> Stub {
    let asked = Arc::new(AtomicUsize::new(0));
    let answers = Arc::new(answers);
    let answer = move || {
        let turn = asked.fetch_add(1, Ordering::SeqCst).min(answers.len() - 1);
        let answer = answers[turn].clone();
        async move { answer }
    };
    Stub::serve(Router::new().route("/v1/plan", get(answer))).await
}

// 4.9: `--wait` follows until Complete, through a restart of the scheduler; progress on stderr, the plan on stdout.
#[tokio::test(flavor = "multi_thread")]
async fn plan_show_wait() {
    let rolling = (StatusCode::SERVICE_UNAVAILABLE, plan("InProgress"));
    let away = error(503, "NotRegistered", "not registered yet");
    let proxy = (StatusCode::BAD_GATEWAY, "<html>".to_owned());
    let stub = plans(vec![rolling.clone(), away, proxy, rolling, (StatusCode::OK, plan("Complete"))]).await;
    let run = stub.run("plan show --wait --table").await;
    expect![[r#"
        broker-0: InProgress
        plan: InProgress
        the scheduler does not answer, waiting for it: not registered yet
        broker-0: Complete
        plan: Complete
    "#]]
    .assert_eq(&run.err);
    assert_eq!(run.code, Some(0));
    assert!(run.out.starts_with("plan: Complete\n\nPHASE "), "{}", run.out);
}

// S-046: a refused configuration ends the wait.
#[tokio::test(flavor = "multi_thread")]
async fn plan_show_wait_refused() {
    let body = r#"{"errors":["Validation error on field \"BROKER_COUNT\": Decreasing this value (from 3 to 2) is not supported."],"phases":[],"status":"Error"}"#;
    let stub = plans(vec![(StatusCode::OK, body.to_owned())]).await;
    stub.run("plan show --wait").await.fails(
        1,
        expect![[r#"
            plan: Error
            error: the configuration is refused, the last valid one serves on: Validation error on field "BROKER_COUNT": Decreasing this value (from 3 to 2) is not supported.
        "#]],
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn plan_show_wait_has_an_end() {
    let stub = plans(vec![(StatusCode::SERVICE_UNAVAILABLE, plan("InProgress"))]).await;
    stub.run("plan show --wait --within 1").await.fails(
        1,
        expect![[r#"
            broker-0: InProgress
            plan: InProgress
            error: the plan is not Complete after 1 s but InProgress; 'plan show --table' says what it waits for
        "#]],
    );
}

// S-099, D15, D26: with --wait until nothing is waited for any more.
#[tokio::test(flavor = "multi_thread")]
async fn broker_restart() {
    async fn restart(uri: Uri) -> String {
        format!(r#"["broker-1__{ID}","{uri}"]"#)
    }
    let wait = r#""waiting":{"message":"restarting in place","reason":"Start"}"#;
    let answers = [wait, wait, r#""waiting":null"#];
    let asked = Arc::new(AtomicUsize::new(0));
    let show = move || {
        let waiting = answers[asked.fetch_add(1, Ordering::Relaxed).min(2)];
        async move {
            format!(
                r#"{{"agent":null,"config_id":null,"generation":1,"health":"unknown","host":null,"id":"1","message":"","port":null,"task_id":null,"task_state":null,{waiting}}}"#
            )
        }
    };
    let one = || async { format!(r#"["broker-1__{ID}"]"#) };
    let router = Router::new()
        .route("/v1/brokers/1", get(show).put(one))
        .route("/v1/brokers/2", axum::routing::put(restart));
    let stub = Stub::serve(router).await;
    stub.run("broker restart 1").await.prints(expect![[r#"
        [
            "broker-1__7752c4fe-e998-4f30-bfd3-9748fc8c8354"
        ]
    "#]]);
    let run = stub.run("broker restart 1 --wait --within 60").await;
    assert_eq!((run.code, run.out.lines().count()), (Some(0), 3), "{}", run.err);
    assert_eq!(run.err, "broker-1: restarting in place\nbroker-1: serving and in sync\n");
    // What is not understood is at least said.
    let run = stub.run("broker restart 2 --force").await;
    assert!(run.err.contains("/v1/brokers/2?force=true"), "{}", run.err);
    assert_eq!(stub.run("broker restart x").await.code, Some(2));
}

// S-050: what is absent stays absent.
#[tokio::test(flavor = "multi_thread")]
async fn plan_active() {
    let body = r#"{"stage":{"errors":[],"phase_count":2,"status":"Complete"}}"#;
    let stub = Stub::serve(Router::new().route("/v1/plan/status", get(move || async move { body }))).await;
    stub.run("plan active").await.prints(expect![[r#"
        {
            "stage": {
                "errors": [],
                "phase_count": 2,
                "status": "Complete"
            }
        }
    "#]]);
    stub.run("plan active --table").await.prints(expect![[r#"
        plan: Complete
    "#]]);
}

// S-013, S-102…S-104, D41: what is not given is not sent.
#[tokio::test(flavor = "multi_thread")]
async fn topics() {
    async fn create(uri: Uri) -> String {
        let query = uri.query().unwrap_or_default();
        format!(r#"{{"message":"Output: Created topic \"topic1\".\n","query":"{query}"}}"#)
    }
    let description = r#"{"partitions":[{"0":{"controller_epoch":1,"isr":[0,1,2],"leader":0,"leader_epoch":0,"version":1}}]}"#;
    let list = || async { r#"["topic1","topic0"]"# };
    let router = Router::new()
        .route("/v1/topics", get(list).post(create))
        .route("/v1/topics/topic1", get(move || async move { description }));
    let stub = Stub::serve(router).await;
    stub.run("topic list").await.prints(expect![[r#"
        [
            "topic1",
            "topic0"
        ]
    "#]]);
    stub.run("topic list --table").await.prints(expect![[r#"
        TOPIC
        topic1
        topic0
    "#]]);
    stub.run("topic describe topic1").await.prints(expect![[r#"
        {
            "partitions": [
                {
                    "0": {
                        "controller_epoch": 1,
                        "isr": [
                            0,
                            1,
                            2
                        ],
                        "leader": 0,
                        "leader_epoch": 0,
                        "version": 1
                    }
                }
            ]
        }
    "#]]);
    // D2: a key that this build does not know is passed on.
    stub.run("topic create topic1").await.prints(expect![[r#"
        {
            "message": "Output: Created topic \"topic1\".\n",
            "query": "name=topic1"
        }
    "#]]);
    stub.run("topic create topic1 --partitions=3 --replication=3").await.prints(expect![[r#"
        {
            "message": "Output: Created topic \"topic1\".\n",
            "query": "name=topic1&partitions=3&replication=3"
        }
    "#]]);
    stub.run("topic create topic1 --table").await.prints(expect![[r#"
        Output: Created topic "topic1".
    "#]]);
}

/// A scheduler that answers every request of a topic with the request itself, as a message.
async fn echo() -> Stub {
    async fn echo(method: Method, uri: Uri) -> String {
        format!(r#"{{"message":"{method} {uri}\n"}}"#)
    }
    Stub::serve(Router::new().fallback(echo)).await
}

// S-106, S-109…S-111: what is sent where.
#[tokio::test(flavor = "multi_thread")]
async fn topic_changes_and_reports() {
    let stub = echo().await;
    for (line, request) in [
        ("topic partitions topic1 2", "PUT /v1/topics/topic1?operation=partitions&partitions=2"),
        ("topic delete topic1", "DELETE /v1/topics/topic1"),
        ("topic under_replicated_partitions", "GET /v1/topics/under_replicated_partitions"),
        ("topic under-replicated-partitions", "GET /v1/topics/under_replicated_partitions"),
        ("topic unavailable_partitions", "GET /v1/topics/unavailable_partitions"),
        ("topic unavailable-partitions", "GET /v1/topics/unavailable_partitions"),
    ] {
        let run = stub.run(&format!("{line} --table")).await;
        assert_eq!((run.code, run.out, run.err), (Some(0), format!("{request}\n"), String::new()), "{line}");
        let json = stub.run(line).await;
        assert_eq!(json.out, format!("{{\n    \"message\": \"{request}\\n\"\n}}\n"), "{line}");
    }
    assert_eq!(stub.run("topic delete ..").await.code, Some(2), "no path goes up");
}

// S-110…S-112: none is said to be none where people read it, and Kafka's own lines stay as they are.
#[tokio::test(flavor = "multi_thread")]
async fn topic_reports() {
    let line =
        r#"{"message":"\tTopic: orders\tPartition: 7\tLeader: 0\tReplicas: 0,1\tIsr: 0\n","note":"n"}"#;
    let router = Router::new()
        .route("/v1/topics/unavailable_partitions", get(|| async { r#"{"message":""}"# }))
        .route("/v1/topics/under_replicated_partitions", get(move || async move { line }));
    let stub = Stub::serve(router).await;
    stub.run("topic unavailable_partitions").await.prints(expect![[r#"
        {
            "message": ""
        }
    "#]]);
    stub.run("topic unavailable_partitions --table").await.prints(expect![[r#"
        (none)
    "#]]);
    let run = stub.run("topic under_replicated_partitions --table").await;
    assert_eq!(run.out, "\tTopic: orders\tPartition: 7\tLeader: 0\tReplicas: 0,1\tIsr: 0\nnote: n\n");
}

// S-105, D6
#[tokio::test(flavor = "multi_thread")]
async fn topic_offsets() {
    async fn offsets(uri: Uri) -> String {
        let sent = if uri.query() == Some("time=first") { 0 } else { 333 };
        format!(r#"[{{"0":"{sent}"}},{{"1":"334"}}]"#)
    }
    let stub = Stub::serve(Router::new().route("/v1/topics/topic1/offsets", get(offsets))).await;
    stub.run("topic offsets topic1").await.prints(expect![[r#"
        [
            {
                "0": "333"
            },
            {
                "1": "334"
            }
        ]
    "#]]);
    stub.run("topic offsets topic1 --time=first --table").await.prints(expect![[r#"
        PARTITION  OFFSET
        0          0
        1          334
    "#]]);
    assert_eq!(stub.run("topic offsets topic1 --time=-2").await.code, Some(0));
}

// A topic may bear the name of a report; its description is asked for as such.
#[tokio::test(flavor = "multi_thread")]
async fn a_topic_called_as_a_report() {
    async fn describe(uri: Uri) -> (StatusCode, String) {
        error(404, "TopicNotFound", &uri.to_string())
    }
    let stub = Stub::serve(Router::new().fallback(describe)).await;
    for name in ["under_replicated_partitions", "unavailable_partitions"] {
        let run = stub.run(&format!("topic describe {name}")).await;
        assert_eq!(run.err, format!("error: /v1/topics/{name}?describe=true (TopicNotFound, request r-1)\n"));
    }
    let run = stub.run("topic describe topic1").await;
    assert_eq!(run.err, "error: /v1/topics/topic1 (TopicNotFound, request r-1)\n");
}

// D16: the scheduler's own words, with the code and the id that finds them in its log.
#[tokio::test(flavor = "multi_thread")]
async fn refusals() {
    let router = Router::new()
        .route("/v1/topics/x", get(|| async { error(404, "TopicNotFound", r#"topic \"x\" does not exist"#) }))
        .route(
            "/v1/topics",
            post(|| async { error(409, "TopicAlreadyExists", r#"topic \"x\" already exists"#) }),
        )
        .route("/v1/connection", get(|| async { (StatusCode::UNAUTHORIZED, "<html>Log in</html>") }))
        .route("/v1/brokers", get(|| async { "[]" }));
    let stub = Stub::serve(router).await;
    stub.run("topic describe x").await.fails(
        1,
        expect![[r#"
            error: topic "x" does not exist (TopicNotFound, request r-1)
        "#]],
    );
    stub.run("topic create x").await.fails(
        1,
        expect![[r#"
            error: topic "x" already exists (TopicAlreadyExists, request r-1)
        "#]],
    );
    stub.run("connection").await.fails(
        1,
        expect![[r#"
            error: http://host:1/v1/connection answered 401 and is not, or not yet, the scheduler's API: <html>Log in</html>; log in with 'dcos auth login', or give --token-file
        "#]],
    );
    stub.run("broker list").await.fails(
        1,
        expect![[r#"
            error: cannot read the answer of http://host:1/v1/brokers: invalid length 0, expected struct BrokerList with 1 element; it begins with []; the address comes from KAFKA_SCHEDULER_URL: is the scheduler's REST API (PORT1, 8080 by default) there?
        "#]],
    );
}

// D46: a proxy that the environment names is not asked for what is on this machine, and is for what is elsewhere.
#[tokio::test(flavor = "multi_thread")]
async fn proxies_are_for_elsewhere() {
    let stub = Stub::serve(Router::new().route("/v1/topics", get(|| async { "[]" }))).await;
    let proxy = Stub::serve(Router::new().fallback(|uri: Uri| async move { format!("[\"{uri}\"]") })).await;
    let behind = |url: String| {
        let mut command = program(Path::new("/nonexistent"));
        command.env("http_proxy", proxy.url()).args(["topic", "list", "--url", &url]);
        run(command)
    };
    behind(stub.url()).await.prints(expect![[r#"
        []
    "#]]);
    behind("http://scheduler.invalid:8080".to_owned()).await.prints(expect![[r#"
        [
            "http://scheduler.invalid:8080/v1/topics"
        ]
    "#]]);
}

// D46: nobody there: which URL it was, and who said so.
#[tokio::test(flavor = "multi_thread")]
async fn nobody_there() {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let stub = Stub { address: listener.local_addr().unwrap() };
    drop(listener);
    let run = stub.run("connection").await;
    assert_eq!(run.code, Some(1));
    for part in ["cannot reach http://host:1/v1/connection", "refused", "KAFKA_SCHEDULER_URL", "8080"] {
        assert!(run.err.contains(part), "{part:?} is missing in {}", run.err);
    }
    assert_eq!(run.err.lines().count(), 1, "{}", run.err);
}

// 4.9: wrong usage is 2.
#[tokio::test(flavor = "multi_thread")]
async fn wrong_usage() {
    let nowhere = |line: &str| {
        let mut command = program(Path::new("/nonexistent"));
        command.args(line.split_whitespace());
        run(command)
    };
    nowhere("connection").await.fails(
        2,
        expect![[r#"
            error: no scheduler is known: give --url http://<host>:8080 or set KAFKA_SCHEDULER_URL; on DC/OS, attach with 'dcos cluster setup' or set DCOS_URL
        "#]],
    );
    nowhere("connection --url localhost:8080").await.fails(
        2,
        expect![[r#"
            error: the URL cannot be used: "localhost:8080" must begin with http:// or https:// (from --url)
        "#]],
    );
    for line in ["", "brokers list", "topic create", "topic create t -p x"] {
        let run = nowhere(line).await;
        assert_eq!((run.code, run.out.as_str()), (Some(2), ""), "{line}");
        assert!(run.err.contains("Usage:") || run.err.contains("--help"), "{}", run.err);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn help_and_version() {
    let nowhere = |line: &str| {
        let mut command = program(Path::new("/nonexistent"));
        command.args(line.split_whitespace());
        run(command)
    };
    let help = nowhere("kafka --help").await;
    assert_eq!((help.code, help.err.as_str()), (Some(0), ""));
    assert!(help.out.contains("Examples:") && help.out.contains("KAFKA_SCHEDULER_URL"), "{}", help.out);
    let version = nowhere("--version").await;
    assert_eq!(version.out, format!("dcos-kafka {}\n", env!("CARGO_PKG_VERSION")));
    let info = nowhere("kafka --info").await;
    assert_eq!((info.code, info.out.lines().count()), (Some(0), 1));
}

// S-116: what the DC/OS CLI 0.4 to 0.6 does before it takes `dcos config set kafka.service_name kafka-dev`: it runs the module
// with its name and this flag, reads stdout as a JSON schema, looks the key up for its type, and holds the whole section
// against the schema. That commands then mean what is set is proved in `address/tests.rs`.
#[tokio::test(flavor = "multi_thread")]
async fn config_schema() {
    let mut command = program(Path::new("/nonexistent"));
    command.args(["kafka", "--config-schema"]);
    let told = run(command).await;
    assert_eq!((told.code, told.err.as_str()), (Some(0), ""));
    let schema: serde_json::Value = serde_json::from_str(&told.out).unwrap();
    assert_eq!(schema["$schema"], "http://json-schema.org/draft-04/schema#");
    assert_eq!((&schema["type"], &schema["additionalProperties"]), (&"object".into(), &false.into()));
    let keys: Vec<_> = schema["properties"].as_object().unwrap().keys().collect();
    assert_eq!(keys, ["service_name"]);
    let service_name = &schema["properties"]["service_name"];
    assert_eq!((&service_name["type"], &service_name["default"]), (&"string".into(), &"kafka".into()));
    assert!(schema.get("required").is_none(), "without it, nothing need be set");
}

// S-092, S-093, S-094, S-116, D46: on DC/OS below /service/<name>, with the token of the DC/OS CLI's configuration.
#[tokio::test(flavor = "multi_thread")]
async fn on_dcos() {
    async fn echo(uri: Uri, headers: HeaderMap, _: Request) -> Response<String> {
        let token = headers.get("authorization").map_or("-", |value| value.to_str().unwrap());
        Response::new(format!(r#"["{uri}","{token}"]"#))
    }
    let stub = Stub::serve(Router::new().fallback(echo)).await;
    let directory = tempfile::tempdir().unwrap();
    let script = format!(
        "#!/bin/sh\ncase \"$*\" in\n'config show core.dcos_url') echo {}/ ;;\n\
         'config show core.dcos_acs_token') echo secret ;;\n*) exit 1 ;;\nesac\n",
        stub.url()
    );
    install(&directory.path().join("dcos"), &script);
    let attached = |line: &str| {
        let mut command = program(directory.path());
        command.args(line.split_whitespace());
        run(command)
    };
    attached("kafka topic list").await.prints(expect![[r#"
        [
            "/service/kafka/v1/topics",
            "token=secret"
        ]
    "#]]);
    attached("kafka --name kafka-dev topic list").await.prints(expect![[r#"
        [
            "/service/kafka-dev/v1/topics",
            "token=secret"
        ]
    "#]]);
    // A service reached by itself gets no token of DC/OS.
    attached(&format!("topic list --url {}", stub.url())).await.prints(expect![[r#"
        [
            "/v1/topics",
            "-"
        ]
    "#]]);
}

// A DC/OS CLI that hangs, as behind a broken plugin or a lock, does not take this command with it.
#[tokio::test(flavor = "multi_thread")]
async fn dcos_that_hangs() {
    let directory = tempfile::tempdir().unwrap();
    // It reads a pipe that nobody writes to.
    let pipe = directory.path().join("pipe");
    assert!(Command::new("mkfifo").arg(&pipe).status().unwrap().success());
    let script = format!("#!/bin/sh\nread line < '{}'\n", pipe.display());
    install(&directory.path().join("dcos"), &script);
    let mut command = program(directory.path());
    command.args(["topic", "list", "--timeout=1"]);
    let run = tokio::time::timeout(std::time::Duration::from_secs(20), run(command)).await.unwrap();
    run.fails(
        1,
        expect![[r#"
            error: 'dcos config show core.dcos_url' did not answer within 1 s: mend the DC/OS CLI, or give --url
        "#]],
    );
}

/// Writes an executable script.
fn install(path: &Path, script: &str) {
    use std::os::unix::fs::PermissionsExt;
    std::fs::write(path, script).unwrap();
    std::fs::set_permissions(path, std::fs::Permissions::from_mode(0o755)).unwrap();
}
