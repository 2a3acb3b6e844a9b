//! Who waits, and for what: one call's server's side while another completes it, and cancellers for whom waiting cannot work.
#![cfg(cocancel_steps)]

use std::ptr::{null_mut, without_provenance_mut};

use cocancel::{CallHandle, CallOptions, Hresult, Outcome, Timeout, Waiting};
use cocancel_kill_anywhere::cutting::{Hook, IN_INTERRUPT, RETIRED, Rt, as_thread, at_next, runtime};

/// Waits for a call, which ends as `end` says while the waiter sleeps.
fn wait_for(
    begin: impl FnOnce(&'static Rt, CallOptions) -> CallHandle,
    end: impl FnOnce(&'static Rt, CallHandle) + 'static,
) -> Outcome {
    let rt = runtime();
    // SAFETY: a number
    let options = unsafe { CallOptions::new().context(without_provenance_mut(0x99)) };
    let call = begin(rt, options);
    at_next(Hook::Sleep, move || {
        end(rt, call);
        assert!(RETIRED.with_borrow(Vec::is_empty), "the context is gone while it is slept on");
    });
    rt.wait(call).unwrap()
}

fn complete(rt: &Rt, call: CallHandle) {
    let _ = rt.complete(call);
}

fn cancel_and_complete(rt: &Rt, call: CallHandle) {
    rt.cancel_call(call, Timeout::ZERO, Waiting::Never);
    complete(rt, call);
}

#[test]
fn a_call_without_a_client_is_there_as_long_as_it_is_waited_for() {
    assert_eq!(wait_for(|rt, options| rt.serve(options).call, complete), Outcome::Completed);
    assert_eq!(RETIRED.take(), [0x99]);
    assert_eq!(wait_for(|rt, options| rt.serve(options).call, cancel_and_complete), Outcome::Canceled);
    assert_eq!(RETIRED.take(), [0x99]);
}

#[test]
fn so_is_an_asynchronous_one() {
    assert_eq!(wait_for(|rt, options| rt.begin_async(options).call, complete), Outcome::Completed);
    assert_eq!(wait_for(|rt, options| rt.begin_async(options).call, cancel_and_complete), Outcome::Canceled);
}

#[test]
fn nobody_waits_for_the_frame_of_a_call_without_a_slot() {
    let rt = runtime();
    let call = as_thread(2, || rt.begin(CallOptions::new()).call);
    let frame = rt.enter(call).unwrap();
    at_next(Hook::Sleep, || panic!("nothing would wake it"));
    assert_eq!(rt.wait(frame), Err(Hresult::E_INVALIDARG));
    rt.leave(frame).unwrap();
    assert_eq!(rt.calls().count(), 0);
}

/// What a canceller that polls is told of the innermost call of a thread.
fn polling(rt: &Rt, thread: u32) -> Hresult {
    let object = rt.cancel_object(thread).unwrap();
    // SAFETY: no context
    unsafe { object.cancel_polling(Timeout::millis(5_000), null_mut()) }
}

fn begin(rt: &Rt) -> CallHandle {
    rt.enable().unwrap();
    rt.begin(CallOptions::new()).call
}

#[test]
fn a_canceller_does_not_poll_where_it_would_not_wait() {
    let rt = runtime();
    let call = as_thread(2, || begin(rt));
    assert_eq!(polling(rt, 2), Hresult::RPC_S_CALLPENDING, "another's call");

    let rt = runtime();
    begin(rt);
    assert_eq!(polling(rt, 0), Hresult::S_OK, "one's own");

    let rt = runtime();
    assert_eq!(as_thread(2, || begin(rt)), call);
    rt.enter(call).unwrap();
    assert_eq!(polling(rt, 2), Hresult::S_OK, "one that it serves");

    let rt = runtime();
    as_thread(2, || begin(rt));
    IN_INTERRUPT.set(true);
    let answer = polling(rt, 2);
    IN_INTERRUPT.set(false);
    assert_eq!(answer, Hresult::S_OK, "in a handler");
}
