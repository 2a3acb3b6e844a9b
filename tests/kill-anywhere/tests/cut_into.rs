//! Operations that another cuts into at each of their steps: a handler on the same thread, a stranger on another, or a ticker while this one stands
//! still. And foreign code that calls back in while an operation releases its object.
#![cfg(cocancel_steps)]

use std::cell::{Cell, RefCell};
use std::ptr::null_mut;

use cocancel::com::Guid;
use cocancel::com::object::Vtable;
use cocancel::{
    CallOptions, Fixed, Hresult, Outcome, Port, Runtime, Timeout, WaitPoint, Waiting, before_each_atomic_operation,
};

thread_local! {
    static ID: Cell<u32> = const { Cell::new(1) };
    static LOCAL: Cell<u32> = const { Cell::new(0) };
    static NOW: Cell<u32> = const { Cell::new(0) };
    static IN_INTERRUPT: Cell<bool> = const { Cell::new(false) };
    static STEPS_LEFT: Cell<u32> = const { Cell::new(0) };
    static WORK: RefCell<Option<Box<dyn FnOnce()>>> = const { RefCell::new(None) };
}

#[derive(Debug)]
struct Alone;

// SAFETY: 1. the tests choose ids. 2. the tests' time. 3. a thread-local. 4. nobody waits. 5. nothing calls back. 6. no contexts.
unsafe impl Port for Alone {
    fn thread_id(&self) -> u32 {
        if IN_INTERRUPT.get() { 0 } else { ID.get() }
    }
    fn tick(&self) -> u32 {
        NOW.get()
    }
    fn local(&self) -> Option<u32> {
        Some(LOCAL.get())
    }
    fn set_local(&self, value: u32) {
        LOCAL.set(value);
    }
    fn in_interrupt(&self) -> bool {
        IN_INTERRUPT.get()
    }
    fn waiter(&self) -> Option<*mut ()> {
        None
    }
    fn wait(&self, _: WaitPoint, _: Option<u32>) {}
    fn wake(&self, _: WaitPoint) {}
}

type Rt = Runtime<Alone, Fixed<4, 4, 8>>;

fn runtime() -> &'static Rt {
    ID.set(1);
    LOCAL.set(0);
    NOW.set(0);
    cocancel_host_tests::forever(Runtime::new(Alone, Fixed::new()))
}

fn as_thread<T>(id: u32, work: impl FnOnce() -> T) -> T {
    let (own, local) = (ID.replace(id), LOCAL.replace(0));
    let result = work();
    ID.set(own);
    LOCAL.set(local);
    result
}

fn step() {
    STEPS_LEFT.set(STEPS_LEFT.get().wrapping_sub(1));
    if STEPS_LEFT.get() == 0 {
        before_each_atomic_operation(None);
        WORK.take().expect("once")();
        before_each_atomic_operation(Some(step));
    }
}

/// Does `body`, and `work` before its step number `at`, the first being 1. `false`: it has no such step.
fn cut_into(at: u32, work: impl FnOnce() + 'static, body: impl FnOnce()) -> bool {
    STEPS_LEFT.set(at);
    WORK.set(Some(Box::new(work)));
    before_each_atomic_operation(Some(step));
    body();
    before_each_atomic_operation(None);
    WORK.take().is_none()
}

#[test]
fn testing_in_a_handler_that_cuts_into_enter_and_leave() {
    for in_interrupt in [false, true] {
        let mut at = 1;
        while at < 1000 {
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
                break;
            }
            at += 1;
        }
        assert!((5..1000).contains(&at), "{at} steps");
    }
}

/// A custom cancel object whose last `Release` does something.
#[repr(C)]
struct Custom {
    vtable: &'static Vtable,
    references: Cell<u32>,
    when_released: RefCell<Option<Box<dyn FnOnce()>>>,
}

static VTABLE: Vtable = Vtable { query_interface, add_ref, release, cancel, test_cancel };

fn custom(when_released: impl FnOnce() + 'static) -> *mut () {
    let when_released = RefCell::new(Some(Box::new(when_released) as Box<dyn FnOnce()>));
    let object: &'static Custom =
        Box::leak(Box::new(Custom { vtable: &VTABLE, references: Cell::new(0), when_released }));
    (&raw const *object).cast_mut().cast()
}

fn parts(this: *mut ()) -> &'static Custom {
    // SAFETY: made by `custom`, never freed, and of this test's thread
    unsafe { &*this.cast::<Custom>() }
}

unsafe extern "system" fn query_interface(this: *mut (), _: *const Guid, out: *mut *mut ()) -> Hresult {
    // SAFETY: the library's pointer
    unsafe { *out = this };
    parts(this).references.set(parts(this).references.get() + 1);
    Hresult::S_OK
}

