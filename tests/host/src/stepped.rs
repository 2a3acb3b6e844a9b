//! A port for real threads whose clock stands still until nobody runs.
//!
//! So every operation takes place at one time, and no test depends on how fast the machine is: time passes only
//! when each thread either sleeps in one of the library's waits, rests between two parts of its script, or is done.

use std::cell::{Cell, RefCell};
use std::sync::atomic::{AtomicU32, Ordering};
use std::thread;

use cocancel::{CallHandle, Event, Port, Side, WaitPoint};
use parking_lot::{Condvar, Mutex, MutexGuard};

thread_local! {
    static ID: Cell<u32> = const { Cell::new(0) };
    static LOCAL: Cell<u32> = const { Cell::new(0) };
    /// Not 0: where the thread gives way to others is drawn from this.
    static DRAWN: Cell<u32> = const { Cell::new(1) };
    static ORPHANED: RefCell<Vec<usize>> = const { RefCell::new(Vec::new()) };
}

/// A thread in one of the library's waits.
#[derive(Debug)]
struct Sleeper {
    thread: u32,
    word: usize,
    side: Side,
    is_woken: bool,
}

#[derive(Debug, Default)]
struct Threads {
    sleepers: Vec<Sleeper>,
    resting: usize,
    done: usize,
    /// Counts the times that the clock moved.
    moves: u32,
}

/// What stands still when nobody runs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Quiet {
    /// So many threads sleep in the library.
    pub asleep: usize,
    /// So many rest.
    pub resting: usize,
}

/// The port.
#[derive(Debug, Default)]
pub struct SteppedPort {
    now: AtomicU32,
    threads: Mutex<Threads>,
    changed: Condvar,
}

impl SteppedPort {
    /// From now on the calling thread is this one of the script, and gives way to others by chance.
    pub fn act_as(thread: u32, chance: u32) {
        ID.set(thread);
        LOCAL.set(0);
        DRAWN.set(chance | 1);
        ORPHANED.take();
    }

    /// The records that went to the `orphaned` hook on this thread since the last time.
    pub fn orphaned() -> Vec<usize> {
        ORPHANED.take()
    }

    fn threads(&self) -> MutexGuard<'_, Threads> {
        self.threads.lock()
    }

    /// The calling thread stands still until the clock has moved.
    pub fn rest(&self) {
        let mut threads = self.threads();
        let before = threads.moves;
        threads.resting += 1;
        self.changed.notify_all();
        while threads.moves == before {
            self.changed.wait(&mut threads);
        }
    }

    /// The calling thread is done.
    pub fn done(&self) {
        let mut threads = self.threads();
        threads.done += 1;
        // under the lock: afterwards the port may be gone
        self.changed.notify_all();
    }

    /// Returns once none of so many threads runs any more.
    pub fn await_quiet(&self, count: usize) -> Quiet {
        let mut threads = self.threads();
        loop {
            let asleep = threads.sleepers.iter().filter(|sleeper| !sleeper.is_woken).count();
            if asleep + threads.resting + threads.done == count {
                return Quiet { asleep, resting: threads.resting };
            }
            self.changed.wait(&mut threads);
        }
    }

    /// Everybody who sleeps looks, for no reason.
    pub fn nudge(&self) {
        self.threads().sleepers.iter_mut().for_each(|sleeper| sleeper.is_woken = true);
        self.changed.notify_all();
    }

    /// The clock moves, and everybody looks.
    pub fn advance(&self, ms: u32) {
        let mut threads = self.threads();
        // SeqCst: nobody runs meanwhile; the lock orders it
        self.now.fetch_add(ms, Ordering::SeqCst);
        threads.moves += 1;
        threads.resting = 0;
        threads.sleepers.iter_mut().for_each(|sleeper| sleeper.is_woken = true);
        self.changed.notify_all();
    }

    /// Lets others run, now and then.
    fn give_way() {
        let mut drawn = DRAWN.get();
        drawn ^= drawn << 13;
        drawn ^= drawn >> 17;
        drawn ^= drawn << 5;
        DRAWN.set(drawn);
        if drawn % 4 == 0 {
            thread::yield_now();
        }
    }
}

// SAFETY: 1. ids are those of the script, one for each thread that uses the port. 2. a counter. 3. thread-local, reset for each port.
// 4. the word is compared under the lock that `wake` takes. 5. nothing here calls back. 6. contexts are not used.
unsafe impl Port for SteppedPort {
    fn thread_id(&self) -> u32 {
        ID.get()
    }

    fn tick(&self) -> u32 {
        Self::give_way();
        // SeqCst: as in `advance`
        self.now.load(Ordering::SeqCst)
    }

    fn local(&self) -> Option<u32> {
        Self::give_way();
        Some(LOCAL.get())
    }

    fn set_local(&self, value: u32) {
        LOCAL.set(value);
    }

    fn waiter(&self) -> Option<*mut ()> {
        Some(std::ptr::null_mut())
    }

    fn wait(&self, point: WaitPoint, _: Option<u32>) {
        let mut threads = self.threads();
        // SAFETY: the word is an atomic of the runtime's, which lives longer than its threads
        let word = unsafe { AtomicU32::from_ptr(point.word.cast_mut()) };
        // Acquire: the waiter looks at the call again if it has changed
        if word.load(Ordering::Acquire) != point.value {
            return;
        }
        let thread = ID.get();
        threads.sleepers.push(Sleeper { thread, word: point.word.addr(), side: point.side, is_woken: false });
        self.changed.notify_all();
        while threads.sleepers.iter().any(|sleeper| sleeper.thread == thread && !sleeper.is_woken) {
            self.changed.wait(&mut threads);
        }
        threads.sleepers.retain(|sleeper| sleeper.thread != thread);
    }

    fn wake(&self, point: WaitPoint) {
        let mut threads = self.threads();
        for sleeper in &mut threads.sleepers {
            sleeper.is_woken |= sleeper.word == point.word.addr() && sleeper.side == point.side;
        }
        self.changed.notify_all();
    }

    fn cancel_requested(&self, _: CallHandle, _: *mut (), _: Option<u32>) {
        Self::give_way();
    }

    fn orphaned(&self, host: *mut ()) {
        ORPHANED.with_borrow_mut(|orphaned| orphaned.push(host.addr()));
    }

    fn event(&self, _: Event) {
        Self::give_way();
    }
}
