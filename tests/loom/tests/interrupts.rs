//! Hazards of interrupt handlers and of foreign code, with an interrupt handler on another core: it is the thread 0.
#![cfg(loom)]

use std::sync::atomic::Ordering::Relaxed;

use cocancel::com::guid::IID_ICANCEL_METHOD_CALLS;
use cocancel::{CallOptions, Hresult, Outcome, Poll, Timeout, Waiting};
use cocancel_loom_tests::object::{CustomObject, release_any};
use cocancel_loom_tests::record::Record;
use cocancel_loom_tests::{Rt, Seen, context, model, run_down, spawn};

#[test]
fn interrupt_handler_cancels_in_the_middle_of_begin_or_complete() {
    static HIT: Seen = Seen::new();
    static MISSED: Seen = Seen::new();
    model(3, |rt: &Rt<1, 1>| {
        rt.enable().unwrap();
        let record = Record::new();
        // the port asserts that it does not ask to wait
        let interrupt = spawn(0, move || rt.cancel_thread(1, Timeout::INFINITE, Waiting::Allowed));
        let call = rt.begin(record.call()).call;
        record.answer();
        record.server_is_done(rt.complete(call).unwrap());
        let requested = rt.test_call(call) == Hresult::RPC_E_CALL_CANCELED;
        record.client_is_done(rt.finish(call).unwrap());
        let answer = interrupt.join().unwrap();
        assert!([Hresult::S_OK, Hresult::E_NOINTERFACE, Hresult::RPC_E_CALL_COMPLETE].contains(&answer), "{answer}");
        assert_eq!(answer == Hresult::S_OK, requested, "{answer}");
        rt.port().assert_hooks(u32::from(requested), 0);
        record.assert_disposed_once();
        HIT.note(requested);
        MISSED.note(!requested);
        rt.thread_exit();
    });
    HIT.assert("it comes in time");
    MISSED.assert("it comes too early or too late");
}

#[test]
fn last_reference_dropped_inside_an_interrupt_handler() {
    static LAST: Seen = Seen::new();
    model(3, |rt: &Rt<1, 1>| {
        rt.enable().unwrap();
        let call = rt.begin(context(0)).call;
        let interrupt = spawn(0, move || {
            if let Ok(object) = rt.co_get_cancel_object(1, &IID_ICANCEL_METHOD_CALLS) {
                // SAFETY: we hold the reference
                unsafe { release_any(object.cast()) };
            }
        });
        assert!(!run_down(rt, call));
        interrupt.join().unwrap();
        assert!(rt.port().is_retired(0));
        LAST.note(rt.port().retired_by.load(Relaxed) == 0);
        rt.thread_exit();
    });
    LAST.assert("the handler drops the last reference");
}

#[test]
fn a_custom_object_takes_the_slot_under_an_interrupt_handler() {
    model(3, |rt: &Rt<1, 1>| {
        rt.enable().unwrap();
        let outer = rt.begin(CallOptions::new()).call;
        // the shared slot is that of a call, and then that of an object, which asserts that no handler calls it
        let inner = rt.begin(CallOptions::new()).call;
        let interrupt = spawn(0, move || rt.co_cancel_call(1, 0));
        run_down(rt, inner);
        let object = CustomObject::new();
        // SAFETY: live: we hold the creator's reference
        let registered = unsafe { rt.co_set_cancel_object(object.unknown()) };
        object.release();
        if registered.is_ok() {
            rt.co_unset_cancel_object().unwrap();
        }
        run_down(rt, outer);
        interrupt.join().unwrap();
        assert_eq!(object.cancels.load(Relaxed), 0);
        assert!(object.is_dead());
        rt.thread_exit();
    });
}

#[test]
fn a_foreign_release_re_enters_the_library() {
    static FOREIGN: Seen = Seen::new();
    model(3, |rt: &Rt<1, 1>| {
        rt.enable().unwrap();
        let object = CustomObject::that_ends_with(move || {
            // the slot of its own registration is free by then
            let begun = rt.begin_async(CallOptions::new());
            assert_eq!(begun.cancellable, Ok(()), "foreign code runs under a claim");
            assert!(!run_down(rt, begun.call));
            FOREIGN.note(rt.cancel_object(0).is_err() && rt.disable().is_err());
        });
        // SAFETY: live: we hold the creator's reference
        unsafe { rt.co_set_cancel_object(object.unknown()) }.unwrap();
        object.release();
        let canceller = spawn(2, move || rt.co_cancel_call(1, 0));
        rt.co_unset_cancel_object().unwrap();
        let answer = canceller.join().unwrap();
        assert_eq!(answer == Hresult::E_FAIL, object.cancels.load(Relaxed) == 1, "{answer}");
        assert!(object.is_dead(), "a reference leaked");
        rt.thread_exit();
    });
    FOREIGN.assert("the last Release runs on the canceller's thread");
}

