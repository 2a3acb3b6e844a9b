//! Calls that another thread ends than the one that began, waits for, or serves them. And a port that cannot keep a thread's word.

use std::cell::Cell;
use std::ptr::without_provenance_mut;
use std::sync::atomic::AtomicBool;
use std::sync::atomic::Ordering::SeqCst;

use cocancel::{CallHandle, CallOptions, Fixed, Hresult, Outcome, Port, Runtime, Side, WaitPoint};
use parking_lot::Mutex;

thread_local! {
    static LOCAL: Cell<u32> = const { Cell::new(0) };
    static ID: Cell<u32> = const { Cell::new(1) };
}

type Meanwhile = Mutex<Option<Box<dyn FnOnce() + Send>>>;

/// Has a token for each thread, as kernels with task notifications do: its context is the thread's number.
#[derive(Default)]
struct Tokens {
    cannot_keep: AtomicBool,
    /// Happens when the library asks for the caller's context.
    before_context: Meanwhile,
    /// Happens while the caller sleeps.
    asleep: Meanwhile,
    woken: Mutex<Vec<(Side, usize)>>,
}

fn token(id: u32) -> usize {
    id as usize * 0x1000
}

// SAFETY: 1. the tests choose ids. 2. time stands still. 3. a thread-local. 4. returns when woken. 5. nothing calls back. 6. contexts are numbers.
unsafe impl Port for Tokens {
    fn thread_id(&self) -> u32 {
        ID.get()
    }
    fn tick(&self) -> u32 {
        0
    }
    fn local(&self) -> Option<u32> {
        Some(LOCAL.get())
    }
    fn set_local(&self, value: u32) {
        if !self.cannot_keep.load(SeqCst) {
            LOCAL.set(value);
        }
    }
    fn waiter(&self) -> Option<*mut ()> {
        if let Some(meanwhile) = self.before_context.lock().take() {
            meanwhile();
        }
        Some(without_provenance_mut(token(ID.get())))
    }
    fn wait(&self, point: WaitPoint, _: Option<u32>) {
        assert_eq!(point.context.addr(), token(ID.get()), "sleeps on somebody else's token");
        self.woken.lock().clear();
        self.asleep.lock().take().expect("nothing more will happen")();
        let woken = self.woken.lock();
        assert!(woken.contains(&(point.side, token(ID.get()))), "asleep for ever; woken were {woken:?}");
    }
    fn wake(&self, point: WaitPoint) {
        self.woken.lock().push((point.side, point.context.addr()));
    }
}

type Rt = Runtime<Tokens, Fixed<1, 3>>;

fn runtime() -> &'static Rt {
    LOCAL.set(0);
    ID.set(1);
    cocancel_host_tests::forever(Runtime::new(Tokens::default(), Fixed::new()))
}

fn as_thread<T>(id: u32, work: impl FnOnce() -> T) -> T {
    let (own, local) = (ID.replace(id), LOCAL.replace(0));
    let result = work();
    ID.set(own);
    LOCAL.set(local);
    result
}

fn end(rt: &Rt, call: CallHandle) {
    as_thread(2, || {
        let _ = rt.complete(call);
        assert_eq!(rt.finish(call), Ok(Outcome::Completed));
    });
}

#[test]
fn finishing_an_asynchronous_call_wakes_whoever_waits_for_it() {
    let rt = runtime();
    let call = rt.begin_async(CallOptions::new()).call;
    *rt.port().asleep.lock() =
        Some(Box::new(move || as_thread(2, || assert_eq!(rt.finish(call), Ok(Outcome::Canceled)))));
    // its server keeps the slot still
    assert_eq!(rt.wait(call), Ok(Outcome::Canceled));
}

#[test]
fn finishing_ones_own_call_wakes_nobody() {
    let rt = runtime();
    rt.enable().unwrap();
    // SAFETY: the port's contexts are numbers
    let call = rt.begin(unsafe { CallOptions::new().context(without_provenance_mut(token(1))) }).call;
    let _ = rt.poll(call);
    assert_eq!(rt.finish(call), Ok(Outcome::Canceled));
    assert_eq!(*rt.port().woken.lock(), []);
}

#[test]
fn a_waiter_that_comes_too_late_leaves_the_next_call_alone() {
    let rt = runtime();
    let first = rt.begin_async(CallOptions::new()).call;
    let next = std::sync::Arc::new(Mutex::new(None));
    let seen = next.clone();
    // between the waiter's first look and its second the call is finished, and another has the only slot
    *rt.port().before_context.lock() = Some(Box::new(move || {
        end(rt, first);
        *seen.lock() = Some(rt.begin_async(CallOptions::new()).call);
    }));
    assert_eq!(rt.wait(first), Err(Hresult::E_INVALIDARG));
    let next = next.lock().take().unwrap();
    assert_eq!(rt.calls().count(), 1, "both had one slot");
    *rt.port().asleep.lock() = Some(Box::new(move || assert!(rt.complete(next).is_ok())));
    assert_eq!(as_thread(3, || rt.wait(next)), Ok(Outcome::Completed));
}

#[test]
fn a_port_that_cannot_keep_a_threads_word() {
    let rt = runtime();
    rt.port().cannot_keep.store(true, SeqCst);
    assert_eq!(rt.enable(), Err(Hresult::E_OUTOFMEMORY));
    assert_eq!(rt.disable(), Err(Hresult::CO_E_CANCEL_DISABLED));
    assert_eq!(rt.threads(), 0);
    rt.port().cannot_keep.store(false, SeqCst);
    assert_eq!((rt.enable(), rt.disable()), (Ok(()), Ok(())));
}

#[test]
fn a_finished_calls_orphan_is_no_threads_in_a_snapshot() {
    let rt = runtime();
    rt.enable().unwrap();
    let call = rt.begin(CallOptions::new()).call;
    let threads = || rt.calls().map(|call| (call.thread, call.client, call.server)).collect::<Vec<_>>();
    assert_eq!(threads(), [(Some(1), true, true)]);
    assert_eq!(rt.finish(call), Ok(Outcome::Canceled));
    assert_eq!(threads(), [(None, false, true)]);
}

#[test]
fn failures_that_would_tell_a_client_something_else() {
    let rt = runtime();
    rt.enable().unwrap();
    let ambiguous = [
        Hresult::S_OK,
        Hresult::RPC_E_CALL_CANCELED,
        Hresult::RPC_S_CALLPENDING,
        Hresult::CO_E_CANCEL_DISABLED,
        Hresult::E_OUTOFMEMORY,
        Hresult::E_INVALIDARG,
        Hresult::E_UNEXPECTED,
        Hresult::E_NOTIMPL,
    ];
    for (failure, told) in ambiguous.map(|code| (code, Hresult::E_FAIL)).into_iter().chain([
        (Hresult::RPC_E_SERVER_DIED, Hresult::RPC_E_SERVER_DIED),
        (Hresult::E_ACCESSDENIED, Hresult::E_ACCESSDENIED),
    ]) {
        let call = rt.begin(CallOptions::new()).call;
        assert!(rt.abandon(call, failure).is_ok());
        assert_eq!(rt.finish(call), Ok(Outcome::Failed(told)), "{failure:?}");
    }
}
