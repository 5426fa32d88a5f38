#![allow(clippy::unwrap_used)] // a failed unwrap is a failed test

use std::{net::UdpSocket as Socket, sync::Mutex};

use api::launch::StatsdTags;

use super::*;
use crate::metrics::{Identity, catalog::Metric};

/// One line to send.
fn datagrams() -> Datagrams {
    let whose = Identity {
        prefix: "kafka".to_owned(),
        service: "kafka".to_owned(),
        broker: 1,
        tags: StatsdTags::None,
    };
    let mut datagrams = Datagrams::default();
    datagrams.counter(&whose, Metric::JvmStarts, 1);
    datagrams
}

const LINE: &[u8] = b"kafka.broker.1.jvm.starts:1|c";

fn server(address: impl std::net::ToSocketAddrs) -> Socket {
    let socket = Socket::bind(address).unwrap();
    socket.set_read_timeout(Some(Duration::from_secs(10))).unwrap();
    socket
}

#[track_caller]
fn received(server: &Socket) {
    let mut bytes = [0; 2000];
    let length = server.recv(&mut bytes).unwrap();
    assert_eq!(&bytes[..length], LINE);
}

#[track_caller]
fn silent(server: &Socket) {
    server.set_nonblocking(true).unwrap();
    assert_eq!(server.recv(&mut [0; 2000]).unwrap_err().kind(), io::ErrorKind::WouldBlock);
    server.set_nonblocking(false).unwrap();
}

/// A name server of one name, whose answer can be changed.
#[derive(Clone, Default)]
struct Names(Arc<Mutex<(Vec<SocketAddr>, u32)>>);

impl Names {
    fn say(&self, addresses: &[SocketAddr]) {
        self.0.lock().unwrap().0 = addresses.to_vec();
    }

    fn asked(&self) -> u32 {
        self.0.lock().unwrap().1
    }

    fn receiver(&self) -> Receiver {
        let names = self.clone();
        let resolve: Resolve = Arc::new(move |name| {
            assert_eq!(name, "statsd.example:8125");
            let mut names = names.0.lock().unwrap();
            names.1 += 1;
            match &names.0[..] {
                [] => Err(io::Error::other("no such host")),
                known => Ok(known.to_vec()),
            }
        });
        Receiver::new("statsd.example:8125".to_owned(), resolve)
    }
}

// D23: a host name is resolved again, and what is sent follows it.
#[tokio::test]
async fn a_server_that_moves_is_followed() {
    let (old, new) = (server("127.0.0.1:0"), server("127.0.0.2:0"));
    let names = Names::default();
    names.say(&[old.local_addr().unwrap()]);
    let (mut receiver, datagrams) = (names.receiver(), datagrams());
    let start = Instant::now();
    assert!(receiver.send(start, &datagrams).await);
    received(&old);
    names.say(&[new.local_addr().unwrap()]);
    assert!(receiver.send(start + LOOK_EVERY - Duration::from_secs(1), &datagrams).await);
    received(&old);
    assert_eq!(names.asked(), 1, "not asked at every tick");
    assert!(receiver.send(start + LOOK_EVERY, &datagrams).await);
    received(&new);
    silent(&old);
    // The name server goes away: it stays where it is.
    names.say(&[]);
    assert!(receiver.send(start + 2 * LOOK_EVERY, &datagrams).await);
    received(&new);
    assert_eq!(receiver.trouble(), None);
    // Other addresses beside it change nothing.
    names.say(&[old.local_addr().unwrap(), new.local_addr().unwrap()]);
    assert!(receiver.send(start + 3 * LOOK_EVERY, &datagrams).await);
    received(&new);
    assert_eq!(names.asked(), 4);
}

#[tokio::test]
async fn a_closed_port_is_noticed_and_left_for_where_the_name_leads_now() {
    let closed = server("127.0.0.1:0").local_addr().unwrap();
    let open = server("127.0.0.1:0");
    let names = Names::default();
    names.say(&[closed]);
    let (mut receiver, datagrams) = (names.receiver(), datagrams());
    let start = Instant::now();
    assert!(!receiver.was_refused(start), "nothing was sent");
    assert!(receiver.send(start, &datagrams).await, "nobody can tell yet");
    assert!(receiver.was_refused(start));
    assert!(!receiver.was_refused(start), "told once");
    assert!(receiver.trouble().unwrap().contains("refused"), "{:?}", receiver.trouble());
    names.say(&[open.local_addr().unwrap()]);
    assert!(receiver.send(start + LOOK_AGAIN, &datagrams).await);
    received(&open);
    assert!(receiver.trouble().is_some(), "it is not known yet that this one took it");
    assert!(!receiver.was_refused(start + LOOK_AGAIN));
    assert_eq!(receiver.trouble(), None);
}

#[tokio::test]
async fn several_addresses_are_tried_in_turn() {
    let (closed, open) = (server("127.0.0.1:0").local_addr().unwrap(), server("127.0.0.1:0"));
    let names = Names::default();
    names.say(&[closed, open.local_addr().unwrap()]);
    let (mut receiver, datagrams) = (names.receiver(), datagrams());
    let start = Instant::now();
    assert!(receiver.send(start, &datagrams).await);
    assert!(receiver.was_refused(start));
    assert!(receiver.send(start + LOOK_AGAIN, &datagrams).await);
    received(&open);
}

#[tokio::test]
async fn a_name_that_leads_nowhere_or_an_address_without_a_route() {
    let names = Names::default();
    let (mut receiver, datagrams) = (names.receiver(), datagrams());
    let start = Instant::now();
    assert!(!receiver.send(start, &datagrams).await);
    assert_eq!(receiver.trouble(), Some("no such host"));
    // Within a protocol that the system may well have, an address nothing can be sent to.
    names.say(&["255.255.255.255:8125".parse().unwrap()]);
    assert!(!receiver.send(start + LOOK_AGAIN, &datagrams).await);
    assert!(receiver.trouble().is_some_and(|why| why != "no such host"));
}

/// A question that takes for ever holds nothing up, and is not asked twice.
#[tokio::test(start_paused = true)]
async fn a_name_server_that_is_silent() {
    let (finish, wait) = std::sync::mpsc::sync_channel::<()>(0);
    let wait = Mutex::new(wait);
    let asked = Arc::new(Mutex::new(0));
    let counted = Arc::clone(&asked);
    let resolve: Resolve = Arc::new(move |_| {
        *counted.lock().unwrap() += 1;
        let _told = wait.lock().unwrap().recv();
        Ok(Vec::new())
    });
    let mut receiver = Receiver::new("statsd.example:8125".to_owned(), resolve);
    let datagrams = datagrams();
    for tick in 0..3 {
        // The paused clock stands still while a thread works; it is moved on by hand.
        let mut send = Box::pin(receiver.send(Instant::now(), &datagrams));
        let sent = loop {
            tokio::select! {
                biased;
                sent = &mut send => break sent,
                () = tokio::time::advance(Duration::from_millis(500)) => {}
            }
        };
        drop(send);
        assert!(!sent, "tick {tick}");
        assert!(receiver.trouble().unwrap().contains("still being looked up"));
    }
    drop(finish);
    assert!(receiver.look.take().unwrap().await.unwrap().unwrap().is_empty());
    assert_eq!(*asked.lock().unwrap(), 1);
}
