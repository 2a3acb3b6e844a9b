//! What must hold of each call, whatever the order in which threads ran.

use std::collections::BTreeMap;

use cocancel_model::hresult::{
    CO_E_CANCEL_DISABLED, E_ACCESSDENIED, E_FAIL, E_INVALIDARG, E_NOINTERFACE, E_NOTIMPL, E_UNEXPECTED,
    RPC_E_CALL_CANCELED, RPC_E_CALL_COMPLETE, RPC_E_SERVER_DIED, RPC_S_CALLPENDING, S_OK,
};
use cocancel_model::{CallId, Op, Owner, ThreadId};

use crate::epoch::Entry;

/// Everything that was recorded of one call with a slot.
struct Life<'e> {
    call: CallId,
    begin: &'e Entry,
    /// What concerns it, exits that took it along included; in the order of their beginnings.
    entries: Vec<&'e Entry>,
}

/// What is wrong, if anything is. Answers how many calls were looked at.
pub fn judge(entries: &[Entry]) -> Result<usize, String> {
    for entry in entries {
        let recorded = &entry.recorded;
        if !allowed(recorded.op).contains(&recorded.hresult) {
            return Err(format!("{:?} may not answer {:08X}", recorded.op, recorded.hresult));
        }
    }
    let unknown: Vec<&Entry> = entries.iter().filter(|entry| entry.of.is_none() && is_request(entry)).collect();
    let lives = lives(entries);
    for life in lives.values() {
        life.judge(&unknown).map_err(|what| format!("call {}: {what}", life.call))?;
    }
    elections(&lives, entries)?;
    Ok(lives.len())
}

fn lives(entries: &[Entry]) -> BTreeMap<CallId, Life<'_>> {
    let mut lives = BTreeMap::new();
    for entry in entries {
        match entry.recorded.op {
            Op::Begin { call, .. } | Op::BeginAsync { call, .. } if entry.recorded.hresult == S_OK => {
                lives.insert(call, Life { call, begin: entry, entries: vec![] });
            }
            _ => {}
        }
    }
    for entry in entries {
        let had = &entry.recorded.had;
        let taken = had.calls.iter().chain(had.serving.iter().map(|(_, call)| call));
        for call in entry.of.iter().chain(taken) {
            if let Some(life) = lives.get_mut(call) {
                life.entries.push(entry);
            }
        }
    }
    lives
}

/// The codes that an operation may answer here, where there is room for all and nobody forges.
fn allowed(op: Op) -> &'static [u32] {
    const ENDS: &[u32] = &[S_OK, RPC_E_CALL_CANCELED, RPC_E_SERVER_DIED, E_FAIL];
    const LOOKS: &[u32] = &[S_OK, RPC_E_CALL_CANCELED, RPC_E_SERVER_DIED, E_FAIL, RPC_S_CALLPENDING];
    match op {
        Op::Begin { .. } => &[S_OK, CO_E_CANCEL_DISABLED],
        Op::Poll { .. } => LOOKS,
        Op::Wait { .. } => ENDS,
        // of a call without a slot
        Op::Finish { .. } => &[S_OK, RPC_E_CALL_CANCELED, RPC_E_SERVER_DIED, E_FAIL, CO_E_CANCEL_DISABLED],
        Op::Enter { .. } => &[S_OK, RPC_E_CALL_CANCELED],
        // once more: the slot may be another's by then
        Op::Complete { .. } | Op::Abandon { .. } => &[S_OK, RPC_E_CALL_CANCELED, E_UNEXPECTED, E_INVALIDARG],
        Op::Disable => &[S_OK, CO_E_CANCEL_DISABLED],
        Op::SetCancelObject(_) => &[S_OK, E_NOINTERFACE],
        Op::UnsetCancelObject => &[S_OK, E_UNEXPECTED, E_ACCESSDENIED],
        Op::TestCurrent => &[RPC_S_CALLPENDING, RPC_E_CALL_CANCELED, RPC_E_CALL_COMPLETE, E_NOINTERFACE],
        Op::TestObject { .. } => &[RPC_S_CALLPENDING, RPC_E_CALL_CANCELED],
        Op::GetContext { .. } => &[S_OK, RPC_E_CALL_COMPLETE],
        Op::Query { .. } => &[S_OK],
        Op::GetCancelObject { .. } => &[S_OK, E_NOINTERFACE, CO_E_CANCEL_DISABLED, RPC_E_CALL_COMPLETE],
        Op::ObjectOf { .. } => &[S_OK, E_INVALIDARG, E_NOINTERFACE],
        Op::CancelHandle { .. } => {
            &[S_OK, RPC_E_CALL_CANCELED, RPC_E_CALL_COMPLETE, E_INVALIDARG, E_NOINTERFACE, CO_E_CANCEL_DISABLED]
        }
        Op::CancelThread { .. } | Op::CancelObject { .. } => {
            &[S_OK, RPC_E_CALL_CANCELED, RPC_E_CALL_COMPLETE, E_NOINTERFACE, CO_E_CANCEL_DISABLED, E_NOTIMPL]
        }
        _ => &[S_OK],
    }
}

