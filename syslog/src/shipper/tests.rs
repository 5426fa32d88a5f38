#![allow(clippy::unwrap_used)] // a failed unwrap is a failed test

//! Against receivers made of a socket: what no rsyslogd shows, such as a connection cut in the middle.

use std::{
    collections::BTreeSet,
    fs::OpenOptions,
    io::{Read as _, Write as _},
    net::{TcpListener, TcpStream, UdpSocket},
    path::Path,
};

use super::*;

const PATIENCE: Duration = Duration::from_secs(60);

#[track_caller]
fn wait_for<T>(what: &str, mut look: impl FnMut() -> Option<T>) -> T {
    let deadline = Instant::now() + PATIENCE;
    loop {
        if let Some(found) = look() {
            return found;
        }
        assert!(Instant::now() < deadline, "no {what} within {PATIENCE:?}");
        std::thread::sleep(Duration::from_millis(5));
    }
}

/// A receiver of counted frames that has no thread: it reads when it is asked to.
struct Receiver {
    listener: TcpListener,
    connection: Option<TcpStream>,
    buffer: Vec<u8>,
    texts: Vec<String>,
}

impl Receiver {
    fn new() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        listener.set_nonblocking(true).unwrap();
        Self { listener, connection: None, buffer: Vec::new(), texts: Vec::new() }
    }

    fn target(&self) -> Target {
        format!("tcp://{}", self.listener.local_addr().unwrap()).parse().unwrap()
    }

    /// Reads what is there, up to `limit` bytes; the texts of messages, without their heads, gather in `texts`.
    fn read(&mut self, limit: usize) {
        if self.connection.is_none() {
            self.connection = self.listener.accept().ok().map(|(socket, _)| socket);
            self.buffer.clear();
        }
        let Some(socket) = &mut self.connection else { return };
        socket.set_nonblocking(true).unwrap();
        let mut chunk = vec![0; limit];
        match socket.read(&mut chunk) {
            Ok(0) => self.connection = None,
            Ok(read) => self.buffer.extend(&chunk[..read]),
            Err(_) => {}
        }
        let mut at = 0;
        while let Some(blank) = self.buffer[at..].iter().position(|byte| *byte == b' ') {
            let length: usize = std::str::from_utf8(&self.buffer[at..at + blank]).unwrap().parse().unwrap();
            let Some(frame) = self.buffer.get(at + blank + 1..at + blank + 1 + length) else { break };
            let frame = std::str::from_utf8(frame).unwrap();
            self.texts.push(frame.split_once("] ").unwrap().1.to_owned());
            at += blank + 1 + length;
        }
        self.buffer.drain(..at);
    }

    /// Ends the connection as a killed process does: what it has not read is lost.
    fn cut(&mut self) {
        self.connection = None;
    }

    fn until(&mut self, what: &str, done: impl Fn(&[String]) -> bool) {
        wait_for(what, || {
            self.read(1 << 20);
            done(&self.texts).then_some(())
        });
    }
}

#[test]
fn a_silent_file_is_looked_at_ever_more_seldom_and_often_again_when_it_speaks() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("stdout");
    std::fs::write(&path, "").unwrap();
    let options = Options { server: None, identity: Identity::default(), limit: Some(1 << 20) };
    let origin = Origin { files: vec![watched(&path)], directory: None };
    let mut worker = Worker::new(options, origin, Arc::default());
    // Hurried, it looks at each turn, as it would after each pause.
    let mut pauses = |count| -> Vec<_> { (0..count).map(|_| worker.turn(true).as_millis()).collect() };
    assert_eq!(pauses(5), [400, 800, 1000, 1000, 1000]);
    append(&path, "a line\n");
    assert_eq!(pauses(3), [200, 400, 800]);
}

#[test]
fn nobody_waits_for_a_thread_that_is_stuck() {
    let (shipper, _never_read) = Shipper::unattended(Arc::default());
    let target: Target = "tcp://127.0.0.1:9".parse().unwrap();
    let caller = std::thread::spawn(move || {
        for _ in 0..100 {
            shipper.hurry();
            shipper.configure(options(target.clone(), 1));
        }
        shipper.finish(Duration::from_millis(1))
    });
    wait_for("end of the caller", || caller.is_finished().then_some(()));
    assert_eq!(caller.join().unwrap(), Summary::default());
}

fn options(target: Target, spool: u64) -> Options {
    let server = Server {
        target,
        format: Format::Rfc5424,
        facility: Facility::DAEMON,
        authorities: None,
        spool,
        program: false,
    };
    let identity =
        Identity { application: "kafka".to_owned(), program: ("tests".to_owned(), 1), ..Identity::default() };
    Options { server: Some(server), identity, limit: None }
}

