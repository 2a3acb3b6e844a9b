//! A port, a custom cancel object and a frame for tests that walk every interleaving of the real core under loom.
//!
//! Time stands still until somebody sleeps with a timeout: then it passes at once. A sleep without timeout ends by a wake only, so
//! that a lost wake-up is a deadlock, which loom reports.
#![cfg(loom)]

pub mod object;

use std::ptr::without_provenance_mut;

use cocancel::{CallHandle, CallOptions, Fixed, Port, Runtime, WaitPoint};
use loom::cell::Cell;
use loom::sync::Notify;
use loom::sync::atomic::{AtomicU32, Ordering};
use loom::thread;

/// The thread ids that a test may use are 1 to this.
pub const THREADS: usize = 4;
/// The wake contexts that a test may give to `begin` are 0x100 to 0x100 plus this.
pub const CONTEXTS: usize = 3;

loom::thread_local! {
    static ID: Cell<u32> = Cell::new(0);
    static LOCAL: Cell<u32> = Cell::new(0);
}

/// The port of the tests.
#[derive(Debug)]
pub struct LoomPort {
    tick: AtomicU32,
    tokens: [Notify; THREADS],
    retired: [AtomicU32; CONTEXTS],
    /// How often a server was to be told.
    pub requests: AtomicU32,
    /// How many records nobody was left to own.
    pub orphans: AtomicU32,
    /// How many wakes there were.
    pub wakes: AtomicU32,
}

/// A runtime of the tests: one shared slot more than threads have of their own, unless a test says otherwise.
pub type Rt<const CALLS: usize = 2, const SLOTS: usize = 2, const CELLS: usize = 0> =
    Runtime<LoomPort, Fixed<CALLS, SLOTS, CELLS>>;

impl LoomPort {
    fn new() -> Self {
        Self {
            tick: AtomicU32::new(0),
            tokens: std::array::from_fn(|_| Notify::new()),
            retired: std::array::from_fn(|_| AtomicU32::new(0)),
            requests: AtomicU32::new(0),
            orphans: AtomicU32::new(0),
            wakes: AtomicU32::new(0),
        }
    }

    /// Lets time pass.
    pub fn advance(&self, ms: u32) {
        self.tick.fetch_add(ms, Ordering::AcqRel);
    }

    /// Whether the context was retired, exactly once.
    pub fn is_retired(&self, context: usize) -> bool {
        let times = self.retired[context].load(Ordering::Acquire);
        assert!(times <= 1, "retired {times} times");
        times == 1
    }
}

/// The wake context number `n`, for [`CallOptions`].
pub fn context(n: usize) -> CallOptions {
    // SAFETY: this port's contexts are numbers
    unsafe { CallOptions::new().context(without_provenance_mut(0x100 + n)) }
}

// SAFETY: ids and locals are thread-local; a Notify keeps a wake that comes first; hooks only count
unsafe impl Port for LoomPort {
    fn thread_id(&self) -> u32 {
        ID.with(Cell::get)
    }
    fn tick(&self) -> u32 {
        self.tick.load(Ordering::Acquire)
    }
    fn local(&self) -> Option<u32> {
        Some(LOCAL.with(Cell::get))
    }
    fn set_local(&self, value: u32) {
        LOCAL.with(|local| local.set(value));
    }
    fn waiter(&self) -> Option<*mut ()> {
        Some(without_provenance_mut(self.thread_id() as usize))
    }
    fn wait(&self, point: WaitPoint, ms: Option<u32>) {
        match ms {
            Some(ms) => self.advance(ms),
            None => self.tokens[point.context.addr() - 1].wait(),
        }
    }
    fn wake(&self, point: WaitPoint) {
        self.wakes.fetch_add(1, Ordering::Relaxed);
        match point.context.addr() {
            0 => panic!("a wake without a context"),
            host if host >= 0x100 => {
                assert_eq!(self.retired[host - 0x100].load(Ordering::Acquire), 0, "woken after it was retired");
            }
            thread => self.tokens[thread - 1].notify(),
        }
    }
    fn retire(&self, context: *mut ()) {
        if let Some(host) = context.addr().checked_sub(0x100) {
            self.retired[host].fetch_add(1, Ordering::AcqRel);
        }
    }
    fn cancel_requested(&self, _: CallHandle, _: *mut (), _: Option<u32>) {
        self.requests.fetch_add(1, Ordering::Relaxed);
    }
    fn orphaned(&self, _: *mut ()) {
        self.orphans.fetch_add(1, Ordering::Relaxed);
    }
}

/// Takes the place of another thread, whose slot this runtime does not know yet.
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

/// Walks the interleavings of `test` with up to `preemptions` forced switches; it runs as thread 1, and leaves no slot in use.
pub fn model<const C: usize, const T: usize, const I: usize>(
    preemptions: usize,
    test: impl Fn(&'static Rt<C, T, I>) + Sync + Send + 'static,
) {
    let mut builder = loom::model::Builder::new();
    builder.preemption_bound = Some(preemptions);
    builder.check(move || {
        become_thread(1);
        let runtime: *mut Rt<C, T, I> = Box::into_raw(Box::new(Runtime::new(LoomPort::new(), Fixed::new())));
        // SAFETY: freed below, when all threads of the test have been joined
        test(unsafe { &*runtime });
        // SAFETY: as above
        assert_eq!(unsafe { &*runtime }.calls().count(), 0, "slots are left in use");
        // SAFETY: from Box::into_raw, and nobody refers to it any more
        drop(unsafe { Box::from_raw(runtime) });
    });
}
