//! What the model answers.

use crate::hresult::{RPC_E_CALL_CANCELED, RPC_S_CALLPENDING, S_OK};
use crate::op::{CallId, CustomId, Object, Timeout};

/// Where a call is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Phase {
    /// Neither side has decided yet.
    Pending,
    /// The server's result is the client's.
    Completed,
    /// The server's side failed with this HRESULT.
    Failed(u32),
    /// The client is free, and a late result is thrown away.
    Canceled,
}

impl Phase {
    /// What the client is told.
    pub fn hresult(self) -> u32 {
        match self {
            Phase::Pending => RPC_S_CALLPENDING,
            Phase::Completed => S_OK,
            Phase::Failed(hresult) => hresult,
            Phase::Canceled => RPC_E_CALL_CANCELED,
        }
    }
}

/// Who learns from this reply that the host's record is its own from now on (as far as the model decides it).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Owner {
    /// This reply says nothing about it.
    #[default]
    None,
    /// The client: it reads the result and frees the record.
    Client,
    /// The server's side: it disposes of the record.
    Server,
}

/// A wake hook that is called.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Wake {
    /// The client of this call.
    Client(CallId),
    /// The canceller that waits for this call.
    Canceller(CallId),
}

/// What the outside world sees beside the answer. The lists are sorted.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct Effects {
    /// The wakes.
    pub wakes: Vec<Wake>,
    /// The calls whose `requested` hook is called.
    pub requested: Vec<CallId>,
    /// The calls whose record goes to the `orphaned` hook.
    pub orphaned: Vec<CallId>,
    /// The custom objects on which the runtime lets a reference of its own go.
    pub released: Vec<CustomId>,
    /// The custom object whose `Cancel` is called, and the timeout that it is given.
    pub custom_cancel: Option<(CustomId, Timeout)>,
}

/// The answer of one operation.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Reply {
    /// The HRESULT.
    pub hresult: u32,
    /// `Poll`, `Wait` and `Finish` of a call that has a slot: where it is.
    pub phase: Option<Phase>,
    /// `Complete`, `Abandon`, a refused `Enter`, and `Finish`: who owns the record.
    pub owner: Owner,
    /// `Poll` of a pending call and `Tick`: milliseconds until somebody has to look again, `None` for never.
    pub due_in: Timeout,
    /// `SwitchContext`: the old context.
    pub old_context: Option<Object>,
    /// What happened beside.
    pub effects: Effects,
}

impl Reply {
    /// An answer that is only an HRESULT.
    pub(crate) fn of(hresult: u32) -> Reply {
        Reply { hresult, phase: None, owner: Owner::None, due_in: None, old_context: None, effects: Effects::default() }
    }
}

/// How far an operation got.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Step {
    /// It has returned.
    Done(Reply),
    /// Its thread waits; these effects are already visible. [`Model::resume`](crate::Model::resume) goes on.
    Waiting(Effects),
}
