//! Hazards of deadlines, wakes and those who never wake anybody again.
#![cfg(loom)]

use std::sync::atomic::Ordering::Relaxed;

use cocancel::{CallOptions, Hresult, Outcome, Phase, Poll, Reply, Timeout, Waiting};
use cocancel_loom_tests::record::Record;
use cocancel_loom_tests::{
    Rt, Seen, as_thread, context, killed_at, model, model_that_leaves, run_down, spawn, with_context,
};

#[test]
fn wake_before_wait() {
    static WOKEN: Seen = Seen::new();
    static IN_TIME: Seen = Seen::new();
    model(3, |rt: &Rt| {
        rt.enable().unwrap();
        let record = Record::new();
        let call = rt.begin(record.call()).call;
        let server = spawn(2, move || {
            record.answer();
            record.server_is_done(rt.complete(call).unwrap());
        });
        // the wake may come between the announcement and the sleep, which has no timeout: it must be kept
        assert_eq!(rt.wait(call), Ok(Outcome::Completed));
        record.client_is_done(rt.finish(call).unwrap());
        server.join().unwrap();
        let wakes = rt.port().wakes.load(Relaxed);
        assert!(wakes <= 1, "{wakes} wakes for one reply");
        WOKEN.note(wakes == 1);
        IN_TIME.note(wakes == 0);
        record.assert_disposed_once();
        rt.port().assert_hooks(0, 0);
        rt.thread_exit();
    });
    WOKEN.assert("the client is woken");
    IN_TIME.assert("the reply comes before the client waits");
}

#[test]
fn deadline_races_reply() {
    static EXPIRED: Seen = Seen::new();
    static ANSWERED: Seen = Seen::new();
    model(3, |rt: &Rt| {
        rt.enable().unwrap();
        let record = Record::new();
        let call = rt.begin(record.call().timeout(Timeout::millis(3))).call;
        let server = spawn(2, move || {
            record.answer();
            record.server_is_done(rt.complete(call).unwrap());
        });
        let outcome = rt.wait(call).unwrap();
        assert_eq!(rt.finish(call), Ok(outcome));
        record.client_is_done(outcome);
        server.join().unwrap();
        record.assert_disposed_once();
        let expired = outcome == Outcome::Canceled;
        rt.port().assert_hooks(u32::from(expired), 0);
        assert!(rt.port().wakes.load(Relaxed) <= u32::from(!expired), "who expires it himself is awake");
        EXPIRED.note(expired);
        ANSWERED.note(!expired);
        rt.thread_exit();
    });
    EXPIRED.assert("the deadline comes first");
    ANSWERED.assert("the reply comes first");
}

#[test]
fn deadline_races_reply_and_a_tick() {
    model(2, |rt: &Rt<1, 1>| {
        let record = Record::new();
        let call = rt.begin_async(with_context(record.call(), 0).timeout(Timeout::millis(3))).call;
        assert_eq!(rt.poll(call), Ok(Poll::Pending(Some(4))));
        rt.port().advance(4);
        let ticker = spawn(2, move || {
            rt.tick(100);
        });
        let server = spawn(3, move || {
            record.answer();
            record.server_is_done(rt.complete(call).unwrap());
        });
        let outcome = match rt.poll(call).unwrap() {
            Poll::Ended(outcome) => outcome,
            Poll::Pending(_) => panic!("it is due"),
        };
        assert_eq!(rt.finish(call), Ok(outcome));
        record.client_is_done(outcome);
        ticker.join().unwrap();
        server.join().unwrap();
        record.assert_disposed_once();
        rt.port().assert_hooks(u32::from(outcome == Outcome::Canceled), 0);
        assert!(rt.port().wakes.load(Relaxed) <= 1, "one for each transition that concerns it");
        assert!(rt.port().is_retired(0));
    });
}

