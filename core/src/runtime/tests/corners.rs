//! States that operations seldom meet, set up word by word.

use super::*;
use crate::stack::{Head, Marker};
use crate::state::{MAX_PINS, Refused, State};

/// Takes pins of the call's slot until no more are to be had.
fn pin(runtime: &Rt, call: CallHandle, step: fn(State) -> crate::state::Stepped) -> u32 {
    let ((_, slot), generation) = runtime.named(call).unwrap();
    let mut pins = 0;
    loop {
        match slot.transition(Some(generation), step) {
            Ok(_) => pins += 1,
            Err(refused) => {
                assert_eq!(refused, Refused::Saturated);
                return pins;
            }
        }
    }
}

#[test]
fn where_there_is_no_thread_nothing_is_attached() {
    let runtime = runtime();
    THREAD.set(0);
    assert_eq!(runtime.enable(), Err(Hresult::E_OUTOFMEMORY));
    assert_eq!(runtime.begin(CallOptions::new()).cancellable, Err(Hresult::E_OUTOFMEMORY));
    assert_eq!(runtime.threads(), 0);
}

#[test]
fn an_id_that_attaches_again_was_a_dead_threads() {
    let runtime = runtime();
    runtime.enable().unwrap();
    let call = runtime.begin(CallOptions::new()).call;
    // the id's new thread has a word of its own
    LOCAL.set(0);
    runtime.enable().unwrap();
    assert_eq!(runtime.threads(), 1);
    assert_eq!(runtime.test_call(call), Hresult::RPC_E_CALL_CANCELED, "the dead thread's call was given up");
    runtime.disable().unwrap();
    assert_eq!(runtime.disable(), Err(Hresult::CO_E_CANCEL_DISABLED), "the counter was the dead thread's");
}

#[test]
fn a_call_is_finished_below_a_newer_marker() {
    let runtime = runtime();
    runtime.enable().unwrap();
    let call = runtime.begin(CallOptions::new()).call;
    runtime.disable().unwrap();
    let marker = runtime.begin(CallOptions::new()).call;
    assert_eq!(runtime.finish(call), Ok(Outcome::Canceled));
    let cancel = || on_thread(2, &runtime, || runtime.cancel_thread(1, Timeout::ZERO, Waiting::Never));
    assert_eq!(cancel(), Hresult::CO_E_CANCEL_DISABLED, "the marker has moved down");
    assert_eq!(runtime.finish(marker), Ok(Outcome::Completed));
    assert_eq!(cancel(), Hresult::E_NOINTERFACE);
}

#[test]
fn markers_are_finished_in_any_order() {
    let runtime = runtime();
    let markers: Vec<_> = (0..3).map(|_| runtime.begin(CallOptions::new()).call).collect();
    let cancel = || on_thread(2, &runtime, || runtime.cancel_thread(1, Timeout::ZERO, Waiting::Never));
    for n in [0, 2, 1] {
        assert_eq!(cancel(), Hresult::CO_E_CANCEL_DISABLED);
        assert_eq!(runtime.finish(markers[n]), Ok(Outcome::Completed));
    }
    assert_eq!(cancel(), Hresult::E_NOINTERFACE);
    assert_eq!(runtime.finish(markers[0]), Err(Hresult::E_INVALIDARG));
}

#[test]
fn a_marker_below_a_call_is_finished_first() {
    let runtime = runtime();
    let markers: Vec<_> = (0..2).map(|_| runtime.begin(CallOptions::new()).call).collect();
    runtime.enable().unwrap();
    let call = runtime.begin(CallOptions::new()).call;
    assert_eq!(runtime.finish(markers[0]), Ok(Outcome::Completed));
    assert_eq!(runtime.test_call(call), Hresult::RPC_S_CALLPENDING);
    let cancel = || on_thread(2, &runtime, || runtime.cancel_thread(1, Timeout::ZERO, Waiting::Never));
    assert_eq!(cancel(), Hresult::S_OK, "the call is still the innermost");
    assert_eq!(runtime.finish(call), Ok(Outcome::Canceled));
    assert_eq!(cancel(), Hresult::CO_E_CANCEL_DISABLED);
    assert_eq!(runtime.finish(markers[1]), Ok(Outcome::Completed));
    assert_eq!(cancel(), Hresult::E_NOINTERFACE);
}

