//! Each call × {broker hangs, broker killed, controller moved, ZooKeeper stopped}, between its request and its answer:
//! what the client says is then held against the cluster. It may be right, and it may say that it does not know; it is never
//! wrong.

mod ask;

use std::{
    collections::BTreeMap,
    fmt,
    time::{Duration, Instant},
};

use kafka::{
    client::{At, Connection, Options},
    cluster::Cluster,
    topic::TopicName,
};
use kafka_protocol::messages::{
    ApiKey, BrokerId, CreateTopicsRequest, CreateTopicsResponse,
    create_topics_request::{CreatableReplicaAssignment, CreatableTopic},
};
use tokio::{sync::Notify, time::timeout};

use crate::{
    cluster::RealCluster,
    harness::until,
    proxy::{Caught, Fate, Proxy, Road, When},
    wire,
};
use ask::{ASKS, Ask, Case, LIMIT, RECORDS};

/// What happens to the cluster.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Fault {
    /// SIGSTOP to the broker that was asked, and SIGCONT when the client has said something.
    Hangs,
    /// SIGKILL to the broker that was asked.
    Killed,
    /// Another broker is the controller.
    Moved,
    /// SIGSTOP to ZooKeeper, and SIGCONT when the client has said something.
    NoZooKeeper,
    /// A broker is dead all the while, and all others know.
    Dead,
}

/// A fault, when it strikes, what becomes of the request or the answer, and who goes through it.
type Column = (Fault, When, Fate, fn(&Ask) -> bool);

const COLUMNS: [Column; 7] = [
    (Fault::Hangs, When::Before, Fate::Deliver, |_| true),
    (Fault::Killed, When::After, Fate::Lose, |_| true),
    (Fault::Moved, When::Before, Fate::Deliver, |_| true),
    (Fault::Moved, When::After, Fate::Lose, |ask| ask.change),
    (Fault::NoZooKeeper, When::Before, Fate::Deliver, |_| true),
    (Fault::NoZooKeeper, When::After, Fate::Lose, |ask| ask.change),
    (Fault::Dead, When::Before, Fate::Deliver, |ask| ask.reports),
];

/// Who is dead in [`Fault::Dead`].
const DEAD: u32 = 1;

/// How long a fault lasts that the client does not end with its answer: it may as well wait for better times.
const LONGEST: Duration = Duration::from_secs(2);

/// What the client said of a call.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Said {
    /// It is done, or this is so.
    Done(String),
    /// It is not done, and nothing was changed.
    NotDone(String),
    /// It may or may not be.
    Unknown(String),
}

impl fmt::Display for Said {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (word, text) = match self {
            Self::Done(text) => ("done", text),
            Self::NotDone(text) => ("not done", text),
            Self::Unknown(text) => ("unknown", text),
        };
        write!(f, "{word}: {}", text.chars().take(100).collect::<String>())
    }
}

/// Topics and their partitions' replicas, leader and replicas in sync, as a broker has them.
type Truth = BTreeMap<String, Vec<State>>;

#[derive(Clone, Debug, PartialEq, Eq)]
struct State {
    replicas: Vec<i32>,
    leader: i32,
    isr: Vec<i32>,
}

struct World<'a> {
    real: &'a mut RealCluster,
    road: Road,
    cluster: Cluster,
    cells: u32,
}

