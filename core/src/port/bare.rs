//! The port for boards without an operating system: a superloop on each core, and interrupt handlers.
//!
//! Each core's superloop is one thread to the library, named by [`BareMetal::superloop`]. Interrupt handlers are none: they cancel,
//! complete, test and tick, and never wait.
//!
//! What an application brings, with one line for each:
//!
//! | what | how |
//! |---|---|
//! | its processor | an implementation of [`Machine`]: sleep, wake, "is this an interrupt handler?", "which core is this?" |
//! | its time | a timer interrupt that calls [`BareMetal::advance`] with the milliseconds since its last call |
//! | deadlines of calls that nobody waits for | [`Runtime::tick`](crate::Runtime::tick) in that handler, with a budget |
//!
//! ```
//! # use cocancel::port::bare::{BareMetal, Machine};
//! # use cocancel::{CallOptions, Fixed, Outcome, Runtime, Timeout, Waiting};
//! # #[derive(Debug)]
//! # struct Processor;
//! # unsafe impl Machine for Processor {
//! #     fn sleep(&self, awake: impl Fn() -> bool) {
//! #         if !awake() { timer_interrupt() } // what wakes a sleeping processor
//! #     }
//! #     fn wake(&self) {}
//! #     fn in_interrupt(&self) -> bool { false }
//! # }
//! static RUNTIME: Runtime<BareMetal<Processor>, Fixed<4, 1>> = Runtime::new(BareMetal::new(Processor), Fixed::new());
//!
//! // in the timer's interrupt handler, every millisecond
//! fn timer_interrupt() {
//!     RUNTIME.port().advance(1);
//!     RUNTIME.tick(4);
//!     if RUNTIME.port().now() == 20 {
//!         RUNTIME.cancel_thread(BareMetal::<Processor>::superloop(0), Timeout::ZERO, Waiting::Never);
//!     }
//! }
//!
//! // in the superloop
//! let _enabled = RUNTIME.enabled().unwrap();
//! let call = RUNTIME.call(CallOptions::new());
//! assert_eq!(call.wait(), Ok(Outcome::Canceled));
//! ```

use super::{Port, WaitPoint};
use crate::sync::AtomicU32;
use crate::sync::Ordering::{AcqRel, Acquire, Relaxed, Release};

/// What differs between processors.
///
/// # Safety
///
/// 1. `core` is the number of the core that calls it: two cores never get the same.
/// 2. `sleep` returns once `awake` says so, however close before the sleep that came about, or without reason. It is not lost
///    between the question and the sleep: with an event that is latched (Arm's WFE, for which every return from an interrupt
///    handler is an event), or by asking with interrupts masked and sleeping in a way that a masked interrupt still ends (WFI).
/// 3. `in_interrupt` is true in each interrupt handler that uses the runtime, unless that handler keeps
///    [`BareMetal::in_handler`] around what it does.
pub unsafe trait Machine: Sync {
    /// Sleeps until an interrupt or another core's `wake`, unless `awake()`.
    fn sleep(&self, awake: impl Fn() -> bool);

    /// Ends the sleep of the other cores, or makes their next one short (Arm's SEV; an interrupt to each). Runs on a core that is
    /// awake, so there is nothing to do on the only one.
    fn wake(&self);

    /// Whether this is an interrupt handler, where the processor knows (Arm: IPSR is not 0).
    fn in_interrupt(&self) -> bool;

    /// The number of this core, from 0.
    fn core(&self) -> usize {
        0
    }
}

/// The port: a clock, and for each of `CORES` cores what its superloop has.
#[derive(Debug)]
pub struct BareMetal<M, const CORES: usize = 1> {
    machine: M,
    /// Milliseconds, written by the timer's interrupt handler only.
    now: AtomicU32,
    cores: [Core; CORES],
}

#[derive(Debug)]
struct Core {
    /// The superloop's thread-local word, written by it only.
    local: AtomicU32,
    /// Not 0: somebody was woken since this core last waited.
    token: AtomicU32,
    /// How many handlers that said so are running on this core.
    handlers: AtomicU32,
}

impl Core {
    const fn new() -> Self {
        Self { local: AtomicU32::new(0), token: AtomicU32::new(0), handlers: AtomicU32::new(0) }
    }

    fn is_woken(&self) -> bool {
        // Acquire: pairs with `wake`; who is woken sees why
        self.token.load(Acquire) != 0
    }
}

