//! Random events from a world that keeps to its own rules.

use super::*;

/// The choice with which all goes well.
const WELL: u8 = 3;

/// What the world may do, given what it was asked to.
#[derive(Default)]
struct World {
    /// The generation that is being prepared.
    preparing: Option<u64>,
    /// The last one that was prepared well, and the one that was started.
    prepared: u64,
    started: u64,
    looking: bool,
    spawning: bool,
    alive: bool,
    dirty: bool,
    sweeping: bool,
    examining: bool,
    /// SIGTERM was sent to a JVM that takes it.
    asked: bool,
    /// How many sessions are being deleted.
    forgetting: usize,
    /// An incident was told and not stored.
    untold: bool,
    terminal: usize,
    acknowledged: bool,
    exited: bool,
    /// The generation of the last restart asked for.
    generation: u64,
}

impl World {
    /// An event, if it can happen now.
    fn event(&mut self, kind: u8, choice: u8) -> Option<Event> {
        let grace = [None, Some(secs(0)), Some(secs(5))][usize::from(choice % 3)];
        Some(match kind % 18 {
            0 => launch(),
            1 if self.preparing.is_some() => {
                let generation = self.preparing.take().unwrap_or_default();
                if choice == 0 {
                    Event::Prepared(Err("x".to_owned()))
                } else {
                    self.prepared = generation;
                    Event::Prepared(Ok(secs(6)))
                }
            }
            2 | 3 if self.looking => {
                self.looking = false;
                Event::Registration(match choice % 4 {
                    0 => Registered::Other { owner: "x".to_owned() },
                    1 => Registered::Unknown { why: "x".to_owned() },
                    2 => Registered::Listening { address: "x".to_owned() },
                    _ => Registered::Nobody,
                })
            }
            4 | 5 if self.spawning => {
                self.spawning = false;
                self.alive = choice != 0;
                self.dirty = self.alive;
                Event::Spawned(if self.alive { Ok(1) } else { Err("x".to_owned()) })
            }
            6 => Event::Session(i64::from(choice)),
            7 => Event::Ready(if choice.is_multiple_of(2) { Ok(()) } else { Err("x".to_owned()) }),
            8 => Event::Checked { healthy: choice.is_multiple_of(2), message: "x".to_owned() },
            9 => Event::Unhealthy { reason: "x".to_owned(), silent: choice.is_multiple_of(2) },
            10 => Event::Kill { task: TASK.to_owned(), grace },
            11 if choice < 30 => Event::Shutdown { reason: "x".to_owned(), grace: secs(4) },
            12 if self.alive => {
                self.alive = false;
                exited(How::Code(1))
            }
            13 if self.sweeping && !self.alive => {
                (self.sweeping, self.dirty) = (false, false);
                Event::Swept { left: 0 }
            }
            17 if self.examining => {
                self.examining = false;
                examined()
            }
            14 if self.terminal > 0 => {
                self.acknowledged = true;
                acknowledged()
            }
            16 if self.untold => {
                self.untold = false;
                // Each world's evidence has the same id.
                Event::IncidentStored { id: uuid::Uuid::nil() }
            }
            15 if self.forgetting > 0 => {
                self.forgetting -= 1;
                Event::Forgotten
            }
            16 => {
                self.generation += u64::from(choice % 3);
                restart(self.generation)
            }
            _ => Event::Tick,
        })
    }

    /// The answer to something it was asked for.
    fn answer(&mut self, choice: u8) -> Option<Event> {
        let kind = if self.preparing.is_some() {
            1
        } else if self.looking {
            2
        } else if self.spawning {
            4
        } else if self.alive && self.asked {
            12
        } else if self.sweeping && !self.alive {
            13
        } else if self.examining {
            17
        } else if self.forgetting > 0 {
            15
        } else if self.untold {
            16
        } else if self.terminal > 0 && !self.acknowledged {
            14
        } else {
            return None;
        };
        self.event(kind, choice)
    }

    /// What must hold of each effect, whatever came before.
    fn absorb(&mut self, effect: &Effect) {
        assert!(!self.exited, "{effect:?} after the exit");
        match effect {
            Effect::Update(update) => {
                assert_eq!(self.terminal, 0, "{update:?} after the terminal one");
                if update.state.is_terminal() {
                    self.terminal += 1;
                    assert!(!self.examining, "{update:?} before the evidence is there");
                    assert!(!self.dirty, "{update:?} while a process may live");
                }
                if let Some((_, generation)) = update.labels.last() {
                    assert_eq!(*generation, self.started.to_string(), "what runs is what was prepared last");
                }
            }
            Effect::Prepare(contract) => {
                assert_eq!(self.preparing, None, "two preparations at once");
                self.preparing = Some(contract.generation);
            }
            Effect::Look => self.looking = true,
            Effect::Spawn => {
                assert!(!self.spawning && !self.dirty, "two JVMs");
                self.spawning = true;
                self.started = self.prepared;
            }
            Effect::Signal(_) => {
                assert!(self.dirty, "a signal to nobody");
                self.asked = true;
            }
            Effect::Sweep => {
                self.sweeping = true;
                // SIGKILL to everybody: a JVM that still runs goes too.
                self.alive = false;
            }
            Effect::Examine => self.examining = true,
            Effect::Forget { .. } => self.forgetting += 1,
            Effect::Tell(_) => self.untold = true,
            Effect::Exit(_) => self.exited = true,
            _ => {}
        }
    }
}

proptest::proptest! {
    /// One terminal update, the last one, and only when nobody lives; never two JVMs; nothing after the exit. And in the
    /// end, once the task is killed and the world has answered all it was asked, the executor leaves: it waits for
    /// nothing that nobody was asked for.
    ///
    /// And time means something only when it is due: what is never told that it passes loses nothing before.
    #[test]
    fn whatever_happens(events in proptest::collection::vec((0_u8..27, 0_u8..64, 0_u64..40), 0..120)) {
        let mut supervisor = Supervisor::default();
        supervisor.handle(Duration::ZERO, Event::Subscribed { killing: true });
        let mut world = World::default();
        let mut now = Duration::ZERO;
        let mut handle = |world: &mut World, now, event| {
            let early = event == Event::Tick && supervisor.due().is_none_or(|due| now < due);
            let before = early.then(|| format!("{supervisor:?}"));
            let effects = supervisor.handle(now, event);
            if let Some(before) = before {
                assert_eq!((&effects[..], format!("{supervisor:?}")), (&[][..], before), "not due yet");
            }
            for effect in effects {
                world.absorb(&effect);
            }
        };
        for (kind, choice, passed) in events {
            now += secs(passed) / 10;
            // Answers come more often than accidents, or few tasks would ever get far.
            let event = if kind < 18 { world.event(kind, choice) } else { world.answer(choice) };
            let Some(event) = event else { continue };
            handle(&mut world, now, event);
            if world.exited {
                return Ok(());
            }
        }
        handle(&mut world, now, launch());
        handle(&mut world, now, kill(None));
        // No time passes: only answers bring the end.
        while !world.exited {
            let Some(event) = world.answer(WELL) else { panic!("all is answered, and it waits: {supervisor:?}") };
            handle(&mut world, now, event);
        }
    }
}