unsafe extern "system" fn add_ref(this: *mut ()) -> u32 {
    parts(this).references.set(parts(this).references.get() + 1);
    parts(this).references.get()
}

unsafe extern "system" fn release(this: *mut ()) -> u32 {
    let left = parts(this).references.get() - 1;
    parts(this).references.set(left);
    if left == 0 {
        parts(this).when_released.take().expect("once")();
    }
    left
}

unsafe extern "system" fn cancel(_: *mut (), _: u32) -> Hresult {
    Hresult::S_OK
}

unsafe extern "system" fn test_cancel(_: *mut ()) -> Hresult {
    Hresult::RPC_S_CALLPENDING
}

#[test]
fn a_stranger_attaches_while_a_dead_threads_object_calls_back_in() {
    let mut at = 1;
    while at < 1000 {
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
            break;
        }
        let answer = rt.cancel_thread(5, Timeout::ZERO, Waiting::Never);
        assert_eq!(answer, Hresult::S_OK, "the stranger that came before step {at} lost its call");
        assert_eq!(rt.threads(), 2);
        at += 1;
    }
    assert!((20..1000).contains(&at), "{at} steps");
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
fn another_ticks_while_a_ticker_stands_still() {
    let mut at = 1;
    while at < 1000 {
        let rt = runtime();
        rt.enable().unwrap();
        let calls = [5, 50].map(|ms| rt.begin(CallOptions::new().timeout(Timeout::millis(ms))).call);
        let other = move || {
            for now in 11..100 {
                NOW.set(now);
                let answer = rt.tick(u32::MAX);
                let is_over = |call| rt.test_call(call) == Hresult::RPC_E_CALL_CANCELED;
                // the one that stands still may hold the call that it was just looking at, no more
                assert!(now < 12 || is_over(calls[0]), "stopped before step {at}: at {now} the first is not over");
                assert!(now < 52 || is_over(calls[1]), "stopped before step {at}: at {now} the second is not over");
                assert!(now >= 51 || answer.is_some_and(|ms| ms <= 51 - now + 1), "at {now}: {answer:?}");
            }
        };
        NOW.set(10);
        if !cut_into(at, other, || _ = rt.tick(u32::MAX)) {
            break;
        }
        at += 1;
    }
    assert!((10..1000).contains(&at), "{at} steps");
}

#[test]
fn a_deadline_that_is_armed_while_a_ticker_looks() {
    let mut at = 1;
    while at < 1000 {
        let rt = runtime();
        rt.enable().unwrap();
        let _ = rt.begin(CallOptions::new().timeout(Timeout::millis(5)));
        NOW.set(10);
        let begin = move || {
            as_thread(2, || {
                rt.enable().unwrap();
                let _ = rt.begin(CallOptions::new().timeout(Timeout::millis(20)));
            });
        };
        let mut answer = None;
        if !cut_into(at, begin, || answer = rt.tick(u32::MAX)) {
            break;
        }
        // at once, where the scan may have missed it
        assert!(answer.is_none_or(|ms| ms == 0 || ms >= 20), "armed before step {at}: {answer:?}");
        for now in 11..40 {
            NOW.set(now);
            rt.tick(u32::MAX);
        }
        let pending = rt.calls().filter(|call| !call.requested).count();
        assert_eq!(pending, 0, "the deadline that was armed before step {at} is lost");
        at += 1;
    }
    assert!((10..1000).contains(&at), "{at} steps");
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

/// A thread of the tests', to go on as later.
#[derive(Clone, Copy)]
struct Thread {
    id: u32,
    local: u32,
}

impl Thread {
    fn start<T>(id: u32, work: impl FnOnce() -> T) -> (Self, T) {
        as_thread(id, || {
            let result = work();
            (Self { id, local: LOCAL.get() }, result)
        })
    }

    fn go_on(self, work: impl FnOnce()) {
        as_thread(self.id, || {
            LOCAL.set(self.local);
            work();
        });
    }
}

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
        let mut at = 1;
        while at < 1000 {
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
                break;
            }
            let plausible = [Hresult::S_OK, Hresult::E_NOINTERFACE, Hresult::RPC_E_CALL_COMPLETE];
            assert!(plausible.contains(&answer), "{change:?} before step {at}: {answer:?}");
            let strangers = rt.calls().filter(|call| call.thread == Some(3));
            assert!(
                !strangers.into_iter().any(|call| call.requested),
                "{change:?} before step {at}: a stranger's call"
            );
            at += 1;
        }
        assert!((4..1000).contains(&at), "{at} steps");
    }
}

