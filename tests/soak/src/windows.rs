//! Pieces of the histories that the reference model is asked about: what concerns the calls of one thread, from a moment when it has none out
//! and nobody refers to one to the next such moment.
//!
//! Threads' calls do not affect each other but for the slots that they need, so a history is right if that of each thread is. Left out are
//! pieces in which time counts, because there an operation and the clock's advance are no single steps; those with custom objects, which
//! the checker's model has not; and those where a call's slot is still kept by an operation that does not show in the piece.

use std::collections::{BTreeMap, BTreeSet};

use cocancel_host_tests::history::{Had, Recorded, STATES, Verdict, table, verdict};
use cocancel_model::hresult::{
    CO_E_CANCEL_DISABLED, E_INVALIDARG, E_NOINTERFACE, E_UNEXPECTED, RPC_E_CALL_CANCELED, S_OK,
};
use cocancel_model::{CallId, Op, Owner, ReferenceId, ThreadId};

use crate::epoch::Entry;

/// Pieces of more operations are not asked about: the search would take too long.
const LONGEST: usize = 48;
/// Nor those of more threads than the checker's model has room for.
const THREADS: usize = 16;

/// How many calls were in pieces, and what came of these.
#[derive(Clone, Copy, Debug, Default)]
pub struct Checked {
    pub calls: usize,
    pub windows: usize,
    pub undecided: usize,
}

/// Checks each piece, or one in so many by chance. Answers the table of one that is impossible.
pub fn check(entries: &[Entry], one_in: u32, random: &mut fastrand::Rng) -> Result<Checked, String> {
    let mut checked = Checked::default();
    let mut threads: BTreeMap<ThreadId, BTreeSet<CallId>> = BTreeMap::new();
    for entry in entries {
        if let Op::Begin { call, .. } = entry.recorded.op {
            threads.entry(entry.recorded.thread).or_default().insert(call);
        }
    }
    for (thread, calls) in threads {
        for (enabled, window) in windows(entries, thread, &calls) {
            if !is_eligible(&window, &calls) || random.u32(..one_in) != 0 {
                continue;
            }
            let Some(history) = history(enabled, &window, thread, &calls) else { continue };
            checked.windows += 1;
            checked.calls += window.iter().filter(|entry| begins(entry).is_some()).count();
            match verdict(&history, STATES) {
                Verdict::Linearizable => {}
                Verdict::Impossible => {
                    return Err(format!("no order of these operations gives these answers:\n{}", table(&history)));
                }
                Verdict::Undecided => checked.undecided += 1,
            }
        }
    }
    Ok(checked)
}

/// Whether the operation concerns the thread's calls.
fn concerns(entry: &Entry, thread: ThreadId, calls: &BTreeSet<CallId>, references: &mut BTreeSet<ReferenceId>) -> bool {
    let Recorded { thread: by, op, hresult, had, .. } = &entry.recorded;
    match *op {
        Op::GetCancelObject { thread: of, reference, .. } if of == thread => {
            if *hresult == S_OK {
                references.insert(reference);
            }
            true
        }
        Op::ObjectOf { reference, .. } if entry.of.is_some_and(|call| calls.contains(&call)) => {
            if *hresult == S_OK {
                references.insert(reference);
            }
            true
        }
        Op::Query { reference, new, .. } if references.contains(&reference) => {
            if *hresult == S_OK {
                references.insert(new);
            }
            true
        }
        Op::CancelObject { reference, .. } | Op::TestObject { reference } | Op::Release { reference } => {
            references.contains(&reference)
        }
        Op::CancelThread { thread: of, .. } => of == thread || of == 0 && *by == thread,
        Op::Enable | Op::Disable | Op::SetCancelObject(_) | Op::UnsetCancelObject => *by == thread,
        Op::ThreadExit => {
            *by == thread || had.calls.iter().chain(had.serving.iter().map(|(_, call)| call)).any(|c| calls.contains(c))
        }
        _ => entry.of.is_some_and(|call| calls.contains(&call)),
    }
}

fn begins(entry: &Entry) -> Option<CallId> {
    match entry.recorded.op {
        Op::Begin { call, .. } => Some(call),
        _ => None,
    }
}

