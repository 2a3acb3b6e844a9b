//! The operations that are measured, and counted, with few and with many.

use std::time::{Duration, Instant};

use cocancel::{CallHandle, CallOptions, Hresult, Outcome, Reply, Timeout, Waiting};
use rand::rngs::SmallRng;
use rand::{Rng, SeedableRng};

use cocancel_bench::sample::{Subject, clock, timed};

use crate::many::{Actor, FIRST_ID, Many, Rt};

/// What grows.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Grows {
    /// Threads, all attached.
    Threads,
    /// Shared call slots.
    Slots,
}

impl Grows {
    /// How many there are.
    pub const fn sizes(self) -> &'static [usize] {
        match self {
            Grows::Threads => &[8, 1024, 65_536],
            Grows::Slots => &[8, 1024, 65_536, 1_000_000],
        }
    }
}

/// One operation.
pub struct Operation {
    /// What it is. One that looks at every slot is measured and counted for its part of each.
    pub name: &'static str,
    /// What grows.
    pub grows: Grows,
    /// For so many of what grows.
    pub make: fn(usize) -> Subject<'static>,
}

const THREADS: Grows = Grows::Threads;
const SLOTS: Grows = Grows::Slots;

/// All.
pub const ALL: [Operation; 13] = [
    Operation { name: "a thread's own call", grows: THREADS, make: own_call },
    Operation { name: "look-up by thread", grows: THREADS, make: found },
    Operation { name: "look-up that misses", grows: THREADS, make: missed },
    Operation { name: "cancel by thread, and the next call", grows: THREADS, make: cancel_thread },
    Operation { name: "thread exit and attach, new id", grows: THREADS, make: exit_and_attach },
    Operation { name: "asynchronous call, half full", grows: SLOTS, make: shared_call },
    Operation { name: "the same in the last free slot", grows: SLOTS, make: last_slot },
    Operation { name: "test by handle", grows: SLOTS, make: test_call },
    Operation { name: "cancel by handle, and the next call", grows: SLOTS, make: cancel_call },
    Operation { name: "tick while nothing is due", grows: SLOTS, make: idle_tick },
    Operation { name: "tick that scans, a slot", grows: SLOTS, make: scanning_tick },
    Operation { name: "snapshot, a slot", grows: SLOTS, make: snapshot },
    Operation { name: "no slot is free, a slot", grows: SLOTS, make: refused },
];

/// A day: no deadline of these comes.
const FAR: Timeout = Timeout::millis(86_400_000);

fn random() -> SmallRng {
    SmallRng::seed_from_u64(1)
}

/// One call of the actor that plays.
#[inline(always)]
pub fn one_call(runtime: &Rt, options: CallOptions) {
    let call = runtime.begin(options).call;
    assert_eq!(runtime.complete(call), Ok(Reply::Delivered));
    assert_eq!(runtime.finish(call), Ok(Outcome::Completed));
}

/// One asynchronous call.
#[inline(always)]
pub fn one_shared_call(runtime: &Rt) {
    let call = begin(runtime, CallOptions::new());
    assert_eq!(runtime.complete(call), Ok(Reply::Delivered));
    assert_eq!(runtime.finish(call), Ok(Outcome::Completed));
}

#[inline(always)]
fn begin(runtime: &Rt, options: CallOptions) -> CallHandle {
    let begun = runtime.begin_async(options);
    assert_eq!(begun.cancellable, Ok(()));
    begun.call
}

/// Ends a call that was cancelled.
#[inline(always)]
pub fn end(runtime: &Rt, call: CallHandle) {
    assert!(matches!(runtime.complete(call), Ok(Reply::Orphaned(_))));
    assert_eq!(runtime.finish(call), Ok(Outcome::Canceled));
}

/// So many asynchronous calls.
pub fn fill(runtime: &Rt, calls: usize, options: CallOptions) -> Vec<CallHandle> {
    (0..calls).map(|_| begin(runtime, options)).collect()
}

fn with_threads(threads: usize) -> (Many, Vec<Actor>, SmallRng) {
    let many = Many::new(8, threads);
    let actors = many.enlist();
    (many, actors, random())
}

fn own_call(threads: usize) -> Subject<'static> {
    let (many, mut actors, mut random) = with_threads(threads);
    timed(move |n| {
        for _ in 0..n {
            let actor = &mut actors[random.random_range(..threads)];
            many.play(actor, |runtime| one_call(runtime, CallOptions::new()));
        }
    })
}

/// Each with a call out.
fn with_calls(threads: usize) -> (Many, Vec<Actor>, Vec<CallHandle>, SmallRng) {
    let (many, mut actors, random) = with_threads(threads);
    let begin = |actor| many.play(actor, |runtime| runtime.begin(CallOptions::new()).call);
    let calls = actors.iter_mut().map(begin).collect();
    (many, actors, calls, random)
}

