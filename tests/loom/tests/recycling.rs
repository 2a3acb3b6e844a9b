//! Hazards of slots that live on: old handles, last pins, unlinking from the middle.
#![cfg(loom)]

use std::sync::atomic::Ordering::Relaxed;

use cocancel::{CallOptions, CancelObject, Hresult, Outcome, Poll, Reply, Timeout, Waiting};
use cocancel_loom_tests::object::CustomObject;
use cocancel_loom_tests::record::Record;
use cocancel_loom_tests::{Rt, Seen, as_thread, context, model, run_down, spawn};

fn plain() -> CallOptions {
    CallOptions::new()
}

#[test]
fn handle_reused_after_recycling() {
    static RECYCLED: Seen = Seen::new();
    model(3, |rt: &Rt<1, 1>| {
        let [first, second] = [Record::new(), Record::new()];
        let old = rt.begin_async(first.call()).call;
        let late = spawn(2, move || {
            first.answer();
            first.server_is_done(rt.complete(old).unwrap());
            // all of these come too late for `old`, and must not be taken for another call's
            let again = rt.complete(old);
            assert!(matches!(again, Err(Hresult::E_UNEXPECTED | Hresult::E_INVALIDARG)), "{again:?}");
            let answer = rt.cancel_call(old, Timeout::ZERO, Waiting::Never);
            let allowed = [Hresult::RPC_E_CALL_COMPLETE, Hresult::RPC_E_CALL_CANCELED, Hresult::E_INVALIDARG];
            assert!(allowed.contains(&answer), "{answer}");
        });
        first.client_is_done(rt.finish(old).unwrap());
        let next = rt.begin_async(second.call());
        if next.cancellable.is_ok() {
            RECYCLED.note(true);
            assert_eq!(rt.poll(next.call), Ok(Poll::Pending(None)));
            second.answer();
            assert_eq!(rt.complete(next.call), Ok(Reply::Delivered));
            assert_eq!(rt.test_call(next.call), Hresult::RPC_S_CALLPENDING, "asked by a handle of another call");
            second.client_is_done(rt.finish(next.call).unwrap());
            second.assert_disposed_once();
            assert_eq!(rt.finish(old), Err(Hresult::E_INVALIDARG));
        }
        late.join().unwrap();
        first.assert_disposed_once();
    });
    RECYCLED.assert("the slot is taken again");
}

#[test]
fn a_late_abandon_leaves_no_code_in_the_next_call() {
    model(3, |rt: &Rt<1, 1>| {
        let old = rt.begin_async(plain()).call;
        let late = spawn(2, move || {
            let _ = rt.abandon(old, Hresult::E_FAIL);
        });
        let _ = rt.complete(old);
        let _ = rt.finish(old).unwrap();
        let next = rt.begin_async(plain());
        if next.cancellable.is_ok() {
            assert_eq!(rt.abandon(next.call, Hresult::RPC_E_SERVER_DIED), Ok(Reply::Delivered));
            assert_eq!(rt.finish(next.call), Ok(Outcome::Failed(Hresult::RPC_E_SERVER_DIED)), "another call's code");
        }
        late.join().unwrap();
    });
}

#[test]
fn stray_pin_becomes_the_last() {
    static STRAY: Seen = Seen::new();
    static LAST: Seen = Seen::new();
    model(3, |rt: &Rt<1, 1>| {
        rt.enable().unwrap();
        let call = rt.begin(context(0)).call;
        let canceller = spawn(2, move || rt.cancel_thread(1, Timeout::ZERO, Waiting::Allowed));
        let canceled = run_down(rt, call);
        let answer = canceller.join().unwrap();
        assert_eq!(answer == Hresult::S_OK, canceled, "{answer}");
        let by_canceller = rt.port().retired_by.load(Relaxed) == 2;
        // it pinned a call that had left the stack meanwhile, looked again, and let go last
        STRAY.note(by_canceller && answer == Hresult::E_NOINTERFACE);
        LAST.note(by_canceller && canceled);
        assert!(rt.port().is_retired(0));
        assert_eq!(rt.calls().count(), 0);
        let next = rt.begin(context(1));
        assert_eq!(next.cancellable, Ok(()));
        assert!(!run_down(rt, next.call));
        rt.thread_exit();
    });
    STRAY.assert("the last pin is one that a look-up took in vain");
    LAST.assert("the last pin is its canceller's");
}

