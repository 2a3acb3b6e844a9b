//! Hooks and a `Release` that call in while their thread begins a call, or ends.
#![cfg(cocancel_steps)]

use cocancel::{CallHandle, CallOptions, Hresult, Outcome, Poll, Timeout, Waiting};
use cocancel_kill_anywhere::cutting::{Hook, Rt, Thread, as_thread, at_next, runtime};
use cocancel_kill_anywhere::foreign::{custom, parts};

fn begin(rt: &Rt) -> CallHandle {
    rt.begin(CallOptions::new()).call
}

#[test]
fn a_call_that_ends_while_the_next_one_begins_is_not_under_it() {
    let rt = runtime();
    rt.enable().unwrap();
    let [_outermost, outer] = [begin(rt), begin(rt)];
    at_next(Hook::Begun, move || {
        let _ = rt.complete(outer).unwrap();
        rt.finish(outer).unwrap();
    });
    let inner = begin(rt);
    // whose second call takes the slot of the one that ended
    let (_, theirs) = Thread::start(2, || {
        rt.enable().unwrap();
        [begin(rt), begin(rt)]
    });
    rt.finish(inner).unwrap();
    assert_eq!(rt.cancel_thread(1, Timeout::ZERO, Waiting::Never), Hresult::S_OK, "the outermost");
    rt.thread_exit();
    assert_eq!(theirs.map(|call| rt.poll(call)), [Ok(Poll::Pending(None)); 2], "a stranger's");
}

/// A call of the thread 1 is off its stack and completed, but not finished; the thread ends, and `work` is done as its record is left to nobody. What
/// the next thread, which gets the slot, is to a canceller.
fn at_the_end(work: impl FnOnce(&'static Rt) + 'static) -> Hresult {
    let rt = runtime();
    rt.enable().unwrap();
    let call = begin(rt);
    let _ = rt.complete(call).unwrap();
    rt.co_unset_cancel_object().unwrap();
    at_next(Hook::Orphaned, move || work(rt));
    rt.thread_exit();
    as_thread(2, || {
        rt.enable().unwrap();
        rt.co_cancel_call(2, 0)
    })
}

#[test]
fn a_call_that_begins_while_its_thread_ends_is_given_up() {
    let answer = at_the_end(|rt| {
        rt.enable().unwrap();
        let _ = begin(rt);
    });
    assert_eq!(answer, Hresult::E_NOINTERFACE);
}

#[test]
fn an_object_that_is_registered_while_its_thread_ends_is_released() {
    let object = custom(|| {});
    // SAFETY: a live object
    let answer = at_the_end(move |rt| unsafe { rt.co_set_cancel_object(object) }.unwrap());
    assert_eq!((answer, parts(object).is_gone()), (Hresult::E_NOINTERFACE, true));
}

#[test]
fn a_call_that_is_entered_while_its_server_s_thread_ends_fails() {
    let rt = runtime();
    let (client, call) = Thread::start(2, || {
        rt.enable().unwrap();
        begin(rt)
    });
    // SAFETY: a live object
    unsafe { rt.co_set_cancel_object(custom(move || _ = rt.enter(call).unwrap())) }.unwrap();
    rt.thread_exit();
    client.go_on(|| {
        assert_eq!(rt.poll(call), Ok(Poll::Ended(Outcome::Failed(Hresult::RPC_E_SERVER_DIED))));
    });
}

#[test]
fn a_thread_that_comes_back_while_it_ends_has_ended() {
    let rt = runtime();
    let released = move || {
        rt.thread_exit();
        // a stranger gets the slot
        let _ = Thread::start(5, || rt.enable().unwrap());
        rt.enable().unwrap();
    };
    // SAFETY: a live object
    unsafe { rt.co_set_cancel_object(custom(released)) }.unwrap();
    rt.thread_exit();
    assert_eq!(rt.threads(), 1, "the stranger");
}
