//! What the threads, the port and the judge share.

use std::cell::RefCell;
use std::collections::HashSet;
use std::fmt::Arguments;

use cocancel::CallHandle;

use super::port::Rt;
use super::schedule::Place;

/// Threads of a play.
pub const THREADS: usize = 5;
/// The thread that only serves, when no other can go on.
pub const LAST_SERVER: usize = THREADS - 1;

/// One of the threads.
#[derive(Clone, Copy, Default)]
pub struct Thread {
    pub id: u32,
    pub local: u32,
    /// How often it has enabled cancellation, and not disabled it.
    pub enabled: u32,
    /// How many interrupt handlers it is in, one in another.
    pub handlers: u32,
    pub in_hook: bool,
    /// It is in the library's exit.
    pub in_exit: bool,
}

/// How a call begins.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    Synchronous,
    Asynchronous,
    Served,
}

/// Whose a wake context is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Context {
    /// There is none, or the call took no slot: the host's.
    Host,
    Library,
    Retired,
}

/// What is known of a call. Its number, plus one, is its record and its wake context.
#[derive(Clone, Copy, Debug)]
pub struct Call {
    pub call: CallHandle,
    pub kind: Kind,
    pub has_slot: bool,
    pub context: Context,
    pub is_client_done: bool,
    /// Somebody serves it, or did.
    pub is_taken: bool,
    pub is_server_done: bool,
    /// How many were told that the record is theirs.
    pub owners: u32,
    /// How many cancellers were told that they were the first.
    pub elected: u32,
    /// When a client that waits is free at the latest, by what cancellers were told.
    pub due: Option<u32>,
    /// The thread that waits for it, in the library or by polling.
    pub waiter: Option<usize>,
    /// The thread on whose stack it is, if it is on one.
    pub client: Option<usize>,
    /// The thread that the library knows to be serving it.
    pub server: Option<usize>,
}

/// One play.
#[derive(Default)]
pub struct World {
    dice: u64,
    is_traced: bool,
    pub runtime: Option<&'static Rt>,
    pub now: u32,
    /// The thread that runs.
    pub acting: usize,
    pub threads: [Thread; THREADS],
    pub last_id: u32,
    pub calls: Vec<Call>,
    /// Of those that cancelled polling.
    pub cancellers: Vec<Context>,
    /// Objects of the host's.
    pub objects: Vec<*mut ()>,
    /// Those of its that are call contexts.
    pub call_contexts: Vec<*mut ()>,
    /// References to objects of either's, which anybody may release.
    pub kept: Vec<*mut ()>,
    /// Wakes since the schedule last looked.
    pub woken: Vec<Place>,
    /// The contexts that were woken since somebody last slept on them.
    pub latches: HashSet<usize>,
    /// All but the last server have come to their end, or been killed.
    pub all_done: bool,
    /// Somebody has no more to do: serving takes no more calls of its own.
    pub is_ending: bool,
    /// One of the things that a thread may do in this play for each bit.
    pub acts: u64,
    /// How many calls go on at once.
    pub room: usize,
    pub has_hooks: bool,
    pub has_kills: bool,
    /// Another thread starts with the id of the one that was killed.
    pub has_rebirths: bool,
    /// The id of the one that was killed.
    pub killed: Option<u32>,
    /// The port sleeps on contexts, not on words.
    pub wakes_by_context: bool,
    /// How many interrupts are still to come.
    pub interrupts: u32,
    /// The first thing that must not be so.
    pub wrong: Option<String>,
}

impl World {
    /// The one of this seed.
    pub fn of(seed: u64, runtime: &'static Rt, is_traced: bool) -> Self {
        // spread over all bits, and not 0
        let dice = seed.wrapping_mul(0x9E37_79B9_7F4A_7C15) | 1;
        let threads = std::array::from_fn(|at| Thread { id: at as u32 + 1, ..Thread::default() });
        // so that there are calls, and time passes
        let always = 1 << 19 | if seed % 3 == 0 { 1 << 4 } else { 1 << 2 };
        Self {
            dice,
            is_traced,
            runtime: Some(runtime),
            threads,
            last_id: THREADS as u32,
            acts: dice >> 30 ^ dice >> 3 | always,
            room: 1 + (seed % 4) as usize,
            has_hooks: seed % 5 < 2,
            has_kills: seed % 7 == 0,
            has_rebirths: seed / 14 % 2 == 0,
            wakes_by_context: seed % 11 < 5,
            interrupts: if seed % 2 == 0 { 30 } else { 0 },
            ..Self::default()
        }
    }

    /// The thread that runs.
    pub fn me(&mut self) -> &mut Thread {
        &mut self.threads[self.acting]
    }

    /// That thread is gone, without an exit.
    pub fn is_killed(&mut self, at: usize) {
        let id = self.threads[at].id;
        self.killed = Some(id);
        self.threads[at] = Thread { id, ..Thread::default() };
        for call in &mut self.calls {
            for thread in [&mut call.waiter, &mut call.client, &mut call.server] {
                thread.take_if(|thread| *thread == at);
            }
        }
    }

    /// Something must not be so.
    pub fn is_wrong(&mut self, what: String) {
        self.wrong.get_or_insert(what);
    }
}

thread_local! {
    static WORLD: RefCell<World> = RefCell::default();
}

/// Looks at the world, or changes it. Not where the library is called: it calls the port.
pub fn world<T>(f: impl FnOnce(&mut World) -> T) -> T {
    WORLD.with(|world| f(&mut world.borrow_mut()))
}

/// The thread that runs.
pub fn acting() -> usize {
    world(|w| w.acting)
}

/// The library of this play.
pub fn runtime() -> &'static Rt {
    world(|w| w.runtime).expect("a play")
}

/// A number below `n`.
pub fn random(n: u32) -> u32 {
    world(|w| {
        w.dice ^= w.dice << 13;
        w.dice ^= w.dice >> 7;
        w.dice ^= w.dice << 17;
        (w.dice >> 20) as u32 % n
    })
}

/// The moment that is so many milliseconds away.
pub fn moment_in(ms: Option<u32>) -> Option<u32> {
    ms.map(|ms| world(|w| w.now + ms))
}

/// One in `n` times.
pub fn one_in(n: u32) -> bool {
    random(n) == 0
}

/// A line of the trace.
pub fn say(what: Arguments<'_>) {
    world(|w| {
        if w.is_traced {
            println!("{}: {what}", w.acting);
        }
    });
}

/// Something must not be so.
pub fn wrong(what: Arguments<'_>) {
    say(what);
    world(|w| w.is_wrong(what.to_string()));
}

/// What is known of a call.
pub fn known(index: usize) -> Call {
    world(|w| w.calls[index])
}

/// Something becomes known of a call.
pub fn learn<T>(index: usize, f: impl FnOnce(&mut Call) -> T) -> T {
    world(|w| f(&mut w.calls[index]))
}

/// One of the calls that are so.
pub fn pick(is_so: impl Fn(&Call) -> bool) -> Option<usize> {
    let all: Vec<_> = world(|w| (0..w.calls.len()).filter(|at| is_so(&w.calls[*at])).collect());
    if all.is_empty() { None } else { Some(all[random(all.len() as u32) as usize]) }
}
