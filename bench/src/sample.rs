//! Sampling: subjects take turns in short samples, so that a disturbance of the machine meets all of them alike. That is
//! what ratios are good for on a machine that others use, and what criterion and divan, which measure one after the other,
//! do not offer.

use std::arch::asm;
use std::time::{Duration, Instant};

/// How long one sample is. Short, so that the scheduler's time slices spoil few of them.
const SAMPLE: Duration = Duration::from_micros(150);
/// How many samples of each subject.
const ROUNDS: usize = 301;

/// Does something a number of times, and says how long that took.
pub type Subject<'a> = Box<dyn FnMut(u64) -> Duration + 'a>;

/// A subject that is timed from outside.
pub fn timed<'a>(mut operations: impl FnMut(u64) + 'a) -> Subject<'a> {
    Box::new(move |n| {
        let start = Instant::now();
        operations(n);
        start.elapsed()
    })
}

/// A subject of one operation.
pub fn each<'a>(mut operation: impl FnMut() + 'a) -> Subject<'a> {
    timed(move |n| {
        for _ in 0..n {
            operation();
        }
    })
}

/// What was measured of one subject: nanoseconds per operation, one for each round.
#[derive(Clone)]
pub struct Series(pub Vec<f64>);

impl Series {
    /// The median.
    pub fn median(&self) -> f64 {
        median(self.0.clone())
    }

    /// The median of the quotients of each round.
    pub fn ratio(&self, peer: &Series) -> f64 {
        median(self.0.iter().zip(&peer.0).map(|(ours, peers)| ours / peers).collect())
    }
}

/// The median.
pub fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    values[values.len() / 2]
}

/// The value below which that share of the values lies.
pub fn quantile(values: &[f64], share: f64) -> f64 {
    let mut values = values.to_vec();
    values.sort_by(f64::total_cmp);
    values[((values.len() - 1) as f64 * share).round() as usize]
}

/// Measures the subjects against each other.
pub fn measure<const N: usize>(mut subjects: [Subject<'_>; N]) -> [Series; N] {
    let mut series = measure_all(&mut subjects).into_iter();
    [(); N].map(|()| series.next().unwrap_or(Series(Vec::new())))
}

/// The same where their number is not known before.
pub fn measure_all(subjects: &mut [Subject<'_>]) -> Vec<Series> {
    let times: Vec<u64> = subjects.iter_mut().map(calibrate).collect();
    let mut series = vec![Series(Vec::new()); subjects.len()];
    for round in 0..ROUNDS {
        // who comes first changes, too
        for at in (0..times.len()).map(|at| (at + round) % times.len()) {
            let elapsed = subjects[at](times[at]);
            series[at].0.push(elapsed.as_nanos() as f64 / times[at] as f64);
        }
    }
    series
}

/// What reading the clock twice takes.
#[must_use]
pub fn clock() -> Duration {
    let times = (0..1001).map(|_| {
        let start = Instant::now();
        start.elapsed().as_nanos() as f64
    });
    Duration::from_nanos(median(times.collect()) as u64)
}

/// How many times make a sample.
fn calibrate(subject: &mut Subject<'_>) -> u64 {
    let mut n = 64;
    loop {
        let elapsed = subject(n);
        if elapsed >= SAMPLE / 2 {
            return ((n as f64 * SAMPLE.as_secs_f64() / elapsed.as_secs_f64()) as u64).max(64);
        }
        n *= 2;
    }
}

/// All memory may have changed, as far as the compiler knows: nothing is carried over from one time round to the next.
#[inline(always)]
pub fn barrier<T>(object: &T) {
    // SAFETY: no instruction at all
    unsafe { asm!("/* {} */", in(reg) object, options(nostack, preserves_flags)) };
}

/// The same value, of which the compiler knows nothing. Unlike `black_box` it stays in its register.
#[inline(always)]
pub fn opaque(mut value: usize) -> usize {
    // SAFETY: no instruction at all
    unsafe { asm!("/* {} */", inout(reg) value, options(nomem, nostack, preserves_flags)) };
    value
}
