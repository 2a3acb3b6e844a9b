//! What the benchmarks share.

pub mod affinity;
pub mod machine;
pub mod sample;
