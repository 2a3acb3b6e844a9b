//! Waits that sleep by the value of a word, as futexes do: what comes between the last look and the sleep must not be lost. And call contexts that
//! were handed back, as objects; and the contexts of cancellers that poll.

use parking_lot::Mutex;
use std::cell::Cell;
use std::mem;
use std::ptr::{null_mut, without_provenance_mut};
use std::sync::atomic::AtomicU32;
use std::sync::atomic::Ordering::SeqCst;

use cocancel::com::object::Vtable;
use cocancel::{
    CallHandle, CallOptions, Fixed, Hresult, Outcome, Poll, Port, Runtime, Side, Timeout, WaitPoint, Waiting,
};

thread_local! {
    static LOCAL: Cell<u32> = const { Cell::new(0) };
    static ID: Cell<u32> = const { Cell::new(1) };
}

type Meanwhile = Box<dyn FnOnce() + Send>;

/// Sleeps as FUTEX_WAIT does: compares, then lets the time pass. Once, something happens just before it compares.
#[derive(Default)]
struct Futex {
    now: AtomicU32,
    before_sleep: Mutex<Option<Meanwhile>>,
    woken: Mutex<Vec<Side>>,
    retired: Mutex<Vec<usize>>,
    /// How long telling a server takes.
    slow: AtomicU32,
}

// SAFETY: 1. the tests choose ids. 2. the tests' time. 3. a thread-local. 4. compares the word. 5. nothing calls back. 6. contexts are numbers.
unsafe impl Port for Futex {
    fn thread_id(&self) -> u32 {
        ID.get()
    }
    fn tick(&self) -> u32 {
        self.now.load(SeqCst)
    }
    fn local(&self) -> Option<u32> {
        Some(LOCAL.get())
    }
    fn set_local(&self, value: u32) {
        LOCAL.set(value);
    }
    fn waiter(&self) -> Option<*mut ()> {
        Some(null_mut())
    }
    fn wait(&self, point: WaitPoint, ms: Option<u32>) {
        if let Some(meanwhile) = self.before_sleep.lock().take() {
            meanwhile();
        }
        // SAFETY: the word of a slot, which lives as long as the runtime
        let word = unsafe { AtomicU32::from_ptr(point.word.cast_mut()) }.load(SeqCst);
        if word == point.value {
            self.now.fetch_add(ms.expect("somebody would have to wake it"), SeqCst);
        }
    }
    fn wake(&self, point: WaitPoint) {
        self.woken.lock().push(point.side);
    }
    fn retire(&self, context: *mut ()) {
        self.retired.lock().push(context.addr());
    }
    fn cancel_requested(&self, _: CallHandle, _: *mut (), _: Option<u32>) {
        self.now.fetch_add(self.slow.load(SeqCst), SeqCst);
    }
}

type Rt = Runtime<Futex, Fixed<4, 3>>;

fn runtime() -> &'static Rt {
    LOCAL.set(0);
    cocancel_host_tests::forever(Runtime::new(Futex::default(), Fixed::new()))
}

fn before_sleep(runtime: &Rt, meanwhile: impl FnOnce() + Send + 'static) {
    *runtime.port().before_sleep.lock() = Some(Box::new(meanwhile));
}

#[test]
fn two_sooner_requests_before_the_sleep() {
    let rt = runtime();
    rt.enable().unwrap();
    let call = rt.begin(CallOptions::new()).call;
    assert_eq!(rt.cancel_call(call, Timeout::millis(60_000), Waiting::Never), Hresult::S_OK);
    before_sleep(rt, move || {
        for ms in [30_000, 100] {
            assert_eq!(rt.cancel_call(call, Timeout::millis(ms), Waiting::Never), Hresult::RPC_E_CALL_CANCELED);
        }
    });
    assert_eq!(rt.wait(call), Ok(Outcome::Canceled));
    assert!(rt.port().now.load(SeqCst) < 30_000, "it slept on the word that it had seen before");
}

