//! The one loop: next event → `handle` → commit → calls → replies → publish the view; and all that has effects.

mod exit;
mod failpoint;
pub mod log;
pub mod store;

pub use self::exit::Exit;
