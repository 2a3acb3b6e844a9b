//! What the operations cost, counted: read-modify-writes and wakes.

use super::*;
use crate::runtime::cancel::Waiting;
use crate::runtime::client::{CallOptions, Outcome, Poll};
use crate::runtime::server::Reply;
use crate::storage::Fixed;
use crate::sync::counted::read_modify_writes;
use crate::time::Timeout;
use core::ptr::{null_mut, without_provenance_mut};
use std::cell::Cell;
use std::sync::Mutex;
use std::vec::Vec;

std::thread_local! {
    static LOCAL: Cell<u32> = const { Cell::new(0) };
    static THREAD: Cell<u32> = const { Cell::new(1) };
}

/// One thread that plays several, and counts.
#[derive(Default)]
struct TestPort {
    now: Mutex<u32>,
    locals: Mutex<Vec<(u32, u32)>>,
    wakes: Mutex<Vec<Side>>,
    requests: Mutex<u32>,
    events: Mutex<Vec<Event>>,
}

impl TestPort {
    fn wakes(&self) -> Vec<Side> {
        core::mem::take(&mut self.wakes.lock().unwrap())
    }
}

fn on_thread<T>(id: u32, runtime: &Rt, run: impl FnOnce() -> T) -> T {
    let switch = |id: u32| {
        let mut locals = runtime.port.locals.lock().unwrap();
        locals.retain(|(thread, _)| *thread != THREAD.get());
        locals.push((THREAD.get(), LOCAL.get()));
        THREAD.set(id);
        LOCAL.set(locals.iter().find(|(thread, _)| *thread == id).map_or(0, |(_, local)| *local));
    };
    let before = THREAD.get();
    switch(id);
    let result = run();
    switch(before);
    result
}

// SAFETY: one OS thread, which is whichever thread THREAD says, with that one's local word; waits are refused
unsafe impl Port for TestPort {
    fn thread_id(&self) -> u32 {
        THREAD.get()
    }
    fn tick(&self) -> u32 {
        *self.now.lock().unwrap()
    }
    fn local(&self) -> Option<u32> {
        Some(LOCAL.get())
    }
    fn set_local(&self, value: u32) {
        LOCAL.set(value);
    }
    fn waiter(&self) -> Option<*mut ()> {
        None
    }
    fn wait(&self, _: WaitPoint, _: Option<u32>) {}
    fn wake(&self, point: WaitPoint) {
        self.wakes.lock().unwrap().push(point.side);
    }
    fn cancel_requested(&self, _: CallHandle, _: *mut (), _: Option<u32>) {
        *self.requests.lock().unwrap() += 1;
    }
    fn event(&self, event: Event) {
        self.events.lock().unwrap().push(event);
    }
}

type Rt = Runtime<TestPort, Fixed<4, 3>>;

fn runtime() -> Rt {
    LOCAL.set(0);
    THREAD.set(1);
    Runtime::new(TestPort::default(), Fixed::new())
}

/// The options of a polling client.
fn polling() -> CallOptions {
    // SAFETY: this port only records contexts
    unsafe { CallOptions::new().context(without_provenance_mut(8)) }
}

#[test]
fn a_disabled_threads_call_costs_no_read_modify_write() {
    let runtime = runtime();
    let _ = runtime.finish(runtime.begin(CallOptions::new()).call);
    let cost = read_modify_writes(|| {
        let call = runtime.begin(CallOptions::new()).call;
        assert_eq!(runtime.complete(call), Ok(Reply::Delivered));
        assert_eq!(runtime.finish(call), Ok(Outcome::Completed));
    });
    assert_eq!(cost, 0);
}

#[test]
fn an_enabled_threads_call_costs_two() {
    let runtime = runtime();
    runtime.enable().unwrap();
    for _ in 0..3 {
        let cost = read_modify_writes(|| {
            let call = runtime.begin(CallOptions::new()).call;
            assert_eq!(runtime.complete(call), Ok(Reply::Delivered));
            assert_eq!(runtime.finish(call), Ok(Outcome::Completed));
        });
        assert_eq!(cost, 2);
    }
}