#[test]
fn request_armed_during_a_ticks_scan() {
    model(3, |rt: &Rt<1, 1>| {
        let first = rt.begin_async(CallOptions::new().timeout(Timeout::millis(1))).call;
        rt.port().advance(2);
        let ticker = spawn(2, move || {
            rt.tick(100);
        });
        assert_eq!(rt.cancel_call(first, Timeout::millis(5), Waiting::Never), Hresult::RPC_E_CALL_CANCELED);
        rt.enable().unwrap();
        let call = rt.begin(CallOptions::new()).call;
        assert_eq!(rt.cancel_call(call, Timeout::millis(5), Waiting::Never), Hresult::S_OK);
        ticker.join().unwrap();
        rt.port().advance(10);
        rt.tick(100);
        // nobody else has looked
        assert!(rt.calls().all(|call| call.phase == Phase::Canceled), "a deadline was lost");
        assert!(run_down(rt, first) && run_down(rt, call));
        rt.port().assert_hooks(2, 0);
        rt.thread_exit();
    });
}

#[test]
fn a_tick_comes_to_a_slot_that_is_recycled() {
    static PASSED_ON: Seen = Seen::new();
    model(2, |rt: &Rt<1, 1>| {
        let old = rt.begin_async(CallOptions::new().timeout(Timeout::millis(1))).call;
        rt.port().advance(2);
        let ticker = spawn(2, move || {
            rt.tick(100);
        });
        run_down(rt, old);
        let next = rt.begin_async(CallOptions::new().timeout(Timeout::millis(50)));
        if next.cancellable.is_ok() {
            PASSED_ON.note(true);
            assert!(!run_down(rt, next.call), "by another call's deadline");
        }
        ticker.join().unwrap();
    });
    PASSED_ON.assert("the slot is taken again");
}

#[test]
fn thread_exit_with_a_wake_in_flight() {
    static BY_WAKER: Seen = Seen::new();
    model(3, |rt: &Rt| {
        rt.enable().unwrap();
        let record = Record::new();
        // it sleeps for a time, so that it may come back by itself while the server is about to wake it
        let call = rt.begin(record.call().timeout(Timeout::millis(3))).call;
        let server = spawn(2, move || {
            record.answer();
            record.server_is_done(rt.complete(call).unwrap());
        });
        let _ = rt.wait(call).unwrap();
        record.client_is_done(rt.finish(call).unwrap());
        rt.thread_exit();
        rt.port().end_thread(1);
        server.join().unwrap();
        let retired = rt.port().retired_thread(1);
        assert!(retired <= 1, "retired {retired} times");
        BY_WAKER.note(retired == 1 && rt.port().retired_by.load(Relaxed) == 2);
        record.assert_disposed_once();
    });
    BY_WAKER.assert("the thread's context is retired by its waker");
}

#[test]
fn canceller_killed_mid_cancel() {
    for timeout in [Timeout::ZERO, Timeout::millis(5)] {
        model(2, move |rt: &Rt<1, 1>| {
            rt.enable().unwrap();
            let call = rt.begin(context(0)).call;
            let canceller = spawn(2, move || rt.cancel_call(call, timeout, Waiting::Never));
            // from here on it may stand still at any of its steps: nobody waits for it before the end
            let requested = rt.test_call(call) == Hresult::RPC_E_CALL_CANCELED;
            rt.port().advance(10);
            if requested {
                assert_eq!(rt.poll(call), Ok(Poll::Ended(Outcome::Canceled)), "whoever looks enforces the deadline");
            }
            let canceled = run_down(rt, call);
            assert!(canceled || !requested);
            let next = rt.begin(context(1));
            assert_eq!(next.cancellable, Ok(()), "one slot lost at most");
            let answer = as_thread(3, || rt.cancel_call(next.call, Timeout::ZERO, Waiting::Allowed));
            assert_eq!(answer, Hresult::S_OK);
            assert!(run_down(rt, next.call));
            let left: u32 = rt.calls().map(|call| call.pins).sum();
            assert!(left <= 1, "one pin lost at most");
            canceller.join().unwrap();
            assert!(rt.port().is_retired(0) && rt.port().is_retired(1));
            rt.thread_exit();
        });
    }
}

