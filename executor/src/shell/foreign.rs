//! One look by a health check that is not ours, as its TaskInfo has it (D30, mesos-v1-http 6.6).
//!
//! A command runs in the sandbox, in the task's environment, in a session of its own; when its time is over, or nobody
//! waits for it any more, it goes with all its process group. What it writes is in the sandbox's `health-check.log`,
//! that of the last run.

use std::{
    collections::BTreeMap,
    fs::File,
    os::unix::process::{CommandExt as _, ExitStatusExt as _},
    path::{Path, PathBuf},
    process::Command,
    time::Duration,
};

use nix::{
    sys::signal::{Signal, killpg},
    unistd::Pid,
};
use tokio::{net::TcpStream, time::timeout};

use super::{
    broker::chain,
    fork, http,
    process::{self, Awaited},
};
use crate::health::Foreign;

/// Where a command's output goes.
const OUTPUT: &str = "health-check.log";

/// Where a command runs.
#[derive(Clone, Debug)]
pub(super) struct Surroundings {
    pub(super) sandbox: PathBuf,
    pub(super) environment: BTreeMap<String, String>,
}

/// Looks once; what is wrong, if anything is.
pub(super) async fn look(what: &Foreign, around: &Surroundings, limit: Duration) -> Result<(), String> {
    match what {
        Foreign::Tcp { v6, port } => {
            let address = loopback(*v6, *port);
            match timeout(limit, TcpStream::connect(&address)).await {
                Ok(Ok(_)) => Ok(()),
                Ok(Err(error)) => Err(format!("nothing listens on {address}: {error}")),
                Err(_) => Err(format!("{address} did not take a connection within {} ms", limit.as_millis())),
            }
        }
        Foreign::Http { v6, port, path, statuses } => {
            let host = loopback(*v6, *port);
            match http::status(&host, path, limit).await {
                Ok(status) if is_right(status, statuses) => Ok(()),
                Ok(status) => Err(format!("GET http://{host}{path} was answered with {status}")),
                Err(error) => Err(format!("GET http://{host}{path} failed: {}", chain(&error))),
            }
        }
        Foreign::Command { program, arguments, environment } => {
            command(program, arguments, environment, around, limit).await
        }
    }
}

fn loopback(v6: bool, port: u16) -> String {
    if v6 { format!("[::1]:{port}") } else { format!("127.0.0.1:{port}") }
}

fn is_right(status: u16, statuses: &[u32]) -> bool {
    if statuses.is_empty() { (200..400).contains(&status) } else { statuses.contains(&u32::from(status)) }
}

async fn command(
    program: &str,
    arguments: &[String],
    environment: &BTreeMap<String, String>,
    around: &Surroundings,
    limit: Duration,
) -> Result<(), String> {
    let output = File::create(around.sandbox.join(OUTPUT));
    let output = output.map_err(|error| format!("cannot write {OUTPUT}: {error}"))?;
    let mut command = Command::new(resolved(program, &around.sandbox));
    if let Some((name, rest)) = arguments.split_first() {
        command.arg0(name).args(rest);
    }
    command.env_clear().envs(&around.environment).envs(environment).current_dir(&around.sandbox);
    let mut child =
        fork::spawn_check(command, output).map_err(|error| format!("cannot start {program}: {error}"))?;
    // It is not waited for yet, so it has its pid.
    let pid = child.id().map(|id| Pid::from_raw(id.cast_signed()));
    let _group = pid.map(Group);
    let _awaited = pid.map(Awaited::new);
    match timeout(limit, child.wait()).await {
        Ok(Ok(status)) if status.success() => Ok(()),
        Ok(Ok(status)) => {
            // Or what a shell says of its own child.
            let killed = status.signal() == Some(Signal::SIGKILL as i32) || status.code() == Some(137);
            if killed {
                process::other_was_killed();
            }
            Err(format!("{program} ended with {status}"))
        }
        Ok(Err(error)) => Err(format!("{program} cannot be waited for: {error}")),
        Err(_) => Err(format!("{program} did not end within {} ms", limit.as_millis())),
    }
}

/// A program with a slash is found from the sandbox on, as its own working directory says; any other on the PATH.
fn resolved(program: &str, sandbox: &Path) -> PathBuf {
    if program.contains('/') { sandbox.join(program) } else { PathBuf::from(program) }
}

/// A process group that goes when this does.
struct Group(Pid);

