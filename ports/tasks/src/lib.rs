//! The port to asynchronous executors on one core: each task is a thread to the library, and calls are awaited.
//!
//! A task has a number, and does all that concerns calls within [`Tasks::run`]: whenever that is polled, the task is the calling
//! thread. So calls nest within a task, a task's innermost call is cancelled by [`Tasks::id`], and interrupt handlers cancel, too.
//! Tasks may preempt each other (executors at several interrupt priorities); two polls of one task never overlap.
//!
//! What an application brings is its [`System`]: what time it is, how to be woken later, and which interrupt is being handled.
//! Nothing here blocks: [`Port::waiter`] is `None`. A wake goes to the waker of the task's last poll, which stands in the task's
//! place in this port; the wake context of a call is a pointer to there.
#![no_std]

mod wait;

use core::sync::atomic::AtomicU32;
use core::sync::atomic::Ordering::Relaxed;
use core::task::Waker;

use atomic_waker::AtomicWaker;
use cocancel::port::Port;
use cocancel::{CallOptions, WaitPoint};

pub use wait::{Cancelling, Ended, cancel, ended};

/// What differs between executors and processors.
///
/// # Safety
///
/// 1. `level` is the number of the interrupt being handled, 0 for none: a handler has another level than what it interrupted.
/// 2. `now` as [`Port::tick`] asks.
/// 3. All that uses the port runs on one core.
pub unsafe trait System: Sync {
    /// The interrupt being handled, 0 for none. Arm: IPSR, or VECTACTIVE.
    fn level(&self) -> u32;

    /// Milliseconds since any fixed moment, wrapping at 2^32.
    fn now(&self) -> u32;

    /// Wakes `waker` in that many milliseconds or later than that by little, or at any time without reason. Nothing to do where
    /// [`Runtime::tick`](cocancel::Runtime::tick) runs in a timer's interrupt handler.
    fn wake_in(&self, ms: u32, waker: &Waker);
}

/// The port, for tasks 0 to `TASKS` - 1. To stand in a `static`: wake contexts point into it.
#[derive(Debug)]
pub struct Tasks<S, const TASKS: usize> {
    system: S,
    /// Which task is being polled, at which level.
    current: AtomicU32,
    tasks: [Task; TASKS],
}

#[derive(Debug)]
struct Task {
    /// The thread-local word, written in the task's polls only.
    local: AtomicU32,
    waker: AtomicWaker,
}

/// In `current`: a level, and below it a task's number + 1.
const LEVEL_SHIFT: u32 = 16;

impl<S: System, const TASKS: usize> Tasks<S, TASKS> {
    /// The port of a program that has just started.
    #[must_use]
    pub const fn new(system: S) -> Self {
        const { assert!(TASKS < 1 << LEVEL_SHIFT, "too many tasks") }
        let tasks = [const { Task { local: AtomicU32::new(0), waker: AtomicWaker::new() } }; TASKS];
        Self { system, current: AtomicU32::new(0), tasks }
    }

    /// The system this port was made with.
    pub fn system(&self) -> &S {
        &self.system
    }

    /// The thread id of a task, by which its innermost call is cancelled.
    #[must_use]
    pub const fn id(task: usize) -> u32 {
        task as u32 + 1
    }

    /// What `future` does is done by that task. For a task's whole body, which calls `Runtime::thread_exit` before it ends.
    ///
    /// # Panics
    ///
    /// If there is no such task.
    pub async fn run<F: Future>(&self, task: usize, future: F) -> F::Output {
        assert!(task < TASKS, "no such task");
        let mut future = core::pin::pin!(future);
        core::future::poll_fn(|cx| {
            let own = self.system.level() << LEVEL_SHIFT | Self::id(task);
            // Relaxed, both: one core's own; what cuts in between leaves it as it found it
            let outer = self.current.load(Relaxed);
            self.current.store(own, Relaxed);
            let poll = future.as_mut().poll(cx);
            if poll.is_ready() {
                // whoever has the number next starts anew. Relaxed: this task's own
                self.tasks[task].local.store(0, Relaxed);
            }
            self.current.store(outer, Relaxed);
            poll
        })
        .await
    }

    /// The wake context of the calling task; null outside tasks. The port's for ever, so nothing is to be done when it is retired.
    pub fn context(&self) -> *mut () {
        self.here().map_or(core::ptr::null_mut(), |task| (&raw const *task).cast_mut().cast())
    }

    /// Options for a call that the calling task begins, and awaits with [`ended`].
    pub fn options(&'static self) -> CallOptions {
        // SAFETY: this port's own, valid for ever
        unsafe { CallOptions::new().context(self.context()) }
    }

    /// For futures that wait: the calling task is polled again when one of its wake contexts is woken from here on, and
    /// in `ms` milliseconds, if that is given. To be called before the look, and again with what the look says.
    pub fn register(&self, waker: &Waker, ms: Option<u32>) {
        if let Some(task) = self.here() {
            task.waker.register(waker);
        }
        if let Some(ms) = ms {
            self.system.wake_in(ms, waker);
        }
    }

    /// The task being polled, unless this is a handler that interrupted it.
    fn here(&self) -> Option<&Task> {
        let current = self.current.load(Relaxed); // Relaxed: as in `run`
        let number = (current & ((1 << LEVEL_SHIFT) - 1)).checked_sub(1)?;
        if current >> LEVEL_SHIFT != self.system.level() {
            return None;
        }
        self.tasks.get(number as usize)
    }

    fn number(&self) -> u32 {
        match self.here() {
            None => 0,
            Some(_) => self.current.load(Relaxed) & ((1 << LEVEL_SHIFT) - 1), // Relaxed: as in `run`
        }
    }
}

/// The task that a wake context stands for.
fn task_of<'a>(context: *mut ()) -> Option<&'a Task> {
    // SAFETY: from `context`, as the contract of `CallOptions::context` says: null, or in a port that stands in a static
    unsafe { context.cast_const().cast::<Task>().as_ref() }
}

// SAFETY: 1. a task's number + 1, which is not 0; no task is polled twice at once. 2. the system's promise. 3. one word for each
// task, written by it only; handlers get none. 4. the task registers its waker before it looks, and a waker that was woken during
// or after a poll has the task polled again: the executor latches it. 5. waking a waker neither blocks nor unwinds nor calls back.
// 6. contexts point into the port itself, which is in use as long as the runtime.
unsafe impl<S: System, const TASKS: usize> Port for Tasks<S, TASKS> {
    fn thread_id(&self) -> u32 {
        self.number()
    }

    fn tick(&self) -> u32 {
        self.system.now()
    }

    fn local(&self) -> Option<u32> {
        // Relaxed: this task's own
        Some(self.here().map_or(0, |task| task.local.load(Relaxed)))
    }

    fn set_local(&self, value: u32) {
        if let Some(task) = self.here() {
            // Relaxed: this task's own
            task.local.store(value, Relaxed);
        }
    }

    fn in_interrupt(&self) -> bool {
        self.here().is_none() && self.system.level() != 0
    }

    fn waiter(&self) -> Option<*mut ()> {
        None
    }

    fn wait(&self, _: WaitPoint, _: Option<u32>) {
        // never called: there is no waiter
    }

    fn wake(&self, point: WaitPoint) {
        if let Some(task) = task_of(point.context) {
            task.waker.wake();
        }
    }
}
