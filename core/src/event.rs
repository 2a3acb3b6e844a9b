//! What happens to calls, as an event for each step: for traces. A port that takes no events pays nothing for them.

use crate::handle::CallHandle;

/// A step in a call's life.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Event {
    /// What happened.
    pub kind: EventKind,
    /// To which call.
    pub call: CallHandle,
}

/// What happened to a call.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
#[non_exhaustive]
#[repr(u32)]
pub enum EventKind {
    /// The client began it.
    Begun = 1,
    /// Its server's thread entered it.
    Entered = 2,
    /// Its server's thread left it.
    Left = 3,
    /// Somebody asked to cancel it; its client goes on waiting until the deadline.
    Requested = 4,
    /// The server's reply was delivered.
    Completed = 5,
    /// A failure was delivered in place of a reply.
    Failed = 6,
    /// The client was released.
    Canceled = 7,
    /// The server's side came to its end after that: its reply was orphaned.
    Orphaned = 8,
    /// The client finished it.
    Finished = 9,
}