#[test]
fn serving_costs_two_more_and_testing_nothing() {
    let runtime = runtime();
    runtime.enable().unwrap();
    let call = runtime.begin(CallOptions::new()).call;
    let cost = read_modify_writes(|| {
        let frame = runtime.enter(call).unwrap();
        runtime.leave(frame).unwrap();
    });
    assert_eq!(cost, 2);
    let frame = runtime.enter(call).unwrap();
    assert_eq!(read_modify_writes(|| assert_eq!(runtime.test(), Hresult::RPC_S_CALLPENDING)), 0);
    runtime.leave(frame).unwrap();
}

#[test]
fn one_wake_for_a_client_that_waits_and_none_for_one_that_does_not() {
    let runtime = runtime();
    runtime.enable().unwrap();
    for (announces, expected) in [(false, Vec::new()), (true, Vec::from([Side::Client]))] {
        // cancelled at once
        let call = runtime.begin(polling()).call;
        if announces {
            assert_eq!(runtime.poll(call), Ok(Poll::Pending(None)));
        }
        assert_eq!(runtime.cancel_call(call, Timeout::ZERO, Waiting::Allowed), Hresult::S_OK);
        assert_eq!(runtime.port.wakes(), expected);
        assert_eq!(runtime.complete(call), Ok(Reply::Orphaned(null_mut())));
        assert_eq!(runtime.finish(call), Ok(Outcome::Canceled));
        assert_eq!(runtime.port.wakes(), []);
        // completed
        let call = runtime.begin(polling()).call;
        if announces {
            assert_eq!(runtime.poll(call), Ok(Poll::Pending(None)));
        }
        assert_eq!(runtime.complete(call), Ok(Reply::Delivered));
        assert_eq!(runtime.port.wakes(), expected);
        assert_eq!(runtime.finish(call), Ok(Outcome::Completed));
    }
}

#[test]
fn a_request_wakes_the_client_to_look_at_its_deadline_and_tells_the_server_once() {
    let runtime = runtime();
    runtime.enable().unwrap();
    let call = runtime.begin(polling()).call;
    assert_eq!(runtime.poll(call), Ok(Poll::Pending(None)));
    assert_eq!(runtime.cancel_call(call, Timeout::millis(50), Waiting::Never), Hresult::S_OK);
    assert_eq!(runtime.port.wakes(), [Side::Client]);
    assert_eq!(runtime.poll(call), Ok(Poll::Pending(Some(51))));
    // a later one changes nothing, but wakes it as well: whoever made the sooner one may have died before that
    assert_eq!(runtime.cancel_call(call, Timeout::millis(60), Waiting::Never), Hresult::RPC_E_CALL_CANCELED);
    assert_eq!(runtime.port.wakes(), [Side::Client]);
    assert_eq!(runtime.poll(call), Ok(Poll::Pending(Some(51))));
    // a sooner one does
    assert_eq!(runtime.cancel_call(call, Timeout::millis(20), Waiting::Never), Hresult::RPC_E_CALL_CANCELED);
    assert_eq!(runtime.port.wakes(), [Side::Client]);
    *runtime.port.now.lock().unwrap() = 20;
    assert_eq!(runtime.poll(call), Ok(Poll::Pending(Some(1))), "twenty milliseconds are not surely over yet");
    *runtime.port.now.lock().unwrap() = 21;
    assert_eq!(runtime.poll(call), Ok(Poll::Ended(Outcome::Canceled)));
    assert_eq!(*runtime.port.requests.lock().unwrap(), 1);
    assert_eq!(runtime.finish(call), Ok(Outcome::Canceled));
    assert_eq!(runtime.complete(call), Ok(Reply::Orphaned(null_mut())));
    assert_eq!(runtime.calls().count(), 0);
}

