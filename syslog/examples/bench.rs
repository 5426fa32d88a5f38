//! The parts of `scripts/bench/syslog.sh`: makes a log, receives it, ships it.
//!
//!   bench generate FILE LINES
//!   bench receive PORT LINES         octet-counted frames until there are so many; prints how many, and the seconds
//!   bench ship FILE URI [CA-FILE]    prints lines, processor seconds and resident memory
#![allow(
    clippy::disallowed_methods,
    missing_docs,
    reason = "a benchmark has a clock and arguments of its own"
)]

use std::{
    error::Error,
    fs::{self, File, OpenOptions},
    io::{BufWriter, Read as _, Write as _},
    net::TcpListener,
    sync::Arc,
    time::{Duration, Instant},
};

use syslog::{Facility, Format, Identity, Options, Origin, Server, Shipper, Style, Watched};

type Done = Result<(), Box<dyn Error>>;

fn main() -> Done {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    match arguments[..] {
        ["generate", path, lines] => generate(path, lines.parse()?),
        ["receive", port, lines] => receive(port.parse()?, lines.parse()?),
        ["ship", path, uri] => ship(path, uri, None),
        ["ship", path, uri, authorities] => ship(path, uri, Some(authorities)),
        _ => Err("generate FILE LINES | receive PORT LINES | ship FILE URI [CA-FILE]".into()),
    }
}

/// What a busy broker logs, 128 bytes a line or so.
fn generate(path: &str, lines: u64) -> Done {
    let mut file = BufWriter::new(File::create(path)?);
    for line in 0..lines {
        let (second, milli) = (line / 20_000 % 60, line % 1000);
        writeln!(
            file,
            "[2026-11-25 20:46:{second:02},{milli:03}] INFO [UnifiedLog partition=topic-{}, dir=/data/kafka] Rolled new log \
             segment at offset {line} in 2 ms. (kafka.log.UnifiedLog)",
            line % 64
        )?;
    }
    Ok(file.flush()?)
}

fn receive(port: u16, lines: u64) -> Done {
    let (mut socket, _) = TcpListener::bind(("127.0.0.1", port))?.accept()?;
    let began = Instant::now();
    let (mut buffer, mut held, mut count) = (vec![0; 1 << 18], 0, 0);
    while count < lines {
        let read = socket.read(&mut buffer[held..])?;
        if read == 0 {
            break;
        }
        held += read;
        let mut at = 0;
        while let Some(blank) = buffer[at..held].iter().take(10).position(|byte| *byte == b' ') {
            let length: usize = std::str::from_utf8(&buffer[at..at + blank])?.parse()?;
            if at + blank + 1 + length > held {
                break;
            }
            at += blank + 1 + length;
            count += 1;
        }
        buffer.copy_within(at..held, 0);
        held -= at;
    }
    println!("{count} {:.2}", began.elapsed().as_secs_f64());
    Ok(())
}

fn ship(path: &str, uri: &str, authorities: Option<&str>) -> Done {
    let server = Server {
        target: uri.parse()?,
        format: Format::Rfc5424,
        facility: Facility::DAEMON,
        authorities: authorities.map(Into::into),
        spool: u64::MAX,
        program: false,
    };
    let data =
        [("framework", "kafka"), ("broker", "1"), ("task", "broker-1__00000000-0000-0000-0000-000000000009")];
    let identity = Identity {
        application: "kafka".to_owned(),
        data: data.map(|(name, value)| (name.to_owned(), value.to_owned())).into(),
        ..Identity::default()
    };
    let file = OpenOptions::new().read(true).open(path)?;
    let files = vec![Watched { file, stream: "stdout".to_owned(), style: Style::Log, start: 0 }];
    let options = Options { server: Some(server), identity, limit: None };
    let shipper = Shipper::start(options, Origin { files, directory: None }, Arc::default())?;
    let counters = Arc::clone(shipper.counters());
    while counters.shipped() == 0 || counters.waiting() > 0 {
        std::thread::sleep(Duration::from_millis(10));
    }
    let status = fs::read_to_string("/proc/self/status")?;
    let memory = status.lines().find(|line| line.starts_with("VmHWM")).unwrap_or_default();
    let memory = memory.split_whitespace().nth(1).unwrap_or_default().to_owned();
    shipper.finish(Duration::from_secs(5));
    let usage = nix::sys::resource::getrusage(nix::sys::resource::UsageWho::RUSAGE_SELF)?;
    let seconds = |time: nix::sys::time::TimeVal| time.tv_sec() as f64 + time.tv_usec() as f64 / 1e6;
    println!(
        "{} {:.2} {memory}",
        counters.shipped(),
        seconds(usage.user_time()) + seconds(usage.system_time())
    );
    Ok(())
}
