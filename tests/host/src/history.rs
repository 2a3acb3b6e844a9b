//! Whether what real threads were answered could have come from one operation after the other.
//!
//! The search for such an order is Wing and Gong's with Lowe's memory of states already tried, by `todc-utils`. What is told to
//! it here is how an operation falls into parts that take effect one by one, each somewhere between the operation's invocation and its
//! response (see "What one operation is" in the model's documentation), and which answers the model accepts.

use std::collections::{BTreeMap, BTreeSet};
use std::rc::Rc;

use cocancel_model::hresult::{RPC_E_CALL_COMPLETE, RPC_E_SERVER_DIED, S_OK, failed};
use cocancel_model::{
    CallId, Caller, Config, FrameId, Iid, Model, Op, Owner, Part, ReferenceId, Reply, Step, ThreadId,
};
use todc_utils::linearizability::WGLChecker;
use todc_utils::linearizability::history::{Action, History};
use todc_utils::specifications::Specification;

/// One operation, as the thread that called it saw it.
#[derive(Clone, Debug)]
pub struct Recorded {
    /// Who called it.
    pub thread: ThreadId,
    /// What was called.
    pub op: Op,
    /// The HRESULT it answered.
    pub hresult: u32,
    /// Who owns the record, by this answer.
    pub owner: Owner,
    /// When it was called: a number from a counter that all threads share.
    pub invoked: usize,
    /// When it answered.
    pub responded: usize,
    /// `ThreadExit`: what the thread had.
    pub had: Had,
}

/// What a thread had when it ended, innermost first.
#[derive(Clone, Debug, Default)]
pub struct Had {
    /// What it served.
    pub serving: Vec<(FrameId, CallId)>,
    /// Calls with a slot, not finished.
    pub calls: Vec<CallId>,
    /// Whose records went to the `orphaned` hook.
    pub orphaned: BTreeSet<CallId>,
}

/// The capacities that histories are recorded with: more of everything than they use, since a search for a free slot is
/// no single step.
pub const CALLS: usize = 24;
/// As [`CALLS`].
pub const THREADS: usize = 8;

/// One part of an operation, in the order in which they come.
#[derive(Clone, Copy, Debug)]
enum Piece {
    /// The operation keeps the call's slot while it runs.
    Hold(CallId),
    /// It lets go.
    Drop,
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
}

/// A piece with its place.
#[derive(Clone, Debug)]
struct Placed {
    /// The pieces with this number come one after the other.
    sequence: usize,
    nth: usize,
    is_last: bool,
    piece: Piece,
    recorded: Rc<Recorded>,
}

/// How far a sequence of pieces has come.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
struct Progress {
    next: usize,
    /// It has its answer: no further piece has an effect, but for letting go.
    settled: bool,
    orphaned: BTreeSet<CallId>,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash)]
struct State {
    model: Model,
    progress: BTreeMap<usize, Progress>,
}

/// The model as the checker wants it.
struct Sequential;

impl Specification for Sequential {
    /// Shared, because the checker copies a state whatever comes of it.
    type State = Rc<State>;
    type Operation = Placed;

    fn init() -> Rc<State> {
        let config = Config { shared_calls: CALLS, threads: THREADS, ..Config::default() };
        Rc::new(State { model: Model::new(config), progress: BTreeMap::new() })
    }

    fn apply(placed: &Placed, state: &Rc<State>) -> (bool, Rc<State>) {
        let mut progress = state.progress.get(&placed.sequence).cloned().unwrap_or_default();
        if progress.next != placed.nth {
            return (false, Rc::clone(state));
        }
        let mut next = State::clone(state);
        if !placed.takes_effect(&mut next.model, &mut progress) {
            return (false, Rc::clone(state));
        }
        progress.next += 1;
        if placed.is_last {
            next.progress.remove(&placed.sequence);
        } else {
            next.progress.insert(placed.sequence, progress);
        }
        (true, Rc::new(next))
    }
}

impl Placed {
    /// The reference that the operation holds while it runs.
    fn held(&self) -> ReferenceId {
        ReferenceId::MAX - self.sequence as ReferenceId
    }

    /// What a cancel does once it has its object.
    fn request(&self) -> Op {
        match self.recorded.op {
            Op::CancelThread { timeout, wait, .. } => Op::CancelObject { reference: self.held(), timeout, wait },
            op => op,
        }
    }

