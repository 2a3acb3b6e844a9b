//! A thread that changes, at each step of one that looks it up.
#![cfg(cocancel_steps)]

use cocancel::{CallOptions, Hresult, Timeout, Waiting};
use cocancel_kill_anywhere::cutting::{IN_INTERRUPT, Thread, cut_into, each_step, runtime};
use cocancel_kill_anywhere::foreign::custom;

/// What becomes of a thread while another looks it up.
#[derive(Clone, Copy, PartialEq, Debug)]
enum Change {
    NextCall,
    Exit,
    ExitAndAStranger,
}

#[test]
fn a_thread_that_changes_while_it_is_looked_up() {
    use Change::{Exit, ExitAndAStranger, NextCall};
    for (has_call, change) in
        [(true, NextCall), (true, Exit), (true, ExitAndAStranger), (false, Exit), (false, ExitAndAStranger)]
    {
        each_step(4, |at| {
            let rt = runtime();
            let begin = move || rt.begin(CallOptions::new()).call;
            let (thread, call) = Thread::start(2, || {
                rt.enable().unwrap();
                has_call.then(begin)
            });
            let work = move || {
                thread.go_on(|| {
                    if let Some(call) = call {
                        rt.complete(call).ok();
                        rt.finish(call).unwrap();
                    }
                    match change {
                        NextCall => _ = begin(),
                        Exit | ExitAndAStranger => rt.thread_exit(),
                    }
                });
                if change == ExitAndAStranger {
                    Thread::start(3, || {
                        rt.enable().unwrap();
                        begin();
                    });
                }
            };
            let mut answer = Hresult::S_OK;
            let cancel = || answer = rt.cancel_thread(2, Timeout::ZERO, Waiting::Never);
            if !cut_into(at, work, cancel) {
                return false;
            }
            let plausible = [Hresult::S_OK, Hresult::E_NOINTERFACE, Hresult::RPC_E_CALL_COMPLETE];
            assert!(plausible.contains(&answer), "{change:?} before step {at}: {answer:?}");
            let strangers = rt.calls().filter(|call| call.thread == Some(3));
            assert!(
                !strangers.into_iter().any(|call| call.requested),
                "{change:?} before step {at}: a stranger's call"
            );
            true
        });
    }
}

#[test]
fn a_custom_object_that_goes_while_a_handler_looks_it_up() {
    for exits in [false, true] {
        each_step(4, |at| {
            let rt = runtime();
            // SAFETY: a live object
            let register = || unsafe { rt.co_set_cancel_object(custom(|| {})) }.unwrap();
            let (thread, ()) = Thread::start(2, register);
            let unregister = move || {
                IN_INTERRUPT.set(false);
                thread.go_on(|| {
                    rt.co_unset_cancel_object().unwrap();
                    if exits {
                        rt.thread_exit();
                    }
                });
                IN_INTERRUPT.set(true);
            };
            let mut answer = Hresult::S_OK;
            let cancel = || {
                IN_INTERRUPT.set(true);
                answer = rt.cancel_thread(2, Timeout::ZERO, Waiting::Never);
                IN_INTERRUPT.set(false);
            };
            if !cut_into(at, unregister, cancel) {
                return false;
            }
            let plausible = [Hresult::E_UNEXPECTED, Hresult::E_NOINTERFACE];
            assert!(plausible.contains(&answer), "before step {at}: {answer:?}");
            true
        });
    }
}

/// What the next thread in the slot has that must not answer for the one that is looked up.
#[derive(Clone, Copy, PartialEq, Debug)]
enum Next {
    CustomObject,
    NoPinLeft,
}

#[test]
fn the_next_thread_in_the_slot_does_not_answer_for_the_one_that_is_looked_up() {
    for next in [Next::CustomObject, Next::NoPinLeft] {
        each_step(4, |at| {
            let rt = runtime();
            let (thread, call) = Thread::start(2, || {
                rt.enable().unwrap();
                rt.begin(CallOptions::new()).call
            });
            let change = move || {
                let was = IN_INTERRUPT.replace(false);
                thread.go_on(|| {
                    rt.finish(call).unwrap();
                    let _ = rt.complete(call);
                    rt.thread_exit();
                });
                Thread::start(3, || match next {
                    // SAFETY: a live object
                    Next::CustomObject => unsafe { rt.co_set_cancel_object(custom(|| {})) }.unwrap(),
                    Next::NoPinLeft => {
                        rt.enable().unwrap();
                        let call = rt.begin(CallOptions::new()).call;
                        while let Ok(object) = rt.object_of(call) {
                            std::mem::forget(object);
                        }
                    }
                });
                IN_INTERRUPT.set(was);
            };
            let mut answer = Hresult::S_OK;
            let cancel = || {
                IN_INTERRUPT.set(next == Next::CustomObject);
                answer = rt.cancel_thread(2, Timeout::ZERO, Waiting::Never);
                IN_INTERRUPT.set(false);
            };
            if !cut_into(at, change, cancel) {
                return false;
            }
            let plausible = [Hresult::S_OK, Hresult::E_NOINTERFACE, Hresult::RPC_E_CALL_COMPLETE];
            let plausible = plausible.contains(&answer) || answer == Hresult::RPC_E_CALL_CANCELED;
            assert!(plausible, "{next:?} before step {at}: {answer:?}");
            true
        });
    }
}