fn found(threads: usize) -> Subject<'static> {
    let (many, _, _, mut random) = with_calls(threads);
    timed(move |n| {
        for _ in 0..n {
            assert!(many.runtime.cancel_object(FIRST_ID + random.random_range(..threads as u32)).is_ok());
        }
    })
}

fn missed(threads: usize) -> Subject<'static> {
    let (many, _, _, mut random) = with_calls(threads);
    timed(move |n| {
        for _ in 0..n {
            many.look_up(FIRST_ID + threads as u32 + random.random_range(..threads as u32));
        }
    })
}

fn cancel_thread(threads: usize) -> Subject<'static> {
    let (many, mut actors, mut calls, mut random) = with_calls(threads);
    timed(move |n| {
        for _ in 0..n {
            let which = random.random_range(..threads);
            let id = FIRST_ID + which as u32;
            assert_eq!(many.runtime.cancel_thread(id, Timeout::ZERO, Waiting::Never), Hresult::S_OK);
            calls[which] = many.play(&mut actors[which], |runtime| {
                end(runtime, calls[which]);
                runtime.begin(CallOptions::new()).call
            });
        }
    })
}

fn exit_and_attach(threads: usize) -> Subject<'static> {
    let (many, mut actors, mut random) = with_threads(threads);
    timed(move |n| {
        for _ in 0..n {
            let actor = &mut actors[random.random_range(..threads)];
            many.exit(actor);
            actor.id = random.random_range(1..=u32::MAX);
            many.attach(actor);
        }
    })
}

fn shared_call(slots: usize) -> Subject<'static> {
    let many = Many::new(slots, 8);
    fill(&many.runtime, slots / 2, CallOptions::new());
    timed(move |n| (0..n).for_each(|_| one_shared_call(&many.runtime)))
}

fn last_slot(slots: usize) -> Subject<'static> {
    let many = Many::new(slots, 8);
    fill(&many.runtime, slots - 1, CallOptions::new());
    timed(move |n| (0..n).for_each(|_| one_shared_call(&many.runtime)))
}

fn test_call(slots: usize) -> Subject<'static> {
    let many = Many::new(slots, 8);
    let calls = fill(&many.runtime, slots, CallOptions::new());
    let mut random = random();
    timed(move |n| {
        for _ in 0..n {
            let call = calls[random.random_range(..slots)];
            assert_eq!(many.runtime.test_call(call), Hresult::RPC_S_CALLPENDING);
        }
    })
}

fn cancel_call(slots: usize) -> Subject<'static> {
    let many = Many::new(slots, 8);
    let mut calls = fill(&many.runtime, slots, CallOptions::new());
    let mut random = random();
    timed(move |n| {
        for _ in 0..n {
            let call = &mut calls[random.random_range(..slots)];
            assert_eq!(many.runtime.cancel_call(*call, Timeout::ZERO, Waiting::Never), Hresult::S_OK);
            end(&many.runtime, *call);
            *call = begin(&many.runtime, CallOptions::new());
        }
    })
}

fn idle_tick(slots: usize) -> Subject<'static> {
    let many = Many::new(slots, 8);
    fill(&many.runtime, slots, CallOptions::new().timeout(FAR));
    timed(move |n| (0..n).for_each(|_| assert!(many.runtime.tick(u32::MAX).is_some_and(|ms| ms > 0))))
}

/// Passes over all slots, for at least `n` of them; the time is that of `n`. `passes` does so many and says how long they took.
fn passes(slots: usize, mut passes: impl FnMut(u64) -> Duration + 'static) -> Subject<'static> {
    Box::new(move |n| {
        let times = n.div_ceil(slots as u64);
        passes(times).mul_f64(n as f64 / (times * slots as u64) as f64)
    })
}

fn scanning_tick(slots: usize) -> Subject<'static> {
    let many = Many::new(slots, 8);
    fill(&many.runtime, slots - 1, CallOptions::new().timeout(FAR));
    // with few slots reading the clock takes as long as the scan
    let clock = clock();
    let one = move || {
        let due = begin(&many.runtime, CallOptions::new().timeout(Timeout::millis(1)));
        many.runtime.port().advance(2);
        let start = Instant::now();
        assert!(many.runtime.tick(u32::MAX).is_some_and(|ms| ms > 0));
        let elapsed = start.elapsed().saturating_sub(clock);
        end(&many.runtime, due);
        elapsed
    };
    passes(slots, move |times| (0..times).map(|_| one()).sum())
}

fn snapshot(slots: usize) -> Subject<'static> {
    let many = Many::new(slots, 8);
    fill(&many.runtime, slots, CallOptions::new());
    passes(slots, timed(move |times| (0..times).for_each(|_| assert_eq!(many.runtime.calls().count(), slots))))
}

fn refused(slots: usize) -> Subject<'static> {
    let many = Many::new(slots, 8);
    fill(&many.runtime, slots, CallOptions::new());
    let one = move || assert_eq!(many.runtime.begin_async(CallOptions::new()).cancellable, Err(Hresult::E_OUTOFMEMORY));
    passes(slots, timed(move |times| (0..times).for_each(|_| one())))
}
