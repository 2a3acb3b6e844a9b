//! Hazards of one call: its client, its server, its cancellers, its deadlines.
#![cfg(loom)]

use std::ptr::{null_mut, without_provenance_mut};

use cocancel::{CallOptions, Hresult, Outcome, Poll, Refusal, Reply, Timeout, Waiting};
use cocancel_loom_tests::record::Record;
use cocancel_loom_tests::{Rt, Seen, context, model, spawn};
use std::sync::atomic::Ordering::Relaxed;

const HOST: *mut () = without_provenance_mut(0x77);

fn with_host() -> CallOptions {
    CallOptions::new().host(HOST)
}

/// Exactly one side owns the record.
fn one_owner(outcome: Outcome, reply: Reply) {
    match outcome {
        Outcome::Canceled => assert_eq!(reply, Reply::Orphaned(HOST)),
        _ => assert_eq!(reply, Reply::Delivered),
    }
}

#[test]
fn cancel_races_complete() {
    model(3, |rt: &Rt<1, 1>| {
        rt.enable().unwrap();
        let record = Record::new();
        let call = rt.begin(record.call()).call;
        let server = spawn(2, move || {
            record.answer();
            record.server_is_done(rt.complete(call).unwrap());
        });
        let canceller = spawn(3, move || rt.cancel_thread(1, Timeout::ZERO, Waiting::Allowed));
        let polled = rt.poll(call).unwrap();
        let outcome = rt.finish(call).unwrap();
        assert!(polled == Poll::Pending(None) || polled == Poll::Ended(outcome));
        record.client_is_done(outcome);
        server.join().unwrap();
        record.assert_disposed_once();
        let answer = canceller.join().unwrap();
        match answer {
            Hresult::S_OK => assert_eq!(outcome, Outcome::Canceled),
            Hresult::RPC_E_CALL_CANCELED => assert_eq!((outcome, polled), (Outcome::Canceled, Poll::Pending(None))),
            Hresult::RPC_E_CALL_COMPLETE => {}
            Hresult::E_NOINTERFACE => {}
            other => panic!("{other}"),
        }
        rt.port().assert_hooks(u32::from(outcome == Outcome::Canceled), 0);
        assert_eq!(rt.port().wakes.load(Relaxed), 0, "nobody waits");
        rt.thread_exit();
    });
}

#[test]
fn cancel_races_complete_of_a_client_that_sleeps() {
    // one preemption: sleeping and waking are switches of their own, and two make a hundred times as many interleavings
    model(1, |rt: &Rt| {
        rt.enable().unwrap();
        let call = rt.begin(with_host()).call;
        let server = spawn(2, move || rt.complete(call).unwrap());
        let canceller = spawn(3, move || rt.cancel_thread(1, Timeout::ZERO, Waiting::Allowed));
        let waited = rt.wait(call).unwrap();
        assert_eq!(rt.finish(call), Ok(waited));
        one_owner(waited, server.join().unwrap());
        match canceller.join().unwrap() {
            Hresult::S_OK => assert_eq!(waited, Outcome::Canceled),
            Hresult::RPC_E_CALL_COMPLETE | Hresult::E_NOINTERFACE => assert_eq!(waited, Outcome::Completed),
            other => panic!("{other}"),
        }
        assert!(rt.port().wakes.load(Relaxed) <= 1, "one for each transition that concerns it");
        rt.port().assert_hooks(u32::from(waited == Outcome::Canceled), 0);
        rt.thread_exit();
    });
}

#[test]
fn two_cancellers_race() {
    model(2, |rt: &Rt| {
        rt.enable().unwrap();
        let call = rt.begin(with_host()).call;
        let cancellers = [2, 3].map(|id| spawn(id, move || rt.cancel_call(call, Timeout::ZERO, Waiting::Allowed)));
        let answers = cancellers.map(|canceller| canceller.join().unwrap());
        assert!(answers.contains(&Hresult::S_OK) && answers.contains(&Hresult::RPC_E_CALL_CANCELED), "{answers:?}");
        assert_eq!(rt.port().requests.load(Relaxed), 1);
        assert_eq!(rt.finish(call), Ok(Outcome::Canceled));
        assert_eq!(rt.complete(call), Ok(Reply::Orphaned(HOST)));
        rt.thread_exit();
    });
}

