//! Threads that stop for ever, at every step of every operation.
//!
//! The real core, with a hook before each of its atomic operations (`--cfg cocancel_steps`). Each thread of a scenario is a coroutine, so
//! that one can be left standing anywhere while the others go on, as a thread is that was killed or is starved; the clock is the
//! scenario's. What the others were answered must be what the reference model allows, with the stopped thread's operation done, not
//! done, or done in part, at whatever moment.
//!
//! | module | what |
//! |---|---|
//! | `stage` | the threads, the clock, and the port between them and the library |
//! | `scenarios` | the table of operations, each with those who survive |
//! | `judge` | whether the model allows what the survivors were answered |
//! | `play` | one scenario, with its victim stopped at one step |
//! | `cutting` | without coroutines: another's work at one step |
//! | `foreign` | an object of the host's |
//! | `strand` | a coroutine that may be left standing |
//! | `interleaving` | without the model: random interleavings of all that a host may do |
#![cfg(cocancel_steps)]

pub mod cutting;
pub mod foreign;
pub mod interleaving;
pub mod judge;
pub mod play;
pub mod scenarios;
pub mod stage;
pub mod strand;
