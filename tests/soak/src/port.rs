//! A port for real threads, with a clock of its own: fast, so that seconds of grace are milliseconds, and about to wrap.

use std::cell::{Cell, RefCell};
use std::sync::atomic::{AtomicU32, AtomicU64, Ordering};
use std::time::{Duration, Instant};

use cocancel::port::posix;
use cocancel::{CallHandle, Event, Port, Side, WaitPoint};
use parking_lot_core::{DEFAULT_PARK_TOKEN, DEFAULT_UNPARK_TOKEN, park, unpark_one};

/// So many of the port's milliseconds pass in one.
const FASTER: u64 = 64;

thread_local! {
    /// The port's local word, and which port's.
    static LOCAL: Cell<(u64, u32)> = const { Cell::new((0, 0)) };
    static ORPHANED: RefCell<Vec<usize>> = const { RefCell::new(Vec::new()) };
    static TURN: Cell<u32> = const { Cell::new(0) };
}

/// The port.
#[derive(Debug)]
pub struct SoakPort {
    number: u64,
    started: Instant,
    first: u32,
    /// How many wake contexts were retired, and the sum of their numbers.
    retired: [AtomicU64; 2],
    /// How many servers were to be told of a request.
    pub told: AtomicU64,
}

impl SoakPort {
    /// A port whose clock starts at `first`.
    pub fn starting_at(first: u32) -> Self {
        static NUMBER: AtomicU64 = AtomicU64::new(1);
        // Relaxed: only a number
        let number = NUMBER.fetch_add(1, Ordering::Relaxed);
        Self { number, started: Instant::now(), first, retired: Default::default(), told: AtomicU64::new(0) }
    }

    /// The clock without a wrap, from 2^32 less than its start on.
    pub fn time(&self) -> u64 {
        u64::from(self.first) + self.started.elapsed().as_micros() as u64 * FASTER / 1000
    }

    /// Whether the tick has wrapped.
    pub fn has_wrapped(&self) -> bool {
        self.time() > u64::from(u32::MAX)
    }

    /// The records that went to the `orphaned` hook on this thread since the last time.
    pub fn orphaned_here() -> Vec<usize> {
        ORPHANED.take()
    }

    /// How many wake contexts were retired, and the sum of their numbers.
    pub fn retired(&self) -> [u64; 2] {
        // Relaxed: nobody runs
        [0, 1].map(|n| self.retired[n].load(Ordering::Relaxed))
    }

    fn key(point: &WaitPoint) -> usize {
        point.word.addr() + usize::from(point.side == Side::Canceller)
    }

    /// Lets others run, now and then.
    fn give_way() {
        let turn = TURN.get().wrapping_mul(1_664_525).wrapping_add(posix::thread_id() | 1);
        TURN.set(turn);
        if turn >> 27 == 0 {
            std::thread::yield_now();
        }
    }
}

// SAFETY: 1. the kernel's ids. 2. a monotonic clock, multiplied. 3. thread-local, with the number of the port. 4. the word is compared under
// the lock of its queue, which the waker takes. 5. nothing here calls back. 6. contexts are numbers.
unsafe impl Port for SoakPort {
    fn thread_id(&self) -> u32 {
        posix::thread_id()
    }

    fn tick(&self) -> u32 {
        Self::give_way();
        self.time() as u32
    }

    fn local(&self) -> Option<u32> {
        let (number, value) = LOCAL.get();
        Some(if number == self.number { value } else { 0 })
    }

    fn set_local(&self, value: u32) {
        LOCAL.set((self.number, value));
    }

    fn waiter(&self) -> Option<*mut ()> {
        Some(std::ptr::null_mut())
    }

    fn wait(&self, point: WaitPoint, ms: Option<u32>) {
        let until = ms.map(|ms| Instant::now() + Duration::from_micros(u64::from(ms) * 1000 / FASTER + 1));
        // SAFETY: the word is an atomic of the runtime's, which lives longer than its threads
        let word = unsafe { AtomicU32::from_ptr(point.word.cast_mut()) };
        // Acquire: the waiter looks at the call again if it has changed
        let unchanged = || word.load(Ordering::Acquire) == point.value;
        // SAFETY: the key is an address of the runtime's; the closures neither panic nor park
        unsafe { park(Self::key(&point), unchanged, || {}, |_, _| {}, DEFAULT_PARK_TOKEN, until) };
    }

    fn wake(&self, point: WaitPoint) {
        // SAFETY: as above
        unsafe { unpark_one(Self::key(&point), |_| DEFAULT_UNPARK_TOKEN) };
    }

    fn retire(&self, context: *mut ()) {
        // Relaxed: read when nobody runs
        self.retired[0].fetch_add(1, Ordering::Relaxed);
        self.retired[1].fetch_add(context.addr() as u64, Ordering::Relaxed);
    }

    fn cancel_requested(&self, _: CallHandle, _: *mut (), _: Option<u32>) {
        // Relaxed: only a number
        self.told.fetch_add(1, Ordering::Relaxed);
    }

    fn orphaned(&self, host: *mut ()) {
        ORPHANED.with_borrow_mut(|orphaned| orphaned.push(host.addr()));
    }

    fn event(&self, _: Event) {
        Self::give_way();
    }
}
