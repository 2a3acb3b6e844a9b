//! The checker of histories accepts what can have happened and refuses what cannot.

use cocancel_host_tests::history::{Had, Recorded, STATES, Verdict, table, verdict};
use cocancel_model::hresult::*;
use cocancel_model::{CallId, Iid, Op, Owner, ThreadId};

const CLIENT: ThreadId = 1;
const SERVER: ThreadId = 2;
const WATCHDOG: ThreadId = 3;
const CALL: CallId = 1;

const BEGIN: Op = Op::Begin { call: CALL, context: false, own_timeout: None, always_slot: false };
const POLL: Op = Op::Poll { call: CALL };
const FINISH: Op = Op::Finish { call: CALL };
const COMPLETE: Op = Op::Complete { call: CALL };
const TEST: Op = Op::TestObject { reference: 1 };
const NOW: Op = Op::CancelThread { thread: CLIENT, timeout: Some(0), wait: true };
const IN_A_SECOND: Op = Op::CancelThread { thread: CLIENT, timeout: Some(1000), wait: true };

/// An operation with its answer, from one moment to another.
fn did(thread: ThreadId, op: Op, hresult: u32, (invoked, responded): (usize, usize)) -> Recorded {
    Recorded { thread, op, hresult, owner: Owner::None, invoked, responded, had: Had::default() }
}

fn owns(owner: Owner, recorded: Recorded) -> Recorded {
    Recorded { owner, ..recorded }
}

/// A thread that is enabled has begun the call, and the watchdog holds its object; then the rest.
fn history(rest: impl IntoIterator<Item = Recorded>) -> Vec<Recorded> {
    let get = Op::GetCancelObject { thread: CLIENT, iid: Iid::Unknown, reference: 1 };
    let start =
        [did(CLIENT, Op::Enable, S_OK, (0, 1)), did(CLIENT, BEGIN, S_OK, (2, 3)), did(WATCHDOG, get, S_OK, (4, 5))];
    start.into_iter().chain(rest).collect()
}

#[track_caller]
fn accepted(rest: impl IntoIterator<Item = Recorded>) {
    let history = history(rest);
    assert_eq!(verdict(&history, STATES), Verdict::Linearizable, "{}", table(&history));
}

#[track_caller]
fn refused(rest: impl IntoIterator<Item = Recorded>) {
    let history = history(rest);
    assert_eq!(verdict(&history, STATES), Verdict::Impossible, "{}", table(&history));
}

#[test]
fn the_order_of_overlapping_operations_is_free() {
    accepted([]);
    for (test, when) in
        [(RPC_S_CALLPENDING, (10, 20)), (RPC_E_CALL_CANCELED, (10, 20)), (RPC_E_CALL_CANCELED, (21, 22))]
    {
        accepted([did(WATCHDOG, TEST, test, when), did(SERVER, NOW, S_OK, (10, 20))]);
    }
    // the answer after the cancel has returned is its own
    refused([did(WATCHDOG, TEST, RPC_S_CALLPENDING, (21, 22)), did(SERVER, NOW, S_OK, (10, 20))]);
    refused([did(WATCHDOG, TEST, RPC_E_CALL_CANCELED, (8, 9)), did(SERVER, NOW, S_OK, (10, 20))]);
}

#[test]
fn two_answers_exchanged() {
    let race = |server, watchdog| [did(SERVER, NOW, server, (10, 11)), did(WATCHDOG, NOW, watchdog, (12, 13))];
    accepted(race(S_OK, RPC_E_CALL_CANCELED));
    refused(race(RPC_E_CALL_CANCELED, S_OK));
}

#[test]
fn a_second_canceller_that_got_s_ok() {
    for (server, watchdog) in [(NOW, NOW), (NOW, IN_A_SECOND), (IN_A_SECOND, NOW)] {
        let race = |first, second| [did(SERVER, server, first, (10, 20)), did(WATCHDOG, watchdog, second, (11, 19))];
        accepted(race(S_OK, RPC_E_CALL_CANCELED));
        refused(race(S_OK, S_OK));
        refused(race(RPC_E_CALL_CANCELED, RPC_E_CALL_CANCELED));
    }
}