/// Whether by this operation a call may have become requested.
fn is_request(entry: &Entry) -> bool {
    let is_cancel =
        matches!(entry.recorded.op, Op::CancelHandle { .. } | Op::CancelThread { .. } | Op::CancelObject { .. });
    is_cancel && [S_OK, RPC_E_CALL_CANCELED, RPC_E_CALL_COMPLETE].contains(&entry.recorded.hresult)
}

/// Whether after this one the call that it concerns surely is requested.
fn surely_requests(entry: &Entry) -> bool {
    is_request(entry) && entry.recorded.hresult != RPC_E_CALL_COMPLETE
}

/// The clock when a request of this kind is due at the earliest; `None` for never.
fn due(entry: &Entry) -> Option<u64> {
    let (Op::CancelHandle { timeout, .. } | Op::CancelThread { timeout, .. } | Op::CancelObject { timeout, .. }) =
        entry.recorded.op
    else {
        return None;
    };
    after(entry, timeout)
}

/// A tick is a floor, hence the one more.
fn after(entry: &Entry, timeout: Option<u64>) -> Option<u64> {
    timeout.map(|ms| entry.time.0 + if ms == 0 { 0 } else { ms + 1 })
}

fn check(holds: bool, what: &str) -> Result<(), String> {
    if holds { Ok(()) } else { Err(what.to_owned()) }
}

