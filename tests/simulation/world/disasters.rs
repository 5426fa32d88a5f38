//! What goes wrong on a larger scale.

use mesos::v1::TaskState;

use super::{Happening, World};

impl World {
    pub(super) fn disaster(&mut self) {
        let node = self.chance.pick(self.nodes.len());
        match self.chance.pick(12) {
            9 => {
                let millis = self.chance.millis(1000, 150_000);
                self.note(&format!("link of agent {node} falls silent for {millis} ms, then breaks"));
                self.nodes[node].silent_until = self.now + millis;
                self.after(millis, Happening::Cut(node, 0));
            }
            0 if self.master.is_some() => self.kill_master(),
            1 if self.nodes[node].agent.is_some() => self.kill_agent(node),
            2 => {
                let millis = self.chance.millis(0, 60_000);
                self.note(&format!("link of agent {node} breaks for {millis} ms"));
                self.unlink(node, millis);
            }
            3 => {
                let millis = self.chance.millis(80_000, 150_000);
                self.note(&format!("agent {node} is out of sight for {millis} ms"));
                self.unlink(node, millis);
            }
            4 | 5 => {
                let executors = &self.nodes[node].executors;
                if executors.is_empty() || self.nodes[node].agent.is_none() {
                    return;
                }
                let index = self.chance.pick(executors.len());
                let container = self.nodes[node].executors.keys().nth(index).unwrap().clone();
                if self.chance.happens(500) {
                    self.note(&format!("an executor on agent {node} is killed"));
                    self.executor_dies(node, &container, 9);
                } else {
                    self.note(&format!("a broker on agent {node} dies"));
                    self.end_task(node, &container, TaskState::TaskFailed);
                }
            }
            6 => {
                if let Some(stream) = self.process.stream.clone() {
                    self.note("the stream breaks");
                    self.stream_ends(&stream);
                }
            }
            7 if self.process.core.is_some() => self.crash("killed"),
            8 if self.process.core.is_some() => self.reconfigure(),
            10 | 11 => self.operator_restarts(),
            _ => {}
        }
    }

    /// Somebody edits the environment, and the scheduler is started again with it.
    pub(super) fn reconfigure(&mut self) {
        let environment = &mut self.process.environment;
        let kind = self.chance.pick(5);
        if kind < 2 {
            let hours = self.chance.pick(5) + 100;
            environment.insert("KAFKA_OVERRIDE_LOG_RETENTION_HOURS".to_owned(), hours.to_string());
        } else if kind == 2 {
            // What only another task takes over.
            let seconds = self.chance.pick(3) + 30;
            environment.insert("BROKER_KILL_GRACE_SEC".to_owned(), seconds.to_string());
        } else {
            let count = environment["BROKER_COUNT"].parse::<usize>().unwrap();
            let room = if environment["PLACEMENT_STRATEGY"] == "NODE" { self.nodes.len() } else { 5 };
            environment.insert("BROKER_COUNT".to_owned(), (count + 1).min(room).to_string());
        }
        self.crash("reconfigured");
    }
}
