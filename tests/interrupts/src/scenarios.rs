//! What is interrupted by what. The image does it; its judge asks the reference model for the answers that are allowed.

use Call::{A, B, C};
use Object::{Handlers, Threads};
use Op::*;

/// A call.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Call {
    /// The first.
    A,
    /// The second.
    B,
    /// The third.
    C,
}

/// Whose reference to a cancel object.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Object {
    /// The one that the thread has got.
    Threads,
    /// The one that the handler has got.
    Handlers,
}

/// An operation, by the thread or in the interrupt handler. What it cancels or refers to is the thread's innermost call where no call is named.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Op {
    Enable,
    Disable,
    Begin(Call),
    /// With a wake context.
    BeginPolled(Call),
    /// With a timeout of its own, in milliseconds.
    BeginTimed(Call, u32),
    BeginAsync(Call),
    /// With a wake context.
    BeginAsyncPolled(Call),
    /// Answers the milliseconds that are left where there is a deadline.
    Poll(Call),
    Finish(Call),
    Enter(Call),
    /// Only if it was entered.
    Leave(Call),
    Complete(Call),
    Abandon(Call),
    /// With a grace time in milliseconds.
    Cancel(u32),
    CancelCall(Call, u32),
    Get(Object),
    CancelObject(Object, u32),
    TestObject(Object),
    Drop(Object),
    Test,
    Advance(u32),
    Tick,
    Exit,
}

/// `interrupted` is interrupted, at each of its instructions in turn, by a handler that does what `handler` says.
#[derive(Clone, Copy, Debug)]
pub struct Scenario {
    pub name: &'static str,
    pub before: &'static [Op],
    pub interrupted: Op,
    pub handler: &'static [Op],
    pub after: &'static [Op],
}

macro_rules! scenarios {
    ($($name:literal: $before:expr, $interrupted:expr => $handler:expr, $after:expr;)*) => {
        /// All of them. Whatever is left open is finished by `Exit` at the end of each.
        pub const SCENARIOS: &[Scenario] = &[$(
            Scenario { name: $name, before: &$before, interrupted: $interrupted, handler: &$handler, after: &$after },
        )*];
    };
}

