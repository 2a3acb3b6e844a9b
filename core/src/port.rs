//! What a host supplies: who is calling, what time it is, how to sleep and how to wake.

use crate::event::Event;
use crate::handle::CallHandle;

#[cfg(all(feature = "bare-metal", not(loom)))]
pub mod bare;
#[cfg(all(feature = "posix", not(loom)))]
pub mod posix;
#[cfg(any(all(feature = "posix", not(loom)), all(feature = "windows", windows, not(any(test, loom)))))]
mod process;
#[cfg(all(feature = "windows", windows, not(any(test, loom))))]
pub mod windows;

pub use crate::state::Side;

/// What a waiter sleeps on, and what a waker wakes.
#[derive(Clone, Copy, Debug)]
pub struct WaitPoint {
    /// An aligned 32-bit word in the runtime's own storage, for ports that sleep on addresses (futex, WaitOnAddress). Valid as
    /// long as the storage, so that a late wake is a spurious one at worst. Not to be written.
    pub word: *const u32,
    /// What the word was when the waiter last looked. Sleep only while it still is. Without meaning for a waker.
    pub value: u32,
    /// Who waits. Both sides may sleep on the same word at once, and a wake is meant for one of them.
    pub side: Side,
    /// The waiter's wake context, for ports that wake threads, tasks or events: what `begin` was given, or what
    /// [`Port::waiter`] returned on the waiting thread.
    pub context: *mut (),
}

/// The host's half of the contract.
///
/// # Safety
///
/// An implementation MUST keep all of this; the library relies on it for the safety of its callers:
///
/// 1. `thread_id` is never 0 on a thread that may call, stays the same for the thread's life, and is unique among living threads.
/// 2. `tick` counts milliseconds, monotonic across threads but for its wrap at 2^32.
/// 3. `local` returns what this thread, and no other, last gave to `set_local` **on this port**, 0 at first.
/// 4. A wake is never lost: `wake` makes the `wait` of that side and context return, also if it comes after the waiter last
///    looked and before it sleeps. By the word's value, or by a token that is latched. `wait` may return at any time without
///    reason.
/// 5. `wake`, `retire`, `cancel_requested`, `orphaned` and `event` must not unwind, and must not call back into an operation
///    on the same call; `wake` must not block. `event` of a call that a thread begins comes before the call is on that thread's stack: no
///    other is begun there, no cancel object set or unset, and the thread is not ended. All of them may run on any thread that uses
///    the runtime, and in interrupt handlers where the host cancels or completes there.
/// 6. A context given to `begin` is valid for `wake` until the library calls `retire` with it.
pub unsafe trait Port: Sync {
    /// The calling thread's id; other threads name it by this. 0 where there is none (an interrupt handler).
    fn thread_id(&self) -> u32;

    /// Milliseconds since any fixed moment, wrapping at 2^32.
    fn tick(&self) -> u32;

    /// One word of thread-local storage, or `None` where the host has none (then thread slots are found by id, and a host
    /// must call `thread_exit` for every thread).
    fn local(&self) -> Option<u32>;

    /// Stores that word.
    fn set_local(&self, value: u32);

    /// Whether this is an interrupt handler (or a signal handler, or a raised IRQL): nothing waits there, and thread id 0 and custom
    /// objects are refused.
    fn in_interrupt(&self) -> bool {
        false
    }

    /// The calling thread's own wake context, for a blocking wait; `None` where nothing can block: then the library never
    /// calls `wait`.
    fn waiter(&self) -> Option<*mut ()>;

    /// Sleeps until woken, or for `ms` milliseconds, or for ever.
    fn wait(&self, point: WaitPoint, ms: Option<u32>);

    /// Wakes the waiter of that side.
    fn wake(&self, point: WaitPoint);

    /// The library will not use this wake context again for the call that it was given to. Runs where the last pin of that call is
    /// dropped, once for the context of `begin`, and once for each of [`waiter`](Self::waiter)'s that was used in a wait for that
    /// call: a port whose threads own theirs ignores those.
    fn retire(&self, context: *mut ()) {
        let _ = context;
    }

    /// Somebody asked to cancel the call while its server's side still owes the reply: tell the server. Once for a call.
    /// `remaining` is the time left to the server in milliseconds, `None` for any time. `context` is the one of `begin`; where
    /// that brought none, that of [`waiter`](Self::waiter) if the client blocks.
    fn cancel_requested(&self, call: CallHandle, context: *mut (), remaining: Option<u32>) {
        let _ = (call, context, remaining);
    }

    /// A record that nobody is left to own: both its client's and its server's thread ended without finishing. NULL if that is
    /// what the call was begun with.
    fn orphaned(&self, host: *mut ()) {
        let _ = host;
    }

    /// A step in a call's life.
    fn event(&self, event: Event) {
        let _ = event;
    }
}
