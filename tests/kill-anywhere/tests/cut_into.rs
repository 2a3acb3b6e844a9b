//! Operations that another cuts into at each of their steps: a handler on the same thread, or a stranger on another. And foreign code that calls back
//! in while an operation releases its object.
#![cfg(cocancel_steps)]

use std::ptr::null_mut;

use cocancel::com::guid::IID_IUNKNOWN;
use cocancel::com::object::Vtable;
use cocancel::{CallOptions, Hresult, Outcome, Reply, Timeout, Waiting};
use cocancel_kill_anywhere::cutting::{IN_INTERRUPT, LOCAL, NOW, as_thread, cut_into, each_step, runtime};
use cocancel_kill_anywhere::foreign::{custom, parts};

#[test]
fn testing_in_a_handler_that_cuts_into_enter_and_leave() {
    for in_interrupt in [false, true] {
        each_step(5, |at| {
            let rt = runtime();
            let call = as_thread(2, || {
                rt.enable().unwrap();
                rt.begin(CallOptions::new()).call
            });
            let handler = move || {
                IN_INTERRUPT.set(in_interrupt);
                for answer in [rt.co_test_cancel(), rt.test()] {
                    let known = [Hresult::RPC_S_CALLPENDING, Hresult::RPC_E_CALL_COMPLETE].contains(&answer);
                    assert!(known, "before step {at}, in an interrupt handler {in_interrupt}: {answer:?}");
                }
                IN_INTERRUPT.set(false);
            };
            let serve = || {
                let frame = rt.enter(call).unwrap();
                rt.leave(frame).unwrap();
            };
            if !cut_into(at, handler, serve) {
                return false;
            }
            true
        });
    }
}

#[test]
fn a_stranger_attaches_while_a_dead_threads_object_calls_back_in() {
    each_step(20, |at| {
        let rt = runtime();
        // SAFETY: a live object
        unsafe { rt.co_set_cancel_object(custom(move || rt.enable().unwrap())) }.unwrap();
        // the thread is killed, and a new one has its id
        LOCAL.set(0);
        let stranger = move || {
            as_thread(5, || {
                rt.enable().unwrap();
                assert_eq!(rt.begin(CallOptions::new()).cancellable, Ok(()));
            });
        };
        if !cut_into(at, stranger, || rt.enable().unwrap()) {
            return false;
        }
        let answer = rt.cancel_thread(5, Timeout::ZERO, Waiting::Never);
        assert_eq!(answer, Hresult::S_OK, "the stranger that came before step {at} lost its call");
        assert_eq!(rt.threads(), 2);
        true
    });
}

#[test]
fn what_a_release_does_while_its_thread_ends_is_not_the_next_threads() {
    let rt = runtime();
    // SAFETY: a live object
    unsafe { rt.co_set_cancel_object(custom(move || rt.enable().unwrap())) }.unwrap();
    rt.thread_exit();
    as_thread(7, || {
        assert_eq!(rt.begin(CallOptions::new()).cancellable, Err(Hresult::CO_E_CANCEL_DISABLED));
        assert_eq!(rt.disable(), Err(Hresult::CO_E_CANCEL_DISABLED));
    });
}

#[test]
fn what_a_thread_served_is_no_context_once_the_thread_ends() {
    each_step(20, |at| {
        let rt = runtime();
        let strangers = move || {
            as_thread(2, || {
                for _ in 0..4 {
                    let call = rt.begin_async(CallOptions::new());
                    if call.cancellable.is_ok() {
                        rt.cancel_call(call.call, Timeout::ZERO, Waiting::Never);
                    }
                }
            });
        };
        let released = move || {
            strangers();
            assert_eq!(rt.co_test_cancel(), Hresult::RPC_E_CALL_COMPLETE);
            assert_eq!(rt.co_get_call_context(&IID_IUNKNOWN), Err(Hresult::RPC_E_CALL_COMPLETE));
        };
        // SAFETY: a live object
        unsafe { rt.co_set_cancel_object(custom(released)) }.unwrap();
        rt.enter(rt.serve(CallOptions::new()).call).unwrap();
        let handler = move || {
            strangers();
            let answer = rt.co_test_cancel();
            assert_ne!(answer, Hresult::RPC_E_CALL_CANCELED, "before step {at}: a stranger's call is");
        };
        if !cut_into(at, handler, || rt.thread_exit()) {
            return false;
        }
        true
    });
}