#[test]
fn a_forged_handle_of_no_marker_is_refused() {
    let runtime = runtime();
    runtime.enable().unwrap();
    let forged = CallHandle::of_marker(Head::of_slot(1), Marker::Disabled);
    assert_eq!(runtime.finish(forged), Err(Hresult::E_INVALIDARG));
}

#[test]
fn with_all_pins_taken_cancellers_are_refused_and_the_client_is_not() {
    let runtime = runtime();
    runtime.enable().unwrap();
    let call = runtime.begin(CallOptions::new().timeout(Timeout::millis(10))).call;
    assert_eq!(pin(&runtime, call, State::pin), MAX_PINS - 2, "the client and the server's side have one each");
    let cancel = || on_thread(2, &runtime, || runtime.cancel_thread(1, Timeout::ZERO, Waiting::Never));
    assert_eq!(cancel(), Hresult::E_OUTOFMEMORY);
    assert_eq!(runtime.cancel_call(call, Timeout::ZERO, Waiting::Never), Hresult::E_OUTOFMEMORY);
    // those in reserve, too
    assert!(pin(&runtime, call, State::pin_reserved) > 0);
    *runtime.port.now.lock().unwrap() = 11;
    assert_eq!(runtime.tick(100), Some(0), "it comes back for it");
    assert_eq!(runtime.poll(call), Ok(Poll::Ended(Outcome::Canceled)));
}

#[test]
fn with_all_pins_taken_a_server_that_fails_still_answers() {
    let runtime = runtime();
    runtime.enable().unwrap();
    let call = runtime.begin(CallOptions::new()).call;
    pin(&runtime, call, State::pin);
    assert_eq!(runtime.abandon(call, Hresult::RPC_E_SERVER_DIED), Ok(Reply::Delivered));
    assert_eq!(runtime.poll(call), Ok(Poll::Ended(Outcome::Failed(Hresult::E_FAIL))));
}

#[test]
fn with_all_pins_taken_a_client_that_polls_learns_that_it_failed() {
    let runtime = runtime();
    runtime.enable().unwrap();
    let call = runtime.begin(CallOptions::new()).call;
    assert_eq!(runtime.abandon(call, Hresult::RPC_E_SERVER_DIED), Ok(Reply::Delivered));
    assert_eq!(runtime.poll(call), Ok(Poll::Ended(Outcome::Failed(Hresult::RPC_E_SERVER_DIED))));
    pin(&runtime, call, State::pin_reserved);
    assert_eq!(runtime.poll(call), Ok(Poll::Ended(Outcome::Failed(Hresult::E_FAIL))));
    assert_eq!(runtime.finish(call), Ok(Outcome::Failed(Hresult::RPC_E_SERVER_DIED)));
}

#[test]
fn whoever_finds_a_request_that_does_not_show_yet_shows_it() {
    let runtime = runtime();
    runtime.enable().unwrap();
    let call = runtime.begin(polling()).call;
    assert_eq!(runtime.poll(call), Ok(Poll::Pending(None)));
    let ((_, slot), _) = runtime.named(call).unwrap();
    let now = runtime.now();
    let seen = slot.request();
    // an elected canceller that goes no further
    assert!(slot.ask(seen, seen.ask(crate::time::Deadline::after(now, Timeout::millis(50)), now)));
    assert_eq!(runtime.test_call(call), Hresult::RPC_S_CALLPENDING);
    assert_eq!(runtime.cancel_call(call, Timeout::millis(60), Waiting::Never), Hresult::RPC_E_CALL_CANCELED);
    assert_eq!(runtime.test_call(call), Hresult::RPC_E_CALL_CANCELED);
    assert_eq!(runtime.port.wakes(), [Side::Client], "to the deadline of the one that was elected");
    assert_eq!(runtime.poll(call), Ok(Poll::Pending(Some(51))));
}

