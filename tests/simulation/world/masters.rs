//! The master: its inputs, and what becomes of its outputs.

use local::master::{self, Master, StreamId};
use mesos::v1::scheduler as wire;

use super::{Happening, World};

impl World {
    pub(super) fn start_master(&mut self) {
        if self.master.is_some() {
            return;
        }
        self.note("master starts");
        let options = master::Options::new(([10, 0, 0, 100], 5050).into());
        let seed = self.chance.seed();
        self.master = Some(Master::new(options, self.registry.clone(), seed, self.time()));
        self.after(0, Happening::MasterTick);
        for node in 0..self.nodes.len() {
            self.after(100, Happening::NodeLink(node));
        }
    }

    pub(super) fn kill_master(&mut self) {
        self.note("master dies");
        self.master = None;
        self.agenda.retain(|_, happening| !matches!(happening, Happening::MasterTick));
        for node in 0..self.nodes.len() {
            self.unlink(node, 0);
        }
        if let Some(stream) = self.process.stream.clone() {
            self.after(1, Happening::StreamEnd(stream));
        }
        let delay = self.chance.millis(100, 20_000);
        self.after(delay, Happening::MasterStart);
    }

    pub(super) fn master_takes(&mut self, input: master::Input) {
        let time = self.time();
        let Some(master) = &mut self.master else { return };
        for output in master.handle(time, input) {
            match output {
                master::Output::Event { stream, event } => self.send_event(stream, event),
                master::Output::End(stream) => {
                    self.in_order(format!("stream {}", stream.0), 1, Happening::StreamEnd(stream));
                }
                master::Output::ToAgent { link, message } => {
                    if let Some(node) = self.nodes.iter().position(|node| node.link == Some(link)) {
                        let delay = self.chance.millis(0, 20);
                        self.in_order(
                            format!("to agent {link:?}"),
                            delay,
                            Happening::ToAgent(node, link, message),
                        );
                    }
                }
                master::Output::Cut(link) => {
                    if let Some(node) = self.nodes.iter().position(|node| node.link == Some(link)) {
                        self.unlink(node, 0);
                    }
                }
                master::Output::Registry(registry) => self.registry = *registry,
                master::Output::Answer { .. } | master::Output::Log(_) => {}
            }
        }
    }

    /// An event goes onto a stream: in order, unless it is an update that comes late, or twice.
    pub(super) fn send_event(&mut self, stream: StreamId, event: Box<wire::Event>) {
        let delay = self.chance.millis(0, 50);
        if let Some(update) = &event.update
            && let Some(uuid) = &update.status.uuid
        {
            self.updates.insert(uuid.clone(), update.status.clone());
            if self.happens(|rates| rates.update_twice) {
                let later = self.chance.millis(0, 3000);
                self.after(delay + later, Happening::StreamEvent(stream.clone(), event.clone()));
            }
            // Only its own task's updates are ordered, by the acknowledgement protocol.
            if self.happens(|rates| rates.update_late) {
                let later = self.chance.millis(0, 3000);
                return self.after(delay + later, Happening::StreamEvent(stream, event));
            }
        }
        self.in_order(format!("stream {}", stream.0), delay, Happening::StreamEvent(stream, event));
    }
}