fn watched(path: &Path) -> Watched {
    let file = OpenOptions::new().read(true).write(true).create(true).truncate(false).open(path).unwrap();
    Watched { file, stream: "stdout".to_owned(), style: Style::Log, start: 0 }
}

fn follow(options: Options, path: &Path) -> Shipper {
    let origin = Origin { files: vec![watched(path)], directory: None };
    Shipper::start(options, origin, Arc::default()).unwrap()
}

fn append(path: &Path, text: &str) {
    OpenOptions::new().append(true).create(true).open(path).unwrap().write_all(text.as_bytes()).unwrap();
}

fn lines(numbers: std::ops::Range<u32>) -> String {
    numbers
        .map(|number| format!("[2026-11-25 20:46:53,123] INFO line {number:07} of the log (test)\n"))
        .collect()
}

fn numbers(texts: &[String]) -> Vec<u32> {
    texts.iter().filter_map(|text| text.strip_prefix("line ")?.get(..7)?.parse().ok()).collect()
}

/// The log of a server that was away: as written, but some again.
#[track_caller]
fn in_order_but_for_repetitions(numbers: &[u32]) {
    let mut newest = None;
    for number in numbers {
        if newest.is_none_or(|newest| *number > newest) {
            assert_eq!(*number, newest.map_or(0, |newest: u32| newest + 1), "one is missing or too early");
            newest = Some(*number);
        }
    }
}

// D44: what was under way when a connection broke is sent again, in order.
#[test]
fn a_cut_connection_loses_nothing() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("stdout");
    append(&path, &lines(0..20_000));
    let mut receiver = Receiver::new();
    let shipper = follow(options(receiver.target(), 1 << 30), &path);
    for round in 0..4u32 {
        // Some is read, more is in the buffers when it is cut.
        let before = receiver.texts.len();
        wait_for("a part", || {
            receiver.read(100_000 * (round as usize + 1));
            (receiver.texts.len() > before + 100).then_some(())
        });
        receiver.cut();
        append(&path, &lines(20_000 + round * 100..20_100 + round * 100));
    }
    receiver.until("the last line", |texts| numbers(texts).last() == Some(&20_399));
    let counters = Arc::clone(shipper.counters());
    let reads = std::thread::spawn(move || {
        wait_for("the end", || {
            receiver.read(1 << 20);
            receiver.connection.is_none().then_some(())
        });
        receiver
    });
    assert_eq!(shipper.finish(PATIENCE), Summary::default());
    let receiver = reads.join().unwrap();
    in_order_but_for_repetitions(&numbers(&receiver.texts));
    assert_eq!(counters.shipped(), 20_400);
    assert!(counters.resent() > 0 && counters.connections() == 5 && counters.errors() >= 4, "{counters:?}");
}

// Issue 4: bounded, and the count of what is dropped is exact, itself logged, and a metric.
#[test]
fn beyond_the_spool_the_count_is_exact() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("stdout");
    append(&path, &lines(0..1_000));
    let mut receiver = Receiver::new();
    let shipper = follow(options(receiver.target(), 500_000), &path);
    receiver.until("the first lines", |texts| texts.len() == 1_000);
    let counters = Arc::clone(shipper.counters());
    let mut written = 1_000;
    for round in 1..=2 {
        // Connected, but it takes nothing: the buffers fill, then the spool.
        let before = counters.dropped();
        while counters.dropped() == before {
            append(&path, &lines(written..written + 10_000));
            written += 10_000;
            std::thread::sleep(Duration::from_millis(20));
            assert!(written < 3_000_000, "nothing is dropped");
        }
        if round == 2 {
            receiver.cut();
        }
        let last = written;
        append(&path, &lines(written..written + 1));
        written += 1;
        receiver.until("the last line", |texts| numbers(texts).last() == Some(&last));
    }
    let distinct: BTreeSet<u32> = numbers(&receiver.texts).into_iter().collect();
    assert_eq!(distinct.len() as u64 + counters.dropped(), u64::from(written), "{counters:?}");
    assert_eq!(counters.shipped() + counters.dropped(), u64::from(written), "{counters:?}");
    // Sent again with what surrounds it, a notice comes behind the same line.
    let pairs =
        receiver.texts.windows(2).filter(|pair| pair[1].contains(" lines of stdout are missing here: "));
    let told: BTreeSet<(&str, u64)> =
        pairs.map(|pair| (pair[0].as_str(), pair[1].split(' ').next().unwrap().parse().unwrap())).collect();
    assert_eq!(told.iter().map(|(_, lines)| lines).sum::<u64>(), counters.dropped(), "{told:?}");
}