#[test]
fn the_first_two_references_to_a_context_share_one_pin() {
    each_step(4, |at| {
        let rt = runtime();
        let call = rt.serve(CallOptions::new()).call;
        let frame = rt.enter(call).unwrap();
        // SAFETY: NULL is always right
        let context = unsafe { rt.co_switch_call_context(null_mut()) }.unwrap();
        // SAFETY: one of the runtime's objects, whose call is still served
        let methods = unsafe { **context.cast::<*const Vtable>() };
        // SAFETY: as above
        let refer = move || assert_ne!(unsafe { (methods.add_ref)(context) }, 0);
        let is_cut = cut_into(at, refer, refer);
        if !is_cut {
            refer();
        }
        rt.leave(frame).unwrap();
        assert_eq!(rt.complete(call), Ok(Reply::Delivered));
        assert_eq!(rt.calls().map(|call| call.pins).collect::<Vec<_>>(), [1], "before step {at}");
        for left in [1, 0] {
            // SAFETY: a reference is held
            assert_eq!(unsafe { (methods.release)(context) }, left, "before step {at}");
        }
        assert_eq!(rt.calls().count(), 0, "before step {at}");
        if !is_cut {
            return false;
        }
        true
    });
}

#[test]
fn a_switched_out_context_is_still_asked_as_a_foreign_one() {
    let rt = runtime();
    let call = rt.serve(CallOptions::new()).call;
    rt.enter(call).unwrap();
    let foreign = custom(|| {});
    // SAFETY: a live object, which stays
    unsafe { rt.co_switch_call_context(foreign) }.unwrap();
    parts(foreign).references.set(1);
    IN_INTERRUPT.set(true);
    assert_eq!(rt.co_test_cancel(), Hresult::E_UNEXPECTED, "foreign code in an interrupt handler");
    IN_INTERRUPT.set(false);
    assert_eq!(rt.co_test_cancel(), Hresult::RPC_S_CALLPENDING);
    // SAFETY: as above
    unsafe { rt.co_switch_call_context(null_mut()) }.unwrap();
}

#[test]
fn a_reply_comes_while_a_canceller_finds_the_call_overdue() {
    each_step(4, |at| {
        let rt = runtime();
        rt.enable().unwrap();
        let call = rt.begin(CallOptions::new().timeout(Timeout::millis(5))).call;
        NOW.set(10);
        let mut answer = Hresult::S_OK;
        let reply = move || _ = rt.complete(call);
        if !cut_into(at, reply, || answer = rt.cancel_call(call, Timeout::millis(9), Waiting::Never)) {
            return false;
        }
        let outcome = rt.finish(call);
        let expected = match outcome {
            Ok(Outcome::Completed) => Hresult::RPC_E_CALL_COMPLETE,
            _ => Hresult::RPC_E_CALL_CANCELED,
        };
        assert_eq!(answer, expected, "a reply before step {at}: {outcome:?}");
        true
    });
}

#[test]
fn a_snapshot_while_a_thread_begins_and_finishes() {
    each_step(10, |at| {
        let rt = runtime();
        rt.enable().unwrap();
        let outer = rt.begin(CallOptions::new()).call;
        let look = move || {
            for call in rt.calls() {
                assert!([None, Some(1)].contains(&call.thread), "before step {at}: {call:?}");
                assert!(call.call != outer || call.thread == Some(1), "before step {at}: {call:?}");
            }
        };
        let inner = || {
            let call = rt.begin(CallOptions::new()).call;
            rt.finish(call).unwrap();
        };
        if !cut_into(at, look, inner) {
            return false;
        }
        true
    });
}
