//! Who does what at the same time. The image does it; its judge asks the reference model what may come of it.

use Call::{A, B};
use Op::*;

/// A call.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Call {
    A,
    B,
}

/// What a hart does. A hart's superloop is a thread: hart 0's is thread 1, hart 1's is thread 2.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Op {
    Enable,
    Begin(Call),
    /// With a timeout of its own, in milliseconds.
    BeginTimed(Call, u32),
    BeginAsync(Call),
    /// Sleeps until the call has ended.
    Wait(Call),
    Poll(Call),
    Finish(Call),
    Enter(Call),
    /// Only if it was entered.
    Leave(Call),
    /// What `CoTestCancel` says.
    Test,
    Complete(Call),
    Abandon(Call),
    /// Cancels the innermost call of that thread, with a grace time in milliseconds, without waiting.
    Cancel(u32, u32),
    /// The same, and sleeps until the call has ended, or its time is over.
    CancelWaiting(u32, u32),
    CancelCall(Call, u32),
    /// A reference to that thread's innermost call, for this hart.
    Get(u32),
    /// All with this hart's reference.
    CancelObject(u32),
    TestObject,
    Drop,
    Advance(u32),
    Tick,
    Exit,
}

/// Hart 0 prepares alone, then both play at once. Both end their threads at the end, at once too.
#[derive(Clone, Copy, Debug)]
pub struct Scenario {
    pub name: &'static str,
    pub before: &'static [Op],
    pub harts: [&'static [Op]; 2],
}

macro_rules! scenarios {
    ($($name:literal: $before:expr; $zero:expr, $one:expr;)*) => {
        /// All of them.
        pub const SCENARIOS: &[Scenario] = &[$(
            Scenario { name: $name, before: &$before, harts: [&$zero, &$one] },
        )*];
    };
}

// In most of them hart 0 is the client, and hart 1 is the server, a canceller, or both.
scenarios! {
    "cancel races complete": [Enable, Begin(A)]; [Cancel(1, 0), Poll(A), Finish(A)], [Complete(A)];
    "cancel of another races finish": [Enable, Begin(A)]; [Poll(A), Finish(A)], [Cancel(1, 0), Complete(A)];
    "complete races finish": [Enable, Begin(A)]; [Finish(A)], [Complete(A)];
    "abandon races finish": [Enable, Begin(A)]; [Finish(A)], [Abandon(A)];
    "two cancellers": [Enable, Begin(A)]; [Cancel(1, 0), Finish(A)], [Cancel(1, 0), Complete(A)];
    "two cancellers, one sooner": [Enable, Begin(A)]; [Cancel(1, 100), Poll(A), Finish(A)], [CancelCall(A, 0), Complete(A)];
    "begin on a slot that a canceller may still hold": [Enable, Begin(A)];
        [Finish(A), Begin(B), Poll(B), Finish(B)], [Complete(A), Cancel(1, 0)];
    "a stale handle after its slot was taken again": [Enable, Begin(A)];
        [Finish(A), Begin(B), Poll(B), Finish(B)], [Complete(A), CancelCall(A, 0), Complete(B)];
    "an object races finish": [Enable, Begin(A)]; [Finish(A)], [Get(1), TestObject, Drop, Complete(A)];
    "an object's cancel races finish": [Enable, Begin(A)]; [Finish(A)], [Get(1), CancelObject(0), Drop, Complete(A)];
    "an object held while its slot would be taken again": [Enable, Begin(A)];
        [Finish(A), Begin(B), Poll(B), Finish(B)], [Complete(A), Get(1), CancelObject(0), Drop];
    "enter races cancel": [Enable, Begin(A)]; [Cancel(1, 0), Finish(A)], [Enter(A), Test, Leave(A), Complete(A)];
    "enter races cancel with grace": [Enable, Begin(A)]; [Cancel(1, 1000), Finish(A)], [Enter(A), Test, Leave(A), Complete(A)];
    "the client's thread exits": [Enable, Begin(A)]; [Exit], [Cancel(1, 0), Complete(A)];
    "the client's thread exits while its object is got": [Enable, Begin(A)]; [Exit], [Get(1), TestObject, Drop, Complete(A)];
    "the server's thread exits": [Enable, Begin(A)]; [Cancel(1, 0), Poll(A), Finish(A)], [Enter(A), Exit];
    "both threads exit": [Enable, Begin(A)]; [Exit], [Enter(A), Exit];
    "nested calls": [Enable, Begin(A), Begin(B)]; [Finish(B), Poll(A), Finish(A)], [Cancel(1, 0), Cancel(1, 0), Complete(B), Complete(A)];
    "an asynchronous call": [BeginAsync(A)]; [CancelCall(A, 0), Poll(A), Finish(A)], [Complete(A)];
    "an asynchronous call finished by the other": [BeginAsync(A)]; [Complete(A)], [CancelCall(A, 0), Finish(A)];
    "each begins, the other cancels": [Enable]; [Begin(A), Cancel(2, 0), Poll(A), Finish(A)], [Enable, BeginAsync(B), Cancel(1, 0), Finish(B)];
    "time races complete": [Enable, BeginTimed(A, 10)]; [Poll(A), Finish(A)], [Advance(11), Complete(A)];
    "the tick races complete": [Enable, BeginTimed(A, 10), Advance(11)]; [Tick, Finish(A)], [Complete(A)];
    "the client waits for its server": [Enable, Begin(A)]; [Wait(A), Finish(A)], [Enter(A), Leave(A), Complete(A)];
    "the client waits and is cancelled": [Enable, Begin(A)]; [Wait(A), Finish(A)], [Cancel(1, 0), Complete(A)];
    "the client waits, the request comes with grace": [Enable, Begin(A)]; [Wait(A), Finish(A)], [Cancel(1, 1000), Complete(A)];
    "the canceller waits": [Enable, Begin(A)]; [Complete(A), Finish(A)], [CancelWaiting(1, 1000)];
}