// D44: each line goes once, through the rotation of its file; the end of a file goes, too.
#[test]
fn rotated_files_are_followed() {
    let directory = tempfile::tempdir().unwrap();
    let logs = directory.path().join("logs");
    let origin = Origin { files: Vec::new(), directory: Some(logs.clone()) };
    let mut receiver = Receiver::new();
    let shipper = Shipper::start(options(receiver.target(), 1 << 30), origin, Arc::default()).unwrap();
    std::fs::create_dir(&logs).unwrap();
    let path = |end: &str| logs.join(format!("controller.log{end}"));
    for round in 0..10 {
        // As log4j does with MaxBackupIndex=2: the oldest goes, whether it was shipped or not.
        append(&path(""), &lines(round * 50..round * 50 + 50));
        let _at_first_there_is_none = std::fs::rename(path(".1"), path(".2"));
        std::fs::rename(path(""), path(".1")).unwrap();
        append(&path(""), "");
        // Never more than two rotations between two looks: faster than 32 MB in 200 ms no log is.
        let seen = round as usize * 50;
        receiver.until("what was written before", |texts| texts.len() >= seen);
    }
    append(&path(""), "[2026-11-25 20:46:53,123] INFO line 0000500 without an end");
    receiver.until("all whole lines", |texts| texts.len() == 500);
    let reads = std::thread::spawn(move || {
        receiver.until("the end of the file", |texts| texts.len() == 501);
        receiver
    });
    assert_eq!(shipper.finish(PATIENCE), Summary::default());
    let found = numbers(&reads.join().unwrap().texts);
    in_order_but_for_repetitions(&found);
    assert_eq!(found.len(), 501);
}

// Issue 4: sandbox files rotate within a set size, and nobody who writes them notices.
#[test]
fn files_are_kept_small() {
    use std::os::unix::fs::MetadataExt as _;

    let directory = tempfile::tempdir_in(env!("CARGO_MANIFEST_DIR")).unwrap();
    let path = directory.path().join("stdout");
    append(&path, "");
    let limit = 1 << 20;
    let options = Options { limit: Some(limit), server: None, identity: Identity::default() };
    let shipper = follow(options.clone(), &path);
    let taken = || std::fs::metadata(&path).unwrap().blocks() * 512;
    let mut written = 0;
    for _ in 0..8 {
        append(&path, &lines(written..written + 10_000));
        written += 10_000;
        wait_for("a small file", || (taken() <= limit).then_some(()));
    }
    let text = std::fs::read(&path).unwrap();
    assert_eq!(text.len(), lines(0..written).len(), "offsets stay");
    let begin = text.iter().position(|byte| *byte != 0).unwrap();
    assert!(lines(0..written).as_bytes().ends_with(&text[begin..]), "what is left is as it was");
    assert!(text.len() - begin > limit as usize / 2, "no more is removed than needed");

    // What waits for a server is not removed.
    let mut receiver = Receiver::new();
    let waits = super::tests::options(receiver.target(), 1 << 30);
    shipper.configure(Options { limit: Some(limit), ..waits });
    wait_for("a connection", || shipper.counters().connected().then_some(()));
    append(&path, &lines(written..written + 100_000));
    receiver.until("the last line", |texts| numbers(texts).last() == Some(&(written + 99_999)));
    let found = numbers(&receiver.texts);
    assert!(found.into_iter().eq(written..written + 100_000), "all, and none of before");
    drop(shipper);
}

// Last words are looked for in the last 256 KiB, however little the files may take.
#[test]
fn the_end_of_a_file_is_never_given_back() {
    use std::os::unix::fs::MetadataExt as _;

    let directory = tempfile::tempdir_in(env!("CARGO_MANIFEST_DIR")).unwrap();
    let path = directory.path().join("stdout");
    append(&path, "");
    let options = Options { limit: Some(4096), server: None, identity: Identity::default() };
    let _shipper = follow(options, &path);
    let all = lines(0..60_000);
    append(&path, &all);
    let taken = || std::fs::metadata(&path).unwrap().blocks() * 512;
    wait_for("a hole", || (taken() < all.len() as u64 / 2).then_some(()));
    let text = std::fs::read(&path).unwrap();
    let begin = text.iter().position(|byte| *byte != 0).unwrap();
    assert!(text.len() - begin >= 256 * 1024, "{} bytes are left", text.len() - begin);
}

