//! Machines: agents, their links, their outputs.

use local::{
    agent::{self, ContainerEvent},
    link::LinkId,
    master::{self},
};

use super::{Happening, World};

impl World {
    pub(super) fn start_node(&mut self, node: usize) {
        if self.nodes[node].agent.is_some() {
            return;
        }
        self.note(&format!("agent {node} starts"));
        let (seed, now) = (self.chance.seed(), self.now);
        self.nodes[node].start(seed, now);
        self.after(0, Happening::NodeTick(node));
        self.after(10, Happening::NodeLink(node));
        let containers: Vec<String> = self.nodes[node].disk.containers();
        for container in containers {
            if self.nodes[node].executors.contains_key(&container) {
                let delay = self.chance.millis(0, 1500);
                self.after(delay, Happening::ExecutorSubscribe(node, container));
            } else if self.nodes[node].disk.is_running(&container) {
                self.after(5, Happening::Container(node, container, ContainerEvent::Exited { status: -1 }));
            }
        }
    }

    pub(super) fn kill_agent(&mut self, node: usize) {
        self.note(&format!("agent {node} dies"));
        self.nodes[node].agent = None;
        self.agenda.retain(|_, happening| !matches!(happening, Happening::NodeTick(n) if *n == node));
        for executor in self.nodes[node].executors.values_mut() {
            executor.stream = None;
        }
        self.unlink(node, 0);
        let delay = self.chance.millis(100, 90_000);
        self.after(delay, Happening::NodeStart(node));
    }

    pub(super) fn link(&mut self, node: usize) {
        let late = self.nodes[node].cut_until.saturating_sub(self.now);
        if self.master.is_none() || self.nodes[node].agent.is_none() || self.nodes[node].link.is_some() {
            return;
        }
        if late > 0 {
            return self.after(late, Happening::NodeLink(node));
        }
        let link = LinkId(self.ticket());
        self.nodes[node].link = Some(link);
        let address = self.nodes[node].address;
        self.master_takes(master::Input::Linked { link, address });
        self.agent_takes(node, agent::Input::Linked);
    }

    /// The link breaks, with all that is on it, for at least so long.
    pub(super) fn unlink(&mut self, node: usize, millis: u64) {
        self.nodes[node].cut_until = self.now + millis;
        if let Some(link) = self.nodes[node].link.take() {
            self.master_takes(master::Input::Unlinked(link));
            self.agent_takes(node, agent::Input::Unlinked);
        }
        self.after(millis + 200, Happening::NodeLink(node));
    }

    pub(super) fn agent_takes(&mut self, node: usize, input: agent::Input) {
        let time = self.time();
        let Some(agent) = &mut self.nodes[node].agent else { return };
        for output in agent.handle(time, input) {
            self.agent_does(node, output);
        }
    }

    pub(super) fn agent_does(&mut self, node: usize, output: agent::Output) {
        match output {
            agent::Output::Checkpoint(checkpoint) => self.nodes[node].disk.write(checkpoint),
            agent::Output::Send(message) => {
                if let Some(link) = self.nodes[node].link {
                    let delay = self.chance.millis(0, 20);
                    self.in_order(format!("to master {link:?}"), delay, Happening::ToMaster(link, message));
                }
            }
            agent::Output::Event { stream, event } => {
                let executors = &self.nodes[node].executors;
                if let Some(container) =
                    executors.iter().find(|(_, e)| e.stream == Some(stream)).map(|(c, _)| c.clone())
                {
                    let happening = Happening::ExecutorEvent(node, container, stream, event);
                    self.in_order(format!("executor {stream:?}"), 1, happening);
                }
            }
            agent::Output::EndStream(stream) => {
                for executor in self.nodes[node].executors.values_mut().filter(|e| e.stream == Some(stream)) {
                    executor.stream = None;
                }
            }
            agent::Output::Prepare { run, .. } => {
                let event = if self.happens(|rates| rates.start_fails) {
                    ContainerEvent::Failed("cannot fetch".to_owned())
                } else {
                    ContainerEvent::Prepared
                };
                let delay = self.chance.millis(1, 2000);
                self.after(delay, Happening::Container(node, run.container.0, event));
            }
            agent::Output::Launch { run, .. } => {
                let delay = self.chance.millis(1, 200);
                self.after(delay, Happening::ExecutorStart(node, run));
            }
            agent::Output::Destroy(container) => self.executor_dies(node, &container.0, 9),
            agent::Output::Answer { .. }
            | agent::Output::Mount { .. }
            | agent::Output::Unmount { .. }
            | agent::Output::CreateVolume(_)
            | agent::Output::DestroyVolume { .. }
            | agent::Output::Log(_) => {}
            agent::Output::Exit(_) => self.nodes[node].agent = None,
        }
    }
}