    /// Lets the piece take effect, if here it can with the recorded answer.
    fn takes_effect(&self, model: &mut Model, progress: &mut Progress) -> bool {
        let thread = self.recorded.thread;
        let hresult = self.recorded.hresult;
        match self.piece {
            Piece::Hold(call) => {
                model.run(Caller::Interrupt, Op::ObjectOf { call, reference: self.held() });
            }
            Piece::Drop if model.holds(self.held()) => {
                model.run(Caller::Interrupt, Op::Release { reference: self.held() });
            }
            Piece::Drop => {}
            Piece::Whole => {
                let is_known = uses(self.recorded.op).is_none_or(|reference| model.holds(reference));
                // a client that is about to wait changes nothing: what counts is its last look
                return is_known
                    && matches!(model.start(thread, self.recorded.op), Step::Done(reply) if self.is_answer(&reply));
            }
            Piece::Get(of) => {
                let get = Op::GetCancelObject { thread: of, iid: Iid::Unknown, reference: self.held() };
                let got = model.run(thread, get).hresult;
                progress.settled = got != S_OK;
                return got == S_OK || got == hresult;
            }
            // it found no object, or the call is not there, or not on this stack
            Piece::Ask | Piece::Settle | Piece::End(_) if progress.settled => {}
            Piece::Ask if uses(self.request()).is_some_and(|reference| !model.holds(reference)) => return false,
            Piece::Ask => match model.start(thread, self.request()) {
                Step::Waiting(_) => {}
                Step::Done(reply) if reply.hresult == hresult => progress.settled = true,
                // also one that does not wait may see the call complete before it returns
                Step::Done(reply) => return reply.hresult == S_OK && hresult == RPC_E_CALL_COMPLETE,
            },
            Piece::Settle if model.is_waiting(thread) => {
                return model.resume(thread).is_some_and(|reply| reply.hresult == hresult);
            }
            Piece::Settle => {
                // the same once more, on a copy, only tells whether the call is complete
                let again = model.clone().start(Caller::Interrupt, self.request());
                return matches!(again, Step::Done(reply) if reply.hresult == RPC_E_CALL_COMPLETE);
            }
            Piece::Unlink(call) => {
                let reply = model.run(thread, Op::Part(Part::Unlink { call }));
                progress.settled = failed(reply.hresult);
                return !progress.settled || reply.hresult == hresult;
            }
            Piece::End(call) => {
                let reply = model.run(thread, Op::Part(Part::End { call }));
                return self.is_answer(&reply);
            }
            Piece::Look(call) => {
                model.run(Caller::Interrupt, Op::Part(Part::Look { call }));
            }
            Piece::Fail(call) => {
                let reply = model.run(thread, Op::Abandon { call, hresult: RPC_E_SERVER_DIED });
                return reply.owner != Owner::Server || self.is_orphaned(call, progress);
            }
            Piece::Leave(frame) => {
                model.run(thread, Op::Leave { frame });
            }
            Piece::GiveUp(call) => {
                let reply = model.run(thread, Op::Part(Part::End { call }));
                return reply.owner != Owner::Client || self.is_orphaned(call, progress);
            }
            Piece::Gone => {
                let reply = model.run(thread, Op::ThreadExit);
                progress.orphaned.extend(reply.effects.orphaned);
                return progress.orphaned == self.recorded.had.orphaned;
            }
        }
        true
    }

    /// Whether this is what was recorded. Of a call without a slot the model does not say who owns the record.
    fn is_answer(&self, reply: &Reply) -> bool {
        reply.hresult == self.recorded.hresult && (reply.owner == Owner::None || reply.owner == self.recorded.owner)
    }

    /// A record that nobody is left to own: the hook must have got it, and once.
    fn is_orphaned(&self, call: CallId, progress: &mut Progress) -> bool {
        self.recorded.had.orphaned.contains(&call) && progress.orphaned.insert(call)
    }
}

/// The reference that an operation needs.
fn uses(op: Op) -> Option<ReferenceId> {
    match op {
        Op::CancelObject { reference, .. } | Op::TestObject { reference } | Op::Release { reference } => {
            Some(reference)
        }
        _ => None,
    }
}

/// How closely operations are taken apart. What is rarely needed makes the search long, so it comes last; an order that is
/// found with less is also one with more.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Detail {
    /// As the model has them, but for cancels.
    Whole,
    /// Into the steps that they take.
    Steps,
    /// And a look-up by thread may for a moment keep the slot of a call that is then not the one it answers.
    Strays,
}

