//! The port for POSIX systems: thread-locals, the monotonic clock, futexes on Linux, a condition variable elsewhere.
//!
//! Threads attach by themselves and are detached by a thread-exit hook. A forked child starts with an empty runtime.

mod default;
mod exit;
mod wait;

use std::cell::Cell;

pub use default::{Capacity, Hooks, PosixRuntime, runtime, set_capacity, set_hooks};

use super::{Port, WaitPoint};
use crate::event::Event;
use crate::handle::CallHandle;

std::thread_local! {
    /// The calling thread's slot in the default runtime: one load.
    static LOCAL: Cell<u32> = const { Cell::new(0) };
    /// Its id, asked of the kernel once.
    static ID: Cell<u32> = const { Cell::new(0) };
}

/// What the default runtime runs on. There is one, because its thread-local word is one.
#[derive(Debug)]
pub struct Posix(());

/// The calling thread's id as other threads name it to `CoCancelCall`: the kernel's (`gettid`) on Linux, elsewhere one that this
/// library hands out. Never 0.
pub fn thread_id() -> u32 {
    match ID.get() {
        0 => {
            let id = system_id();
            ID.set(id);
            id
        }
        id => id,
    }
}

#[cfg(target_os = "linux")]
fn system_id() -> u32 {
    // SAFETY: takes nothing and cannot fail
    unsafe { libc::gettid() as u32 }
}

#[cfg(not(target_os = "linux"))]
fn system_id() -> u32 {
    default::next_thread_id()
}

fn monotonic_ms() -> u32 {
    let mut now = libc::timespec { tv_sec: 0, tv_nsec: 0 };
    // SAFETY: the clock exists on every POSIX system of this century, and `now` is writable
    unsafe { libc::clock_gettime(libc::CLOCK_MONOTONIC, &raw mut now) };
    (now.tv_sec as u32).wrapping_mul(1000).wrapping_add((now.tv_nsec / 1_000_000) as u32)
}

// SAFETY: 1. the kernel's thread ids (or a counter's) are unique among living threads and never 0. 2. CLOCK_MONOTONIC. 3. a
// thread-local of this module, and `Posix` has one instance. 4. Linux: the futex compares the word before it sleeps; elsewhere the
// comparison and the sleep are under one mutex that the waker takes. 5. nothing here unwinds or calls back; the event hook's contract
// says the same. 6. contexts are only passed to the hooks.
unsafe impl Port for Posix {
    fn thread_id(&self) -> u32 {
        thread_id()
    }

    fn tick(&self) -> u32 {
        monotonic_ms()
    }

    #[inline]
    fn local(&self) -> Option<u32> {
        Some(LOCAL.get())
    }

    fn set_local(&self, value: u32) {
        LOCAL.set(value);
        if value != 0 {
            exit::hook();
        }
    }

    fn waiter(&self) -> Option<*mut ()> {
        Some(core::ptr::null_mut())
    }

    fn wait(&self, point: WaitPoint, ms: Option<u32>) {
        wait::wait(point, ms);
    }

    fn wake(&self, point: WaitPoint) {
        // a client with a wake context polls, but may just as well block
        wait::wake(point);
        if let Some(hooks) = default::hooks().filter(|_| !point.context.is_null()) {
            (hooks.wake)(point.context);
        }
    }

    fn retire(&self, context: *mut ()) {
        if let Some(hooks) = default::hooks() {
            (hooks.retire)(context);
        }
    }

    fn cancel_requested(&self, call: CallHandle, context: *mut (), remaining: Option<u32>) {
        if let Some(hooks) = default::hooks() {
            (hooks.cancel_requested)(call, context, remaining);
        }
    }

    fn orphaned(&self, host: *mut ()) {
        if let Some(hooks) = default::hooks() {
            (hooks.orphaned)(host);
        }
    }

    #[inline]
    fn event(&self, event: Event) {
        if let Some(hooks) = default::hooks() {
            (hooks.event)(event);
        }
    }
}
