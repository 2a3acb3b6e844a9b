//! Something for an interrupt handler to do.

use core::ptr::null_mut;

use portable_atomic::Ordering::{Acquire, Relaxed, Release};
use portable_atomic::{AtomicPtr, AtomicU32};

/// A function that a timer's handler is to run once, at a moment. For a [`Host`](crate::Host).
#[derive(Debug)]
pub struct Job {
    run: AtomicPtr<()>,
    at: AtomicU32,
}

impl Job {
    /// Nothing to do.
    #[allow(clippy::new_without_default)]
    pub const fn new() -> Self {
        Self { run: AtomicPtr::new(null_mut()), at: AtomicU32::new(0) }
    }

    /// To be done at that tick.
    pub fn set(&self, at: u32, run: fn()) {
        // Relaxed: the release below comes after it
        self.at.store(at, Relaxed);
        // Release: what the function is to find was prepared before
        self.run.store(run as *mut (), Release);
    }

    /// Whether it was done.
    pub fn is_done(&self) -> bool {
        // Acquire: pairs with the release in `tick`, so that what the function wrote is seen
        self.run.load(Acquire).is_null()
    }

    /// For the handler: does it, if it is due at `now`.
    pub fn tick(&self, now: u32) {
        // Acquire: pairs with `set`
        let run = self.run.load(Acquire);
        // Relaxed: `set` stored it before
        if run.is_null() || (now.wrapping_sub(self.at.load(Relaxed)) as i32) < 0 {
            return;
        }
        // SAFETY: not null, so `set` stored it, from a function of this type
        let run = unsafe { core::mem::transmute::<*mut (), fn()>(run) };
        run();
        // Release: pairs with `is_done`
        self.run.store(null_mut(), Release);
    }
}
