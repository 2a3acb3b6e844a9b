//! Hazards of finding a call from outside: recycled slots, reused ids, exits, references.
#![cfg(loom)]

use std::ptr::null_mut;

use cocancel::com::guid::IID_ICANCEL_METHOD_CALLS;
use cocancel::{CallOptions, Hresult, Outcome, Poll, Reply, Timeout, Waiting};
use cocancel_loom_tests::object::{CustomObject, cancel_any, release_any};
use cocancel_loom_tests::{Rt, as_thread, become_thread, context, model, run_down, spawn};
use std::sync::atomic::Ordering::Relaxed;

fn plain() -> CallOptions {
    CallOptions::new()
}

#[test]
fn cancel_races_begin_of_the_next_call_on_the_same_slot() {
    model(3, |rt: &Rt<1, 1>| {
        rt.enable().unwrap();
        let canceller = spawn(2, move || rt.cancel_thread(1, Timeout::ZERO, Waiting::Allowed));
        let mut canceled = 0;
        for _ in 0..2 {
            let call = rt.begin(plain()).call;
            canceled += u32::from(run_down(rt, call));
        }
        let answer = canceller.join().unwrap();
        assert_eq!(canceled, u32::from(answer == Hresult::S_OK), "{answer}");
        assert!([Hresult::S_OK, Hresult::E_NOINTERFACE, Hresult::RPC_E_CALL_COMPLETE].contains(&answer), "{answer}");
        rt.thread_exit();
    });
}

#[test]
fn home_slot_still_pinned_at_begin() {
    model(3, |rt: &Rt<1, 1>| {
        rt.enable().unwrap();
        let first = rt.begin(plain()).call;
        let holder = spawn(2, move || {
            let Ok(object) = rt.cancel_object(1) else { return None };
            Some((object.cancel(Timeout::ZERO, Waiting::Allowed), object.test()))
        });
        let first_canceled = run_down(rt, first);
        let second = rt.begin(plain()).call;
        let second_canceled = run_down(rt, second);
        match holder.join().unwrap() {
            Some((Hresult::S_OK, tested)) => {
                assert!(first_canceled != second_canceled);
                assert_eq!(tested, Hresult::RPC_E_CALL_CANCELED);
            }
            Some((answer, tested)) => {
                assert_eq!((answer, tested), (Hresult::RPC_E_CALL_COMPLETE, Hresult::RPC_S_CALLPENDING));
                assert!(!first_canceled && !second_canceled);
            }
            None => assert!(!first_canceled && !second_canceled),
        }
        rt.thread_exit();
    });
}

#[test]
fn thread_id_reused_at_once() {
    model(3, |rt: &Rt<1, 1>| {
        rt.enable().unwrap();
        let canceller = spawn(3, move || rt.cancel_thread(1, Timeout::ZERO, Waiting::Allowed));
        let call = rt.begin(plain()).call;
        let canceled = run_down(rt, call);
        rt.thread_exit();
        // the same thread slot and the same home slot, for another thread, which nobody means
        become_thread(2);
        rt.enable().unwrap();
        let others = rt.begin(plain()).call;
        assert!(!run_down(rt, others), "hit another thread's call");
        rt.thread_exit();
        assert_eq!(canceller.join().unwrap() == Hresult::S_OK, canceled);
    });
}

#[test]
fn thread_slot_passes_to_the_thread_that_is_meant() {
    model(3, |rt: &Rt<1, 1>| {
        let marker = rt.begin(plain());
        assert_eq!(marker.cancellable, Err(Hresult::CO_E_CANCEL_DISABLED));
        let canceller = spawn(3, move || rt.cancel_thread(2, Timeout::ZERO, Waiting::Allowed));
        rt.finish(marker.call).unwrap();
        rt.thread_exit();
        become_thread(2);
        rt.enable().unwrap();
        assert_eq!(canceller.join().unwrap(), Hresult::E_NOINTERFACE, "the marker of the slot's last thread");
        rt.thread_exit();
    });
}

#[test]
fn thread_slot_reused_by_a_disabled_thread() {
    model(3, |rt: &Rt<1, 1>| {
        rt.enable().unwrap();
        let canceller = spawn(3, move || rt.cancel_thread(1, Timeout::ZERO, Waiting::Allowed));
        rt.thread_exit();
        // the same thread slot, for a thread that nobody means; its call leaves only a marker
        become_thread(2);
        let call = rt.begin(plain());
        assert_eq!(call.cancellable, Err(Hresult::CO_E_CANCEL_DISABLED));
        assert_eq!(rt.finish(call.call), Ok(Outcome::Completed));
        rt.thread_exit();
        assert_eq!(canceller.join().unwrap(), Hresult::E_NOINTERFACE, "another thread's marker");
    });
}