#[test]
fn a_loser_that_says_canceled_is_believed_by_testing() {
    model(2, |rt: &Rt| {
        let call = rt.begin_async(with_host()).call;
        let cancellers = [2, 3].map(|id| {
            spawn(id, move || {
                let answer = rt.cancel_call(call, Timeout::millis(9), Waiting::Never);
                assert_eq!(rt.test_call(call), Hresult::RPC_E_CALL_CANCELED, "after {answer}");
                answer
            })
        });
        let answers = cancellers.map(|canceller| canceller.join().unwrap());
        assert!(answers.contains(&Hresult::S_OK) && answers.contains(&Hresult::RPC_E_CALL_CANCELED), "{answers:?}");
        rt.port().assert_hooks(1, 0);
        assert_eq!(rt.complete(call), Ok(Reply::Delivered));
        assert_eq!(rt.finish(call), Ok(Outcome::Completed));
    });
}

#[test]
fn never_waiting_cancel_races_the_announcement() {
    model(2, |rt: &Rt| {
        rt.enable().unwrap();
        let call = rt.begin(with_host()).call;
        // the client must learn of the deadline, whenever it comes to sleep
        let canceller = spawn(2, move || rt.cancel_call(call, Timeout::millis(5), Waiting::Never));
        assert_eq!(rt.wait(call), Ok(Outcome::Canceled));
        assert_eq!(canceller.join().unwrap(), Hresult::S_OK);
        assert!(rt.port().wakes.load(Relaxed) <= 1);
        assert_eq!(rt.finish(call), Ok(Outcome::Canceled));
        assert_eq!(rt.complete(call), Ok(Reply::Orphaned(HOST)));
        rt.thread_exit();
    });
}

#[test]
fn a_waiting_canceller_learns_of_the_reply() {
    model(2, |rt: &Rt| {
        rt.enable().unwrap();
        let call = rt.begin(with_host()).call;
        let canceller = spawn(2, move || rt.cancel_call(call, Timeout::INFINITE, Waiting::Allowed));
        assert_eq!(rt.complete(call), Ok(Reply::Delivered));
        // it sleeps without a timeout: a reply that does not wake it is a deadlock here
        let answer = canceller.join().unwrap();
        assert_eq!(answer, Hresult::RPC_E_CALL_COMPLETE);
        rt.finish(call).unwrap();
        rt.thread_exit();
    });
}

#[test]
fn sooner_second_request() {
    model(2, |rt: &Rt| {
        rt.enable().unwrap();
        let call = rt.begin(with_host()).call;
        let first = spawn(2, move || rt.cancel_call(call, Timeout::INFINITE, Waiting::Allowed));
        let second = spawn(3, move || rt.cancel_call(call, Timeout::ZERO, Waiting::Allowed));
        let answers = [first.join().unwrap(), second.join().unwrap()];
        assert_eq!(rt.poll(call), Ok(Poll::Ended(Outcome::Canceled)));
        // whoever came first got S_OK, when the client was released; the other one was late, but its sooner deadline counted
        assert!(answers.contains(&Hresult::S_OK) && answers.contains(&Hresult::RPC_E_CALL_CANCELED), "{answers:?}");
        rt.finish(call).unwrap();
        assert_eq!(rt.complete(call), Ok(Reply::Orphaned(HOST)));
        rt.thread_exit();
    });
}

#[test]
fn own_timeout_against_cancel_deadline_and_reply() {
    model(2, |rt: &Rt| {
        rt.enable().unwrap();
        let call = rt.begin(with_host().timeout(Timeout::millis(3))).call;
        let canceller = spawn(2, move || rt.cancel_call(call, Timeout::millis(50), Waiting::Never));
        let server = spawn(3, move || rt.complete(call));
        let outcome = rt.wait(call).unwrap();
        let answer = canceller.join().unwrap();
        let reply = server.join().unwrap().unwrap();
        rt.finish(call).unwrap();
        one_owner(outcome, reply);
        match answer {
            Hresult::S_OK => {}
            Hresult::RPC_E_CALL_CANCELED => assert_eq!(outcome, Outcome::Canceled),
            other => assert_eq!((other, outcome), (Hresult::RPC_E_CALL_COMPLETE, Outcome::Completed)),
        }
        rt.thread_exit();
    });
}

