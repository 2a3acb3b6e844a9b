//! Whether the reference model allows what the survivors were answered.

use cocancel_host_tests::Answer;
use cocancel_model::{Caller, Model, Op, Owner, Reply, Step, ThreadId};

use crate::stage::Observed;

/// An operation whose thread stopped in it: its parts, in order. Each took effect at some moment, or it and those after it never did.
#[derive(Clone, Debug)]
pub struct Pending {
    /// Who performs it.
    pub thread: ThreadId,
    /// What the model calls its parts.
    pub parts: Vec<(Caller, Op)>,
}

/// Whether there is an order of effects in which the model answers as the library did.
pub fn allows(model: &Model, pending: &[Pending], observed: &[Observed]) -> bool {
    let Some((first, rest)) = observed.split_first() else { return true };
    let mut next = model.clone();
    let went = match first {
        Observed::Answered(thread, op, answer) => {
            matches!(next.start(*thread, *op), Step::Done(reply) if is_answer(answer, &reply))
        }
        Observed::Slept(thread, op) => matches!(next.start(*thread, *op), Step::Waiting(_)),
        Observed::Woke(thread, _, answer) => next.resume(*thread).is_some_and(|reply| is_answer(answer, &reply)),
        Observed::Reborn(thread) => {
            // nobody whom the model knows: its call waits for ever
            if next.is_waiting(*thread) {
                return true;
            }
            next.run(*thread, Op::ThreadExit);
            let left: Vec<_> = pending.iter().filter(|pending| pending.thread != *thread).cloned().collect();
            return allows(&next, &left, rest) || parts_first(model, pending, observed);
        }
    };
    (went && allows(&next, pending, rest)) || parts_first(model, pending, observed)
}

/// The same, with one more part of a pending operation taking effect first.
fn parts_first(model: &Model, pending: &[Pending], observed: &[Observed]) -> bool {
    pending.iter().enumerate().any(|(index, stopped)| {
        let mut next = model.clone();
        if next.is_waiting(stopped.thread) {
            return next.resume(stopped.thread).is_some() && allows(&next, pending, observed);
        }
        let mut left = pending.to_vec();
        if left[index].parts.is_empty() {
            return false;
        }
        let (caller, op) = left[index].parts.remove(0);
        // the part before it found nothing
        let is_void =
            matches!(op, Op::CancelObject { reference, .. } | Op::Release { reference } if !next.holds(reference));
        if !is_void {
            next.start(caller, op);
        }
        allows(&next, &left, observed)
    })
}

fn is_answer(answer: &Answer, reply: &Reply) -> bool {
    answer.hresult == reply.hresult && (reply.owner == Owner::None || reply.owner == answer.owner)
}

/// The parts of an operation, by the model's documentation; `calls` are those that a tick may look at or an exit ends, `frames` those that
/// an exit leaves.
pub fn parts(thread: ThreadId, op: Op, calls: &[u32], frames: &[(u32, u32)]) -> Pending {
    use cocancel_model::{Iid, Part, hresult::RPC_E_SERVER_DIED};
    let me = Caller::Thread(thread);
    let held = u32::MAX - thread;
    let parts = match op {
        Op::CancelThread { thread: of, timeout, wait } => vec![
            (me, Op::GetCancelObject { thread: of, iid: Iid::Unknown, reference: held }),
            (me, Op::CancelObject { reference: held, timeout, wait }),
            (Caller::Interrupt, Op::Release { reference: held }),
        ],
        Op::Finish { call } => vec![(me, Op::Part(Part::Unlink { call })), (me, Op::Part(Part::End { call }))],
        Op::Tick => calls.iter().map(|&call| (Caller::Interrupt, Op::Part(Part::Look { call }))).collect(),
        Op::ThreadExit => {
            let served = frames.iter().flat_map(|&(frame, call)| {
                [(me, Op::Abandon { call, hresult: RPC_E_SERVER_DIED }), (me, Op::Leave { frame })]
            });
            let own = calls
                .iter()
                .flat_map(|&call| [Part::Unlink { call }, Part::End { call }])
                .map(|part| (me, Op::Part(part)));
            served.chain(own).chain([(me, Op::ThreadExit)]).collect()
        }
        op => vec![(me, op)],
    };
    Pending { thread, parts }
}