#[test]
fn a_record_delivered_and_orphaned() {
    let end = |delivered: bool, finished| {
        let (hresult, owner) = if delivered { (S_OK, Owner::Client) } else { (RPC_E_CALL_CANCELED, Owner::Server) };
        let owner_of_finished = if finished == S_OK { Owner::Client } else { Owner::None };
        [
            owns(owner, did(SERVER, COMPLETE, hresult, (10, 20))),
            owns(owner_of_finished, did(CLIENT, FINISH, finished, (11, 19))),
        ]
    };
    accepted(end(true, S_OK));
    accepted(end(false, RPC_E_CALL_CANCELED));
    refused(end(false, S_OK));
    refused(end(true, RPC_E_CALL_CANCELED));
}

#[test]
fn an_owner_that_the_hresult_does_not_give() {
    accepted([owns(Owner::Client, did(SERVER, COMPLETE, S_OK, (10, 11)))]);
    refused([owns(Owner::Server, did(SERVER, COMPLETE, S_OK, (10, 11)))]);
}

#[test]
fn a_waiting_cancel() {
    // in time; or released by the time
    let wait = |hresult| did(WATCHDOG, IN_A_SECOND, hresult, (10, 20));
    let complete = |hresult, owner, when| owns(owner, did(SERVER, COMPLETE, hresult, when));
    let advance = |ms| did(99, Op::Advance(ms), S_OK, (12, 13));
    accepted([wait(RPC_E_CALL_COMPLETE), complete(S_OK, Owner::Client, (14, 15))]);
    accepted([advance(1001), wait(S_OK), complete(RPC_E_CALL_CANCELED, Owner::Server, (14, 15))]);
    refused([advance(1000), wait(S_OK)]);
    refused([wait(S_OK)]);
    refused([wait(RPC_E_CALL_COMPLETE), complete(S_OK, Owner::Client, (21, 22))]);
    // it waits, so the request shows meanwhile
    let test = |hresult| {
        [did(SERVER, Op::Enter { call: CALL, frame: 1 }, S_OK, (6, 7)), did(SERVER, Op::TestCurrent, hresult, (14, 15))]
    };
    accepted(
        [wait(RPC_E_CALL_COMPLETE), complete(S_OK, Owner::Client, (16, 17))]
            .into_iter()
            .chain(test(RPC_E_CALL_CANCELED)),
    );
}

#[test]
fn a_client_that_waits() {
    let wait = |hresult, when| did(CLIENT, Op::Wait { call: CALL }, hresult, when);
    accepted([did(SERVER, NOW, S_OK, (12, 13)), wait(RPC_E_CALL_CANCELED, (10, 20))]);
    refused([did(SERVER, NOW, S_OK, (21, 22)), wait(RPC_E_CALL_CANCELED, (10, 20))]);
    refused([wait(S_OK, (10, 20))]);
}

#[test]
fn finishing_is_two_steps() {
    let get = Op::GetCancelObject { thread: CLIENT, iid: Iid::Unknown, reference: 2 };
    let seen = |first, second, hresult| {
        [
            did(CLIENT, FINISH, RPC_E_CALL_CANCELED, (10, 20)),
            did(SERVER, get, first, (11, 12)),
            did(WATCHDOG, TEST, second, (13, 14)),
            did(CLIENT, POLL, hresult, (21, 22)),
        ]
    };
    // first off the stack, then over
    accepted(seen(E_NOINTERFACE, RPC_S_CALLPENDING, RPC_E_CALL_CANCELED));
    accepted(seen(E_NOINTERFACE, RPC_E_CALL_CANCELED, RPC_E_CALL_CANCELED));
    accepted(seen(S_OK, RPC_E_CALL_CANCELED, RPC_E_CALL_CANCELED));
    refused(seen(E_NOINTERFACE, RPC_S_CALLPENDING, RPC_S_CALLPENDING));
}

#[test]
fn a_tick_looks_at_one_call_after_the_other() {
    let begin = |call, always_slot| Op::Begin { call, context: false, own_timeout: Some(10), always_slot };
    let poll = |call, hresult, when| did(WATCHDOG, Op::ObjectOf { call, reference: call + 10 }, hresult, when);
    let test = |call: CallId, hresult, when| did(WATCHDOG, Op::TestObject { reference: call + 10 }, hresult, when);
    let half_way = |first, second| {
        [
            did(SERVER, begin(2, true), S_OK, (6, 7)),
            did(SERVER, begin(3, true), S_OK, (8, 9)),
            poll(2, S_OK, (10, 11)),
            poll(3, S_OK, (12, 13)),
            did(99, Op::Advance(11), S_OK, (14, 15)),
            did(SERVER, Op::Tick, S_OK, (20, 30)),
            test(2, first, (21, 22)),
            test(3, second, (23, 24)),
            test(2, RPC_E_CALL_CANCELED, (31, 32)),
        ]
    };
    for first in [RPC_S_CALLPENDING, RPC_E_CALL_CANCELED] {
        for second in [RPC_S_CALLPENDING, RPC_E_CALL_CANCELED] {
            accepted(half_way(first, second));
        }
    }
    let mut never = half_way(RPC_S_CALLPENDING, RPC_S_CALLPENDING);
    never[8].hresult = RPC_S_CALLPENDING;
    refused(never);
}

