//! Starting the JVM: the one place with `unsafe`.
#![expect(unsafe_code, reason = "std offers no safe way to run setsid and prctl between fork and exec")]

use std::{
    io,
    os::unix::process::CommandExt as _,
    path::Path,
    process::{Command, Stdio},
};

use nix::{
    errno::Errno,
    sys::{prctl::set_pdeathsig, signal::Signal},
    unistd::{Pid, getpid, getppid, setsid},
};

use crate::command::JvmCommand;

/// Starts `command` in `directory`: leader of its own session and process group, stdin empty, stdout and stderr
/// ours (the sandbox's files), and dead as soon as we are.
///
/// Must be called on a thread that lives as long as this process (the main one): the kernel ties the parent-death
/// signal to the *thread* that forked.
///
/// # Errors
/// What the system says; the child is then gone.
pub(super) fn spawn(command: &JvmCommand, directory: &Path) -> io::Result<Pid> {
    let parent = getpid();
    let mut jvm = Command::new(&command.program);
    jvm.args(&command.arguments)
        .env_clear()
        .envs(&command.environment)
        .current_dir(directory)
        .stdin(Stdio::null())
        .stdout(Stdio::inherit())
        .stderr(Stdio::inherit());
    let before_exec = move || {
        setsid()?;
        set_pdeathsig(Signal::SIGKILL)?;
        // Had we died between fork and prctl, no signal would come any more.
        if getppid() == parent { Ok(()) } else { Err(io::Error::from(Errno::ESRCH)) }
    };
    // SAFETY: between fork and exec a child may only make async-signal-safe calls: another thread may have held a
    // lock (the allocator's, say) when we forked. The closure makes three bare system calls, allocates nothing, takes
    // no lock, and turns an errno into an io::Error, which is a plain number.
    unsafe { jvm.pre_exec(before_exec) };
    let child = jvm.spawn()?;
    // The child is waited for by pid (see `process`), never through this handle, whose drop does nothing.
    Ok(Pid::from_raw(child.id() as i32)) // pids are positive and below 2^22
}