#[test]
fn enter_races_cancel() {
    model(2, |rt: &Rt| {
        rt.enable().unwrap();
        let call = rt.begin(with_host()).call;
        let server = spawn(2, move || {
            let owns = match rt.enter(call) {
                Ok(frame) => {
                    let reply = rt.complete(call).unwrap();
                    rt.leave(frame).unwrap();
                    reply == Reply::Orphaned(HOST)
                }
                Err(refused) => {
                    assert_eq!(refused, Refusal::Canceled(HOST));
                    true
                }
            };
            rt.thread_exit();
            owns
        });
        let answer = rt.cancel_call(call, Timeout::millis(5), Waiting::Never);
        let outcome = rt.wait(call).unwrap();
        assert_eq!(rt.finish(call), Ok(outcome));
        assert_eq!(server.join().unwrap(), outcome == Outcome::Canceled, "exactly one owner");
        rt.port().assert_hooks(u32::from(answer == Hresult::S_OK), 0);
        match answer {
            Hresult::S_OK => {}
            other => assert_eq!((other, outcome), (Hresult::RPC_E_CALL_COMPLETE, Outcome::Completed)),
        }
        rt.thread_exit();
    });
}

#[test]
fn server_completes_after_the_client_abandoned() {
    model(2, |rt: &Rt| {
        rt.enable().unwrap();
        let call = rt.begin(with_host()).call;
        let server = spawn(2, move || rt.complete(call).unwrap());
        let outcome = rt.finish(call).unwrap();
        one_owner(outcome, server.join().unwrap());
        rt.thread_exit();
    });
}

#[test]
fn abandon_leaves_its_code() {
    model(2, |rt: &Rt| {
        rt.enable().unwrap();
        let call = rt.begin(with_host()).call;
        let server = spawn(2, move || rt.abandon(call, Hresult::RPC_E_SERVER_DIED).unwrap());
        let outcome = rt.finish(call).unwrap();
        one_owner(outcome, server.join().unwrap());
        if outcome != Outcome::Canceled {
            assert_eq!(outcome, Outcome::Failed(Hresult::RPC_E_SERVER_DIED));
        }
        rt.thread_exit();
    });
}

#[test]
fn stale_wake() {
    model(2, |rt: &Rt| {
        rt.enable().unwrap();
        let call = rt.begin(context(0).host(HOST)).call;
        let canceller = spawn(2, move || rt.cancel_call(call, Timeout::ZERO, Waiting::Never));
        let _ = rt.poll(call);
        // the client ends the call while the canceller may be about to wake it: the port asserts that the context is not retired by then
        rt.finish(call).unwrap();
        canceller.join().unwrap();
        assert_eq!(rt.complete(call), Ok(Reply::Orphaned(HOST)));
        assert!(rt.port().is_retired(0));
        rt.thread_exit();
    });
}

#[test]
fn a_reply_wakes_a_polling_client_that_finishes() {
    model(2, |rt: &Rt| {
        rt.enable().unwrap();
        let call = rt.begin(context(0).host(HOST)).call;
        let server = spawn(2, move || rt.complete(call).unwrap());
        let _ = rt.poll(call);
        let outcome = rt.finish(call).unwrap();
        one_owner(outcome, server.join().unwrap());
        assert!(rt.port().is_retired(0));
        rt.thread_exit();
    });
}

#[test]
fn inner_wait_eats_the_outers_token() {
    model(2, |rt: &Rt| {
        rt.enable().unwrap();
        let outer = rt.begin(with_host()).call;
        let inner = rt.begin(with_host()).call;
        let server = spawn(2, move || {
            assert_eq!(rt.complete(outer), Ok(Reply::Delivered));
            assert_eq!(rt.complete(inner), Ok(Reply::Delivered));
        });
        assert_eq!(rt.wait(inner), Ok(Outcome::Completed));
        rt.finish(inner).unwrap();
        assert_eq!(rt.wait(outer), Ok(Outcome::Completed));
        rt.finish(outer).unwrap();
        server.join().unwrap();
        rt.thread_exit();
    });
}

/// A budget for all slots, and one for a slot at a time.
const BUDGETS: [u32; 2] = [u32::MAX, 1];

/// Ticks until everything has been looked at, whatever the budget: three slots, a round that was begun and one more.
fn tick_on(rt: &Rt<2, 1>, budget: u32) {
    for _ in 0..if budget == 1 { 9 } else { 2 } {
        rt.tick(budget);
    }
}

#[test]
fn deadline_armed_during_a_ticks_scan() {
    BUDGETS.into_iter().for_each(deadline_armed_during);
}