#[test]
fn a_claimed_slot_shows_in_the_snapshot_without_the_words_of_the_call_before() {
    let runtime = runtime();
    let before = runtime.begin_async(CallOptions::new().timeout(Timeout::millis(10))).call;
    assert_eq!(runtime.complete(before), Ok(Reply::Delivered));
    assert_eq!(runtime.finish(before), Ok(Outcome::Completed));
    let claimed: Vec<_> = core::iter::from_fn(|| runtime.claim()).collect();
    assert_eq!(claimed.len(), 4);
    let (first, all) = runtime.snapshot::<3>();
    assert_eq!((first.len(), all), (3, 4));
    for call in runtime.calls() {
        let unknown = (call.phase, call.thread, call.remaining, call.pins, call.client, call.server);
        assert_eq!(unknown, (Phase::Claimed, None, None, 0, false, false));
    }
    assert_eq!(runtime.deinit(), Err(Hresult::E_ACCESSDENIED));
}

#[test]
fn the_snapshot_says_who_has_a_call_out() {
    let runtime = runtime();
    runtime.enable().unwrap();
    let calls: Vec<_> = (0..3).map(|_| runtime.begin(CallOptions::new()).call).collect();
    let asynchronous = runtime.begin_async(CallOptions::new()).call;
    on_thread(2, &runtime, || {
        runtime.enable().unwrap();
        let shown = |call| runtime.calls().find(|info| info.call == call).unwrap();
        for call in &calls {
            assert_eq!(shown(*call).thread, Some(1));
            assert!(shown(*call).client && shown(*call).server && !shown(*call).serving && !shown(*call).requested);
        }
        assert_eq!(shown(asynchronous).thread, None);
        let own = runtime.begin(CallOptions::new()).call;
        assert_eq!(shown(own).thread, Some(2));
    });
    assert_eq!(runtime.threads(), 2);
    assert_eq!(runtime.deinit(), Err(Hresult::E_ACCESSDENIED));
}

#[test]
fn another_attached_thread_keeps_the_storage() {
    let runtime = runtime();
    on_thread(2, &runtime, || runtime.enable()).unwrap();
    assert_eq!(runtime.deinit(), Err(Hresult::E_ACCESSDENIED));
    on_thread(2, &runtime, || runtime.thread_exit());
    runtime.enable().unwrap();
    assert_eq!(runtime.deinit(), Ok(()));
    assert_eq!(runtime.threads(), 0);
}

#[test]
fn a_tick_goes_on_with_a_round_that_was_begun_in_parts() {
    let runtime = runtime();
    let call = runtime.begin_async(CallOptions::new().timeout(Timeout::millis(10))).call;
    *runtime.port.now.lock().unwrap() = 20;
    assert_eq!(runtime.tick(1), Some(0));
    assert_eq!(runtime.tick(100), None);
    assert_eq!(runtime.test_call(call), Hresult::RPC_E_CALL_CANCELED);
    // parts that fit just so
    let _ = runtime.begin_async(CallOptions::new().timeout(Timeout::millis(10))).call;
    *runtime.port.now.lock().unwrap() = 40;
    assert_eq!([runtime.tick(3), runtime.tick(4)], [Some(0), None]);
}

#[test]
fn a_polling_canceller_without_a_context() {
    let runtime = runtime();
    let call = runtime.begin_async(CallOptions::new()).call;
    let object = runtime.object_of(call).unwrap();
    // SAFETY: NULL stands for none
    assert_eq!(unsafe { object.cancel_polling(Timeout::ZERO, null_mut()) }, Hresult::S_OK);
    drop(object);
    assert_eq!(runtime.finish(call), Ok(Outcome::Canceled));
}