#[test]
fn whoever_polls_for_a_canceller_wakes_the_one_that_waits() {
    let rt = runtime();
    rt.enable().unwrap();
    let call = rt.begin(CallOptions::new()).call;
    let object = rt.object_of(call).unwrap();
    before_sleep(rt, move || {
        assert_eq!(object.cancel(Timeout::millis(100), Waiting::Never), Hresult::RPC_E_CALL_CANCELED);
        rt.port().now.fetch_add(200, SeqCst);
        assert_eq!(object.poll(), Ok(Poll::Ended(Outcome::Canceled)));
        assert!(mem::take(&mut *rt.port().woken.lock()).contains(&Side::Canceller));
    });
    let canceller = std::thread::spawn(move || {
        ID.set(2);
        rt.cancel_call(call, Timeout::INFINITE, Waiting::Allowed)
    });
    assert_eq!(canceller.join().unwrap(), Hresult::S_OK);
}

#[test]
fn a_call_context_that_was_handed_back_is_an_object() {
    let rt = runtime();
    let call = rt.serve(CallOptions::new()).call;
    rt.enter(call).unwrap();
    // SAFETY: none is installed
    let old = unsafe { rt.co_switch_call_context(null_mut()) }.unwrap();
    // SAFETY: a COM object points to its methods
    let methods = unsafe { &**old.cast::<*const Vtable>() };
    for _ in 0..3 {
        // SAFETY: the call is being served, so that its context lives
        assert_eq!(unsafe { (methods.add_ref)(old) }, 1);
        // SAFETY: the reference just taken
        assert_eq!(unsafe { (methods.release)(old) }, 0);
    }
    assert_eq!(rt.calls().count(), 1, "the served call lost its slot");
    // SAFETY: as above
    assert_eq!(unsafe { (methods.add_ref)(old) }, 1);
    assert!(rt.complete(call).is_ok() && rt.leave(call).is_ok());
    assert_eq!(rt.calls().count(), 1, "the reference keeps it");
    // SAFETY: the reference taken above
    unsafe { (methods.release)(old) };
    assert_eq!(rt.calls().count(), 0);
}

#[test]
fn an_outer_calls_context_asked_in_a_nested_call() {
    let rt = runtime();
    let outer = rt.serve(CallOptions::new()).call;
    rt.enter(outer).unwrap();
    // SAFETY: none is installed
    let old = unsafe { rt.co_switch_call_context(null_mut()) }.unwrap();
    let inner = rt.serve(CallOptions::new()).call;
    rt.enter(inner).unwrap();
    // SAFETY: the outer call is being served, so that its context lives
    let _ = unsafe { rt.co_switch_call_context(old) }.unwrap();
    assert_eq!(rt.co_test_cancel(), Hresult::RPC_S_CALLPENDING);
    assert_eq!(rt.calls().count(), 2, "asking took a pin away that was not its own");
}

#[test]
fn a_polling_cancellers_context_is_retired_once_whatever_the_answer() {
    let rt = runtime();
    // released at once; complete before; asked by somebody else before; due by the first look; pending
    let cases = [
        (Timeout::ZERO, Hresult::S_OK),
        (Timeout::millis(50), Hresult::RPC_E_CALL_COMPLETE),
        (Timeout::millis(60), Hresult::RPC_E_CALL_CANCELED),
        (Timeout::millis(70), Hresult::S_OK),
        (Timeout::millis(80), Hresult::RPC_S_CALLPENDING),
    ];
    for (timeout, expected) in cases {
        // none of the canceller's own thread
        let call = rt.begin_async(CallOptions::new()).call;
        let object = rt.object_of(call).unwrap();
        let is_complete = expected == Hresult::RPC_E_CALL_COMPLETE;
        if is_complete {
            assert!(rt.complete(call).is_ok());
        }
        if expected == Hresult::RPC_E_CALL_CANCELED {
            assert_eq!(object.cancel(timeout, Waiting::Never), Hresult::S_OK);
        }
        rt.port().slow.store(if timeout == Timeout::millis(70) { 1000 } else { 0 }, SeqCst);
        // SAFETY: the port's contexts are numbers
        assert_eq!(unsafe { object.cancel_polling(timeout, without_provenance_mut(7)) }, expected);
        drop(object);
        let _ = rt.finish(call);
        if !is_complete {
            assert!(rt.complete(call).is_ok());
        }
        assert_eq!(mem::take(&mut *rt.port().retired.lock()), [7], "{timeout:?}");
        assert_eq!(rt.calls().count(), 0);
    }
}