#[test]
fn thread_exits_while_its_call_is_pinned() {
    model(3, |rt: &Rt<1, 1>| {
        rt.enable().unwrap();
        let call = rt.begin(plain()).call;
        let holder = spawn(2, move || match rt.cancel_object(1) {
            Ok(object) => object.cancel(Timeout::ZERO, Waiting::Allowed),
            Err(code) => code,
        });
        rt.thread_exit();
        assert_eq!(rt.complete(call), Ok(Reply::Orphaned(null_mut())));
        let answer = holder.join().unwrap();
        let allowed = [Hresult::S_OK, Hresult::RPC_E_CALL_CANCELED, Hresult::E_NOINTERFACE];
        assert!(allowed.contains(&answer), "{answer}");
        assert_eq!(rt.port().requests.load(Relaxed), 1, "told once, whoever was first");
    });
}

#[test]
fn dead_threads_id_attaches_again() {
    model(3, |rt: &Rt<1, 2>| {
        rt.enable().unwrap();
        let call = rt.begin(plain()).call;
        let canceller = spawn(3, move || rt.cancel_thread(1, Timeout::ZERO, Waiting::Allowed));
        // dies without an exit; its id comes back
        become_thread(1);
        assert_eq!(rt.disable(), Err(Hresult::CO_E_CANCEL_DISABLED), "the counter is not passed on");
        rt.enable().unwrap();
        assert_eq!(rt.complete(call), Ok(Reply::Orphaned(null_mut())));
        let answer = canceller.join().unwrap();
        let allowed = [Hresult::S_OK, Hresult::RPC_E_CALL_CANCELED, Hresult::E_NOINTERFACE];
        assert!(allowed.contains(&answer), "{answer}");
        rt.thread_exit();
    });
}

#[test]
fn server_thread_dies() {
    model(2, |rt: &Rt| {
        rt.enable().unwrap();
        let call = rt.begin(plain()).call;
        let server = spawn(2, move || {
            rt.enter(call).unwrap();
            rt.thread_exit();
        });
        assert_eq!(rt.wait(call), Ok(Outcome::Failed(Hresult::RPC_E_SERVER_DIED)));
        rt.finish(call).unwrap();
        server.join().unwrap();
        rt.thread_exit();
    });
}

#[test]
fn server_thread_dies_while_the_transport_gives_up() {
    model(3, |rt: &Rt| {
        // its client is elsewhere: whoever completes it has the record
        let call = rt.serve(plain()).call;
        rt.enter(call).unwrap();
        let transport = spawn(2, move || rt.abandon(call, Hresult::E_FAIL).is_ok());
        rt.thread_exit();
        let has_record = transport.join().unwrap();
        assert_eq!(rt.port().orphans.load(Relaxed), u32::from(!has_record), "exactly one owner");
    });
}

#[test]
fn table_full_under_contention_then_drained() {
    model(3, |rt: &Rt<1, 2>| {
        let other = spawn(2, move || {
            let begun = rt.begin_async(plain());
            run_down(rt, begun.call);
            begun.cancellable.is_ok()
        });
        let begun = rt.begin_async(plain());
        run_down(rt, begun.call);
        let got = other.join().unwrap() || begun.cancellable.is_ok();
        assert!(got, "one slot serves one of two");
        let again = rt.begin_async(plain());
        assert_eq!(again.cancellable, Ok(()), "what was released is reusable");
        run_down(rt, again.call);
    });
}

#[test]
fn slot_recycled_between_id_check_and_pin() {
    model(3, |rt: &Rt<1, 2>| {
        rt.enable().unwrap();
        let outer = rt.begin(plain()).call;
        let canceller = spawn(3, move || rt.cancel_thread(1, Timeout::ZERO, Waiting::Allowed));
        // the one shared slot is thread 1's innermost call, and then thread 2's, while thread 1 lives on
        let inner = rt.begin(plain()).call;
        let inner_canceled = run_down(rt, inner);
        as_thread(2, || {
            rt.enable().unwrap();
            let others = [rt.begin(plain()).call, rt.begin(plain()).call];
            assert!(!run_down(rt, others[1]), "hit another thread's call");
            assert!(!run_down(rt, others[0]), "hit another thread's call");
            rt.thread_exit();
        });
        let answer = canceller.join().unwrap();
        let outer_canceled = run_down(rt, outer);
        assert_eq!(answer == Hresult::S_OK, inner_canceled || outer_canceled, "{answer}");
        rt.thread_exit();
    });
}