#[test]
fn a_call_taken_off_the_stack_ends_with_its_thread() {
    let runtime: &'static Rt = std::boxed::Box::leak(std::boxed::Box::new(runtime()));
    runtime.enable().unwrap();
    on_thread(2, runtime, || {
        runtime.enable().unwrap();
        let call = runtime.begin(CallOptions::new()).call;
        assert_eq!(runtime.complete(call), Ok(Reply::Delivered));
        #[cfg(feature = "com")]
        assert_eq!(Hresult::from(runtime.co_unset_cancel_object()), Hresult::S_OK);
        runtime.thread_exit();
        assert_eq!((runtime.calls().count(), runtime.threads()), (0, 1));
        let events = runtime.port.events.lock().unwrap();
        let kinds: Vec<_> = events.iter().map(|event| (event.kind, event.call == call)).collect();
        assert_eq!(kinds, [EventKind::Begun, EventKind::Completed, EventKind::Finished].map(|kind| (kind, true)));
    });
}

#[cfg(feature = "com")]
#[test]
fn an_address_within_an_object_is_no_object() {
    let runtime = runtime();
    runtime.enable().unwrap();
    let call = runtime.begin(CallOptions::new()).call;
    let (slot, _) = runtime.named(call).unwrap();
    let object = slot.1.object();
    assert_eq!(runtime.slot_at(object).map(|found| found.0), Some(slot.0));
    let size = size_of::<crate::thread::ThreadSlot>();
    (1..size).for_each(|away| assert!(runtime.slot_at(object.wrapping_byte_add(away)).is_none(), "{away}"));
}

#[cfg(feature = "com")]
#[test]
fn with_all_pins_taken_a_context_without_references_gives_none() {
    use crate::com::{guid::IID_IUNKNOWN, object::Vtable};
    let runtime: &'static Rt = std::boxed::Box::leak(std::boxed::Box::new(runtime()));
    let call = runtime.serve(CallOptions::new()).call;
    let frame = runtime.enter(call).unwrap();
    // SAFETY: NULL is always right
    let context = unsafe { runtime.co_switch_call_context(null_mut()) }.unwrap();
    pin(runtime, call, State::pin_reserved);
    // SAFETY: one of the runtime's objects, whose call is still served
    let Vtable { query_interface, add_ref, .. } = unsafe { **context.cast::<*const Vtable>() };
    let mut out = null_mut();
    // SAFETY: as above; `out` is writable
    assert_eq!(unsafe { query_interface(context, &IID_IUNKNOWN, &raw mut out) }, Hresult::E_OUTOFMEMORY);
    assert!(out.is_null());
    // SAFETY: as above
    assert_eq!(unsafe { add_ref(context) }, 0);
    // SAFETY: as above
    unsafe { runtime.co_switch_call_context(context) }.unwrap();
    assert_eq!(runtime.leave(frame), Ok(()));
}

#[test]
fn guards_end_what_they_began() {
    let runtime = runtime();
    let served = runtime.serve(CallOptions::new()).call;
    {
        let _enabled = runtime.enabled().unwrap();
        let call = runtime.call(CallOptions::new());
        assert_eq!(call.cancellable(), Ok(()));
        assert_eq!(runtime.test_call(call.handle()), Hresult::RPC_S_CALLPENDING);
        let handle = call.handle();
        drop(call);
        assert_eq!(runtime.test_call(handle), Hresult::RPC_E_CALL_CANCELED, "given up");
        assert_eq!(runtime.finish(handle), Err(Hresult::E_INVALIDARG), "and finished");
        let serving = runtime.serving(served).unwrap();
        assert_eq!((serving.test(), runtime.test()), (Hresult::RPC_S_CALLPENDING, Hresult::RPC_S_CALLPENDING));
        drop(serving);
        assert_eq!(runtime.test(), Hresult::RPC_E_CALL_COMPLETE, "left");
    }
    assert_eq!(runtime.disable(), Err(Hresult::CO_E_CANCEL_DISABLED));
    assert_eq!(runtime.call(CallOptions::new()).cancellable(), Err(Hresult::CO_E_CANCEL_DISABLED));
}

#[test]
fn a_round_of_a_table_meets_each_entry_once() {
    let table = [0, 1, 2, 3];
    for start in 0..=table.len() as u32 + 1 {
        let mut met: Vec<_> = super::super::round(&table, start).map(|(index, entry)| (index, *entry)).collect();
        if let Some(first) = met.first().filter(|_| start < 4) {
            assert_eq!(*first, (start, start));
        }
        met.sort_unstable();
        assert_eq!(met, [(0, 0), (1, 1), (2, 2), (3, 3)]);
    }
    let runtime = runtime();
    assert_eq!(runtime.slots(), 4 + 3);
}

