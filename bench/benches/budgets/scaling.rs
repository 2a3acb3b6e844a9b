//! Two threads with calls of their own against one.

use std::sync::Barrier;
use std::sync::atomic::AtomicU32;
use std::thread;
use std::time::{Duration, Instant};

use cocancel::port::posix;

use crate::affinity;
use crate::bracket::{one_call, two_compare_exchanges};
use crate::report::{Goal, Report};
use crate::sample::{barrier, median};

const ROUNDS: usize = 201;
const TIMES: u64 = 30_000;
/// A machine on which the control reaches less was busy with something else.
const UNDISTURBED: f64 = 1.95;

/// On a cache line of its own.
#[repr(align(128))]
struct Own(AtomicU32);

/// One worker's rounds: alone (worker 0 only), then both at once, of calls and of the control. Moments of start and end.
fn worker(cpu: usize, together: &Barrier) -> Vec<[(Instant, Instant); 4]> {
    affinity::pin(cpu);
    let runtime = posix::runtime();
    let enabled = runtime.enabled();
    assert!(enabled.is_ok());
    let word = Own(AtomicU32::new(0));
    let calls = || (0..TIMES).for_each(|_| one_call(runtime));
    let control = || {
        for _ in 0..TIMES {
            two_compare_exchanges(&word.0);
            barrier(&word);
        }
    };
    let alone = |work: &dyn Fn()| {
        together.wait();
        if cpu == 0 { span(work) } else { span(&|| ()) }
    };
    let both = |work: &dyn Fn()| {
        together.wait();
        span(work)
    };
    (0..ROUNDS).map(|_| [alone(&calls), both(&calls), alone(&control), both(&control)]).collect()
}

fn span(work: &dyn Fn()) -> (Instant, Instant) {
    let start = Instant::now();
    work();
    (start, Instant::now())
}

/// From the first start to the last end.
fn both(a: (Instant, Instant), b: (Instant, Instant)) -> Duration {
    a.1.max(b.1) - a.0.min(b.0)
}

/// The row.
pub fn rows(report: &mut Report) {
    let what = "two threads on own calls against one / the same for the control";
    if thread::available_parallelism().map_or(1, usize::from) < 2 {
        return report.not_measured(what, "there is one CPU");
    }
    let together = Barrier::new(2);
    let (first, second) = thread::scope(|scope| {
        let second = scope.spawn(|| worker(1, &together));
        let first = scope.spawn(|| worker(0, &together));
        (first.join().unwrap_or_default(), second.join().unwrap_or_default())
    });
    let gains: Vec<(f64, f64)> = first
        .iter()
        .zip(&second)
        .map(|(a, b)| {
            let gain = |alone: usize| {
                let one = a[alone].1 - a[alone].0;
                2.0 * one.as_secs_f64() / both(a[alone + 1], b[alone + 1]).as_secs_f64()
            };
            (gain(0), gain(2))
        })
        .collect();
    let undisturbed: Vec<_> = gains.iter().copied().filter(|(_, control)| *control >= UNDISTURBED).collect();
    report.note(format!(
        "two threads: the control reached {UNDISTURBED} x in {} of {} rounds; the row shows {} (throughput, not ns)",
        undisturbed.len(),
        gains.len(),
        if undisturbed.len() < 9 { "all rounds, without a verdict" } else { "those" },
    ));
    let (shown, goal) = if undisturbed.len() < 9 { (&gains, Goal::None) } else { (&undisturbed, Goal::AtLeast(1.9)) };
    let ours = median(shown.iter().map(|gain| gain.0).collect());
    let control = median(shown.iter().map(|gain| gain.1).collect());
    report.figures(what, ours, control, ours, goal);
}
