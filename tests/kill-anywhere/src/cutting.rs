//! Operations that another cuts into, or that stop, at each of their steps: without coroutines, by doing the other's work in the hook.

use std::cell::{Cell, RefCell};
use std::ptr::without_provenance_mut;

use cocancel::{Event, EventKind, Fixed, Port, Runtime, WaitPoint, before_each_atomic_operation};

thread_local! {
    /// The thread that is at work.
    pub static ID: Cell<u32> = const { Cell::new(1) };
    /// Its thread-local word.
    pub static LOCAL: Cell<u32> = const { Cell::new(0) };
    /// The time.
    pub static NOW: Cell<u32> = const { Cell::new(0) };
    /// Whether a handler is at work.
    pub static IN_INTERRUPT: Cell<bool> = const { Cell::new(false) };
    /// The addresses of the wake contexts that will not be used again.
    pub static RETIRED: RefCell<Vec<usize>> = const { RefCell::new(Vec::new()) };
    static HOOK: RefCell<Option<(Hook, Work)>> = const { RefCell::new(None) };
    static STEPS_LEFT: Cell<u32> = const { Cell::new(0) };
    static WORK: RefCell<Option<Work>> = const { RefCell::new(None) };
}

/// What is done there.
type Work = Box<dyn FnOnce()>;

/// Where the host's code runs.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Hook {
    /// A call begins.
    Begun,
    /// A record is left to nobody.
    Orphaned,
    /// A thread sleeps, which nobody does where this is not what comes next.
    Sleep,
}

/// What happens there the next time.
pub fn at_next(hook: Hook, work: impl FnOnce() + 'static) {
    HOOK.set(Some((hook, Box::new(work))));
}

fn is_next(hook: Hook) -> bool {
    HOOK.with_borrow(|next| next.as_ref().is_some_and(|(at, _)| *at == hook))
}

fn reach(hook: Hook) {
    if is_next(hook)
        && let Some((_, work)) = HOOK.take()
    {
        work();
    }
}

/// The port: one thread of the system, which plays them all.
#[derive(Debug)]
pub struct Alone;

// SAFETY: 1. the tests choose ids. 2. the tests' time. 3. a thread-local. 4. who sleeps does the others' work. 5. what the tests' hooks
// do there is allowed. 6. contexts are numbers.
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
        is_next(Hook::Sleep).then(|| without_provenance_mut(0x77))
    }
    fn wait(&self, _: WaitPoint, _: Option<u32>) {
        reach(Hook::Sleep);
    }
    fn wake(&self, _: WaitPoint) {}
    fn retire(&self, context: *mut ()) {
        RETIRED.with_borrow_mut(|retired| retired.push(context.addr()));
    }
    fn orphaned(&self, _: *mut ()) {
        reach(Hook::Orphaned);
    }
    fn event(&self, event: Event) {
        if event.kind == EventKind::Begun {
            reach(Hook::Begun);
        }
    }
}

/// The core, small enough for all to look at.
pub type Rt = Runtime<Alone, Fixed<4, 4, 8>>;

/// A new one, with the thread 1 and the time 0.
pub fn runtime() -> &'static Rt {
    ID.set(1);
    LOCAL.set(0);
    NOW.set(0);
    HOOK.set(None);
    RETIRED.take();
    cocancel_host_tests::forever(Runtime::new(Alone, Fixed::new()))
}

/// Does `work` as a thread that is new to the library.
pub fn as_thread<T>(id: u32, work: impl FnOnce() -> T) -> T {
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

/// Tries one step after another, from 1, until it says that there is no such step; there must be `least`.
pub fn each_step(least: u32, mut is_there: impl FnMut(u32) -> bool) {
    let end = (1..1000).find(|at| !is_there(*at)).expect("an operation comes to its end");
    assert!(end >= least, "{end} steps");
}

/// Does `body`, and `work` before its step number `at`, the first being 1. `false`: it has no such step.
pub fn cut_into(at: u32, work: impl FnOnce() + 'static, body: impl FnOnce()) -> bool {
    STEPS_LEFT.set(at);
    WORK.set(Some(Box::new(work)));
    before_each_atomic_operation(Some(step));
    body();
    before_each_atomic_operation(None);
    WORK.take().is_none()
}

/// A thread of the tests', to go on as later.
#[derive(Clone, Copy)]
pub struct Thread {
    id: u32,
    local: u32,
}

impl Thread {
    /// Its first piece of work.
    pub fn start<T>(id: u32, work: impl FnOnce() -> T) -> (Self, T) {
        as_thread(id, || {
            let result = work();
            (Self { id, local: LOCAL.get() }, result)
        })
    }

    /// Another piece of work.
    pub fn go_on(self, work: impl FnOnce()) {
        as_thread(self.id, || {
            LOCAL.set(self.local);
            work();
        });
    }
}

/// Does `body` up to its step number `at`, and no further.
pub fn stop_before(at: u32, body: impl FnOnce()) {
    STEPS_LEFT.set(at);
    WORK.set(Some(Box::new(|| std::panic::resume_unwind(Box::new("stopped")))));
    before_each_atomic_operation(Some(step));
    let _ = std::panic::catch_unwind(std::panic::AssertUnwindSafe(body));
    before_each_atomic_operation(None);
    WORK.set(None);
    // where it cut into another, that one goes on, and nobody cuts into it again
    STEPS_LEFT.set(0);
}
