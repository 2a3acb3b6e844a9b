//! How an operation falls into parts that take effect one by one, each somewhere between the operation's invocation and its
//! response (see "What one operation is" in the model's documentation).
//!
//! The search has to try the parts in every order, so there are only those that can matter for what was answered.

use cocancel_model::hresult::{
    E_INVALIDARG, E_NOINTERFACE, E_UNEXPECTED, RPC_E_CALL_CANCELED, RPC_E_CALL_COMPLETE, S_OK,
};
use cocancel_model::{CallId, FrameId, Op, ThreadId, Timeout};

use super::Recorded;

/// One part of an operation, in the order in which they come.
#[derive(Clone, Copy, Debug)]
pub(super) enum Piece {
    /// The operation itself, whose answer is the recorded one.
    Whole,
    /// The cancel object that `CancelThread` looks for.
    Get(ThreadId),
    /// The request that a cancel makes.
    Ask,
    /// The rest of a cancel that had to wait.
    Settle,
    /// A call leaves its thread's stack.
    Unlink(CallId),
    /// The call that is finished ends, with the recorded answer.
    End(CallId),
    /// The tick's look at one call.
    Look(CallId),
    /// The server's side of a call fails because its thread ended.
    Fail(CallId),
    /// And the thread leaves it.
    Leave(FrameId),
    /// The client's side of a call ends because its thread ended.
    GiveUp(CallId),
    /// What is left of a thread goes.
    Gone,
    /// Somebody keeps the call's slot.
    Hold(CallId),
    /// Nobody does any longer.
    Drop,
}

/// Pieces of which one comes after the other, within a time.
#[derive(Debug)]
pub(super) struct Sequence<'h> {
    pub recorded: &'h Recorded,
    pub pieces: Vec<Piece>,
    pub invoked: usize,
    pub responded: usize,
}

/// How closely operations are taken apart. Most histories have an order with less, and what is rarely needed makes the
/// search long; an order that is found with less is also one with more.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Detail {
    /// As the model has them, but for cancels.
    Whole,
    /// Into the steps that they take; and they keep the slots of calls that are over.
    Steps,
}

/// The pieces of all operations.
pub(super) fn sequences(history: &[Recorded], detail: Detail) -> Vec<Sequence<'_>> {
    let begun: Vec<_> = history.iter().filter_map(|recorded| Some((begins(recorded)?, recorded))).collect();
    let mut all = Vec::new();
    for recorded in history {
        let mut add = |pieces| {
            all.push(Sequence { recorded, pieces, invoked: recorded.invoked, responded: recorded.responded });
        };
        match recorded.op {
            Op::CancelThread { thread, .. } if recorded.hresult == E_NOINTERFACE => add(vec![Piece::Get(thread)]),
            Op::CancelThread { thread, timeout, wait } => {
                add([&[Piece::Get(thread)], cancel(recorded, timeout, wait)].concat());
            }
            Op::CancelObject { timeout, wait, .. } | Op::CancelHandle { timeout, wait, .. } => {
                add(cancel(recorded, timeout, wait).to_vec());
            }
            Op::ThreadExit if detail == Detail::Whole => add(vec![Piece::Gone]),
            Op::ThreadExit => {
                let serving = recorded.had.serving.iter();
                let served = serving.flat_map(|&(frame, call)| [Piece::Fail(call), Piece::Leave(frame)]);
                let own = recorded.had.calls.iter().flat_map(|&call| [Piece::Unlink(call), Piece::GiveUp(call)]);
                add(served.chain(own).chain([Piece::Gone]).collect());
            }
            Op::Finish { call } if detail == Detail::Steps && begun.iter().any(|(begun, _)| *begun == call) => {
                add(vec![Piece::Unlink(call), Piece::End(call)]);
            }
            Op::Tick if detail == Detail::Steps => {
                let due = begun.iter().filter(|(call, begun)| may_be_due(history, *call, begun, recorded));
                due.for_each(|(call, _)| add(vec![Piece::Look(*call)]));
            }
            _ => add(vec![Piece::Whole]),
        }
    }
    if detail == Detail::Steps {
        all.extend(begun.iter().flat_map(|(call, begun)| keepers(history, *call, begun)));
    }
    all
}

/// The call with a slot that this operation began.
fn begins(recorded: &Recorded) -> Option<CallId> {
    match recorded.op {
        Op::Begin { call, .. } | Op::BeginAsync { call, .. } | Op::Serve { call } if recorded.hresult == S_OK => {
            Some(call)
        }
        _ => None,
    }
}

/// A cancel that has its object. Only one that answers so can have found the call pending and looked again.
fn cancel(recorded: &Recorded, timeout: Timeout, wait: bool) -> &'static [Piece] {
    match recorded.hresult {
        RPC_E_CALL_COMPLETE => &[Piece::Ask, Piece::Settle],
        S_OK if wait && timeout != Some(0) => &[Piece::Ask, Piece::Settle],
        _ => &[Piece::Ask],
    }
}

