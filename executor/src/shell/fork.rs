//! Starting JVMs, and a health check's command: the one place with `unsafe`.
//!
//! What the kernel ends with us and what it does not: the parent-death signal is for the JVM itself, no matter how we
//! die. The kernel ties it to the *thread* that forked, so only the main thread may; it clears it when the child
//! changes its user or runs a program with capabilities of its own (`setcap` on `java`), and neither is done here: Mesos
//! switches the user before it starts us. Processes that a JVM leaves behind are swept by us; when we are killed
//! ourselves they go with the container's cgroup or PID namespace, where the agent isolates (`cgroups/*`,
//! `namespaces/pid`). With the `posix` launcher alone nobody ends them.
#![expect(
    unsafe_code,
    reason = "std offers no safe way to act between fork and exec, nor to touch inherited files"
)]

use std::{
    fs::{self, File},
    io,
    os::{fd::BorrowedFd, unix::process::CommandExt as _},
    path::Path,
    process::{Command, Stdio},
};

use nix::{
    errno::Errno,
    fcntl::{FcntlArg, FdFlag, fcntl},
    sys::{prctl::set_pdeathsig, signal::Signal},
    unistd::{Pid, getpid, getppid, setsid},
};

use tokio::process::Child;

use super::output::Stream;
use crate::command::JvmCommand;

/// The lowest priority there is.
const IDLE: i32 = 19;

/// Starts `command` in `directory`: leader of its own session and process group, stdin empty, stdout and stderr
/// the sandbox's files (see [`super::output`]), nothing else open, and dead as soon as we are.
///
/// Must be called on a thread that lives as long as this process: the main one.
///
/// # Errors
/// What the system says; the child is then gone.
pub(super) fn spawn(command: &JvmCommand, directory: &Path) -> io::Result<Pid> {
    let mut jvm = prepared(command, directory);
    jvm.stdout(Stream::Out.stdio()?).stderr(Stream::Err.stdio()?);
    start(jvm, false)
}

/// The same for work that nobody waits for: it gets what processors others leave, is the first to go where memory runs
/// out, and writes to `output`.
///
/// # Errors
/// As [`spawn`].
pub(super) fn spawn_idle(command: &JvmCommand, directory: &Path, output: File) -> io::Result<Pid> {
    let mut jvm = prepared(command, directory);
    jvm.stdout(output.try_clone()?).stderr(output);
    let pid = start(jvm, true)?;
    // A session of its own has, outside of cgroups, its own share of the processors, and nice counts within it alone.
    for (file, value) in [("oom_score_adj", "1000"), ("autogroup", "19")] {
        let _where_there_is_none = fs::write(format!("/proc/{pid}/{file}"), value);
    }
    Ok(pid)
}

fn prepared(command: &JvmCommand, directory: &Path) -> Command {
    let mut jvm = Command::new(&command.program);
    jvm.args(&command.arguments)
        .env_clear()
        .envs(&command.environment)
        .current_dir(directory)
        .stdin(Stdio::null());
    jvm
}

/// Starts a health check's command: leader of its own session and process group, stdin empty, stdout and stderr in
/// `output`, and dead as soon as we are. As [`spawn`], on the main thread.
///
/// # Errors
/// What the system says.
pub(super) fn spawn_check(mut command: Command, output: File) -> io::Result<Child> {
    command.stdin(Stdio::null()).stdout(output.try_clone()?).stderr(output);
    detach(&mut command, false);
    tokio::process::Command::from(command).spawn()
}

fn start(mut jvm: Command, idle: bool) -> io::Result<Pid> {
    detach(&mut jvm, idle);
    let child = jvm.spawn()?;
    // The child is waited for by pid (see `process`), never through this handle, whose drop does nothing.
    Ok(Pid::from_raw(child.id() as i32)) // pids are positive and below 2^22
}

fn detach(command: &mut Command, idle: bool) {
    let parent = getpid();
    let before_exec = move || {
        setsid()?;
        if idle {
            rustix::process::setpriority_process(None, IDLE)?;
        }
        set_pdeathsig(Signal::SIGKILL)?;
        // Had we died between fork and prctl, no signal would come any more.
        if getppid() == parent { Ok(()) } else { Err(io::Error::from(Errno::ESRCH)) }
    };
    // SAFETY: between fork and exec a child may only make async-signal-safe calls: another thread may have held a
    // lock (the allocator's, say) when we forked. The closure makes bare system calls only, allocates nothing, takes
    // no lock, and turns an errno into an io::Error, which is a plain number.
    unsafe { command.pre_exec(before_exec) };
}

/// Files that whoever started us left open are not handed on. Our own never are: std opens all of them so.
pub(super) fn keep_inherited_files_from_children() {
    let Ok(open) = fs::read_dir("/proc/self/fd") else { return };
    let numbers = open.flatten().filter_map(|entry| entry.file_name().to_str()?.parse::<i32>().ok());
    for number in numbers.filter(|number| *number > 2).collect::<Vec<_>>() {
        // SAFETY: the number is of a file that was open a moment ago; it is borrowed for one call that neither reads nor
        // closes it, and that says so if it is gone meanwhile (the directory's own is).
        let file = unsafe { BorrowedFd::borrow_raw(number) };
        let _gone_is_fine = fcntl(file, FcntlArg::F_SETFD(FdFlag::FD_CLOEXEC));
    }
}
