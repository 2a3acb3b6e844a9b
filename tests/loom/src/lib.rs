//! A port, records, a custom cancel object and a frame for tests that walk every interleaving of the real core under loom.
//!
//! Time stands still until somebody sleeps with a timeout: then it passes at once. A sleep without timeout ends by a wake, or once
//! without reason, so that a lost wake-up is a deadlock, which loom reports.
//!
//! What the host owns (records, wake contexts) stands in loom's cells: an access that is not ordered before the end of what it
//! touches is reported, not only one that happens to come later. What only the tests count or set stands in atomics that
//! loom does not see, so that they order nothing and cost no interleavings.
#![cfg(loom)]

pub mod object;
mod port;
pub mod record;

pub use port::{CONTEXTS, LoomPort, THREADS, context, with_context};

use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::sync::atomic::{AtomicBool, Ordering};

use cocancel::{CallHandle, Fixed, Outcome, Reply, Runtime};
use loom::cell::Cell;
use loom::thread;

loom::thread_local! {
    static ID: Cell<u32> = Cell::new(0);
    static LOCAL: Cell<u32> = Cell::new(0);
    static STEPS: Cell<u32> = Cell::new(0);
}

/// A runtime of the tests: one shared slot more than threads have of their own, unless a test says otherwise.
pub type Rt<const CALLS: usize = 2, const SLOTS: usize = 2, const CELLS: usize = 0> =
    Runtime<LoomPort, Fixed<CALLS, SLOTS, CELLS>>;

/// Takes the place of another thread, whose slot this runtime does not know yet. 0 is an interrupt handler.
pub fn become_thread(id: u32) {
    ID.with(|own| own.set(id));
    LOCAL.with(|local| local.set(0));
}

/// Has the calling thread act as another one, which the runtime does not know yet, for a while.
pub fn as_thread<T>(id: u32, work: impl FnOnce() -> T) -> T {
    let (own, local) = (ID.with(Cell::get), LOCAL.with(Cell::get));
    become_thread(id);
    let result = work();
    ID.with(|slot| slot.set(own));
    LOCAL.with(|slot| slot.set(local));
    result
}

/// Runs `work` as the thread `id`.
pub fn spawn<T: 'static>(id: u32, work: impl FnOnce() -> T + 'static) -> thread::JoinHandle<T> {
    thread::spawn(move || {
        become_thread(id);
        work()
    })
}

struct Killed;

/// Does `work` up to its call number `step` of the port, the first being 1, where the thread stops for ever. `None` then.
pub fn killed_at<T>(step: u32, work: impl FnOnce() -> T) -> Option<T> {
    STEPS.with(|steps| steps.set(step));
    // nothing below the port holds what an unwinding would give back: it is as if the thread were gone
    let done = catch_unwind(AssertUnwindSafe(work));
    STEPS.with(|steps| steps.set(0));
    match done {
        Ok(result) => Some(result),
        Err(cause) if cause.is::<Killed>() => None,
        Err(failure) => resume_unwind(failure),
    }
}

fn step() {
    let left = STEPS.with(Cell::get);
    if left != 0 {
        STEPS.with(|steps| steps.set(left - 1));
        if left == 1 {
            resume_unwind(Box::new(Killed));
        }
    }
}

/// Something that must happen in some interleaving, or the test shows less than it seems to.
#[derive(Debug)]
pub struct Seen(AtomicBool);

impl Seen {
    /// Not yet.
    #[must_use]
    pub const fn new() -> Self {
        Self(AtomicBool::new(false))
    }

    /// It happened now, if `it_is`.
    pub fn note(&self, it_is: bool) {
        self.0.fetch_or(it_is, Ordering::Relaxed);
    }

    /// To be called when all interleavings have been walked.
    pub fn assert(&self, what: &str) {
        assert!(self.0.load(Ordering::Relaxed), "no interleaving in which {what}");
    }
}

impl Default for Seen {
    fn default() -> Self {
        Self::new()
    }
}

/// Completes and finishes a call as its own server; whether it had been canceled.
pub fn run_down<const C: usize, const T: usize, const I: usize>(rt: &Rt<C, T, I>, call: CallHandle) -> bool {
    let orphaned = matches!(rt.complete(call).unwrap(), Reply::Orphaned(_));
    let outcome = rt.finish(call).unwrap();
    assert_eq!(orphaned, outcome == Outcome::Canceled);
    orphaned
}

/// Walks the interleavings of `test` with up to `preemptions` forced switches; it runs as thread 1, and leaves no slot in use.
pub fn model<const C: usize, const T: usize, const I: usize>(
    preemptions: usize,
    test: impl Fn(&'static Rt<C, T, I>) + Sync + Send + 'static,
) {
    model_that_leaves(0, preemptions, test);
}

/// The same for a test that leaves up to `slots` slots in use.
pub fn model_that_leaves<const C: usize, const T: usize, const I: usize>(
    slots: usize,
    preemptions: usize,
    test: impl Fn(&'static Rt<C, T, I>) + Sync + Send + 'static,
) {
    let mut builder = loom::model::Builder::new();
    builder.preemption_bound = Some(preemptions);
    builder.max_branches = 10_000;
    builder.check(move || {
        become_thread(1);
        let runtime: *mut Rt<C, T, I> = Box::into_raw(Box::new(Runtime::new(LoomPort::new(), Fixed::new())));
        // SAFETY: freed below, when all threads of the test have been joined
        test(unsafe { &*runtime });
        // SAFETY: as above
        assert!(unsafe { &*runtime }.calls().count() <= slots, "slots are left in use");
        // SAFETY: from Box::into_raw, and nobody refers to it any more
        drop(unsafe { Box::from_raw(runtime) });
    });
}