impl<M: Machine, const CORES: usize> BareMetal<M, CORES> {
    /// The port of a program that has just started: time 0, nobody woken.
    #[must_use]
    pub const fn new(machine: M) -> Self {
        Self { machine, now: AtomicU32::new(0), cores: [const { Core::new() }; CORES] }
    }

    /// The processor this port was made with.
    pub fn machine(&self) -> &M {
        &self.machine
    }

    /// The thread id of that core's superloop, by which a call of it is cancelled.
    #[must_use]
    pub const fn superloop(core: usize) -> u32 {
        core as u32 + 1
    }

    /// Milliseconds since the program started, as far as [`advance`](Self::advance) has counted them; wraps at 2^32.
    #[must_use]
    pub fn now(&self) -> u32 {
        // Acquire: pairs with `advance`, so that a core that was told of a time does not see an earlier one
        self.now.load(Acquire)
    }

    /// `ms` milliseconds have gone by. For one interrupt handler, the timer's, on one core: called from two at once it
    /// loses time. No read-modify-write.
    pub fn advance(&self, ms: u32) {
        // Relaxed: nobody else writes it. Release: pairs with `now`
        self.now.store(self.now.load(Relaxed).wrapping_add(ms), Release);
    }

    /// Runs `handler` as an interrupt handler, where [`Machine::in_interrupt`] cannot tell (RISC-V). Handlers may cut into each
    /// other. No read-modify-write.
    pub fn in_handler<T>(&self, handler: impl FnOnce() -> T) -> T {
        let Some(core) = self.here() else { return handler() };
        // Relaxed, all: one core's own; a handler that cuts in leaves the number as it found it
        let outer = core.handlers.load(Relaxed);
        core.handlers.store(outer.wrapping_add(1), Relaxed);
        let out = handler();
        core.handlers.store(outer, Relaxed);
        out
    }

    /// Sleeps until something is woken or `ms` milliseconds are over (`None`: no limit), or returns without reason. For a
    /// superloop that polls its calls: between polls, with what the last poll said. Returns at once in an interrupt handler.
    pub fn sleep(&self, ms: Option<u32>) {
        let Some(core) = self.here().filter(|_| !self.in_interrupt()) else { return };
        let start = self.now();
        let is_over = || ms.is_some_and(|ms| self.now().wrapping_sub(start) >= ms);
        // The token is one for all that a core waits for: whoever takes it looks at its own call next, and whom it was
        // meant for looks at his before he sleeps.
        while !(core.is_woken() || is_over()) {
            self.machine.sleep(|| core.is_woken() || is_over());
        }
        // AcqRel, and a read-modify-write: it takes the last wake there is, and so sees why; a store could wipe out one
        // that came since
        core.token.swap(0, AcqRel);
    }

    fn here(&self) -> Option<&Core> {
        self.cores.get(self.machine.core())
    }
}

// SAFETY: 1. a core's number + 1, which is not 0, and the machine's promise that cores differ; handlers get 0. 2. one writer,
// who only adds. 3. one word for each core, of its superloop; a handler finds that of the superloop it interrupted and, as the
// library refuses to set anything up there, does not write it. 4. `wake` latches every core's token after the phase has changed, and
// `sleep` asks for the token in the way that the machine promises. 5. nothing here unwinds, blocks or calls back. 6. contexts are
// never looked at.
unsafe impl<M: Machine, const CORES: usize> Port for BareMetal<M, CORES> {
    fn thread_id(&self) -> u32 {
        let core = self.machine.core();
        if core >= CORES || self.in_interrupt() { 0 } else { Self::superloop(core) }
    }

    fn tick(&self) -> u32 {
        self.now()
    }

    #[inline]
    fn local(&self) -> Option<u32> {
        // Relaxed: this core's own
        self.here().map(|core| core.local.load(Relaxed))
    }

    fn set_local(&self, value: u32) {
        if let Some(core) = self.here() {
            // Relaxed: this core's own
            core.local.store(value, Relaxed);
        }
    }

    fn in_interrupt(&self) -> bool {
        // Relaxed: this core's own
        self.machine.in_interrupt() || self.here().is_some_and(|core| core.handlers.load(Relaxed) != 0)
    }

    fn waiter(&self) -> Option<*mut ()> {
        Some(core::ptr::null_mut())
    }

    fn wait(&self, _: WaitPoint, ms: Option<u32>) {
        self.sleep(ms);
    }

    fn wake(&self, _: WaitPoint) {
        for core in &self.cores {
            // Release: pairs with `is_woken` and with the swap in `sleep`
            core.token.store(1, Release);
        }
        self.machine.wake();
    }
}

#[cfg(test)]
mod tests;
