//! How often each operation answered what.

use std::collections::BTreeMap;
use std::fmt;

use cocancel_model::Op;
use cocancel_model::hresult::*;

use crate::epoch::Entry;

/// The answers, and what else happened.
#[derive(Debug, Default)]
pub struct Coverage {
    answers: BTreeMap<(String, u32), u64>,
    /// What else was counted.
    counts: BTreeMap<&'static str, u64>,
}

/// What a long run has to see: the rows of the specification that chance alone brings about.
const REQUIRED: [(&str, &[u32]); 18] = [
    ("Begin", &[S_OK, CO_E_CANCEL_DISABLED]),
    ("BeginAsync", &[S_OK]),
    ("Poll", &[RPC_S_CALLPENDING, S_OK, RPC_E_CALL_CANCELED, RPC_E_SERVER_DIED, E_FAIL]),
    ("Wait", &[S_OK, RPC_E_CALL_CANCELED, RPC_E_SERVER_DIED, E_FAIL]),
    ("Finish", &[S_OK, RPC_E_CALL_CANCELED, RPC_E_SERVER_DIED, E_FAIL]),
    ("Enter", &[S_OK, RPC_E_CALL_CANCELED]),
    ("Complete", &[S_OK, RPC_E_CALL_CANCELED]),
    ("Abandon", &[S_OK, RPC_E_CALL_CANCELED]),
    ("Disable", &[S_OK, CO_E_CANCEL_DISABLED]),
    ("SetCancelObject", &[S_OK, E_NOINTERFACE]),
    ("UnsetCancelObject", &[S_OK, E_UNEXPECTED, E_ACCESSDENIED]),
    ("TestCurrent", &[RPC_S_CALLPENDING, RPC_E_CALL_CANCELED, RPC_E_CALL_COMPLETE, E_NOINTERFACE]),
    ("TestObject", &[RPC_S_CALLPENDING, RPC_E_CALL_CANCELED]),
    ("GetContext", &[S_OK, RPC_E_CALL_COMPLETE]),
    ("GetCancelObject", &[S_OK, E_NOINTERFACE, CO_E_CANCEL_DISABLED]),
    ("CancelHandle", &[S_OK, RPC_E_CALL_CANCELED, RPC_E_CALL_COMPLETE, E_INVALIDARG]),
    ("CancelObject", &[S_OK, RPC_E_CALL_CANCELED, RPC_E_CALL_COMPLETE]),
    ("CancelThread", &[S_OK, RPC_E_CALL_CANCELED, RPC_E_CALL_COMPLETE, E_NOINTERFACE, CO_E_CANCEL_DISABLED, E_NOTIMPL]),
];

/// The names of the HRESULTs.
const NAMES: [(u32, &str); 13] = [
    (S_OK, "S_OK"),
    (E_NOTIMPL, "E_NOTIMPL"),
    (E_ACCESSDENIED, "E_ACCESSDENIED"),
    (E_NOINTERFACE, "E_NOINTERFACE"),
    (E_FAIL, "E_FAIL"),
    (E_UNEXPECTED, "E_UNEXPECTED"),
    (E_OUTOFMEMORY, "E_OUTOFMEMORY"),
    (E_INVALIDARG, "E_INVALIDARG"),
    (RPC_E_CALL_CANCELED, "RPC_E_CALL_CANCELED"),
    (RPC_E_SERVER_DIED, "RPC_E_SERVER_DIED"),
    (RPC_S_CALLPENDING, "RPC_S_CALLPENDING"),
    (RPC_E_CALL_COMPLETE, "RPC_E_CALL_COMPLETE"),
    (CO_E_CANCEL_DISABLED, "CO_E_CANCEL_DISABLED"),
];

fn name(code: u32) -> String {
    let known = NAMES.iter().find(|(known, _)| *known == code);
    known.map_or_else(|| format!("{code:08X}"), |(_, name)| (*name).to_owned())
}

fn kind(op: Op) -> String {
    let text = format!("{op:?}");
    text.split([' ', '(']).next().unwrap_or_default().to_owned()
}

impl Coverage {
    /// Counts what these say.
    pub fn add(&mut self, entries: &[Entry]) {
        for entry in entries {
            let recorded = &entry.recorded;
            *self.answers.entry((kind(recorded.op), recorded.hresult)).or_default() += 1;
            let orphans = recorded.had.orphaned.len() as u64;
            let wraps = entry.time.0 <= u64::from(u32::MAX) && entry.time.1 > u64::from(u32::MAX);
            let with_calls = u64::from(!recorded.had.calls.is_empty());
            let serving = u64::from(!recorded.had.serving.is_empty());
            let is_waiting = match recorded.op {
                Op::CancelHandle { timeout: Some(1..), wait, .. }
                | Op::CancelThread { timeout: Some(1..), wait, .. } => wait,
                Op::CancelObject { timeout: Some(1..), .. } => true,
                _ => false,
            };
            let graces = |code| u64::from(is_waiting && recorded.hresult == code);
            for (what, count) in [
                ("grace times that ran out", graces(S_OK)),
                ("grace times in which the call completed", graces(RPC_E_CALL_COMPLETE)),
                ("exits with calls out", with_calls),
                ("exits while serving", serving),
                ("records of nobody", orphans),
                ("operations during which the tick wrapped", u64::from(wraps)),
            ] {
                *self.counts.entry(what).or_default() += count;
            }
        }
    }

    /// How many calls were begun on threads, with a slot or without.
    pub fn begun(&self) -> u64 {
        self.answers.iter().filter(|((kind, _), _)| kind == "Begin").map(|(_, count)| count).sum()
    }

    /// Adds to a count.
    pub fn count(&mut self, what: &'static str, count: u64) {
        *self.counts.entry(what).or_default() += count;
    }

    /// What a long run should have seen, and has not.
    pub fn missing(&self) -> Vec<String> {
        let required = REQUIRED.iter().flat_map(|(kind, codes)| codes.iter().map(move |code| (*kind, *code)));
        let missing = required.filter(|(kind, code)| !self.answers.contains_key(&((*kind).to_owned(), *code)));
        let mut missing: Vec<_> = missing.map(|(kind, code)| format!("{kind} {}", name(code))).collect();
        missing.extend(self.counts.iter().filter(|(_, count)| **count == 0).map(|(what, _)| (*what).to_owned()));
        missing
    }
}

impl fmt::Display for Coverage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut kinds: Vec<_> = self.answers.keys().map(|(kind, _)| kind.as_str()).collect();
        kinds.dedup();
        for kind in kinds {
            write!(f, "{kind}:")?;
            for ((of, code), count) in &self.answers {
                if of == kind {
                    write!(f, " {} {count}", name(*code))?;
                }
            }
            writeln!(f)?;
        }
        for (what, count) in &self.counts {
            writeln!(f, "{what}: {count}")?;
        }
        Ok(())
    }
}