/// A thread's call, a marker of each kind on it, and a call that lies above both.
fn markers_between_calls(runtime: &Rt) -> [CallHandle; 4] {
    runtime.enable().unwrap();
    let lower = runtime.begin(CallOptions::new()).call;
    let others = [(); 4].map(|()| runtime.begin_async(CallOptions::new()).call);
    runtime.disable().unwrap();
    let disabled = runtime.begin(CallOptions::new());
    assert_eq!(disabled.cancellable, Err(Hresult::CO_E_CANCEL_DISABLED));
    runtime.enable().unwrap();
    let barrier = runtime.begin(CallOptions::new());
    assert_eq!(barrier.cancellable, Err(Hresult::E_OUTOFMEMORY));
    for other in others {
        assert_eq!(runtime.complete(other), Ok(Reply::Delivered));
        assert_eq!(runtime.finish(other), Ok(Outcome::Completed));
    }
    let upper = runtime.begin(CallOptions::new());
    assert_eq!(upper.cancellable, Ok(()));
    [lower, disabled.call, barrier.call, upper.call]
}

#[test]
fn of_two_markers_below_a_call_the_other_keeps_its_kind() {
    for barrier_first in [true, false] {
        let runtime = runtime();
        let [lower, disabled, barrier, upper] = markers_between_calls(&runtime);
        let first = if barrier_first { barrier } else { disabled };
        assert_eq!(runtime.finish(first), Ok(Outcome::Completed));
        assert_eq!(runtime.finish(upper), Ok(Outcome::Canceled));
        let cancel = || on_thread(2, &runtime, || runtime.cancel_thread(1, Timeout::ZERO, Waiting::Never));
        assert_eq!(cancel(), if barrier_first { Hresult::CO_E_CANCEL_DISABLED } else { Hresult::E_NOINTERFACE });
        assert_eq!(runtime.finish(if barrier_first { disabled } else { barrier }), Ok(Outcome::Completed));
        assert_eq!(cancel(), Hresult::S_OK);
        assert_eq!(runtime.finish(lower), Ok(Outcome::Canceled));
    }
}

#[test]
fn a_marker_is_taken_from_where_it_was_put() {
    let runtime = runtime();
    let bottom = runtime.begin(CallOptions::new()).call;
    runtime.enable().unwrap();
    let call = runtime.begin(CallOptions::new()).call;
    runtime.disable().unwrap();
    let top = runtime.begin(CallOptions::new()).call;
    let cancel = || on_thread(2, &runtime, || runtime.cancel_thread(1, Timeout::ZERO, Waiting::Never));
    assert_eq!(runtime.finish(bottom), Ok(Outcome::Completed));
    assert_eq!(cancel(), Hresult::CO_E_CANCEL_DISABLED, "the newest is still there");
    assert_eq!(runtime.finish(top), Ok(Outcome::Completed));
    assert_eq!(cancel(), Hresult::S_OK);
    assert_eq!(runtime.finish(call), Ok(Outcome::Canceled));
    assert_eq!(cancel(), Hresult::E_NOINTERFACE);
}

#[test]
fn another_thread_does_not_leave_for_the_one_that_serves() {
    let runtime = runtime();
    let calls = [(); 2].map(|()| runtime.serve(CallOptions::new()).call);
    let frames = calls.map(|call| runtime.enter(call).unwrap());
    for frame in frames {
        assert_eq!(on_thread(2, &runtime, || runtime.leave(frame)), Err(Hresult::E_UNEXPECTED));
    }
    assert_eq!(runtime.leave(frames[0]), Err(Hresult::E_UNEXPECTED), "not the innermost");
    assert_eq!([frames[1], frames[0]].map(|frame| runtime.leave(frame)), [Ok(()), Ok(())]);
}

