//! Does a port keep its contract ([`Port`])? One suite for all ports written in Rust: those whose threads block, and those whose
//! threads are asynchronous tasks.
//!
//! A port's tests bring a [`Host`] and run the clauses, each by itself ([`for_each_clause`]) or all in turn ([`run`]). A clause
//! that is not kept panics; a lost wake shows as a clause that does not end. What is asked of a port beyond what the types say is
//! written at each clause, with the number of the contract's item. The same clauses, for ports in C, are in `tests/conformance`.
#![no_std]
#![allow(async_fn_in_trait)] // a host's futures stay on its thread

mod job;
mod mailbox;
mod notes;
mod port_clauses;
mod runtime_clauses;

use core::pin::pin;
use core::task::{Context, Poll, Waker};

use cocancel::port::Port;
use cocancel::{CallHandle, Hresult, Outcome, Runtime, Storage, WaitPoint};

pub use job::Job;
pub use mailbox::{Mailbox, yield_now};
pub use notes::{Watched, note};
pub use port_clauses::*;
pub use runtime_clauses::*;

/// What the suite needs beside the port. Everything is done by functions without state, because handlers and threads do it, too.
///
/// On hosts that block, the futures do their work when they are first polled, see [`at_once`].
pub trait Host: 'static {
    /// The port under test. [`Watched`], or one whose callbacks call [`note`]'s.
    type Port: Port + 'static;
    /// The tables: at least 4 calls, and a thread for the suite, for each helper and for a short-lived one.
    type Storage: Storage + 'static;
    /// How many other threads there are, 0 or 2. They live as long as the suite.
    const HELPERS: usize;
    /// Whether helpers can be asleep while the suite's thread goes on, see [`start`](Self::start). Not where they are tasks.
    const HELPERS_SLEEP: bool = false;
    /// Whether threads can end, see [`short_lived`](Self::short_lived). Not without helpers.
    const THREADS_END: bool;
    /// Whether [`interrupt`](Self::interrupt) runs in an interrupt handler, and not in another thread.
    const INTERRUPTS: bool;
    /// Whether `Runtime::tick` runs by itself.
    const TICKS: bool;
    /// The tick wraps within so many milliseconds of the program's start; 0: it cannot be had to.
    const WRAPS_WITHIN: u32;
    /// By how many milliseconds a wait or the tick may be late; `u32::MAX` where the machine's speed comes in.
    const LATE: u32;

    /// The runtime on the port.
    fn runtime() -> &'static Runtime<Self::Port, Self::Storage>;
    /// A wake context of this thread, not null.
    fn context() -> *mut ();
    /// What a waiter does with this point: sleeps until it is woken or the time is over, or returns without reason. The port's
    /// `wait`, or on ports that cannot block the same for the task.
    async fn wait(point: WaitPoint, ms: Option<u32>);
    /// Waits for the end of a call that was begun on this thread with [`context`](Self::context): `Runtime::wait`, or the task's.
    async fn outcome(call: CallHandle) -> Result<Outcome, Hresult>;
    /// Lets at least that many milliseconds of the tick pass, by the host's own means.
    async fn pass(ms: u32);
    /// Runs `f` in an interrupt handler, or another thread where handlers do not concern the port, and returns when that is over.
    fn interrupt(f: fn());
    /// Has the same done in about `ms` milliseconds, and returns at once. One at a time.
    fn interrupt_in(ms: u32, f: fn());
    /// Runs `f` in the helper of that number, from 0, to its end.
    async fn helper(number: usize, f: fn());
    /// Has the helper of that number begin with `f`, and returns at once. One at a time for each helper.
    fn start(_number: usize, _f: fn()) {
        unreachable!("helpers do not sleep here")
    }
    /// Returns when the helper is done with what it was [started](Self::start) with.
    async fn finished(_number: usize) {
        unreachable!("helpers do not sleep here")
    }
    /// Runs `f` in a thread of its own that has ended when this returns, with all that the port does then.
    async fn short_lived(f: fn());
}

/// All clauses, as `NAME "TEXT";` for each, to a macro that makes of them what it wants. `NAME` is an async function of this
/// crate, generic over the [`Host`].
#[macro_export]
macro_rules! for_each_clause {
    ($with:ident) => {
        $with! {
            ids_differ_and_stay "1. ids differ and stay";
            handlers_are_known "1. an interrupt handler is known and has no id";
            tick_counts "2. the tick counts milliseconds";
            tick_wraps "2. the tick wraps at 2^32";
            local_is_per_thread "3. the local word is each thread's own";
            wake_before_wait "4. a wake before its wait is kept";
            wake_ends_wait "4. a wake ends a wait";
            each_side_is_woken "4. client and canceller are woken each for its own";
            wait_keeps_time "4. a wait keeps the time of the tick";
            long_waits_sleep "4. a long wait sleeps, and can be woken";
            answered_before_wait "a call is answered before its client waits";
            answered_while_waiting "a call is answered while its client waits";
            cancelled_at_once "5, 6. a call is cancelled at once; its context is retired once, its server told once";
            cancelled_with_grace "a call is cancelled with a grace time that runs out";
            answered_in_grace "a call is answered in its grace time";
            grace_is_shortened "a second cancel shortens the grace time";
            own_timeout "a call's own timeout";
            deadline_across_the_wrap "a deadline beyond the tick's wrap";
            ticked "a call that nobody waits for is released by the tick";
            refused_in_handlers "an interrupt handler does not wait";
            innermost_is_meant "the innermost call of a thread is meant";
            asynchronous "a call that belongs to no thread";
            cancelled_by_a_thread "a call is cancelled by another thread";
            served_by_a_thread "a call is served by another thread";
            client_ends "5. a client's thread ends";
            server_ends "a server's thread ends";
        }
    };
}

macro_rules! run_all {
    ($($clause:ident $text:literal;)*) => {
        /// Runs all clauses in turn. `say` is given the name of each before it runs.
        pub async fn run<H: Host>(mut say: impl FnMut(&'static str)) {
            $(
                say($text);
                $clause::<H>().await;
                nothing_is_left::<H>();
            )*
        }
    };
}
for_each_clause!(run_all);

/// To be held after each clause: all slots are free.
pub fn nothing_is_left<H: Host>() {
    let left = H::runtime().calls().next();
    assert!(left.is_none(), "left: {left:?}");
}

/// Runs a future of a host that blocks.
///
/// # Panics
///
/// If it is not done at its first poll.
pub fn at_once<F: Future>(future: F) -> F::Output {
    match pin!(future).poll(&mut Context::from_waker(Waker::noop())) {
        Poll::Ready(out) => out,
        Poll::Pending => panic!("this host does not block"),
    }
}