/// The thread's history in pieces, each with the thread's enable counter before it.
fn windows<'e>(entries: &'e [Entry], thread: ThreadId, calls: &BTreeSet<CallId>) -> Vec<(u32, Vec<&'e Entry>)> {
    let mut windows = Vec::new();
    let mut window: Vec<&Entry> = Vec::new();
    let (mut before, mut enabled) = (0, 0);
    let mut references = BTreeSet::new();
    // sides of calls and frames that are not done, references, and when the last operation so far is over
    let (mut clients, mut servers, mut frames, mut held) = (BTreeSet::new(), BTreeSet::new(), BTreeSet::new(), 0);
    let (mut over, mut customs) = (0, 0);
    for entry in entries.iter().filter(|entry| concerns(entry, thread, calls, &mut references)) {
        let recorded = &entry.recorded;
        if over < recorded.invoked
            && clients.is_empty()
            && servers.is_empty()
            && frames.is_empty()
            && held == 0
            && customs == 0
        {
            windows.push((before, std::mem::take(&mut window)));
            before = enabled;
        }
        over = over.max(recorded.responded);
        window.push(entry);
        match recorded.op {
            Op::Enable => enabled += 1,
            Op::SetCancelObject(_) if recorded.hresult == S_OK => customs += 1,
            // else it was the object of a call that is over
            Op::UnsetCancelObject if recorded.hresult == S_OK && entry.of.is_none() => customs -= 1,
            Op::Disable if recorded.hresult == S_OK => enabled -= 1,
            Op::Begin { call, .. } => {
                clients.insert(call);
                servers.insert(call);
            }
            Op::Finish { call } => {
                clients.remove(&call);
            }
            Op::Complete { call } | Op::Abandon { call, .. } => {
                servers.remove(&call);
            }
            Op::Enter { call, .. } if recorded.hresult == RPC_E_CALL_CANCELED => {
                servers.remove(&call);
            }
            Op::Enter { frame, .. } if recorded.hresult == S_OK => {
                frames.insert(frame);
            }
            Op::Leave { frame } => {
                frames.remove(&frame);
            }
            Op::ThreadExit => {
                for (frame, call) in &recorded.had.serving {
                    servers.remove(call);
                    frames.remove(frame);
                }
                if recorded.thread == thread {
                    clients.clear();
                    (enabled, customs) = (0, 0);
                }
            }
            Op::GetCancelObject { .. } | Op::ObjectOf { .. } | Op::Query { .. } if recorded.hresult == S_OK => {
                held += 1
            }
            Op::Release { .. } => held -= 1,
            _ => {}
        }
    }
    windows.push((before, window));
    windows
}

fn is_eligible(window: &[&Entry], calls: &BTreeSet<CallId>) -> bool {
    let first = |call: CallId, ends: fn(Op) -> bool| {
        let of_call = window.iter().filter(|entry| entry.of == Some(call) && ends(entry.recorded.op));
        of_call.map(|entry| entry.recorded.invoked).min().unwrap_or(usize::MAX)
    };
    let is_plain = |entry: &&Entry| {
        let recorded = &entry.recorded;
        match recorded.op {
            Op::Begin { own_timeout, .. } => own_timeout.is_none(),
            Op::SetCancelObject(_) | Op::UnsetCancelObject => false,
            Op::CancelThread { timeout: Some(ms), .. }
            | Op::CancelObject { timeout: Some(ms), .. }
            | Op::CancelHandle { timeout: Some(ms), .. }
                if ms != 0 =>
            {
                [E_NOINTERFACE, CO_E_CANCEL_DISABLED, E_INVALIDARG].contains(&recorded.hresult)
            }
            Op::Complete { .. } | Op::Abandon { .. } => ![E_UNEXPECTED, E_INVALIDARG].contains(&recorded.hresult),
            // of a call whose slot somebody else still keeps
            Op::CancelHandle { call, .. } | Op::ObjectOf { call, .. } if recorded.hresult != E_INVALIDARG => {
                let client = first(call, |op| matches!(op, Op::Finish { .. }));
                let server = first(call, |op| matches!(op, Op::Complete { .. } | Op::Abandon { .. }));
                recorded.responded < client.max(server)
            }
            _ => true,
        }
    };
    let begins =
        window.iter().any(|entry| matches!(entry.recorded.op, Op::Begin { call, .. } if calls.contains(&call)));
    begins && window.len() <= LONGEST && window.iter().all(is_plain)
}

/// The piece as the checker wants it: small numbers for threads, and the enable counter to begin with.
fn history(enabled: u32, window: &[&Entry], thread: ThreadId, calls: &BTreeSet<CallId>) -> Option<Vec<Recorded>> {
    let mut numbers = BTreeMap::from([(thread, 1)]);
    let mut history: Vec<Recorded> = (0..enabled as usize)
        .map(|n| Recorded {
            thread: 1,
            op: Op::Enable,
            hresult: S_OK,
            owner: Owner::None,
            invoked: 2 * n,
            responded: 2 * n + 1,
            had: Had::default(),
        })
        .collect();
    let later = 2 * enabled as usize;
    let begun: BTreeSet<_> = window.iter().filter_map(|entry| begins(entry)).collect();
    for entry in window {
        // the handle of a call without a slot says so for ever; the checker knows those of the piece only
        if entry.recorded.hresult != E_INVALIDARG && entry.of.is_some_and(|call| !begun.contains(&call)) {
            continue;
        }
        let mut recorded = entry.recorded.clone();
        let next = numbers.len() as ThreadId + 1;
        recorded.thread = *numbers.entry(recorded.thread).or_insert(next);
        match &mut recorded.op {
            Op::CancelThread { thread, .. } | Op::GetCancelObject { thread, .. } if *thread != 0 => *thread = 1,
            _ => {}
        }
        recorded.invoked += later;
        recorded.responded += later;
        recorded.had.calls.retain(|call| calls.contains(call));
        recorded.had.serving.retain(|(_, call)| calls.contains(call));
        recorded.had.orphaned.retain(|call| calls.contains(call));
        history.push(recorded);
    }
    (numbers.len() <= THREADS).then_some(history)
}