#[test]
fn a_second_end_changes_nothing_of_the_first() {
    let runtime = runtime();
    runtime.enable().unwrap();
    let call = runtime.begin(CallOptions::new()).call;
    assert_eq!(runtime.abandon(call, Hresult::RPC_E_SERVER_DIED), Ok(Reply::Delivered));
    assert_eq!(runtime.abandon(call, Hresult(0x8001_0105_u32 as i32)), Err(Hresult::E_UNEXPECTED));
    assert_eq!(runtime.complete(call), Err(Hresult::E_UNEXPECTED));
    assert_eq!(runtime.finish(call), Ok(Outcome::Failed(Hresult::RPC_E_SERVER_DIED)));
}

#[test]
fn the_snapshot_finds_the_thread_of_a_call_without_its_home_slot() {
    let runtime = runtime();
    runtime.enable().unwrap();
    on_thread(2, &runtime, || {
        runtime.enable().unwrap();
        let before = runtime.begin(CallOptions::new()).call;
        let _keeps_the_home_slot = runtime.object_of(before).unwrap();
        assert_eq!(runtime.complete(before), Ok(Reply::Delivered));
        assert_eq!(runtime.finish(before), Ok(Outcome::Completed));
        let call = runtime.begin(CallOptions::new()).call;
        let shown = runtime.calls().find(|info| info.call == call).unwrap();
        assert_eq!(shown.thread, Some(2));
    });
}

#[test]
fn who_has_no_thread_slot_does_not_wait_for_what_it_may_serve_itself() {
    let runtime = runtime();
    let ids = [2, 3, 4];
    let calls = ids.map(|id| {
        on_thread(id, &runtime, || {
            runtime.enable().unwrap();
            runtime.begin(CallOptions::new()).call
        })
    });
    runtime.enter(calls[0]).unwrap();
    assert_eq!(runtime.threads(), 3, "none for this one");
    let is_own = |call| runtime.is_own(runtime.named(call).unwrap().0);
    assert_eq!([is_own(calls[0]), is_own(calls[1])], [true, false]);
    assert_eq!(runtime.leave(calls[0]), Ok(()));
    assert!(!is_own(calls[0]));
}

/// A port that may lose the thread's word.
#[derive(Default)]
struct Forgetful {
    word: Mutex<u32>,
    loses: Mutex<bool>,
}

// SAFETY: one thread; waits are refused
unsafe impl Port for Forgetful {
    fn thread_id(&self) -> u32 {
        1
    }
    fn tick(&self) -> u32 {
        0
    }
    fn local(&self) -> Option<u32> {
        Some(*self.word.lock().unwrap())
    }
    fn set_local(&self, value: u32) {
        *self.word.lock().unwrap() = if *self.loses.lock().unwrap() { 0 } else { value };
    }
    fn waiter(&self) -> Option<*mut ()> {
        None
    }
    fn wait(&self, _: WaitPoint, _: Option<u32>) {}
    fn wake(&self, _: WaitPoint) {}
}

#[test]
fn a_thread_whose_word_is_lost_does_not_take_itself_for_a_dead_one() {
    let runtime = Runtime::new(Forgetful::default(), Fixed::<2, 2>::new());
    *runtime.port.loses.lock().unwrap() = true;
    assert_eq!(runtime.enable(), Err(Hresult::E_OUTOFMEMORY));
    assert_eq!(runtime.threads(), 0);
    *runtime.port.loses.lock().unwrap() = false;
    runtime.enable().unwrap();
    let call = runtime.begin(CallOptions::new()).call;
    *runtime.port.loses.lock().unwrap() = true;
    let word = core::mem::take(&mut *runtime.port.word.lock().unwrap());
    assert_eq!(runtime.enable(), Err(Hresult::E_OUTOFMEMORY));
    assert_eq!(runtime.test_call(call), Hresult::RPC_S_CALLPENDING, "it is not given up");
    *runtime.port.word.lock().unwrap() = word;
    assert_eq!(runtime.complete(call), Ok(Reply::Delivered));
    assert_eq!(runtime.finish(call), Ok(Outcome::Completed));
}
