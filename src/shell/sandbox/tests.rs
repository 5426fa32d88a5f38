#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::{
    net::SocketAddr,
    sync::{Arc, Mutex},
};

use api::{
    ids::{BrokerId, TaskId},
    incident::{Cause, End},
};
use axum::{
    Router,
    extract::Request,
    http::StatusCode,
    response::{IntoResponse, Redirect},
    routing::get,
};
use tokio::{net::TcpListener, task::JoinSet, time::timeout};
use uuid::Uuid;

use super::*;

fn incident() -> Incident {
    Incident {
        asked: None,
        at: 5,
        broker: BrokerId(0),
        cause: Cause::Killed,
        config_id: None,
        crash: None,
        disks: Vec::new(),
        end: End::Signal(9),
        generation: 0,
        id: Uuid::from_u128(5),
        memory: None,
        stderr: Vec::new(),
        stdout: vec!["é".repeat(500); 60],
        summary: "the JVM was ended by SIGKILL".to_owned(),
        task: TaskId { broker: BrokerId(0), uuid: Uuid::nil() },
        uptime_ms: 5,
        whole: true,
    }
}

/// A fetch, of which agent.
fn fetch(agent_id: &str) -> Fetch {
    let Incident { id, task, .. } = incident();
    Fetch { id, task, agent_id: agent_id.to_owned(), framework_id: "F-1".to_owned() }
}

async fn serve(tasks: &mut JoinSet<()>, router: Router) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tasks.spawn(async move { axum::serve(listener, router).await.unwrap() });
    address
}

/// Masters, of which one is away, one does not lead and one does, and an agent.
async fn mesos(tasks: &mut JoinSet<()>, asked: Arc<Mutex<Vec<String>>>) -> Files {
    let file = move |request: Request| {
        let query = request.uri().query().unwrap().to_owned();
        asked.lock().unwrap().push(query.clone());
        let found = query.contains("runs%2Flatest%2Fincident-00000000-0000-0000-0000-000000000005.json");
        let body = serde_json::to_vec(&incident()).unwrap();
        async move { if found { body.into_response() } else { (StatusCode::NOT_FOUND, "none").into_response() } }
    };
    let agent = serve(tasks, Router::new().route("/files/download", get(file))).await;
    let slaves = format!(
        r#"{{"slaves":[{{"id":"A-1","pid":"slave(1)@{agent}"}},{{"id":"A-2","pid":"slave(1)@127.0.0.1:1"}}]}}"#
    );
    let leader = serve(tasks, Router::new().route("/slaves", get(move || async move { slaves }))).await;
    let redirect = move |request: Request| {
        let to = format!("http://{leader}{}", request.uri());
        async move { Redirect::temporary(&to) }
    };
    let other = serve(tasks, Router::new().route("/slaves", get(redirect))).await;
    Files::new(format!("127.0.0.1:1,{other}").parse().unwrap(), Duration::from_secs(5)).unwrap()
}

// D45
#[tokio::test]
async fn an_incident_is_read_through_master_and_agent() {
    let (mut tasks, asked) = (JoinSet::new(), Arc::default());
    let files = mesos(&mut tasks, Arc::clone(&asked)).await;
    let (ask, wanted) = watch::channel(None);
    let (inputs, mut received) = mpsc::channel(1);
    let stop = CancellationToken::new();
    tasks.spawn(read(wanted, files, inputs, stop.clone()));
    let mut next = async |fetch| {
        ask.send_replace(Some(fetch));
        let input = timeout(Duration::from_secs(20), received.recv()).await.unwrap().unwrap();
        ask.send_replace(None);
        let Input::Event(Event::Fetched { id, result }) = input else { panic!("something else") };
        assert_eq!(id, incident().id);
        result.map(|incident| *incident)
    };
    assert_eq!(next(fetch("A-1")).await, Ok(incident()));
    assert!(
        asked.lock().unwrap()[0].contains("frameworks%2FF-1%2Fexecutors%2Fbroker-0__00000000"),
        "{asked:?}"
    );
    let away = next(fetch("A-2")).await.unwrap_err();
    assert!(away.starts_with("agent 127.0.0.1:1 does not give the file: "), "{away}");
    let unknown = next(fetch("A-3")).await.unwrap_err();
    assert!(unknown.starts_with("no master says where agent A-3 is: "), "{unknown}");
    stop.cancel();
}
