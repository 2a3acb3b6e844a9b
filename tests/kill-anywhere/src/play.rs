//! One scenario, with its victim stopped at one step.

use std::collections::BTreeSet;

use cocancel::{CallInfo, CallOptions, Phase};
use cocancel_model::hresult::S_OK;
use cocancel_model::{Model, Op, ThreadId};

use crate::judge;
use crate::scenarios::{Scenario, customs};
use crate::stage::{self, CALLS, Observed, Stage};

/// What came of it.
#[derive(Debug)]
pub struct Played {
    /// Whether the victim stopped; if not, its operation has fewer steps than that.
    pub stopped: bool,
    /// Nothing was pending any more when the victim stopped.
    pub was_decided: bool,
    /// Threads that sleep in the end, but for the victim.
    pub asleep: Vec<ThreadId>,
    /// The slots that are in use in the end, by the snapshot.
    pub left: Vec<CallInfo>,
    /// Shared slots that are neither free nor in the snapshot.
    pub invisible: usize,
    /// The model allows what the survivors were answered.
    pub is_allowed: bool,
    /// How many steps each operation took that did not sleep: the survivors' after the victim had stopped, and the victim's own if it did not.
    pub taken: Vec<(Op, u64)>,
    /// What was seen.
    pub observed: Vec<Observed>,
}

/// Which names exist by what was answered, so that nobody uses one that does not.
#[derive(Default)]
struct Made {
    calls: BTreeSet<u32>,
    frames: BTreeSet<u32>,
    references: BTreeSet<u32>,
    finished: BTreeSet<u32>,
}

impl Made {
    fn of(observed: &[Observed]) -> Self {
        let mut made = Self::default();
        for seen in observed {
            let (Observed::Answered(_, op, answer) | Observed::Woke(_, op, answer)) = seen else { continue };
            match *op {
                Op::Begin { call, .. } | Op::BeginAsync { call, .. } | Op::Serve { call } => {
                    made.calls.insert(call);
                }
                Op::Finish { call } => {
                    made.finished.insert(call);
                }
                Op::Enter { frame, .. } if answer.hresult == S_OK => {
                    made.frames.insert(frame);
                }
                Op::Leave { frame } => {
                    made.frames.remove(&frame);
                }
                Op::GetCancelObject { reference, .. }
                | Op::ObjectOf { reference, .. }
                | Op::GetContext { reference, .. }
                    if answer.hresult == S_OK =>
                {
                    made.references.insert(reference);
                }
                _ => {}
            }
        }
        made
    }

    fn has(&self, op: Op) -> bool {
        match op {
            Op::Finish { call } => self.calls.contains(&call) && !self.finished.contains(&call),
            Op::Wait { call }
            | Op::Poll { call }
            | Op::Complete { call }
            | Op::Abandon { call, .. }
            | Op::Enter { call, .. }
            | Op::CancelHandle { call, .. } => self.calls.contains(&call),
            Op::Leave { frame } => self.frames.contains(&frame),
            Op::Release { reference } | Op::CancelObject { reference, .. } => self.references.contains(&reference),
            _ => true,
        }
    }
}

/// Plays it with the victim stopped before its step `at`, counted from 1; `reborn`: in the end somebody else has the victim's id.
pub fn play<const CELLS: usize>(scenario: &Scenario, at: u64, reborn: bool) -> Played {
    let mut stage = Stage::<CELLS>::new(&customs());
    for &(thread, op) in &scenario.before {
        stage.perform(thread, op, None);
    }
    stage.taken.clear();
    let (victim, op) = scenario.victim;
    stage.perform(victim, op, Some(at));
    let was_decided = stage.driver.runtime.calls().all(|info| info.phase != Phase::Pending);
    for &(thread, op) in &scenario.after {
        let gone = thread == victim || stage.is_asleep(thread);
        if !gone && Made::of(&stage.observed).has(op) {
            stage.perform(thread, op, None);
        }
    }
    let stopped = stage.is_stopped(victim);
    if reborn {
        stage.reborn(victim);
        for op in [Op::Enable, Op::Disable, Op::ThreadExit] {
            stage.perform(victim, op, None);
        }
    }
    stage.quiet();
    let is_in_model = |seen: &Observed| {
        let answered_in_the_end = matches!(seen, Observed::Answered(thread, ..) if *thread == victim);
        answered_in_the_end && !stopped
    };
    // an operation that ended without having slept is one like the others'
    let pending = if stage
        .observed
        .iter()
        .any(|seen| is_in_model(seen) && matches!(seen, Observed::Answered(_, o, _) if *o == op))
    {
        Vec::new()
    } else {
        vec![judge::parts(victim, op, &scenario.calls, &scenario.frames)]
    };
    // a victim that slept is a pending one to the model: what it answered, if it did, is not looked at
    let slept =
        |seen: &Observed| matches!(seen, Observed::Slept(t, o) | Observed::Woke(t, o, _) if *t == victim && *o == op);
    let observed: Vec<_> = stage.observed.iter().filter(|seen| !slept(seen)).cloned().collect();
    let is_allowed = judge::allows(&Model::new(stage::config(customs())), &pending, &observed);
    let runtime = stage.driver.runtime;
    let left: Vec<_> = runtime.calls().collect();
    let asleep = (1..=5).filter(|thread| *thread != victim && stage.is_asleep(*thread)).collect();
    let free = std::iter::from_fn(|| runtime.begin_async(CallOptions::new()).cancellable.ok()).count();
    let shared = left.iter().filter(|info| (info.call.to_bits() >> INDEX_SHIFT) < CALLS).count();
    let invisible = CALLS - free - shared;
    Played {
        stopped,
        asleep,
        left,
        invisible,
        is_allowed,
        was_decided,
        taken: std::mem::take(&mut stage.taken),
        observed: stage.observed.clone(),
    }
}

/// Where in a handle's bits the slot's index begins: home slots come after the shared ones.
const INDEX_SHIFT: u32 = 16;
