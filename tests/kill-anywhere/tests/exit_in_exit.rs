//! A `Release` that ends its thread while the thread is ending, or while a thread takes over what a dead one with its id left; and another
//! thread takes the slot before the outer one goes on.
#![cfg(cocancel_steps)]

use std::cell::Cell;
use std::rc::Rc;

use cocancel::{CallHandle, CallOptions, Hresult, Phase, Timeout, Waiting};
use cocancel_kill_anywhere::cutting::{LOCAL, Rt, Thread, runtime};
use cocancel_kill_anywhere::foreign::custom;

const STRANGER: u32 = 5;

/// What `end` does releases an object that ends the thread, after which a stranger begins a call.
fn stranger_during(end: impl FnOnce(&'static Rt)) -> (&'static Rt, Thread, CallHandle) {
    let rt = runtime();
    let stranger = Rc::new(Cell::new(None));
    let theirs = Rc::clone(&stranger);
    let released = move || {
        rt.thread_exit();
        theirs.set(Some(Thread::start(STRANGER, || {
            rt.enable().unwrap();
            rt.begin(CallOptions::new()).call
        })));
    };
    // SAFETY: a live object
    unsafe { rt.co_set_cancel_object(custom(released)) }.unwrap();
    end(rt);
    let (thread, call) = stranger.take().unwrap();
    assert_eq!(rt.calls().next().map(|call| call.phase), Some(Phase::Pending), "the stranger's call goes on");
    assert_eq!(rt.cancel_thread(STRANGER, Timeout::ZERO, Waiting::Never), Hresult::S_OK);
    (rt, thread, call)
}

#[test]
fn a_thread_that_ends_twice_leaves_the_next_one_alone() {
    let (rt, thread, call) = stranger_during(|rt| rt.thread_exit());
    assert_eq!(rt.threads(), 1, "the stranger");
    thread.go_on(|| assert!(rt.finish(call).is_ok()));
}

#[test]
fn a_thread_that_ends_while_it_takes_over_gets_a_slot_of_its_own() {
    let (rt, thread, call) = stranger_during(|rt| {
        LOCAL.set(0);
        rt.enable().unwrap();
    });
    thread.go_on(|| assert!(rt.finish(call).is_ok()));
    assert_eq!(rt.disable(), Ok(()));
    assert_eq!(rt.threads(), 2);
}
