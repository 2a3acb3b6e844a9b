//! Whether what real threads were answered could have come from one operation after the other.
//!
//! The search for such an order is Wing and Gong's with Lowe's memory of states already tried, by `todc-utils`. What is told to
//! it here is which parts an operation has (module `pieces`), and which answers the model accepts.

mod pieces;

use std::cell::Cell;
use std::collections::{BTreeMap, BTreeSet};
use std::rc::Rc;

use cocancel_model::hresult::{RPC_E_CALL_COMPLETE, RPC_E_SERVER_DIED, S_OK, failed};
use cocancel_model::{
    CallId, Caller, Config, FrameId, Iid, Model, Op, Owner, Part, ReferenceId, Reply, Step, ThreadId,
};
use todc_utils::linearizability::WGLChecker;
use todc_utils::linearizability::history::{Action, History};
use todc_utils::specifications::Specification;

use pieces::{Detail, Piece, Sequence, sequences};

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

/// How many states the search sees before it gives up.
pub const STATES: usize = 20_000;

/// A piece with its place.
#[derive(Clone, Debug)]
struct Placed {
    /// The pieces with this number come one after the other.
    sequence: usize,
    nth: usize,
    is_last: bool,
    piece: Piece,
    recorded: Rc<Recorded>,
    /// How many more states the search may see.
    left: Rc<Cell<usize>>,
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
        // home slots would make states differ in nothing but which slot a call has
        let config = Config { shared_calls: usize::MAX, home_slots: false, threads: 2 * THREADS, ..Config::default() };
        let mut model = Model::new(config);
        // and so would thread slots that are taken in one order or another
        for thread in 1..=THREADS as ThreadId {
            model.run(thread, Op::Enable);
            model.run(thread, Op::Disable);
        }
        Rc::new(State { model, progress: BTreeMap::new() })
    }

    fn apply(placed: &Placed, state: &Rc<State>) -> (bool, Rc<State>) {
        let mut progress = state.progress.get(&placed.sequence).cloned().unwrap_or_default();
        if placed.left.get() == 0 || progress.next != placed.nth {
            return (false, Rc::clone(state));
        }
        let mut next = State::clone(state);
        if !placed.takes_effect(&mut next.model, &mut progress) {
            return (false, Rc::clone(state));
        }
        placed.left.set(placed.left.get() - 1);
        progress.next += 1;
        if placed.is_last {
            if next.model.holds(placed.held()) {
                next.model.run(Caller::Interrupt, Op::Release { reference: placed.held() });
            }
            next.progress.remove(&placed.sequence);
        } else {
            next.progress.insert(placed.sequence, progress);
        }
        (true, Rc::new(next))
    }
}

impl Placed {
    /// The reference that is held until the last piece of the sequence.
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
                return if self.is_last { got == hresult } else { got == S_OK || got == hresult };
            }
            // it found no object, or the call is not there, or not on this stack
            Piece::Ask | Piece::Settle | Piece::End(_) if progress.settled => {}
            Piece::Ask if uses(self.request()).is_some_and(|reference| !model.holds(reference)) => return false,
            Piece::Ask => match model.start(thread, self.request()) {
                Step::Waiting(_) => return !self.is_last,
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

/// What came of the search.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// The operations could have been performed one after the other, each between its invocation and its response.
    Linearizable,
    /// No order gives these answers.
    Impossible,
    /// The search would take too long.
    Undecided,
}

/// Searches for an order among no more than so many states, once for each level of detail.
pub fn verdict(history: &[Recorded], states: usize) -> Verdict {
    match search(history, Detail::Whole, states) {
        Verdict::Linearizable => Verdict::Linearizable,
        _ => search(history, Detail::Steps, states),
    }
}

fn search(history: &[Recorded], detail: Detail, states: usize) -> Verdict {
    let left = Rc::new(Cell::new(states));
    let mut events = Vec::new();
    let mut process = 0;
    for (sequence, Sequence { recorded, pieces, invoked, responded }) in
        sequences(history, detail).into_iter().enumerate()
    {
        let recorded = Rc::new(recorded.clone());
        for (nth, &piece) in pieces.iter().enumerate() {
            let is_last = nth + 1 == pieces.len();
            let (recorded, left) = (Rc::clone(&recorded), Rc::clone(&left));
            let placed = Placed { sequence, nth, is_last, piece, recorded, left };
            events.push((invoked, process, Action::Call(placed.clone())));
            events.push((responded, process, Action::Response(placed)));
            process += 1;
        }
    }
    // stable, so that pieces stay in their order
    events.sort_by_key(|(at, ..)| *at);
    let actions: Vec<_> = events.into_iter().map(|(_, process, action)| (process, action)).collect();
    if actions.is_empty() || WGLChecker::<Sequential>::is_linearizable(History::from_actions(actions)) {
        Verdict::Linearizable
    } else if left.get() == 0 {
        Verdict::Undecided
    } else {
        Verdict::Impossible
    }
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
