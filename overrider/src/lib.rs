//! overrider