impl Life<'_> {
    fn judge(&self, unknown: &[&Entry]) -> Result<(), String> {
        let ended = self.one(|entry| matches!(entry.recorded.op, Op::Finish { .. }));
        let waited = self.one(|entry| matches!(entry.recorded.op, Op::Wait { .. }));
        let delivered = self.one(|entry| {
            matches!(entry.recorded.op, Op::Complete { .. } | Op::Abandon { .. }) && entry.recorded.hresult == S_OK
        });
        check(self.owners() == 1, &format!("{} sides own the record", self.owners()))?;
        if let (Some(ended), Some(waited)) = (ended, waited) {
            check(ended.recorded.hresult == waited.recorded.hresult, "finish and wait do not agree")?;
        }
        let fails = |code| {
            let is_exit = |entry: &&Entry| entry.recorded.had.serving.iter().any(|(_, call)| *call == self.call);
            let by_exit = code == RPC_E_SERVER_DIED && self.entries.iter().any(is_exit);
            by_exit
                || delivered.is_some_and(|by| matches!(by.recorded.op, Op::Abandon { hresult, .. } if hresult == code))
        };
        match ended.map(|ended| ended.recorded.hresult) {
            None => {}
            Some(S_OK) => {
                let is_reply = delivered.is_some_and(|by| matches!(by.recorded.op, Op::Complete { .. }));
                check(is_reply, "a result that no server gave")?;
            }
            // an asynchronous call's client may finish it before its server is done
            Some(RPC_E_CALL_CANCELED) => {
                check(delivered.is_none(), "canceled, and the reply delivered")?;
                // one who neither waited nor looked gave it up
                let seen = waited.or_else(|| {
                    self.one(|entry| {
                        matches!(entry.recorded.op, Op::Poll { .. }) && entry.recorded.hresult == RPC_E_CALL_CANCELED
                    })
                });
                let is_right = seen.is_none_or(|seen| self.may_be_released(seen, unknown));
                check(is_right, "released early, or for no reason")?;
            }
            Some(code) => check(fails(code), "a failure that no server gave")?,
        }
        self.tests(unknown)
    }

    fn one(&self, is: impl Fn(&Entry) -> bool) -> Option<&Entry> {
        self.entries.iter().copied().find(|entry| is(entry))
    }

    /// How many times somebody was told that the record is his.
    fn owners(&self) -> usize {
        let owns = |entry: &&&Entry| match entry.recorded.op {
            Op::Finish { .. } => entry.recorded.owner == Owner::Client,
            Op::Complete { .. } | Op::Abandon { .. } | Op::Enter { .. } => entry.recorded.owner == Owner::Server,
            Op::ThreadExit => entry.recorded.had.orphaned.contains(&self.call),
            _ => false,
        };
        self.entries.iter().filter(owns).count()
    }

    /// The requests that may have been for this call, and had begun by then.
    fn requests<'r>(&'r self, unknown: &'r [&'r Entry], by: usize) -> impl Iterator<Item = &'r Entry> {
        let may_concern = |entry: &&Entry| match entry.recorded.op {
            Op::CancelThread { thread: 0, .. } => entry.recorded.thread == self.begin.recorded.thread,
            Op::CancelThread { thread, .. } => thread == self.begin.recorded.thread,
            _ => true,
        };
        let own = self.entries.iter().copied().filter(|entry| is_request(entry));
        own.chain(unknown.iter().copied().filter(may_concern))
            .filter(move |entry| entry.recorded.invoked < by && entry.recorded.responded > self.begin.recorded.invoked)
    }

    fn own_due(&self) -> Option<u64> {
        match self.begin.recorded.op {
            Op::Begin { own_timeout, .. } | Op::BeginAsync { own_timeout, .. } => after(self.begin, own_timeout),
            _ => None,
        }
    }

    /// Whether the client may have been released by the time that this ended.
    fn may_be_released(&self, end: &Entry, unknown: &[&Entry]) -> bool {
        let refused = self.entries.iter().any(|entry| {
            matches!(entry.recorded.op, Op::Enter { .. }) && entry.recorded.hresult == RPC_E_CALL_CANCELED
        });
        let by = end.recorded.responded;
        let is_due = |due: Option<u64>| due.is_some_and(|due| due <= end.time.1);
        let mut requests = self.requests(unknown, by);
        is_due(self.own_due()) || requests.any(|request| refused || is_due(due(request)))
    }

    /// What the server saw of the request.
    fn tests(&self, unknown: &[&Entry]) -> Result<(), String> {
        let mut was_canceled = usize::MAX;
        for entry in &self.entries {
            let recorded = &entry.recorded;
            let is_test = matches!(recorded.op, Op::TestCurrent | Op::TestObject { .. });
            let is_canceled = match recorded.op {
                // nor does an asynchronous call show on the thread that serves it
                Op::TestCurrent if matches!(self.begin.recorded.op, Op::BeginAsync { .. }) => continue,
                Op::TestCurrent | Op::TestObject { .. } => recorded.hresult == RPC_E_CALL_CANCELED,
                Op::Enter { .. } => recorded.hresult == RPC_E_CALL_CANCELED,
                _ => continue,
            };
            if is_canceled {
                let is_own = self.own_due().is_some_and(|due| due <= entry.time.1);
                // a client that gave up, or finished before the end, cancels as well
                let gone = self.entries.iter().any(|other| {
                    let ends = matches!(other.recorded.op, Op::Finish { .. } | Op::ThreadExit);
                    ends && other.recorded.invoked < recorded.responded
                });
                let is_asked = self.requests(unknown, recorded.responded).next().is_some();
                check(is_own || gone || is_asked, "a request that nobody made")?;
                if is_test {
                    was_canceled = was_canceled.min(recorded.responded);
                }
            } else {
                check(recorded.invoked < was_canceled, "a request that was seen is gone")?;
                let asked = self
                    .entries
                    .iter()
                    .any(|other| surely_requests(other) && other.recorded.responded < recorded.invoked);
                check(!asked, "a request that its canceller was told of is not seen")?;
            }
        }
        Ok(())
    }

    fn is_canceled(&self) -> bool {
        self.entries.iter().any(|entry| match entry.recorded.op {
            Op::ThreadExit => true,
            Op::Finish { .. } | Op::Complete { .. } | Op::Abandon { .. } | Op::Enter { .. } => {
                entry.recorded.hresult == RPC_E_CALL_CANCELED
            }
            _ => false,
        })
    }
}

/// Of several who cancel one call at once one is told so.
fn elections(lives: &BTreeMap<CallId, Life<'_>>, entries: &[Entry]) -> Result<(), String> {
    let mut canceled: BTreeMap<ThreadId, usize> = BTreeMap::new();
    for life in lives.values() {
        let elected = life.entries.iter().filter(|entry| is_request(entry) && entry.recorded.hresult == S_OK).count();
        check(elected <= 1, &format!("call {}: {elected} cancellers were elected", life.call))?;
        if matches!(life.begin.recorded.op, Op::Begin { .. }) && life.is_canceled() {
            *canceled.entry(life.begin.recorded.thread).or_default() += 1;
        }
    }
    let mut told: BTreeMap<ThreadId, usize> = BTreeMap::new();
    for entry in entries {
        match entry.recorded.op {
            Op::CancelThread { thread, timeout: Some(0), .. } if entry.recorded.hresult == S_OK => {
                *told.entry(if thread == 0 { entry.recorded.thread } else { thread }).or_default() += 1;
            }
            _ => {}
        }
    }
    for (thread, told) in told {
        let canceled = canceled.get(&thread).copied().unwrap_or(0);
        check(told <= canceled, &format!("thread {thread}: {told} cancels at once, {canceled} calls canceled"))?;
    }
    Ok(())
}
