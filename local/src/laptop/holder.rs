//! Who listens on a port: read from `/proc`, as far as the system lets this user.

use std::{collections::BTreeSet, fs, net::TcpListener};

/// Whether nobody listens on this loopback port, or on all addresses.
pub fn is_free(port: u16) -> bool {
    TcpListener::bind(("127.0.0.1", port)).is_ok()
}

/// The listener's command and pid, such as `java (pid 77)`; `None` where it belongs to another user, or is gone.
pub fn of(port: u16) -> Option<String> {
    let tables = ["/proc/net/tcp", "/proc/net/tcp6"].map(|path| fs::read_to_string(path).unwrap_or_default());
    let sockets: BTreeSet<String> = tables.iter().flat_map(|table| listening(table, port)).collect();
    if sockets.is_empty() {
        return None;
    }
    let wanted: BTreeSet<String> = sockets.iter().map(|inode| format!("socket:[{inode}]")).collect();
    for pid in fs::read_dir("/proc").ok()?.flatten() {
        let Some(number) = pid.file_name().to_str().and_then(|name| name.parse::<u32>().ok()) else {
            continue;
        };
        let Ok(descriptors) = fs::read_dir(pid.path().join("fd")) else { continue };
        let holds = descriptors
            .flatten()
            .filter_map(|fd| fs::read_link(fd.path()).ok())
            .any(|target| target.to_str().is_some_and(|target| wanted.contains(target)));
        if holds {
            let command = fs::read_to_string(pid.path().join("comm")).unwrap_or_default();
            return Some(format!("{} (pid {number})", command.trim()));
        }
    }
    None
}

/// Inodes of the sockets that listen on `port`, out of a table like `/proc/net/tcp`.
fn listening(table: &str, port: u16) -> Vec<String> {
    /// `TCP_LISTEN` in the kernel's `tcp_states.h`.
    const LISTEN: &str = "0A";
    let port = format!(":{port:04X}");
    table
        .lines()
        .skip(1)
        .filter_map(|line| {
            let fields: Vec<&str> = line.split_ascii_whitespace().collect();
            let (local, state, inode) = (fields.get(1)?, fields.get(3)?, fields.get(9)?);
            (local.ends_with(&port) && *state == LISTEN).then(|| (*inode).to_owned())
        })
        .collect()
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test may panic")]

    use super::*;

    #[test]
    fn the_kernels_table_is_read() {
        let table = "  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode\n\
                     0: 0100007F:13BA 00000000:0000 0A 00000000:00000000 00:00000000 00000000     0        0 4711 1 0\n\
                     1: 0100007F:13BA 0100007F:9999 01 00000000:00000000 00:00000000 00000000     0        0 4712 1 0\n\
                     2: 00000000:1F90 00000000:0000 0A 00000000:00000000 00:00000000 00000000     0        0 4713 1 0\n";
        assert_eq!(listening(table, 5050), ["4711"]);
        assert_eq!(listening(table, 8080), ["4713"]);
        assert!(listening(table, 9999).is_empty());
    }

    // Issue 3: a port in use is said clearly.
    #[test]
    fn a_listener_is_named() {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let port = listener.local_addr().unwrap().port();
        assert!(!is_free(port));
        let holder = of(port).unwrap();
        assert!(holder.ends_with(&format!("(pid {})", std::process::id())), "{holder}");
        drop(listener);
        assert!(is_free(port));
        assert_eq!(of(port), None);
    }
}
