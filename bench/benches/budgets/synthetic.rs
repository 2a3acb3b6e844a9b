//! A runtime with as many threads as one likes, all of which are this one.

use std::sync::atomic::AtomicU32;
use std::sync::atomic::Ordering::Relaxed;

use cocancel::{CallHandle, CallOptions, Fixed, Outcome, Port, Reply, Runtime, WaitPoint};

/// The first thread's id; the others follow, as a kernel hands them out. (The best case for a hash table without mixing.)
pub const FIRST_ID: u32 = 1000;

/// Says that the calling thread is whichever was chosen.
pub struct ScriptedPort<const THREADS: usize> {
    current: AtomicU32,
    tick: AtomicU32,
    locals: [AtomicU32; THREADS],
}

impl<const THREADS: usize> ScriptedPort<THREADS> {
    const fn new() -> Self {
        Self { current: AtomicU32::new(0), tick: AtomicU32::new(0), locals: [const { AtomicU32::new(0) }; THREADS] }
    }

    fn local_word(&self) -> Option<&AtomicU32> {
        // Relaxed: there is one thread
        self.locals.get(self.current.load(Relaxed) as usize)
    }
}

// SAFETY: 1. one id for each choice, and only one OS thread ever calls. 2. the time stands still. 3. one word for each choice.
// 4. nothing waits. 5. nothing unwinds. 6. there are no contexts.
unsafe impl<const THREADS: usize> Port for ScriptedPort<THREADS> {
    fn thread_id(&self) -> u32 {
        // Relaxed: there is one thread
        FIRST_ID + self.current.load(Relaxed)
    }

    fn tick(&self) -> u32 {
        // Relaxed: there is one thread
        self.tick.load(Relaxed)
    }

    fn local(&self) -> Option<u32> {
        // Relaxed: there is one thread
        self.local_word().map(|word| word.load(Relaxed))
    }

    fn set_local(&self, value: u32) {
        if let Some(word) = self.local_word() {
            // Relaxed: there is one thread
            word.store(value, Relaxed);
        }
    }

    fn waiter(&self) -> Option<*mut ()> {
        None
    }

    fn wait(&self, _: WaitPoint, _: Option<u32>) {}

    fn wake(&self, _: WaitPoint) {}
}

/// `CELLS` is twice `THREADS`.
pub struct Threads<const THREADS: usize, const CELLS: usize> {
    /// Their runtime.
    pub runtime: Runtime<ScriptedPort<THREADS>, Fixed<1, THREADS, CELLS>>,
}

impl<const THREADS: usize, const CELLS: usize> Threads<THREADS, CELLS> {
    /// For a `static`: the tables are large.
    pub const fn new() -> Self {
        Self { runtime: Runtime::new(ScriptedPort::new(), Fixed::new()) }
    }

    /// Enables every thread, and begins a call on each.
    pub fn begin(&self) -> Vec<CallHandle> {
        (0..THREADS as u32)
            .map(|thread| {
                self.choose(thread);
                assert!(self.runtime.enable().is_ok());
                self.begin_one()
            })
            .collect()
    }

    fn choose(&self, thread: u32) {
        // Relaxed: there is one thread
        self.runtime.port().current.store(thread, Relaxed);
    }

    fn begin_one(&self) -> CallHandle {
        let begun = self.runtime.begin(CallOptions::new());
        assert!(begun.cancellable.is_ok());
        begun.call
    }

    /// Ends a thread's call, which was cancelled, and begins another.
    pub fn renew(&self, calls: &mut [CallHandle], id: u32) {
        let thread = id - FIRST_ID;
        let call = &mut calls[thread as usize];
        self.choose(thread);
        assert!(matches!(self.runtime.complete(*call), Ok(Reply::Orphaned(record)) if record.is_null()));
        assert_eq!(self.runtime.finish(*call), Ok(Outcome::Canceled));
        *call = self.begin_one();
    }
}
