//! What two real cores do: how long a cache line travels between them, and what each workload gains from the second.

use std::hint::{black_box, spin_loop};
use std::mem::zeroed;
use std::sync::atomic::AtomicU64;
use std::sync::atomic::Ordering::{AcqRel, Acquire, Relaxed, Release};
use std::thread;
use std::time::{Duration, Instant};

use cocancel::CallOptions;
use cocancel_bench::affinity;
use cocancel_bench::sample::{Series, median};

use crate::many::{Actor, Many};
use crate::workloads::{HOT_ID, Workload};

/// How long one stretch of work is. Short, so that the scheduler's time slices spoil few of them.
const STRETCH: Duration = Duration::from_micros(200);
/// Of so many undisturbed rounds each figure is the median, if there are so many among all.
const KEPT: usize = 101;
const ROUNDS: usize = 1500;
/// Hand-offs in a round.
const HAND_OFFS: u64 = 1000;
const MEETINGS: u64 = 1 << 32;

/// Where two threads meet before each stretch of work.
#[derive(Default)]
#[repr(align(128))]
struct Meeting(AtomicU64);

impl Meeting {
    /// Waits for the other one. Once somebody does not come any more nobody waits.
    fn meet(&self, nth: u64) {
        // AcqRel, Acquire: what the other one wrote before it came is seen
        self.0.fetch_add(1, AcqRel);
        let mut spins = 0_u32;
        while self.0.load(Acquire) < 2 * nth {
            spins += 1;
            if spins % 4096 == 0 { thread::yield_now() } else { spin_loop() }
        }
    }

    /// Does not come any more.
    fn leave(&self) {
        // AcqRel: as above
        self.0.fetch_add(2 * MEETINGS, AcqRel);
    }
}

/// A stretch of work: when, and whether the thread was ever off its core.
#[derive(Clone, Copy)]
struct Stretch {
    start: Instant,
    end: Instant,
    switches: i64,
}

fn stretch(work: impl FnOnce()) -> Stretch {
    let before = switches();
    let start = Instant::now();
    work();
    let end = Instant::now();
    Stretch { start, end, switches: switches() - before }
}

fn switches() -> i64 {
    // SAFETY: the structure is plain numbers
    let mut usage: libc::rusage = unsafe { zeroed() };
    // SAFETY: it is there to be written
    unsafe { libc::getrusage(libc::RUSAGE_THREAD, &raw mut usage) };
    usage.ru_nvcsw + usage.ru_nivcsw
}

/// Of two stretches that ought to be at the same time: from the first start to the last end, if nothing came in between.
fn together(a: Stretch, b: Stretch) -> Option<Duration> {
    let span = a.end.max(b.end) - a.start.min(b.start);
    let apart = a.start.max(b.start) - a.start.min(b.start);
    let is_undisturbed = a.switches == 0 && b.switches == 0 && apart * 50 < span;
    is_undisturbed.then_some(span)
}

/// Two threads, each on a core of its own: `each` does the stretches of one round.
fn on_two_cores<W>(make: impl Fn(usize) -> W + Sync) -> [Vec<Vec<Stretch>>; 2]
where
    W: FnMut(&Meeting, &mut u64) -> Vec<Stretch>,
{
    let meeting = Meeting::default();
    let run = |worker: usize| {
        affinity::pin(worker);
        let mut round = make(worker);
        let mut met = 0;
        let rounds = (0..ROUNDS).map(|_| round(&meeting, &mut met)).collect();
        meeting.leave();
        rounds
    };
    thread::scope(|scope| {
        let second = scope.spawn(|| run(1));
        let first = scope.spawn(|| run(0));
        [first.join(), second.join()].map(Result::unwrap_or_default)
    })
}

/// Nanoseconds that a line takes from one core to the other. In a hand-off it travels twice: the one who waits reads what the other
/// wrote, and writes what the other has read.
pub fn transfer() -> Series {
    #[repr(align(128))]
    struct Word(AtomicU64);
    let word = Word(AtomicU64::new(0));
    let [a, b] = on_two_cores(|worker| {
        let (word, mut turn) = (&word.0, worker as u64);
        move |meeting: &Meeting, met: &mut u64| {
            *met += 1;
            meeting.meet(*met);
            vec![stretch(|| {
                for _ in 0..HAND_OFFS {
                    let mut spins = 0_u32;
                    // Acquire, Release: a hand-off
                    while word.load(Acquire) != turn {
                        spins += 1;
                        if spins % 65_536 == 0 { thread::yield_now() } else { spin_loop() }
                    }
                    word.store(turn + 1, Release);
                    turn += 2;
                }
            })]
        }
    });
    let spans = a.iter().zip(&b).filter_map(|(a, b)| together(a[0], b[0]));
    Series(spans.map(|span| span.as_nanos() as f64 / (2 * HAND_OFFS) as f64 / 2.0).take(KEPT).collect())
}

/// What a workload takes alone, in nanoseconds, and how many times as much two cores do.
pub struct Gain {
    /// The workload.
    pub workload: Workload,
    /// Nanoseconds of one operation on one core.
    pub alone: Series,
    /// Throughput of two cores against one.
    pub gain: Series,
}

/// Measures one.
pub fn gain(workload: Workload) -> Gain {
    let many = Many::new(1024, 65_536);
    let mut hot = Actor::new(HOT_ID);
    many.attach(&mut hot);
    let _ = many.play(&mut hot, |runtime| runtime.begin(CallOptions::new()));
    let times = AtomicU64::new(0);
    let per = spins_per_nanosecond();
    let [a, b] = on_two_cores(|worker| {
        let mut work = workload.real(&many, worker, move |ns| spin((ns * per) as u64));
        let times = &times;
        if worker == 0 {
            let start = Instant::now();
            work(2000);
            let one = start.elapsed().as_secs_f64() / 2000.0;
            // Relaxed: the first meeting publishes it
            times.store(((STRETCH.as_secs_f64() / one) as u64).max(10), Relaxed);
        } else {
            work(2000);
        }
        move |meeting: &Meeting, met: &mut u64| {
            *met += 1;
            meeting.meet(*met);
            // Relaxed: as above
            let n = times.load(Relaxed);
            let alone = stretch(|| {
                if worker == 0 {
                    work(n)
                }
            });
            *met += 1;
            meeting.meet(*met);
            vec![alone, stretch(|| work(n))]
        }
    });
    // Relaxed: the threads have ended
    let n = times.load(Relaxed) as f64;
    let mut figures = Gain { workload, alone: Series(Vec::new()), gain: Series(Vec::new()) };
    for (a, b) in a.iter().zip(&b) {
        let Some(both) = together(a[1], b[1]).filter(|_| a[0].switches == 0) else { continue };
        let alone = (a[0].end - a[0].start).as_secs_f64();
        figures.alone.0.push(alone * 1e9 / n);
        figures.gain.0.push(2.0 * alone / both.as_secs_f64());
    }
    figures.alone.0.truncate(KEPT);
    figures.gain.0.truncate(KEPT);
    figures
}

/// Work that touches no memory.
fn spin(times: u64) {
    for at in 0..times {
        black_box(at);
    }
}

fn spins_per_nanosecond() -> f64 {
    const TIMES: u64 = 100_000;
    let one = || {
        let start = Instant::now();
        spin(TIMES);
        TIMES as f64 / start.elapsed().as_nanos() as f64
    };
    median((0..101).map(|_| one()).collect())
}
