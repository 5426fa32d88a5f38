//! What an operator sees (mesos-v1-http §9): pure functions of a [`Master`](super::Master).