#[test]
fn a_killed_canceller_leaves_the_others_awake() {
    static DIED: Seen = Seen::new();
    for step in 1..=9 {
        // one preemption each: the deaths themselves are the forced switches
        model_that_leaves(1, 1, move |rt: &Rt| {
            rt.enable().unwrap();
            let record = Record::new();
            let call = rt.begin(record.call()).call;
            let canceller =
                spawn(2, move || killed_at(step, || rt.cancel_call(call, Timeout::millis(5), Waiting::Allowed)));
            let server = spawn(3, move || {
                record.answer();
                record.server_is_done(rt.complete(call).unwrap());
            });
            let outcome = rt.wait(call).unwrap();
            assert_eq!(rt.finish(call), Ok(outcome));
            record.client_is_done(outcome);
            server.join().unwrap();
            record.assert_disposed_once();
            let died = canceller.join().unwrap().is_none();
            DIED.note(died && outcome == Outcome::Completed);
            let left: u32 = rt.calls().map(|call| call.pins).sum();
            assert_eq!(left, u32::from(died), "its pin, and nothing else");
            rt.thread_exit();
        });
    }
    DIED.assert("a canceller dies in the middle");
}

#[test]
fn canceller_is_the_server() {
    // one: its client sleeps
    model(1, |rt: &Rt| {
        rt.enable().unwrap();
        let record = Record::new();
        let call = rt.begin(record.call()).call;
        let server = spawn(2, move || {
            let frame = rt.enter(call).unwrap();
            // waiting for itself would be for ever: it only asks
            let answer = rt.cancel_thread(1, Timeout::INFINITE, Waiting::Allowed);
            assert_eq!(answer, Hresult::S_OK);
            assert_eq!(rt.test(), Hresult::RPC_E_CALL_CANCELED);
            record.answer();
            let reply = rt.complete(call).unwrap();
            rt.leave(frame).unwrap();
            record.server_is_done(reply);
            rt.thread_exit();
        });
        // in time, for it has no end
        assert_eq!(rt.wait(call), Ok(Outcome::Completed));
        record.client_is_done(rt.finish(call).unwrap());
        server.join().unwrap();
        record.assert_disposed_once();
        rt.port().assert_hooks(1, 0);
        rt.thread_exit();
    });
}

#[test]
fn nested_calls_are_cancelled_from_the_outside() {
    model(2, |rt: &Rt<1, 1>| {
        rt.enable().unwrap();
        let records = [Record::new(), Record::new()];
        let [outer, inner] = records.map(|record| rt.begin(record.call()).call);
        let canceller = spawn(2, move || {
            // the host's own cancel reaches the outer one; by thread only the inner one is meant
            assert_eq!(rt.cancel_call(outer, Timeout::ZERO, Waiting::Allowed), Hresult::S_OK);
            assert_eq!(rt.cancel_thread(1, Timeout::ZERO, Waiting::Allowed), Hresult::S_OK);
        });
        assert_eq!(rt.wait(inner), Ok(Outcome::Canceled));
        assert_eq!(rt.finish(inner), Ok(Outcome::Canceled));
        assert_eq!(rt.wait(outer), Ok(Outcome::Canceled), "as soon as control is back in it");
        assert_eq!(rt.finish(outer), Ok(Outcome::Canceled));
        canceller.join().unwrap();
        for (call, record) in [outer, inner].into_iter().zip(records) {
            let reply = rt.complete(call).unwrap();
            assert_eq!(reply, Reply::Orphaned(record.host()));
            record.server_is_done(reply);
            record.assert_disposed_once();
        }
        assert!(rt.port().wakes.load(Relaxed) <= 1, "nobody sleeps for the outer call");
        rt.port().assert_hooks(2, 0);
        rt.thread_exit();
    });
}