#[test]
fn the_end_of_a_thread() {
    let exit = |orphaned: &[CallId]| {
        let had = Had { serving: vec![], calls: vec![CALL], orphaned: orphaned.iter().copied().collect() };
        Recorded { had, ..did(CLIENT, Op::ThreadExit, S_OK, (10, 20)) }
    };
    let complete = |hresult, owner| owns(owner, did(SERVER, COMPLETE, hresult, (11, 19)));
    // delivered to a client that is gone: the hook gets the record; or the server's side keeps it
    accepted([exit(&[CALL]), complete(S_OK, Owner::Client)]);
    accepted([exit(&[]), complete(RPC_E_CALL_CANCELED, Owner::Server)]);
    refused([exit(&[CALL]), complete(RPC_E_CALL_CANCELED, Owner::Server)]);
    refused([exit(&[]), complete(S_OK, Owner::Client)]);
    // seen half-way: off the stack already, but still attached
    accepted([
        exit(&[]),
        did(WATCHDOG, NOW, E_NOINTERFACE, (12, 13)),
        did(WATCHDOG, TEST, RPC_S_CALLPENDING, (14, 15)),
    ]);
}

#[test]
fn a_slot_is_kept_by_who_is_still_at_it() {
    let release = did(WATCHDOG, Op::Release { reference: 1 }, S_OK, (6, 7));
    let object = |hresult| did(WATCHDOG, Op::ObjectOf { call: CALL, reference: 2 }, hresult, (23, 24));
    let ended = |until| {
        [
            owns(Owner::Client, did(SERVER, COMPLETE, S_OK, (10, until))),
            owns(Owner::Client, did(CLIENT, FINISH, S_OK, (20, 21))),
        ]
    };
    // the server's thread may not have let go yet, or has
    accepted(ended(30).into_iter().chain([release.clone(), object(S_OK)]));
    accepted(ended(30).into_iter().chain([release.clone(), object(E_INVALIDARG)]));
    refused(ended(15).into_iter().chain([release.clone(), object(S_OK)]));
    // so may who took the call for another; and who came meanwhile may keep it on
    let other = Op::GetCancelObject { thread: SERVER, iid: Iid::Unknown, reference: 3 };
    for (op, hresult) in [(Op::Tick, S_OK), (other, E_NOINTERFACE)] {
        let strayed = |until| [release.clone(), did(4, op, hresult, (12, until)), object(S_OK)];
        accepted(ended(15).into_iter().chain(strayed(30)));
        refused(ended(15).into_iter().chain(strayed(22)));
        let followed = did(5, COMPLETE, E_UNEXPECTED, (22, 25));
        accepted(ended(15).into_iter().chain(strayed(23)).chain([followed.clone()]));
        refused(ended(15).into_iter().chain(strayed(21)).chain([followed]));
    }
    // once it was gone it does not come back
    let gone = did(4, COMPLETE, E_INVALIDARG, (21, 22));
    refused(ended(30).into_iter().chain([release, gone, object(S_OK)]));
}

#[test]
fn a_search_that_was_given_up_decides_nothing() {
    let race = |watchdog| history([did(SERVER, NOW, S_OK, (10, 20)), did(WATCHDOG, NOW, watchdog, (11, 19))]);
    for (watchdog, expected) in [(RPC_E_CALL_CANCELED, Verdict::Linearizable), (S_OK, Verdict::Impossible)] {
        let verdicts: Vec<_> = (0..100).map(|states| verdict(&race(watchdog), states)).collect();
        let enough = verdicts.iter().position(|verdict| *verdict == expected).expect("decided in the end");
        assert!(enough > 1);
        assert!(verdicts[..enough].iter().all(|verdict| *verdict == Verdict::Undecided));
        assert!(verdicts[enough..].iter().all(|verdict| *verdict == expected));
    }
}