fn deadline_armed_during(budget: u32) {
    model(3, move |rt: &Rt<2, 1>| {
        // one that is due, or the tick would not scan
        let due = rt.begin_async(with_host().timeout(Timeout::millis(1))).call;
        rt.port().advance(2);
        let ticker = spawn(2, move || {
            // a whole round
            for _ in 0..if budget == 1 { 3 } else { 1 } {
                rt.tick(budget);
            }
        });
        let call = rt.begin_async(with_host().timeout(Timeout::millis(3))).call;
        ticker.join().unwrap();
        rt.port().advance(10);
        tick_on(rt, budget);
        for call in [due, call] {
            assert_eq!(rt.test_call(call), Hresult::RPC_E_CALL_CANCELED, "a deadline was lost");
            rt.finish(call).unwrap();
            assert_eq!(rt.complete(call), Ok(Reply::Orphaned(HOST)));
        }
        rt.port().assert_hooks(2, 0);
    });
}

#[test]
fn two_tickers_lose_nothing() {
    two_tickers(u32::MAX);
}

#[test]
fn two_tickers_with_small_budgets_lose_nothing() {
    two_tickers(1);
}

fn two_tickers(budget: u32) {
    model(2, move |rt: &Rt<2, 1>| {
        let first = rt.begin_async(CallOptions::new().timeout(Timeout::millis(1))).call;
        rt.port().advance(5);
        let tickers = [2, 3].map(|id| {
            spawn(id, move || {
                rt.tick(budget);
                rt.tick(budget);
            })
        });
        let second = rt.begin_async(CallOptions::new().timeout(Timeout::millis(1))).call;
        for ticker in tickers {
            ticker.join().unwrap();
        }
        rt.port().advance(5);
        tick_on(rt, budget);
        for call in [first, second] {
            assert_eq!(rt.test_call(call), Hresult::RPC_E_CALL_CANCELED, "a deadline was lost");
            rt.finish(call).unwrap();
            assert_eq!(rt.complete(call), Ok(Reply::Orphaned(null_mut())));
        }
    });
}

/// The reply comes from a worker: the thread that served the call may have left it, and the client be done with it, while the worker wakes.
#[test]
fn a_worker_completes_while_the_serving_thread_leaves() {
    static AFTER: Seen = Seen::new();
    static BEFORE: Seen = Seen::new();
    model(3, |rt: &Rt| {
        rt.enable().unwrap();
        let call = rt.begin(context(0)).call;
        assert_eq!(rt.poll(call), Ok(Poll::Pending(None)));
        let serving = spawn(2, move || {
            let frame = rt.enter(call).unwrap();
            let worker = spawn(3, move || assert_eq!(rt.complete(call), Ok(Reply::Delivered)));
            rt.leave(frame).unwrap();
            rt.thread_exit();
            worker
        });
        let polled = rt.poll(call).unwrap();
        let is_over = polled == Poll::Ended(Outcome::Completed);
        // the context is the client's again from here on: loom reports a wake that comes later
        let outcome = is_over.then(|| rt.finish(call).unwrap());
        serving.join().unwrap().join().unwrap();
        AFTER.note(outcome == Some(Outcome::Completed));
        BEFORE.note(outcome.is_none());
        if outcome.is_none() {
            assert_eq!(rt.finish(call), Ok(Outcome::Completed));
        }
        rt.thread_exit();
    });
    AFTER.assert("the client is done while the worker may still be waking");
    BEFORE.assert("the client sees the call pending");
}

/// An asynchronous call is finished by another thread than the one that waits for it.
#[test]
fn finishing_an_asynchronous_call_races_its_waiter() {
    static WOKEN: Seen = Seen::new();
    model(3, |rt: &Rt| {
        let call = rt.begin_async(CallOptions::new()).call;
        let waiter = spawn(2, move || {
            // a wake that is lost is a deadlock
            let answer = rt.wait(call);
            assert!([Ok(Outcome::Canceled), Err(Hresult::E_INVALIDARG)].contains(&answer), "{answer:?}");
        });
        assert_eq!(rt.finish(call), Ok(Outcome::Canceled));
        waiter.join().unwrap();
        WOKEN.note(rt.port().wakes.load(Relaxed) == 1);
        assert!(rt.complete(call).is_ok());
    });
    WOKEN.assert("the waiter is woken");
}
