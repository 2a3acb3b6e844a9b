//! What a stuck system's owner wants to see: every call that is out, whose it is, how old, how long it has left, who keeps its slot.
//!
//! In a process that links cocancel: [`print()`], or [`on_signal`] once at the start. Of a dump: [`dump`]. Of a board's log: [`log`].

pub mod dump;
mod live;
pub mod log;
mod table;

pub use live::{event, hooks, on_signal, print};
pub use table::{Ages, write_table};