#[test]
fn colliding_ids_are_found_and_removed() {
    // with six cells these three ids have the same home
    const IDS: [u32; 3] = [1, 9, 14];
    model(3, |rt: &Rt<1, 3, 6>| {
        as_thread(IDS[0], || rt.enable().unwrap());
        become_thread(IDS[1]);
        rt.enable().unwrap();
        let call = rt.begin(plain()).call;
        let comes_and_goes = spawn(IDS[2], move || {
            rt.enable().unwrap();
            rt.thread_exit();
        });
        let answer = rt.cancel_thread(IDS[1], Timeout::ZERO, Waiting::Never);
        assert_eq!(answer, Hresult::S_OK, "a displaced id that stays is always found");
        comes_and_goes.join().unwrap();
        assert!(run_down(rt, call));
        rt.thread_exit();
        assert_eq!(rt.cancel_thread(IDS[1], Timeout::ZERO, Waiting::Never), Hresult::E_NOINTERFACE);
        // more often than there are cells
        for _ in 0..7 {
            as_thread(IDS[2], || {
                rt.enable().unwrap();
                assert_eq!(rt.begin(plain()).cancellable, Ok(()));
                assert_eq!(rt.cancel_thread(IDS[2], Timeout::ZERO, Waiting::Never), Hresult::S_OK);
                rt.thread_exit();
            });
            let orphan = rt.calls().next().unwrap().call;
            assert_eq!(rt.complete(orphan), Ok(Reply::Orphaned(null_mut())));
        }
    });
}

#[test]
fn get_cancel_object_races_unregister_and_release() {
    model(3, |rt: &Rt<1, 1>| {
        rt.enable().unwrap();
        let objects = [CustomObject::new(), CustomObject::new()];
        let canceller = spawn(2, move || rt.co_cancel_call(1, 0));
        for object in objects {
            // SAFETY: live: we hold the creator's reference
            let registered = unsafe { rt.co_set_cancel_object(object.unknown()) };
            object.release();
            match registered {
                Ok(()) => rt.co_unset_cancel_object().unwrap(),
                // the one slot is still pinned by the canceller
                Err(code) => assert_eq!(code, Hresult::E_OUTOFMEMORY),
            }
        }
        let answer = canceller.join().unwrap();
        let cancels: u32 = objects.iter().map(|object| object.cancels.load(Relaxed)).sum();
        assert_eq!(answer == Hresult::E_FAIL, cancels == 1, "its own code, {answer}");
        assert!(objects.iter().all(|object| object.is_dead()), "a reference leaked");
        rt.thread_exit();
    });
}

#[test]
fn com_count_0_to_1_races_1_to_0() {
    // two: with three it takes ten times as long
    model(2, |rt: &Rt<1, 1>| {
        rt.enable().unwrap();
        let call = rt.begin(plain()).call;
        let take_and_drop = move || {
            if let Ok(object) = rt.co_get_cancel_object(1, &IID_ICANCEL_METHOD_CALLS) {
                // SAFETY: we hold the reference
                unsafe { release_any(object.cast()) };
            }
        };
        let others = [2, 3].map(|id| spawn(id, take_and_drop));
        run_down(rt, call);
        for other in others {
            other.join().unwrap();
        }
        rt.thread_exit();
    });
}

#[test]
fn the_last_reference_goes_after_the_use_of_all() {
    model(2, |rt: &Rt<1, 1>| {
        rt.enable().unwrap();
        let call = rt.begin(context(0)).call;
        rt.poll(call).unwrap();
        let get = move || rt.co_get_cancel_object(1, &IID_ICANCEL_METHOD_CALLS).map(|object| object as usize);
        let Ok(objects) = [get(), get()].into_iter().collect::<Result<Vec<_>, _>>() else { panic!("two references") };
        let (first, second) = (objects[0], objects[1]);
        let user = spawn(2, move || {
            // SAFETY: we hold the reference
            let answer = unsafe { cancel_any(first as *mut _) };
            let allowed = [Hresult::S_OK, Hresult::RPC_E_CALL_CANCELED, Hresult::RPC_E_CALL_COMPLETE];
            assert!(allowed.contains(&answer), "{answer}");
            // SAFETY: as above
            unsafe { release_any(first as *mut _) };
        });
        let other = spawn(3, move || {
            let _ = rt.complete(call);
            // SAFETY: we hold the reference
            unsafe { release_any(second as *mut _) };
        });
        rt.finish(call).unwrap();
        user.join().unwrap();
        other.join().unwrap();
        assert!(rt.port().is_retired(0));
        rt.thread_exit();
    });
}

#[test]
fn nested_calls_are_cancelled_from_the_inside() {
    model(2, |rt: &Rt<1, 1>| {
        rt.enable().unwrap();
        let outer = rt.begin(plain()).call;
        let inner = rt.begin(plain()).call;
        let canceller = spawn(2, move || {
            let first = rt.cancel_thread(1, Timeout::ZERO, Waiting::Allowed);
            (first, rt.test_call(outer))
        });
        let inner_canceled = run_down(rt, inner);
        let outer_is = rt.poll(outer).unwrap();
        let (answer, _) = canceller.join().unwrap();
        if inner_canceled {
            assert_eq!((answer, outer_is), (Hresult::S_OK, Poll::Pending(None)), "the outer call is untouched");
        }
        let outer_canceled = run_down(rt, outer);
        assert_eq!(answer == Hresult::S_OK, inner_canceled || outer_canceled);
        rt.thread_exit();
    });
}
