//! Log files → a syslog server.
//!
//! The pure part:
//! - [`mod@line`]: what a line says of its time and severity, and which lines are one message;
//! - [`time`]: times as log lines have them, and the time zone they mean;
//! - [`encode`]: RFC 5424 and RFC 3164, octet counting, splitting of what is too long;
//! - [`target`]: where to.
//!
//! [`shipper`] does it, on a thread of its own: it reads the files as they grow, sends, keeps what may have been lost on
//! the way, drops the oldest when too much waits, and gives back the disk space of what is old.

mod batch;
mod counters;
pub mod encode;
pub mod line;
pub mod severity;
pub mod shipper;
mod source;
mod spool;
pub mod target;
pub mod time;
mod transport;

pub use counters::Counters;
pub use encode::Format;
pub use line::Style;
pub use severity::{Facility, Severity};
pub use shipper::{Identity, Options, Origin, Server, Shipper, Watched};
pub use target::{NoTarget, Target};