/// The pieces of an operation, of which only those of one sequence are in order. `calls` are all that have a slot.
fn sequences(recorded: &Recorded, calls: &[CallId], detail: Detail) -> Vec<Vec<Piece>> {
    let held = |call, pieces: &[Piece]| [&[Piece::Hold(call)], pieces, &[Piece::Drop]].concat();
    let mut all = match recorded.op {
        Op::CancelThread { thread, .. } => vec![vec![Piece::Get(thread), Piece::Ask, Piece::Settle, Piece::Drop]],
        Op::CancelObject { .. } => vec![vec![Piece::Ask, Piece::Settle]],
        Op::CancelHandle { .. } if detail == Detail::Whole => vec![vec![Piece::Ask, Piece::Settle]],
        Op::CancelHandle { call, .. } => vec![held(call, &[Piece::Ask, Piece::Settle])],
        Op::ThreadExit if detail == Detail::Whole => vec![vec![Piece::Gone]],
        Op::ThreadExit => {
            let serving = &recorded.had.serving;
            let served =
                serving.iter().flat_map(|&(frame, call)| held(call, &[Piece::Fail(call), Piece::Leave(frame)]));
            let own =
                recorded.had.calls.iter().flat_map(|&call| held(call, &[Piece::Unlink(call), Piece::GiveUp(call)]));
            vec![served.chain(own).chain([Piece::Gone]).collect()]
        }
        _ if detail == Detail::Whole => vec![vec![Piece::Whole]],
        Op::Complete { call } | Op::Abandon { call, .. } | Op::Enter { call, .. } => vec![held(call, &[Piece::Whole])],
        Op::Finish { call } if calls.contains(&call) => vec![held(call, &[Piece::Unlink(call), Piece::End(call)])],
        Op::Tick => calls.iter().map(|&call| held(call, &[Piece::Look(call)])).collect(),
        _ => vec![vec![Piece::Whole]],
    };
    if detail == Detail::Strays && matches!(recorded.op, Op::CancelThread { .. } | Op::GetCancelObject { .. }) {
        all.extend(calls.iter().map(|&call| vec![Piece::Hold(call), Piece::Drop]));
    }
    all
}

/// Whether the operations could have been performed one after the other, each between its invocation and its response.
pub fn is_linearizable(history: &[Recorded]) -> bool {
    [Detail::Whole, Detail::Steps, Detail::Strays].into_iter().any(|detail| is_ordered(history, detail))
}

fn is_ordered(history: &[Recorded], detail: Detail) -> bool {
    let begun = history.iter().filter(|recorded| recorded.hresult == S_OK);
    let calls: Vec<CallId> = begun
        .filter_map(|recorded| match recorded.op {
            Op::Begin { call, .. } | Op::BeginAsync { call, .. } | Op::Serve { call } => Some(call),
            _ => None,
        })
        .collect();
    let mut events = Vec::new();
    let mut number = 0;
    let mut process = 0;
    for recorded in history {
        let shared = Rc::new(recorded.clone());
        for pieces in sequences(recorded, &calls, detail) {
            number += 1;
            for (nth, &piece) in pieces.iter().enumerate() {
                let is_last = nth + 1 == pieces.len();
                let placed = Placed { sequence: number, nth, is_last, piece, recorded: Rc::clone(&shared) };
                events.push((recorded.invoked, process, Action::Call(placed.clone())));
                events.push((recorded.responded, process, Action::Response(placed)));
                process += 1;
            }
        }
    }
    // stable, so that pieces stay in their order
    events.sort_by_key(|(at, ..)| *at);
    let actions: Vec<_> = events.into_iter().map(|(_, process, action)| (process, action)).collect();
    actions.is_empty() || WGLChecker::<Sequential>::is_linearizable(History::from_actions(actions))
}

/// The history as a table, for whoever has to find out what went wrong.
pub fn table(history: &[Recorded]) -> String {
    let mut sorted: Vec<_> = history.iter().collect();
    sorted.sort_by_key(|recorded| recorded.invoked);
    let line = |recorded: &Recorded| {
        let Recorded { thread, op, hresult, owner, invoked, responded, had } = recorded;
        format!("{invoked:>4} to {responded:>4}  thread {thread}  {op:?}  {hresult:08X}  {owner:?}  {had:?}\n")
    };
    sorted.into_iter().map(line).collect()
}