impl Drop for Group {
    fn drop(&mut self) {
        let _gone_is_fine = killpg(self.0, Signal::SIGKILL);
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)] // a failed unwrap is a failed test

    use std::fs;

    use tokio::{
        io::{AsyncReadExt as _, AsyncWriteExt as _},
        net::TcpListener,
        task::JoinSet,
        time::{Instant, sleep},
    };

    use super::*;

    const LONG: Duration = Duration::from_secs(30);

    fn around(directory: &tempfile::TempDir) -> Surroundings {
        let path = std::env::var("PATH").unwrap();
        let environment = [("PATH".to_owned(), path), ("TASK".to_owned(), "its own".to_owned())].into();
        Surroundings { sandbox: directory.path().to_owned(), environment }
    }

    fn shell(script: &str) -> Foreign {
        Foreign::Command {
            program: "/bin/sh".to_owned(),
            arguments: ["sh", "-c", script].map(str::to_owned).to_vec(),
            environment: [("CHECK".to_owned(), "added".to_owned())].into(),
        }
    }

    // D30
    #[tokio::test]
    async fn a_command_runs_in_the_task_s_surroundings_and_its_exit_code_counts() {
        let directory = tempfile::tempdir().unwrap();
        let around = around(&directory);
        let script = "pwd; echo $TASK $CHECK; ps -o sess= -p $$ | tr -d ' '; echo $$; cat";
        assert_eq!(look(&shell(script), &around, LONG).await, Ok(()));
        let output = fs::read_to_string(directory.path().join(OUTPUT)).unwrap();
        let lines: Vec<_> = output.lines().collect();
        assert_eq!(Path::new(lines[0]).canonicalize().unwrap(), directory.path().canonicalize().unwrap());
        assert_eq!(lines[1], "its own added");
        assert_eq!(lines[2], lines[3], "it leads a session of its own");
        assert_eq!(lines.len(), 4, "its stdin is empty");

        let failed = look(&shell("exit 7"), &around, LONG).await;
        assert_eq!(failed, Err("/bin/sh ended with exit status: 7".to_owned()));
        let output = fs::read_to_string(directory.path().join(OUTPUT)).unwrap();
        assert_eq!(output, "", "only the last run's is kept");
        let nowhere = Foreign::Command {
            program: "./nowhere".to_owned(),
            arguments: Vec::new(),
            environment: BTreeMap::new(),
        };
        let failed = look(&nowhere, &around, LONG).await.unwrap_err();
        assert!(failed.starts_with("cannot start ./nowhere: No such file"), "{failed}");
        // Without a shell: the arguments as they are, found on the PATH.
        let plain = Foreign::Command {
            program: "test".to_owned(),
            arguments: ["test", "$HOME", "=", "$HOME"].map(str::to_owned).to_vec(),
            environment: BTreeMap::new(),
        };
        assert_eq!(look(&plain, &around, LONG).await, Ok(()));
    }

    /// Who is left of a group.
    async fn gone(pid: &str) {
        let deadline = Instant::now() + LONG;
        loop {
            let state = fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
            if state.is_empty() || state.contains(") Z ") {
                return;
            }
            assert!(Instant::now() < deadline, "{pid} lives: {state}");
            sleep(Duration::from_millis(10)).await;
        }
    }

    // D30
    #[tokio::test]
    async fn a_command_whose_time_is_over_goes_with_all_its_group() {
        let directory = tempfile::tempdir().unwrap();
        let around = around(&directory);
        let script = "trap '' TERM; sleep 1000 & echo $! > child; echo $$ > self; wait; sleep 1000";
        let written =
            |name| fs::read_to_string(directory.path().join(name)).ok().filter(|pid| pid.ends_with('\n'));
        let mut limit = Duration::from_millis(700);
        // A machine that stalls may not even have got to the script by then: once more, with more time.
        while written("self").is_none() && limit < LONG {
            let failed = look(&shell(script), &around, limit).await;
            assert_eq!(failed, Err(format!("/bin/sh did not end within {} ms", limit.as_millis())));
            limit *= 2;
        }
        for name in ["self", "child"] {
            gone(written(name).unwrap().trim()).await;
        }
        // So too when nobody waits any more.
        let hanging = shell("sleep 1000 & echo $! > other; wait");
        let started = async {
            loop {
                if let Some(pid) = written("other") {
                    return pid;
                }
                sleep(Duration::from_millis(10)).await;
            }
        };
        let pid = tokio::select! {
            pid = started => pid,
            ended = look(&hanging, &around, LONG) => panic!("it was to hang: {ended:?}"),
        };
        gone(pid.trim()).await;
    }

    // D30
    #[tokio::test]
    async fn tcp_and_http() {
        let directory = tempfile::tempdir().unwrap();
        let around = around(&directory);
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let _served = JoinSet::from_iter([async move {
            loop {
                let (mut socket, _) = listener.accept().await.unwrap();
                let mut request = [0; 1024];
                let read = socket.read(&mut request).await.unwrap_or(0);
                let status = if request[..read].starts_with(b"GET /well ") { 204 } else { 503 };
                let _gone_is_fine = socket.write_all(format!("HTTP/1.1 {status} x\r\n\r\n").as_bytes()).await;
            }
        }]);
        assert_eq!(look(&Foreign::Tcp { v6: false, port }, &around, LONG).await, Ok(()));
        let closed = look(&Foreign::Tcp { v6: false, port: 1 }, &around, LONG).await.unwrap_err();
        assert!(closed.starts_with("nothing listens on 127.0.0.1:1: "), "{closed}");
        let http = |path: &str, statuses: &[u32]| Foreign::Http {
            v6: false,
            port,
            path: path.to_owned(),
            statuses: statuses.to_vec(),
        };
        assert_eq!(look(&http("/well", &[]), &around, LONG).await, Ok(()));
        let ill = format!("GET http://127.0.0.1:{port}/ill was answered with 503");
        assert_eq!(look(&http("/ill", &[]), &around, LONG).await, Err(ill));
        assert_eq!(look(&http("/ill", &[200, 503]), &around, LONG).await, Ok(()));
        assert!(look(&http("/well", &[200]), &around, LONG).await.is_err());
    }
}
