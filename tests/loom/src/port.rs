//! The port of the tests.

use std::ptr::without_provenance_mut;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering::Relaxed};

use cocancel::{CallHandle, CallOptions, Event, Port, WaitPoint};
use loom::cell::{Cell, UnsafeCell};
use loom::sync::Notify;

use crate::{ID, LOCAL, step};

/// The thread ids that may wait in a test are 1 to this.
pub const THREADS: usize = 4;
/// The wake contexts that a test may give to `begin` are the numbers below this.
pub const CONTEXTS: usize = 3;
const HOST: usize = 0x100;

/// A wake context that the host frees when it is retired, or a thread's own.
#[derive(Debug)]
struct Context {
    alive: UnsafeCell<bool>,
    retired: AtomicU32,
    /// A thread's own context is retired by each call in which it waited, and gone only when the thread is, too.
    ended: AtomicBool,
    gone: AtomicBool,
}

// SAFETY: loom reports what is not ordered
unsafe impl Sync for Context {}

impl Context {
    fn new() -> Self {
        Self {
            alive: UnsafeCell::new(true),
            retired: AtomicU32::new(0),
            ended: AtomicBool::new(false),
            gone: AtomicBool::new(false),
        }
    }

    fn use_it(&self) {
        assert!(!self.gone.load(Relaxed), "woken after its end");
        // SAFETY: loom reports an end that does not come after
        self.alive.with(|alive| assert!(unsafe { *alive }, "woken after its end"));
    }

    fn free(&self) {
        // SAFETY: loom reports a use that does not come before
        self.alive.with_mut(|alive| unsafe { *alive = false });
    }
}

/// The port of the tests.
#[derive(Debug)]
pub struct LoomPort {
    tick: AtomicU32,
    /// The clock of a test in which a reading may be as old as the memory model allows.
    raced: loom::sync::atomic::AtomicU32,
    is_raced: AtomicBool,
    tokens: [Notify; THREADS],
    threads: [Context; THREADS],
    contexts: [Context; CONTEXTS],
    /// How often a server was told.
    pub requests: AtomicU32,
    /// How many records nobody was left to own.
    pub orphans: AtomicU32,
    /// How many wakes there were.
    pub wakes: AtomicU32,
    /// Who ran `retire` last; 0 is an interrupt handler, `u32::MAX` nobody.
    pub retired_by: AtomicU32,
}

impl LoomPort {
    pub(crate) fn new() -> Self {
        Self {
            tick: AtomicU32::new(0),
            raced: loom::sync::atomic::AtomicU32::new(0),
            is_raced: AtomicBool::new(false),
            tokens: std::array::from_fn(|_| Notify::new()),
            threads: std::array::from_fn(|_| Context::new()),
            contexts: std::array::from_fn(|_| Context::new()),
            requests: AtomicU32::new(0),
            orphans: AtomicU32::new(0),
            wakes: AtomicU32::new(0),
            retired_by: AtomicU32::new(u32::MAX),
        }
    }

    /// Lets time pass.
    pub fn advance(&self, ms: u32) {
        if self.is_raced.load(Relaxed) {
            self.raced.fetch_add(ms, Relaxed);
        } else {
            self.tick.fetch_add(ms, Relaxed);
        }
    }

    /// From now on the clock starts at `tick` and its readings may be as old as the memory model allows.
    pub fn race_the_clock(&self, tick: u32) {
        self.raced.store(tick, Relaxed);
        self.is_raced.store(true, Relaxed);
    }

    /// Whether the context was retired, exactly once.
    pub fn is_retired(&self, context: usize) -> bool {
        let times = self.contexts[context].retired.load(Relaxed);
        assert!(times <= 1, "retired {times} times");
        times == 1
    }

    /// The thread has ended, which has waited in one call: when that retires its context, nobody may wake it any more.
    pub fn end_thread(&self, id: u32) {
        let context = &self.threads[id as usize - 1];
        context.ended.store(true, Relaxed);
        // retired before: the hook and the end of the thread are the host's to order
        context.gone.store(context.retired.load(Relaxed) != 0, Relaxed);
    }

    /// How often the thread's own context was retired: once for each call in which it has waited.
    pub fn retired_thread(&self, id: u32) -> u32 {
        self.threads[id as usize - 1].retired.load(Relaxed)
    }

    /// Asserts that servers were told so often, and so many records found no owner.
    pub fn assert_hooks(&self, requests: u32, orphans: u32) {
        assert_eq!(self.requests.load(Relaxed), requests, "servers that were told");
        assert_eq!(self.orphans.load(Relaxed), orphans, "records without an owner");
    }
}

/// Options of a call with the wake context number `n`.
pub fn context(n: usize) -> CallOptions {
    with_context(CallOptions::new(), n)
}

/// The same for a call that has other options, too.
pub fn with_context(options: CallOptions, n: usize) -> CallOptions {
    // SAFETY: this port's contexts are numbers
    unsafe { options.context(without_provenance_mut(HOST + n)) }
}

// SAFETY: ids and locals are thread-local; a Notify keeps a wake that comes first; hooks only count. A `step` that unwinds is a
// thread that is gone: nothing below it runs on
unsafe impl Port for LoomPort {
    fn thread_id(&self) -> u32 {
        ID.with(Cell::get)
    }
    fn tick(&self) -> u32 {
        step();
        if self.is_raced.load(Relaxed) { self.raced.load(Relaxed) } else { self.tick.load(Relaxed) }
    }
    fn local(&self) -> Option<u32> {
        Some(LOCAL.with(Cell::get))
    }
    fn set_local(&self, value: u32) {
        LOCAL.with(|local| local.set(value));
    }
    fn in_interrupt(&self) -> bool {
        self.thread_id() == 0
    }
    fn waiter(&self) -> Option<*mut ()> {
        step();
        assert!(!self.in_interrupt(), "nothing waits in an interrupt handler");
        Some(without_provenance_mut(self.thread_id() as usize))
    }
    fn wait(&self, point: WaitPoint, ms: Option<u32>) {
        step();
        match ms {
            Some(ms) => self.advance(ms),
            None => self.tokens[point.context.addr() - 1].wait(),
        }
    }
    fn wake(&self, point: WaitPoint) {
        step();
        self.wakes.fetch_add(1, Relaxed);
        match point.context.addr() {
            0 => panic!("a wake without a context"),
            host if host >= HOST => self.contexts[host - HOST].use_it(),
            thread => {
                self.threads[thread - 1].use_it();
                self.tokens[thread - 1].notify();
            }
        }
    }
    fn retire(&self, context: *mut ()) {
        self.retired_by.store(self.thread_id(), Relaxed);
        let host = context.addr().checked_sub(HOST);
        let context = match host {
            Some(host) => &self.contexts[host],
            None => &self.threads[context.addr() - 1],
        };
        context.retired.fetch_add(1, Relaxed);
        if host.is_some() || context.ended.load(Relaxed) {
            context.free();
        }
    }
    fn cancel_requested(&self, _: CallHandle, context: *mut (), _: Option<u32>) {
        step();
        self.requests.fetch_add(1, Relaxed);
        // one of `begin`'s: it is there still
        if context.addr() >= HOST {
            self.contexts[context.addr() - HOST].use_it();
        }
    }
    fn orphaned(&self, _: *mut ()) {
        self.orphans.fetch_add(1, Relaxed);
    }
    fn event(&self, _: Event) {
        step();
    }
}
