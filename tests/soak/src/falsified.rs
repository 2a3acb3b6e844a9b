//! The histories of an epoch are accepted, and not with one answer changed.

use std::path::Path;

use cocancel_model::hresult::{RPC_E_CALL_CANCELED, RPC_E_CALL_COMPLETE, RPC_S_CALLPENDING, S_OK};
use cocancel_model::{Op, Owner};

use crate::epoch::Entry;
use crate::run::{Processes, Size, run};
use crate::{judge, windows};

fn history() -> Vec<Entry> {
    let size = Size { calls: 600, kills: 0 };
    let done = run(7, u32::MAX - 1000, size, Path::new("none"), &mut Processes::default());
    assert_eq!(done.error, None);
    done.entries
}

/// Changes entries one by one, and counts how many of them were noticed.
fn noticed(history: &[Entry], change: impl Fn(&mut Entry) -> bool) -> (usize, usize) {
    let (mut changed, mut noticed) = (0, 0);
    for n in 0..history.len() {
        let mut falsified = history.to_vec();
        if change(&mut falsified[n]) {
            changed += 1;
            noticed += usize::from(judge::judge(&falsified).is_err());
            if changed == 40 {
                break;
            }
        }
    }
    (changed, noticed)
}

fn sets(hresult: &mut u32, from: u32, to: u32) -> bool {
    let is = *hresult == from;
    if is {
        *hresult = to;
    }
    is
}

#[test]
fn what_was_recorded_is_accepted_and_what_was_changed_is_not() {
    let history = history();
    assert!(judge::judge(&history).expect("as it was") >= 300);
    let all = |what, (changed, noticed): (usize, usize)| {
        assert!(changed > 0 && changed == noticed, "{what}: {noticed} of {changed} were noticed");
    };
    let finish = |entry: &Entry| matches!(entry.recorded.op, Op::Finish { .. });
    let slot = |entry: &Entry| entry.recorded.owner == Owner::Server;
    all(
        "a record with two owners",
        noticed(&history, |entry| {
            let is = finish(entry) && entry.recorded.hresult == RPC_E_CALL_CANCELED;
            if is {
                entry.recorded.owner = Owner::Client;
            }
            is
        }),
    );
    all(
        "a record without an owner",
        noticed(&history, |entry| {
            let is = slot(entry);
            entry.recorded.owner = Owner::None;
            is
        }),
    );
    all(
        "a client that is told of a result which nobody gave",
        noticed(&history, |entry| finish(entry) && sets(&mut entry.recorded.hresult, RPC_E_CALL_CANCELED, S_OK)),
    );
    all(
        "a canceled call that completed for its server",
        noticed(&history, |entry| {
            let completes = matches!(entry.recorded.op, Op::Complete { .. });
            completes && sets(&mut entry.recorded.hresult, RPC_E_CALL_CANCELED, RPC_S_CALLPENDING)
        }),
    );
}

#[test]
fn the_model_does_not_accept_what_was_changed() {
    let history = history();
    let check = |history: &[Entry]| windows::check(history, 1, &mut fastrand::Rng::with_seed(1));
    assert!(check(&history).expect("as it was").windows > 20);
    let mut changed = history;
    // most of them stand in a piece; the judge, who has no order, does not know them
    for entry in &mut changed {
        if matches!(entry.recorded.op, Op::CancelThread { timeout: Some(0), .. }) {
            sets(&mut entry.recorded.hresult, S_OK, RPC_E_CALL_COMPLETE);
        }
    }
    assert!(check(&changed).is_err());
}