// The operations that a client's thread and a server's do for every call come first, each against all that a handler may do to it.
scenarios! {
    "begin, cancel": [Enable], Begin(A) => [Cancel(0)], [Poll(A), Complete(A), Finish(A)];
    "begin, cancel with grace": [Enable], Begin(A) => [Cancel(100)], [Poll(A), Complete(A), Finish(A)];
    "begin disabled, cancel": [], Begin(A) => [Cancel(0)], [Complete(A), Finish(A)];
    "begin timed, tick": [Enable], BeginTimed(A, 5) => [Advance(10), Tick], [Poll(A), Complete(A), Finish(A)];
    "begin nested, cancel": [Enable, Begin(A)], Begin(B) => [Cancel(0)],
        [Poll(B), Poll(A), Complete(B), Finish(B), Complete(A), Finish(A)];
    "begin nested disabled, cancel": [Enable, Begin(A), Disable], Begin(B) => [Cancel(0)],
        [Complete(B), Finish(B), Poll(A), Complete(A), Finish(A)];
    "begin, begin in the handler": [Enable], Begin(A) => [BeginAsync(B), Cancel(0)], [Poll(A), Complete(A), Finish(A), Poll(B), Complete(B), Finish(B)];
    "begin, object in the handler": [Enable], Begin(A) => [Get(Handlers)],
        [Finish(A), TestObject(Handlers), CancelObject(Handlers, 0), Drop(Handlers), Complete(A)];

    "complete, cancel": [Enable, Begin(A)], Complete(A) => [Cancel(0)], [Poll(A), Finish(A)];
    "complete, cancel with grace": [Enable, Begin(A)], Complete(A) => [Cancel(100)], [Poll(A), Finish(A)];
    "complete, cancel by handle": [Enable, Begin(A)], Complete(A) => [CancelCall(A, 0)], [Poll(A), Finish(A)];
    "complete awaited, cancel": [Enable, BeginPolled(A), Poll(A)], Complete(A) => [Cancel(0)], [Poll(A), Finish(A)];
    "complete requested, sooner": [Enable, BeginPolled(A), Poll(A), Cancel(100)], Complete(A) => [Cancel(50)], [Poll(A), Finish(A)];
    "complete, complete": [Enable, Begin(A)], Complete(A) => [Complete(A)], [Poll(A), Finish(A)];
    "complete timed, tick": [Enable, BeginTimed(A, 5)], Complete(A) => [Advance(10), Tick], [Poll(A), Finish(A)];
    "complete served, cancel": [Enable, Begin(A), Enter(A)], Complete(A) => [Cancel(0)], [Test, Leave(A), Poll(A), Finish(A)];
    "complete pinned, drop": [Enable, Begin(A), Get(Handlers)], Complete(A) => [Drop(Handlers)], [Poll(A), Finish(A)];
    "abandon, cancel": [Enable, Begin(A)], Abandon(A) => [Cancel(0)], [Poll(A), Finish(A)];
    "abandon, complete": [Enable, Begin(A)], Abandon(A) => [Complete(A)], [Poll(A), Finish(A)];

    "finish, cancel": [Enable, Begin(A), Complete(A)], Finish(A) => [Cancel(0)], [];
    "finish, cancel by handle": [Enable, Begin(A), Complete(A)], Finish(A) => [CancelCall(A, 0)], [];
    "finish, object in the handler": [Enable, Begin(A), Complete(A)], Finish(A) => [Get(Handlers)],
        [TestObject(Handlers), CancelObject(Handlers, 0), Drop(Handlers)];
    "finish, object in the handler, next call": [Enable, Begin(A), Complete(A)], Finish(A) => [Get(Handlers)],
        [Begin(B), Drop(Handlers), Poll(B), Cancel(0), Poll(B), Complete(B), Finish(B)];
    "finish, begin in the handler": [Enable, Begin(A), Complete(A)], Finish(A) => [BeginAsync(B), CancelCall(B, 0)], [Poll(B), Complete(B), Finish(B)];
    "finish pending, cancel": [Enable, Begin(A)], Finish(A) => [Cancel(0)], [Complete(A)];
    "finish pending, cancel with grace": [Enable, Begin(A)], Finish(A) => [Cancel(100)], [Complete(A)];
    "finish pending, complete": [Enable, Begin(A)], Finish(A) => [Complete(A)], [];
    "finish pending, abandon": [Enable, Begin(A)], Finish(A) => [Abandon(A)], [];
    "finish pinned, drop": [Enable, Begin(A), Complete(A), Get(Handlers)], Finish(A) => [Drop(Handlers)], [];
    "finish polled, cancel": [Enable, BeginPolled(A), Poll(A), Complete(A)], Finish(A) => [Cancel(0)], [];
    "finish inner, cancel": [Enable, Begin(A), Begin(B), Complete(B)], Finish(B) => [Cancel(0)], [Poll(A), Complete(A), Finish(A)];
    "finish outer, cancel": [Enable, Begin(A), Begin(B), Complete(A)], Finish(A) => [Cancel(0)], [Poll(B), Complete(B), Finish(B)];
    "finish disabled, cancel": [Enable, Begin(A), Disable, Begin(B)], Finish(B) => [Cancel(0)], [Poll(A), Complete(A), Finish(A)];
    "finish asynchronous, begin": [BeginAsync(A), Complete(A)], Finish(A) => [BeginAsync(B)], [Poll(B), Complete(B), Finish(B)];

    "drop the last, cancel": [Enable, Begin(A), Get(Threads), Complete(A), Finish(A)], Drop(Threads) => [CancelCall(A, 0)], [];
    "drop the last, begin": [Enable, Begin(A), Get(Threads), Complete(A), Finish(A)], Drop(Threads) => [BeginAsync(B)],
        [Poll(B), Complete(B), Finish(B)];
    // C has the other slot, so that B gets the very one that becomes free
    "drop the last, begin polled": [Enable, Begin(A), Get(Threads), Complete(A), Finish(A), BeginAsync(C)], Drop(Threads) => [BeginAsyncPolled(B)],
        [Poll(B), Complete(B), Finish(B), Complete(C), Finish(C)];
    "finish, begin polled": [Enable, Begin(A), Complete(A), BeginAsync(C)], Finish(A) => [BeginAsyncPolled(B)],
        [Poll(B), Complete(B), Finish(B), Complete(C), Finish(C)];
    "drop, complete": [Enable, Begin(A), Get(Threads)], Drop(Threads) => [Complete(A)], [Poll(A), Finish(A)];
    "get, complete": [Enable, Begin(A)], Get(Threads) => [Complete(A)], [TestObject(Threads), Finish(A), Drop(Threads)];
    "get, cancel": [Enable, Begin(A)], Get(Threads) => [Cancel(0)], [TestObject(Threads), Complete(A), Finish(A), Drop(Threads)];

    "enter, cancel": [Enable, Begin(A)], Enter(A) => [Cancel(0)], [Test, Leave(A), Complete(A), Finish(A)];
    "enter, cancel with grace": [Enable, Begin(A)], Enter(A) => [Cancel(100)], [Test, Leave(A), Complete(A), Finish(A)];
    "enter awaited, cancel": [Enable, BeginPolled(A), Poll(A)], Enter(A) => [Cancel(100)], [Test, Leave(A), Complete(A), Poll(A), Finish(A)];
    "enter a marker, begin": [Begin(A)], Enter(A) => [BeginAsync(B)], [Test, Leave(A), Complete(A), Finish(A), Poll(B), Complete(B), Finish(B)];
    "leave, cancel": [Enable, Begin(A), Enter(A)], Leave(A) => [Cancel(0)], [Test, Complete(A), Finish(A)];
    "leave, complete": [Enable, Begin(A), Enter(A)], Leave(A) => [Complete(A)], [Test, Poll(A), Finish(A)];
    "leave completed, cancel": [Enable, Begin(A), Enter(A), Complete(A)], Leave(A) => [Cancel(0)], [Test, Poll(A), Finish(A)];
    "leave last, begin": [Enable, Begin(A), Enter(A), Complete(A), Finish(A)], Leave(A) => [BeginAsync(B)], [Poll(B), Complete(B), Finish(B)];
    "test, cancel": [Enable, Begin(A), Enter(A)], Test => [Cancel(100)], [Test, Leave(A), Complete(A), Finish(A)];

    "poll, complete": [Enable, BeginPolled(A)], Poll(A) => [Complete(A)], [Poll(A), Finish(A)];
    "poll, cancel": [Enable, BeginPolled(A)], Poll(A) => [Cancel(0)], [Poll(A), Complete(A), Finish(A)];
    "poll, cancel with grace": [Enable, BeginPolled(A)], Poll(A) => [Cancel(100)], [Complete(A), Finish(A)];
    "poll, sooner": [Enable, BeginPolled(A), Cancel(100)], Poll(A) => [Cancel(50)], [Complete(A), Finish(A)];
    "poll timed, tick": [Enable, BeginTimed(A, 5)], Poll(A) => [Advance(10), Tick], [Poll(A), Complete(A), Finish(A)];

    "cancel, complete": [Enable, Begin(A)], CancelCall(A, 100) => [Complete(A)], [Poll(A), Finish(A)];
    "cancel, cancel": [Enable, Begin(A)], CancelCall(A, 100) => [CancelCall(A, 0)], [Complete(A), Poll(A), Finish(A)];
    "cancel, later": [Enable, BeginPolled(A), Poll(A)], CancelCall(A, 50) => [CancelCall(A, 100)], [Complete(A), Poll(A), Finish(A)];
    "cancel, sooner": [Enable, BeginPolled(A), Poll(A)], CancelCall(A, 100) => [CancelCall(A, 50)], [Complete(A), Poll(A), Finish(A)];
    "cancel at once, complete": [Enable, BeginPolled(A), Poll(A)], CancelCall(A, 0) => [Complete(A)], [Poll(A), Finish(A)];
    "cancel at once, cancel": [Enable, BeginPolled(A), Poll(A)], CancelCall(A, 0) => [Cancel(0)], [Complete(A), Poll(A), Finish(A)];
    "cancel due, tick": [Enable, Begin(A), Cancel(5), Advance(10)], CancelCall(A, 100) => [Tick], [Complete(A), Poll(A), Finish(A)];
    "tick, complete": [Enable, BeginTimed(A, 5), Advance(10)], Tick => [Complete(A)], [Poll(A), Finish(A)];
    "tick, cancel": [Enable, BeginTimed(A, 5), Advance(10)], Tick => [Cancel(0)], [Poll(A), Complete(A), Finish(A)];
    "tick, tick": [Enable, BeginTimed(A, 5), Advance(10)], Tick => [Tick], [Poll(A), Complete(A), Finish(A)];

    "exit, cancel": [Enable, Begin(A)], Exit => [Cancel(0)], [Complete(A)];
    "exit, cancel by handle": [Enable, Begin(A)], Exit => [CancelCall(A, 100)], [Complete(A)];
    "exit, complete": [Enable, Begin(A)], Exit => [Complete(A)], [];
    "exit completed, object in the handler": [Enable, Begin(A), Complete(A)], Exit => [Get(Handlers)],
        [TestObject(Handlers), CancelObject(Handlers, 0), Drop(Handlers)];
    "exit serving, cancel": [BeginAsync(A), Enter(A)], Exit => [CancelCall(A, 0)], [Poll(A), Finish(A)];
    "exit serving, complete": [BeginAsync(A), Enter(A)], Exit => [Complete(A)], [Poll(A), Finish(A)];
    "enable, cancel": [], Enable => [Cancel(0)], [Begin(A), Finish(A), Complete(A)];
    "disable, cancel": [Enable, Begin(A)], Disable => [Cancel(0)], [Poll(A), Complete(A), Finish(A)];
}