#[test]
fn a_custom_object_that_goes_while_a_handler_looks_it_up() {
    for exits in [false, true] {
        let mut at = 1;
        while at < 1000 {
            let rt = runtime();
            // SAFETY: a live object
            let register = || _ = unsafe { rt.co_set_cancel_object(custom(|| {})) }.unwrap();
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
                break;
            }
            let plausible = [Hresult::E_UNEXPECTED, Hresult::E_NOINTERFACE];
            assert!(plausible.contains(&answer), "before step {at}: {answer:?}");
            at += 1;
        }
        assert!((4..1000).contains(&at), "{at} steps");
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
        let mut at = 1;
        while at < 1000 {
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
                break;
            }
            let plausible = [Hresult::S_OK, Hresult::E_NOINTERFACE, Hresult::RPC_E_CALL_COMPLETE];
            let plausible = plausible.contains(&answer) || answer == Hresult::RPC_E_CALL_CANCELED;
            assert!(plausible, "{next:?} before step {at}: {answer:?}");
            at += 1;
        }
        assert!((4..1000).contains(&at), "{at} steps");
    }
}

#[test]
fn a_reply_comes_while_a_canceller_finds_the_call_overdue() {
    let mut at = 1;
    while at < 1000 {
        let rt = runtime();
        rt.enable().unwrap();
        let call = rt.begin(CallOptions::new().timeout(Timeout::millis(5))).call;
        NOW.set(10);
        let mut answer = Hresult::S_OK;
        let reply = move || _ = rt.complete(call);
        if !cut_into(at, reply, || answer = rt.cancel_call(call, Timeout::millis(9), Waiting::Never)) {
            break;
        }
        let outcome = rt.finish(call);
        let expected = match outcome {
            Ok(Outcome::Completed) => Hresult::RPC_E_CALL_COMPLETE,
            _ => Hresult::RPC_E_CALL_CANCELED,
        };
        assert_eq!(answer, expected, "a reply before step {at}: {outcome:?}");
        at += 1;
    }
    assert!((4..1000).contains(&at), "{at} steps");
}

/// Does `body` up to its step number `at`, and no further.
fn stop_before(at: u32, body: impl FnOnce()) {
    STEPS_LEFT.set(at);
    WORK.set(Some(Box::new(|| std::panic::resume_unwind(Box::new("stopped")))));
    before_each_atomic_operation(Some(step));
    let _ = std::panic::catch_unwind(std::panic::AssertUnwindSafe(body));
    before_each_atomic_operation(None);
    WORK.set(None);
    // where it cut into another, that one goes on, and nobody cuts into it again
    STEPS_LEFT.set(0);
}

#[test]
fn a_ticker_whose_round_is_over_finds_another_that_stands_in_its_own() {
    for stopped_at in 1..30 {
        let mut at = 1;
        while at < 1000 {
            let rt = runtime();
            rt.enable().unwrap();
            let _ = [5, 50].map(|ms| rt.begin(CallOptions::new().timeout(Timeout::millis(ms))).call);
            let other = move || stop_before(stopped_at, || _ = rt.tick(u32::MAX));
            NOW.set(10);
            let mut answer = None;
            if !cut_into(at, other, || answer = rt.tick(u32::MAX)) {
                break;
            }
            // not at once, or two who see each other's rounds would never let one end
            let is_soon = answer.is_some_and(|ms| (1..=41).contains(&ms));
            assert!(is_soon, "stopped before {stopped_at}, cut into before {at}: {answer:?}");
            at += 1;
        }
        assert!((10..1000).contains(&at), "{at} steps");
    }
}

#[test]
fn two_tickers_with_small_budgets() {
    let mut at = 1;
    while at < 1000 {
        let rt = runtime();
        rt.enable().unwrap();
        // in the order of the slots: the second and third are looked at first
        let calls = [5, 50, 6].map(|ms| rt.begin(CallOptions::new().timeout(Timeout::millis(ms))).call);
        NOW.set(10);
        if !cut_into(at, move || _ = rt.tick(2), || _ = rt.tick(2)) {
            break;
        }
        let is_over = |call| rt.test_call(call) == Hresult::RPC_E_CALL_CANCELED;
        while rt.tick(2) == Some(0) {}
        assert_eq!(calls.map(is_over), [true, false, true], "cut into before step {at}");
        NOW.set(60);
        while rt.tick(2) == Some(0) {}
        assert!(is_over(calls[1]), "a later deadline is lost, cut into before step {at}");
        at += 1;
    }
    assert!((4..1000).contains(&at), "{at} steps");
}

#[test]
fn a_snapshot_while_a_thread_begins_and_finishes() {
    let mut at = 1;
    while at < 1000 {
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
            break;
        }
        at += 1;
    }
    assert!((10..1000).contains(&at), "{at} steps");
}