/// All of it. The brokers send their clients through `proxy`.
pub(crate) async fn an_answer_is_right_or_says_that_it_does_not_know(real: &mut RealCluster, proxy: Proxy) {
    let bootstrap: Vec<String> = proxy.ports().iter().map(|port| format!("127.0.0.1:{port}")).collect();
    let road = proxy.serve(real.nodes.iter().map(|node| node.address.clone()).collect());
    let cluster = ask::cluster(bootstrap);
    let mut world = World { real, road, cluster, cells: 0 };
    let mut wrong = Vec::new();
    world.lone().await;
    for ask in ASKS {
        for column in COLUMNS.into_iter().filter(|column| column.3(ask)) {
            let start = Instant::now();
            let (said, error) = world.cell(ask, column).await;
            let asked = world.road.asked(ask.key);
            let line = format!(
                "{:17} {:11} {:7}  {said}",
                ask.name,
                format!("{:?}", column.0),
                format!("{:?}", column.1)
            );
            println!("{line}  (asked {asked:?}, {:.1} s)", start.elapsed().as_secs_f32());
            wrong.extend(error.err().map(|error| format!("{line}\n    {error}")));
        }
    }
    assert!(wrong.is_empty(), "wrong answers:\n{}", wrong.join("\n"));
}

impl World<'_> {
    /// One call through one fault; what was said, and why that is wrong.
    async fn cell(&mut self, ask: &Ask, (fault, when, fate, _): Column) -> (Said, Result<(), String>) {
        self.cells += 1;
        let name: TopicName = format!("{}-{}", ask.name.replace(' ', "-"), self.cells).parse().unwrap();
        if ask.existing {
            self.create(name.as_str(), 2).await;
            self.write(&name).await;
        }
        if fault == Fault::Dead {
            self.real.kill(DEAD).await;
        }
        let before = self.truth().await;
        let trapped = self.road.trap(ask.key, when);
        let (cluster, answered) = (self.cluster.clone(), Notify::new());
        let call = async {
            let said = (ask.run)(&cluster, &name).await;
            answered.notify_one();
            said
        };
        let (said, broker) = tokio::join!(call, async {
            let caught = tokio::select! {
                caught = trapped => caught.unwrap(),
                () = answered.notified() => panic!("{} said something and never sent {:?}", ask.name, ask.key),
            };
            let broker = self.strike(fault, caught, fate).await;
            let _ = timeout(LONGEST, answered.notified()).await;
            self.mend(fault, broker).await;
            broker
        });
        let after = self.truth().await;
        if fault == Fault::Dead {
            self.real.restart(DEAD).await;
        }
        let down = matches!(fault, Fault::Hangs | Fault::Killed).then_some(broker);
        let case = Case { said: &said, name: name.as_str(), before: &before, after: &after, down };
        let right = (ask.judge)(&case);
        (said, right)
    }

    async fn strike(&mut self, fault: Fault, Caught { broker, go_on }: Caught, fate: Fate) -> usize {
        match fault {
            Fault::Hangs => self.real.nodes[broker].pause(),
            Fault::Killed => self.real.nodes[broker].kill(),
            Fault::Moved => self.move_controller().await,
            Fault::NoZooKeeper => self.real.zookeeper.as_ref().unwrap().pause(),
            Fault::Dead => {}
        }
        let _ = go_on.send(fate);
        broker
    }

    async fn mend(&mut self, fault: Fault, broker: usize) {
        match fault {
            Fault::Hangs => self.real.nodes[broker].resume(),
            Fault::Killed => self.real.restart(u32::try_from(broker).unwrap()).await,
            Fault::Moved | Fault::Dead => {}
            Fault::NoZooKeeper => self.real.zookeeper.as_ref().unwrap().resume(),
        }
        self.real.settled().await;
    }

    /// Gives the controller's place to another broker, while it can't run for it itself.
    async fn move_controller(&self) {
        let zookeeper = self.real.in_zookeeper();
        let old = until("a controller", async || zookeeper.controller().await.unwrap()).await;
        let node = &self.real.nodes[usize::try_from(old.broker).unwrap()];
        node.pause();
        let path = kafka::zookeeper::CONTROLLER;
        zookeeper.delete_if_owner(path, old.owner).await.unwrap();
        until("another controller", async || {
            let now = zookeeper.controller().await.unwrap()?;
            (now.broker != old.broker).then_some(())
        })
        .await;
        node.resume();
    }

    /// What all brokers agree on, once all that was asked of the cluster earlier is done: a topic that is asked for now
    /// comes after it.
    async fn truth(&mut self) -> Truth {
        self.cells += 1;
        let last = format!("truth-{}", self.cells);
        self.create(&last, 1).await;
        until("all brokers to agree", async || {
            let running = self.real.nodes.iter().filter(|node| node.is_running());
            let mut seen = running.map(|node| seen(&node.internal));
            let first = seen.next()??;
            let agreed = seen.all(|other| other.as_ref() == Some(&first));
            (agreed && first.contains_key(&last)).then_some(first)
        })
        .await
    }

    /// Writes some records to partition 0.
    async fn write(&self, topic: &TopicName) {
        let mut written = 0;
        until("the records", async || {
            let known = seen(&self.real.nodes[0].internal)?;
            let leader = usize::try_from(known.get(topic.as_str())?.first()?.leader).ok()?;
            let address = &self.real.nodes.get(leader)?.internal;
            let mut connection = Connection::connect(address, &Options::new("test", LIMIT)).await.ok()?;
            while written < RECORDS {
                connection.produce(topic, 0, "x".into(), 1).await.ok()?;
                written += 1;
            }
            // What its replicas do not have yet is not counted.
            let next = connection.list_offsets(topic, &[0], At::End).await.ok()?.remove(&0)?.ok()??;
            (next == RECORDS).then_some(())
        })
        .await;
    }

    /// Creates a topic with a replica on each broker that runs.
    async fn create(&self, name: &str, partitions: i32) {
        let running = self.real.nodes.iter().filter(|node| node.is_running()).count();
        let topic = CreatableTopic::default()
            .with_num_partitions(partitions)
            .with_replication_factor(i16::try_from(running).unwrap());
        self.created(name, topic).await;
    }

    /// Creates a topic with a partition on each broker and on no other: of a broker that is dead nobody leads it.
    async fn lone(&self) {
        let assignments = (0..).zip(&self.real.nodes).map(|(number, node)| {
            CreatableReplicaAssignment::default()
                .with_partition_index(number)
                .with_broker_ids(vec![BrokerId(node.id.cast_signed())])
        });
        let topic = CreatableTopic::default()
            .with_num_partitions(-1)
            .with_replication_factor(-1)
            .with_assignments(assignments.collect());
        self.created("alone", topic).await;
    }

    /// Creates a topic, and not by the client under test.
    async fn created(&self, name: &str, topic: CreatableTopic) {
        let topic = topic.with_name(kafka_protocol::messages::TopicName(name.to_owned().into()));
        let request = CreateTopicsRequest::default().with_topics(vec![topic]).with_timeout_ms(5_000);
        until("a topic", async || {
            let some = self.real.nodes.iter().find(|node| node.is_running())?;
            let known = wire::metadata(&some.internal).ok()?;
            let controller = &self.real.nodes.get(usize::try_from(known.controller_id.0).ok()?)?.internal;
            let answer: CreateTopicsResponse =
                wire::ask(controller, ApiKey::CreateTopics, 4, &request).ok()?;
            matches!(answer.topics.first()?.error_code, 0 | 36).then_some(())
        })
        .await;
    }
}

fn seen(address: &str) -> Option<Truth> {
    let metadata = wire::metadata(address).ok()?;
    let topics = metadata.topics.iter().map(|topic| {
        let mut partitions: Vec<_> = topic.partitions.iter().collect();
        partitions.sort_by_key(|partition| partition.partition_index);
        let states = partitions.iter().map(|partition| {
            let ids = |nodes: &[BrokerId]| nodes.iter().map(|node| node.0).collect();
            let (replicas, mut isr): (_, Vec<i32>) =
                (ids(&partition.replica_nodes), ids(&partition.isr_nodes));
            isr.sort_unstable();
            State { replicas, leader: partition.leader_id.0, isr }
        });
        (topic.name.as_ref().unwrap().to_string(), states.collect())
    });
    Some(topics.collect())
}