#[test]
fn finish_under_a_newer_registration() {
    model(3, |rt: &Rt<1, 1>| {
        rt.enable().unwrap();
        let call = rt.begin(plain()).call;
        let object = CustomObject::new();
        // SAFETY: live: we hold the creator's reference
        unsafe { rt.co_set_cancel_object(object.unknown()) }.unwrap();
        object.release();
        let canceller = spawn(2, move || rt.co_cancel_call(1, 0));
        // from under the object
        assert!(!run_down(rt, call), "the call under it is not meant");
        rt.co_unset_cancel_object().unwrap();
        let after = as_thread(3, || rt.co_cancel_call(1, 0));
        assert_eq!(after, Hresult::E_NOINTERFACE, "nothing is left on the stack");
        let answer = canceller.join().unwrap();
        assert_eq!(object.cancels.load(Relaxed), u32::from(answer == Hresult::E_FAIL), "its own code, {answer}");
        assert!([Hresult::E_FAIL, Hresult::E_NOINTERFACE].contains(&answer), "{answer}");
        assert!(object.is_dead(), "a reference leaked");
        rt.thread_exit();
    });
}

#[test]
fn finish_under_a_newer_call() {
    model(3, |rt: &Rt<1, 1>| {
        rt.enable().unwrap();
        let outer = rt.begin(plain()).call;
        let inner = rt.begin(plain()).call;
        let canceller = spawn(2, move || rt.cancel_thread(1, Timeout::ZERO, Waiting::Allowed));
        // its home slot goes from under the inner call, and is taken again on top of it
        assert!(!run_down(rt, outer), "it was never the innermost");
        let top = rt.begin(plain()).call;
        let top_canceled = run_down(rt, top);
        let inner_canceled = run_down(rt, inner);
        let answer = canceller.join().unwrap();
        assert_eq!(u32::from(answer == Hresult::S_OK), u32::from(top_canceled) + u32::from(inner_canceled), "{answer}");
        rt.port().assert_hooks(u32::from(answer == Hresult::S_OK), 0);
        assert_eq!(as_thread(3, || rt.cancel_thread(1, Timeout::ZERO, Waiting::Never)), Hresult::E_NOINTERFACE);
        rt.thread_exit();
    });
}

#[test]
fn pin_saturation() {
    model(2, |rt: &Rt<0, 1>| {
        rt.enable().unwrap();
        let call = rt.begin(plain()).call;
        // all pins but one: two are the client's and the server's
        let held: Vec<CancelObject<'_, _, _>> = (0..119).map(|_| rt.cancel_object(0).unwrap()).collect();
        let others = [2, 3].map(|id| spawn(id, move || rt.cancel_object(1).map(|object| object.test())));
        let last = rt.cancel_object(0).map(|object| object.test());
        let mut answers = vec![last];
        answers.extend(others.map(|other| other.join().unwrap()));
        for answer in &answers {
            assert!(matches!(answer, Ok(Hresult::RPC_S_CALLPENDING) | Err(Hresult::E_OUTOFMEMORY)), "{answer:?}");
        }
        assert!(answers.iter().any(Result::is_ok), "the last pin is somebody's");
        let last = rt.cancel_object(1).unwrap();
        assert_eq!(rt.cancel_object(1).map(|object| object.test()), Err(Hresult::E_OUTOFMEMORY));
        drop(last);
        drop(held);
        run_down(rt, call);
        rt.thread_exit();
    });
}

#[test]
fn thread_exits_while_its_call_is_pending() {
    model(3, |rt: &Rt<1, 1>| {
        rt.enable().unwrap();
        let record = Record::new();
        let call = rt.begin(record.call()).call;
        let server = spawn(2, move || {
            record.answer();
            let reply = rt.complete(call).unwrap();
            record.server_is_done(reply);
            reply
        });
        rt.thread_exit();
        // a reply that was delivered to a client that is gone is nobody's
        let delivered = u32::from(server.join().unwrap() == Reply::Delivered);
        rt.port().assert_hooks(1 - delivered, delivered);
    });
}

#[test]
fn server_thread_dies_in_a_canceled_call() {
    model(3, |rt: &Rt| {
        rt.enable().unwrap();
        let call = rt.begin(plain()).call;
        let server = spawn(2, move || {
            let entered = rt.enter(call).is_ok();
            rt.thread_exit();
            entered
        });
        let answer = rt.cancel_call(call, Timeout::ZERO, Waiting::Never);
        let outcome = rt.finish(call).unwrap();
        let entered = server.join().unwrap();
        match outcome {
            Outcome::Canceled => assert_eq!(answer, Hresult::S_OK),
            other => {
                assert_eq!((answer, other), (Hresult::RPC_E_CALL_COMPLETE, Outcome::Failed(Hresult::RPC_E_SERVER_DIED)))
            }
        }
        let canceled = outcome == Outcome::Canceled;
        // refused, the server's side has it; failed, the client
        rt.port().assert_hooks(u32::from(canceled), u32::from(canceled && entered));
        rt.thread_exit();
    });
}