#[test]
fn a_tick_with_a_small_budget_comes_to_every_deadline() {
    let runtime = runtime();
    let handles: Vec<CallHandle> =
        (0..4u32).map(|n| runtime.begin_async(CallOptions::new().timeout(Timeout::millis(10 + 10 * n))).call).collect();
    for (n, call) in handles.iter().enumerate() {
        *runtime.port.now.lock().unwrap() = 11 + 10 * n as u32;
        let mut ticks = 0;
        while runtime.tick(2) == Some(0) {
            ticks += 1;
            assert!(ticks < 20, "never comes to an end");
        }
        assert_eq!(runtime.test_call(*call), Hresult::RPC_E_CALL_CANCELED, "call {n}");
        for later in &handles[n + 1..] {
            assert_eq!(runtime.test_call(*later), Hresult::RPC_S_CALLPENDING);
        }
    }
    assert_eq!(runtime.tick(100), None);
}

#[test]
fn another_thread_finds_the_innermost_call() {
    let runtime = runtime();
    runtime.enable().unwrap();
    let outer = runtime.begin(CallOptions::new()).call;
    let inner = runtime.begin(CallOptions::new()).call;
    on_thread(2, &runtime, || {
        assert_eq!(runtime.cancel_thread(1, Timeout::ZERO, Waiting::Allowed), Hresult::S_OK);
        assert_eq!(runtime.cancel_thread(1, Timeout::ZERO, Waiting::Allowed), Hresult::RPC_E_CALL_CANCELED);
        assert_eq!(runtime.cancel_thread(0, Timeout::ZERO, Waiting::Allowed), Hresult::E_NOINTERFACE);
        assert_eq!(runtime.cancel_thread(7, Timeout::ZERO, Waiting::Allowed), Hresult::E_NOINTERFACE);
        assert_eq!(runtime.finish(inner), Err(Hresult::E_INVALIDARG), "not this thread's");
    });
    assert_eq!(runtime.finish(inner), Ok(Outcome::Canceled));
    assert_eq!(runtime.test_call(outer), Hresult::RPC_S_CALLPENDING);
    assert_eq!(runtime.finish(inner), Err(Hresult::E_INVALIDARG));
    runtime.thread_exit();
    assert_eq!(runtime.complete(outer), Ok(Reply::Orphaned(null_mut())));
    assert_eq!(runtime.complete(inner), Ok(Reply::Orphaned(null_mut())));
    assert_eq!(runtime.deinit(), Ok(()));
}

#[test]
fn a_thread_that_was_killed_on_its_way_out_is_found_by_its_id() {
    let runtime = runtime();
    assert!(runtime.enable().is_ok());
    assert_eq!(runtime.threads(), 1);
    // its word is gone, its slot is not yet given back: what is left where it dies between the two
    LOCAL.set(0);
    runtime.thread_exit();
    assert_eq!(runtime.threads(), 0);
}

#[test]
fn a_snapshot_says_whose_each_call_is() {
    let runtime = runtime();
    let begin = || runtime.begin(CallOptions::new()).call;
    runtime.enable().unwrap();
    // its server holds the home slot, so that none lies under this thread's calls
    assert_eq!(runtime.finish(begin()), Ok(Outcome::Canceled));
    let (_, inner) = (begin(), begin());
    let _ = runtime.begin_async(CallOptions::new());
    on_thread(2, &runtime, || {
        runtime.enable().unwrap();
        let _ = (begin(), begin());
    });
    let threads = || runtime.calls().map(|call| call.thread).collect::<Vec<_>>();
    assert_eq!(threads(), [Some(1), Some(1), None, Some(2), None, Some(2)]);
    // an orphan is on nobody's stack, whatever its words still say
    assert_eq!(runtime.finish(inner), Ok(Outcome::Canceled));
    assert_eq!(threads(), [Some(1), None, None, Some(2), None, Some(2)]);
}

mod corners;
mod waiting;
