//! What handlers, threads and the port's callbacks tell the clauses.

use cocancel::port::Port;
use cocancel::{CallHandle, Event, WaitPoint};
use portable_atomic::Ordering::{AcqRel, Acquire, Release};
use portable_atomic::{AtomicPtr, AtomicU32, AtomicUsize};

/// A word that handlers and threads share. What was written before a `set` is seen after a `get` that finds it.
#[derive(Debug)]
pub(crate) struct Word(AtomicU32);

impl Word {
    const fn new() -> Self {
        Self(AtomicU32::new(0))
    }

    pub(crate) fn get(&self) -> u32 {
        // Acquire: as the type says
        self.0.load(Acquire)
    }

    pub(crate) fn set(&self, value: u32) {
        // Release: as the type says
        self.0.store(value, Release);
    }

    pub(crate) fn add(&self) {
        // AcqRel: as the type says, and of two who add none is lost
        self.0.fetch_add(1, AcqRel);
    }

    pub(crate) fn address(&self) -> *const u32 {
        self.0.as_ptr()
    }
}

/// For a clause to use as it likes.
pub(crate) static NOTED: [Word; 4] = [const { Word::new() }; 4];
/// The word that the clauses about waiting sleep on.
pub(crate) static SLEPT_ON: Word = Word::new();
static CALL: AtomicUsize = AtomicUsize::new(0);
static CONTEXT: AtomicPtr<()> = AtomicPtr::new(core::ptr::null_mut());

static RETIRED: Word = Word::new();
static TOLD: Word = Word::new();
static ORPHANED: Word = Word::new();

/// The call that a handler or a thread is to do something with.
pub(crate) fn set_call(call: CallHandle) {
    // Release: pairs with `call`
    CALL.store(call.to_bits(), Release);
}

pub(crate) fn call() -> CallHandle {
    // Acquire: pairs with `set_call`
    CallHandle::from_bits(CALL.load(Acquire)).expect("set before")
}

/// The wake context of whoever waits.
pub(crate) fn set_context(context: *mut ()) {
    // Release: pairs with `context`
    CONTEXT.store(context, Release);
}

pub(crate) fn context() -> *mut () {
    // Acquire: pairs with `set_context`
    CONTEXT.load(Acquire)
}

/// How often the port's callbacks ran since this was made.
pub(crate) struct Count {
    retired: u32,
    told: u32,
    orphaned: u32,
}

impl Count {
    pub(crate) fn new() -> Self {
        Self { retired: RETIRED.get(), told: TOLD.get(), orphaned: ORPHANED.get() }
    }

    pub(crate) fn retired(&self) -> u32 {
        RETIRED.get().wrapping_sub(self.retired)
    }

    pub(crate) fn told(&self) -> u32 {
        TOLD.get().wrapping_sub(self.told)
    }

    pub(crate) fn orphaned(&self) -> u32 {
        ORPHANED.get().wrapping_sub(self.orphaned)
    }
}

/// For ports that cannot be wrapped in [`Watched`]: to be called by the callbacks of that name.
pub mod note {
    /// `Port::retire` was called, with a context that is not null.
    pub fn retired() {
        super::RETIRED.add();
    }

    /// `Port::cancel_requested` was called.
    pub fn told() {
        super::TOLD.add();
    }

    /// `Port::orphaned` was called.
    pub fn orphaned() {
        super::ORPHANED.add();
    }
}

/// A port whose callbacks are counted.
#[derive(Debug)]
pub struct Watched<P>(pub P);

// SAFETY: the port's own; counting neither unwinds nor blocks nor calls back
unsafe impl<P: Port> Port for Watched<P> {
    fn thread_id(&self) -> u32 {
        self.0.thread_id()
    }

    fn tick(&self) -> u32 {
        self.0.tick()
    }

    fn local(&self) -> Option<u32> {
        self.0.local()
    }

    fn set_local(&self, value: u32) {
        self.0.set_local(value);
    }

    fn in_interrupt(&self) -> bool {
        self.0.in_interrupt()
    }

    fn waiter(&self) -> Option<*mut ()> {
        self.0.waiter()
    }

    fn wait(&self, point: WaitPoint, ms: Option<u32>) {
        self.0.wait(point, ms);
    }

    fn wake(&self, point: WaitPoint) {
        self.0.wake(point);
    }

    fn retire(&self, context: *mut ()) {
        note::retired();
        self.0.retire(context);
    }

    fn cancel_requested(&self, call: CallHandle, context: *mut (), remaining: Option<u32>) {
        note::told();
        self.0.cancel_requested(call, context, remaining);
    }

    fn orphaned(&self, host: *mut ()) {
        note::orphaned();
        self.0.orphaned(host);
    }

    fn event(&self, event: Event) {
        self.0.event(event);
    }
}