#[test]
fn the_end_comes_in_time_without_a_server() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("stdout");
    append(&path, &lines(0..1_000));
    // Nobody listens; then one that takes nothing.
    let nobody = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let shipper = follow(options(format!("tcp://{nobody}").parse().unwrap(), 1 << 30), &path);
    let began = Instant::now();
    assert_eq!(shipper.finish(PATIENCE), Summary { dropped: 1_000, unsent: 1_000 });
    assert!(began.elapsed() < PATIENCE / 2, "a server that is away holds up nobody");

    append(&path, &lines(1_000..300_000));
    let silent = TcpListener::bind("127.0.0.1:0").unwrap();
    let target = format!("tcp://{}", silent.local_addr().unwrap()).parse().unwrap();
    // The worker itself: whoever waits for its thread gives up a second later, counted or not.
    let counters = Arc::default();
    let origin = Origin { files: vec![watched(&path)], directory: None };
    let mut worker = Worker::new(options(target, 1 << 30), origin, Arc::clone(&counters));
    let began = Instant::now();
    let summary = worker.finish(began + Duration::from_millis(500));
    assert!(began.elapsed() < PATIENCE / 2, "{:?}", began.elapsed());
    assert!(summary.unsent > 0);
    assert_eq!(summary.unsent + counters.shipped(), 300_000);
}

// D24: the executor's own lines go only when asked to, under their own name.
#[test]
fn lines_of_the_program_that_ships() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("stderr");
    append(
        &path,
        "2026-11-23T06:10:00.123456Z  INFO executor: up\nOpenJDK warning: x\n\
         2026-11-23T06:10:01.123456Z ERROR executor: no\nException in thread \"main\" E\n\tat x\n",
    );
    let socket = UdpSocket::bind("127.0.0.1:0").unwrap();
    socket.set_read_timeout(Some(PATIENCE)).unwrap();
    let target: Target = format!("udp://{}", socket.local_addr().unwrap()).parse().unwrap();
    let received = |program: bool, count: usize| {
        let mut options = options(target.clone(), 1 << 20);
        options.server = options.server.map(|server| Server { program, ..server });
        let files = vec![Watched { stream: "stderr".to_owned(), style: Style::Errors, ..watched(&path) }];
        let shipper = Shipper::start(options, Origin { files, directory: None }, Arc::default()).unwrap();
        let mut buffer = [0; 2048];
        let mut messages: Vec<String> = (0..count)
            .map(|_| {
                let length = socket.recv(&mut buffer).unwrap();
                String::from_utf8_lossy(&buffer[..length]).into_owned()
            })
            .collect();
        let shipped = shipper.counters().clone();
        shipper.finish(PATIENCE);
        socket.set_nonblocking(true).unwrap();
        assert!(socket.recv(&mut buffer).is_err(), "nothing else comes");
        socket.set_nonblocking(false).unwrap();
        for message in &mut messages {
            let (head, text) = message.split_once(" [kafka@").unwrap();
            let application = head.split(' ').nth(3).unwrap();
            *message = format!(
                "{} {application}: {}",
                head.split('>').next().unwrap(),
                text.split_once("] ").unwrap().1
            );
        }
        (messages, shipped.shipped())
    };
    let own = ["<28 kafka: OpenJDK warning: x", "<27 kafka: Exception in thread \"main\" E\n\tat x"]
        .map(str::to_owned);
    let (messages, shipped) = received(false, 2);
    assert_eq!((messages.as_slice(), shipped), (own.as_slice(), 3));
    let (messages, shipped) = received(true, 4);
    assert_eq!(messages[0], "<30 tests: executor: up");
    assert_eq!(messages[2], "<27 tests: executor: no");
    assert_eq!(shipped, 5);
}

// A proxy whose server is away takes every connection and closes it.
#[test]
fn a_server_that_closes_at_once_is_asked_ever_more_seldom() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("stdout");
    append(&path, "a\n");
    let receiver = Receiver::new();
    let began = Instant::now();
    let _shipper = follow(options(receiver.target(), 1 << 20), &path);
    let mut accepted = 0;
    wait_for("six connections", || {
        accepted += u32::from(receiver.listener.accept().is_ok());
        (accepted == 6).then_some(())
    });
    // 0.1, 0.2, 0.4, 0.8 and 1.6 s between them.
    assert!(began.elapsed() >= Duration::from_secs(2), "{:?}", began.elapsed());
}