#[test]
fn a_long_deadline_outlasts_the_wrap_under_its_readers() {
    // a reading that is taken for one a half period later would be 24.8 days off
    for start in [u32::MAX / 2 - 8, u32::MAX - 8] {
        model(3, move |rt: &Rt<1, 1>| {
            rt.port().race_the_clock(start);
            let call = rt.begin_async(CallOptions::new().timeout(Timeout::millis(1 << 30))).call;
            let other = spawn(2, move || {
                rt.port().advance(0x20);
                rt.poll(call)
            });
            let polls = [rt.poll(call), rt.poll(call), other.join().unwrap(), rt.poll(call)];
            assert!(polls.iter().all(|poll| matches!(poll, Ok(Poll::Pending(Some(_))))), "{polls:?}");
            assert!(!run_down(rt, call));
        });
    }
}

#[test]
fn tick_wraps_under_its_readers() {
    // both half periods begin while two threads read the clock, whose readings are only ordered by what the core orders
    for start in [u32::MAX / 2 - 8, u32::MAX - 8] {
        model(3, move |rt: &Rt<1, 1>| {
            rt.port().race_the_clock(start);
            let call = rt.begin_async(CallOptions::new().timeout(Timeout::millis(100))).call;
            let other = spawn(2, move || {
                rt.port().advance(0x20);
                rt.cancel_call(call, Timeout::millis(80), Waiting::Never)
            });
            let early = rt.poll(call);
            assert!(matches!(early, Ok(Poll::Pending(Some(1..=101)))), "{early:?}");
            assert_eq!(other.join().unwrap(), Hresult::S_OK);
            rt.port().advance(68);
            assert!(matches!(rt.poll(call), Ok(Poll::Pending(Some(1)))), "the sooner of both, and not early");
            rt.port().advance(1);
            assert_eq!(rt.poll(call), Ok(Poll::Ended(Outcome::Canceled)), "not late");
            assert!(run_down(rt, call));
        });
    }
}

#[test]
fn a_custom_object_takes_the_slot_under_a_ticking_interrupt_handler() {
    model(3, |rt: &Rt<1, 1>| {
        let old = rt.begin_async(CallOptions::new().timeout(Timeout::millis(1))).call;
        rt.port().advance(4);
        let interrupt = spawn(0, move || {
            rt.tick(100);
        });
        run_down(rt, old);
        let object = CustomObject::new();
        // SAFETY: live: we hold the creator's reference
        let registered = unsafe { rt.co_set_cancel_object(object.unknown()) };
        object.release();
        if registered.is_ok() {
            rt.co_unset_cancel_object().unwrap();
        }
        interrupt.join().unwrap();
        assert!(object.is_dead());
        rt.thread_exit();
    });
}

#[test]
fn a_canceller_that_helps_arms_the_deadline_in_force() {
    model(2, |rt: &Rt<1, 1>| {
        let call = rt.begin_async(CallOptions::new()).call;
        let elected = spawn(2, move || rt.cancel_call(call, Timeout::millis(5), Waiting::Never));
        let answer = rt.cancel_call(call, Timeout::INFINITE, Waiting::Never);
        if answer == Hresult::RPC_E_CALL_CANCELED {
            rt.port().advance(10);
            rt.tick(100);
            assert!(
                rt.calls().all(|call| call.phase == cocancel::Phase::Canceled),
                "the tick missed it while the elected one stood still"
            );
        }
        elected.join().unwrap();
        run_down(rt, call);
    });
}

#[test]
fn a_poll_that_expires_keeps_the_context_of_what_another_finishes() {
    model(3, |rt: &Rt<1, 1>| {
        let call =
            rt.begin_async(cocancel_loom_tests::with_context(CallOptions::new(), 0).timeout(Timeout::millis(1))).call;
        rt.port().advance(4);
        let poller = spawn(2, move || {
            let _ = rt.poll(call);
        });
        let _ = rt.finish(call);
        let _ = rt.complete(call);
        poller.join().unwrap();
    });
}
