//! What a call costs that nobody cancels: begin, complete, finish.

use std::cell::Cell;
use std::sync::atomic::Ordering::{AcqRel, Acquire, Relaxed, Release};
use std::sync::atomic::{AtomicU32, AtomicU64};

use cocancel::port::posix;
use cocancel::{CallHandle, CallOptions};

use crate::peers::{Registry, mutex_pair};
use crate::report::{Goal, Report};
use crate::sample::{Subject, barrier, each, measure, opaque};

thread_local! {
    static WORD: Cell<u32> = const { Cell::new(1) };
}

/// One load from thread-local storage.
pub fn thread_local_load() -> Subject<'static> {
    each(|| {
        barrier(&WORD.get());
    })
}

/// One call of the calling thread, handed over and completed.
#[inline(always)]
pub fn one_call(runtime: &posix::PosixRuntime) {
    let begun = runtime.begin(CallOptions::new());
    // a server gets the handle through a queue: it does not know what kind of handle it is
    let call = CallHandle::from_bits(opaque(begun.call.to_bits())).unwrap_or(begun.call);
    let _ = runtime.complete(call);
    let _ = runtime.finish(call);
    barrier(&begun);
}

/// Two compare-exchanges of a word that nobody else uses.
#[inline(always)]
pub fn two_compare_exchanges(word: &AtomicU32) {
    // AcqRel and Acquire: as cocancel's own transitions
    let _ = word.compare_exchange(0, 1, AcqRel, Acquire);
    let _ = word.compare_exchange(1, 0, AcqRel, Acquire);
}

/// The least that a call which others may cancel can do: its words are written, it is published, linked, ended by a
/// compare-exchange, unlinked, and vacated by another.
#[derive(Default)]
#[repr(align(64))]
struct Least {
    top: AtomicU32,
    state: AtomicU32,
    words: [AtomicU64; 5],
}

impl Least {
    #[inline(always)]
    fn call(&self) {
        // Acquire, Release, AcqRel: as cocancel's own; Relaxed: filling
        let generation = self.state.load(Acquire);
        for word in &self.words {
            word.store(0, Relaxed);
        }
        self.state.store(generation | 1, Release);
        self.top.store(1, Release);
        let _ = self.state.compare_exchange(generation | 1, generation | 2, AcqRel, Acquire);
        self.top.store(0, Release);
        let _ = self.state.compare_exchange(generation | 2, generation.wrapping_add(4), AcqRel, Acquire);
    }
}

/// The rows.
pub fn rows(report: &mut Report) {
    let runtime = posix::runtime();
    let [ours, load] = measure([each(|| one_call(runtime)), thread_local_load()]);
    // the goal is 1 ns where a load takes 0.3
    report.row("call on a disabled thread / thread-local load", &ours, &load, Goal::AtMost(3.3));

    let enabled = runtime.enabled();
    assert!(enabled.is_ok() && runtime.call(CallOptions::new()).cancellable().is_ok());
    let word = AtomicU32::new(0);
    let registry = Registry::new(1, 8);
    let least = Least::default();
    let [ours, mutex, exchanges, floor, map] = measure([
        each(|| one_call(runtime)),
        mutex_pair(),
        each(|| two_compare_exchanges(&word)),
        each(|| {
            least.call();
            barrier(&least);
        }),
        Box::new(timed_bracket(&registry)),
    ]);
    report.row("call on an enabled thread / mutex pair", &ours, &mutex, Goal::AtMost(1.0));
    report.row("call on an enabled thread / two compare-exchanges", &ours, &exchanges, Goal::None);
    report.row("call on an enabled thread / the least: words, links, two compare-exchanges", &ours, &floor, Goal::None);
    report.row("call on an enabled thread / mutex + unordered_map in and out", &ours, &map, Goal::None);
}

fn timed_bracket(registry: &Registry) -> Subject<'_> {
    crate::sample::timed(|n| registry.bracket(100, n))
}