/// Whether a tick may have found this call due: it was given a deadline, and since then the clock has moved.
fn may_be_due(history: &[Recorded], call: CallId, begun: &Recorded, tick: &Recorded) -> bool {
    let moved_since = |since: usize| {
        let is_move = |recorded: &Recorded| matches!(recorded.op, Op::Advance(_));
        history.iter().any(|other| is_move(other) && since < other.responded && other.invoked < tick.responded)
    };
    let own = match begun.op {
        Op::Begin { own_timeout, .. } | Op::BeginAsync { own_timeout, .. } => own_timeout,
        _ => None,
    };
    let gives_deadline = |recorded: &&Recorded| match recorded.op {
        // without grace it ends the call itself
        Op::CancelHandle { timeout: None | Some(0), .. }
        | Op::CancelThread { timeout: None | Some(0), .. }
        | Op::CancelObject { timeout: None | Some(0), .. } => false,
        Op::CancelHandle { call: of, .. } => of == call,
        Op::CancelThread { thread, .. } => {
            let target = if thread == 0 { recorded.thread } else { thread };
            matches!(begun.op, Op::Begin { .. }) && target == begun.thread
        }
        // whichever call it was
        Op::CancelObject { .. } => true,
        _ => false,
    };
    let is_timed = match own {
        Some(0) => true,
        Some(_) => moved_since(begun.invoked),
        None => false,
    };
    let mut cancels = history.iter().filter(gives_deadline);
    begun.invoked < tick.responded
        && (is_timed || cancels.any(|cancel| begun.invoked < cancel.responded && moved_since(cancel.invoked)))
}

/// A call that is over keeps its slot while an operation on it runs, or one that takes it for another. Who begins meanwhile
/// may keep it on, so that one sequence stands for all that overlap.
fn keepers<'h>(history: &'h [Recorded], call: CallId, begun: &'h Recorded) -> Vec<Sequence<'h>> {
    let first = |ends: fn(&Recorded, CallId) -> bool| {
        history.iter().filter(|recorded| ends(recorded, call)).map(|recorded| recorded.invoked).min()
    };
    let (Some(client), Some(server)) = (first(ends_client), first(ends_server)) else { return vec![] };
    let over = client.max(server);
    // afterwards nobody sees any more whether the slot is kept
    let seen = history.iter().filter(|recorded| shows_slot(recorded, call)).map(|recorded| recorded.responded).max();
    let Some(seen) = seen.filter(|seen| over < *seen) else { return vec![] };
    let mut holders: Vec<_> = history.iter().filter(|recorded| may_keep(recorded, call)).collect();
    holders.sort_by_key(|recorded| recorded.invoked);
    let mut kept: Vec<Sequence> = Vec::new();
    for holder in holders {
        let invoked = holder.invoked.max(begun.invoked);
        match kept.last_mut() {
            Some(last) if invoked < last.responded => last.responded = last.responded.max(holder.responded),
            _ => {
                let pieces = vec![Piece::Hold(call), Piece::Drop];
                kept.push(Sequence { recorded: holder, pieces, invoked, responded: holder.responded });
            }
        }
    }
    kept.retain(|kept| over < kept.responded && kept.invoked < seen);
    kept
}

/// Whether the client's side of this call may be done by this operation.
fn ends_client(recorded: &Recorded, call: CallId) -> bool {
    match recorded.op {
        Op::Serve { call: of } | Op::Finish { call: of } => of == call,
        Op::ThreadExit => recorded.had.calls.contains(&call),
        _ => false,
    }
}

/// Whether the server's side of this call may be done by this operation.
fn ends_server(recorded: &Recorded, call: CallId) -> bool {
    match recorded.op {
        Op::Complete { call: of } | Op::Abandon { call: of, .. } => of == call,
        Op::Enter { call: of, .. } => of == call && recorded.hresult == RPC_E_CALL_CANCELED,
        Op::ThreadExit => recorded.had.serving.iter().any(|(_, served)| *served == call),
        _ => false,
    }
}

/// Whether the operation may keep the slot of this call. A look-up by thread and a tick may take any call for the one they want.
fn may_keep(recorded: &Recorded, call: CallId) -> bool {
    let had = &recorded.had;
    match recorded.op {
        Op::Tick | Op::CancelThread { .. } | Op::GetCancelObject { .. } => true,
        Op::ThreadExit => had.calls.contains(&call) || had.serving.iter().any(|(_, served)| *served == call),
        Op::Finish { call: of } => of == call,
        op => names(op) == Some(call) && recorded.hresult != E_INVALIDARG,
    }
}

/// Whether this answer can only be had, after the call is over, while somebody keeps its slot.
fn shows_slot(recorded: &Recorded, call: CallId) -> bool {
    let is_answer = match recorded.op {
        Op::Complete { .. } | Op::Abandon { .. } | Op::Enter { .. } => recorded.hresult == E_UNEXPECTED,
        Op::CancelHandle { .. } | Op::ObjectOf { .. } => recorded.hresult != E_INVALIDARG,
        _ => false,
    };
    is_answer && names(recorded.op) == Some(call)
}

fn names(op: Op) -> Option<CallId> {
    match op {
        Op::Complete { call }
        | Op::Abandon { call, .. }
        | Op::Enter { call, .. }
        | Op::CancelHandle { call, .. }
        | Op::ObjectOf { call, .. }
        | Op::Poll { call }
        | Op::Wait { call } => Some(call),
        _ => None,
    }
}
