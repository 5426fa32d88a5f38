//! Tables and stories over the pure agent: what goes in, what comes out.
#![allow(clippy::unwrap_used, reason = "a panic is how a test fails")]

mod bench;
mod life;
mod reliability;
mod restart;
mod storage;
