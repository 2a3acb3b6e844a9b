//! A coroutine that may be left standing anywhere.

use corosensei::{Coroutine, CoroutineResult, Yielder};

/// What a thread does, with a stack of its own.
pub struct Strand<Pause, Answer>(Coroutine<(), Pause, Answer>);

impl<Pause: 'static, Answer: 'static> Strand<Pause, Answer> {
    /// One that does `work`, once it is resumed. What stands on its stack owns nothing but memory, for it is forgotten if the strand goes
    /// before its end.
    pub fn new(work: impl FnOnce(&Yielder<(), Pause>) -> Answer + 'static) -> Self {
        Self(Coroutine::new(move |yielder: &Yielder<(), Pause>, ()| work(yielder)))
    }

    /// Goes on to its next pause, or to its end.
    pub fn resume(&mut self) -> CoroutineResult<Pause, Answer> {
        self.0.resume(())
    }
}

impl<Pause, Answer> Drop for Strand<Pause, Answer> {
    fn drop(&mut self) {
        if self.0.started() && !self.0.done() {
            // SAFETY: see `new`; nobody refers to what stands there, for each strand of a scene goes with all of the others
            unsafe { self.0.force_reset() };
        }
    }
}
