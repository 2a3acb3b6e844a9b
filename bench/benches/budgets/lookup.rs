//! Cancelling by thread id, with few threads and with many.

use std::cell::RefCell;
use std::hint::black_box;
use std::time::{Duration, Instant};

use cocancel::{Hresult, Timeout, Waiting};

use crate::peers::Registry;
use crate::report::{Goal, Report};
use crate::sample::{Series, Subject, clock, measure, timed};
use crate::synthetic::{FIRST_ID, Threads};

static SMALL: Threads<8, 16> = Threads::new();
static MEDIUM: Threads<1024, 2048> = Threads::new();
static LARGE: Threads<65_536, 131_072> = Threads::new();

/// How many calls are cancelled before they are renewed: there are no more with 8 threads, and the same number is used
/// throughout, so that the same share of the clock's own time is in all of them before it is taken out.
const BATCH: usize = 8;

/// Ids in random order, round and round.
struct Order {
    ids: Vec<u32>,
    next: usize,
}

impl Order {
    fn new(first: u32, threads: usize) -> Self {
        let mut ids: Vec<u32> = (first..).take(threads).collect();
        let mut random = 0x2545_F491_4F6C_DD1D_u64;
        for at in (1..ids.len()).rev() {
            random ^= random << 13;
            random ^= random >> 7;
            random ^= random << 17;
            ids.swap(at, (random % (at as u64 + 1)) as usize);
        }
        Self { ids, next: 0 }
    }

    /// The next ids, `most` of them or fewer.
    fn take(&mut self, most: usize) -> &[u32] {
        let start = self.next % self.ids.len();
        let end = self.ids.len().min(start + most);
        self.next = end;
        &self.ids[start..end]
    }

    /// The next `n` ids, in runs.
    fn runs(&mut self, n: u64, mut run: impl FnMut(&[u32])) {
        let mut left = n as usize;
        while left > 0 {
            let ids = self.take(left);
            left -= ids.len();
            run(ids);
        }
    }
}

/// What one size gave.
struct Figures {
    found: Series,
    missed: Series,
    canceled: Series,
    map_found: Series,
    map_missed: Series,
    map_canceled: Series,
    map_taken: Series,
}

fn subjects<'a, const THREADS: usize, const CELLS: usize>(
    threads: &'static Threads<THREADS, CELLS>,
    registry: &'a Registry,
) -> [Subject<'a>; 7] {
    let runtime = &threads.runtime;
    let mut calls = threads.begin();
    let known = || RefCell::new(Order::new(FIRST_ID, THREADS));
    let unknown = || RefCell::new(Order::new(FIRST_ID + THREADS as u32, THREADS));
    let (found, missed, canceled) = (known(), unknown(), known());
    let (map_found, map_missed, map_canceled, map_taken) = (known(), unknown(), known(), known());
    let clock = clock();
    [
        timed(move |n| {
            found.borrow_mut().runs(n, |ids| {
                for id in ids {
                    assert!(runtime.cancel_object(*id).is_ok());
                }
            });
        }),
        timed(move |n| {
            missed.borrow_mut().runs(n, |ids| {
                for id in ids {
                    assert!(matches!(runtime.cancel_object(*id), Err(Hresult::E_NOINTERFACE)));
                }
            });
        }),
        Box::new(move |n| {
            let mut sum = Duration::ZERO;
            let mut order = canceled.borrow_mut();
            for _ in 0..n.div_ceil(BATCH as u64) {
                let ids = order.take(BATCH);
                let start = Instant::now();
                for id in ids {
                    assert_eq!(runtime.cancel_thread(*id, Timeout::ZERO, Waiting::Never), Hresult::S_OK);
                }
                sum += start.elapsed().saturating_sub(clock);
                for id in ids {
                    threads.renew(&mut calls, *id);
                }
            }
            sum
        }),
        timed(move |n| map_found.borrow_mut().runs(n, |ids| assert_eq!(registry.find(ids), ids.len() as u64))),
        timed(move |n| map_missed.borrow_mut().runs(n, |ids| assert_eq!(registry.find(ids), 0))),
        timed(move |n| map_canceled.borrow_mut().runs(n, |ids| assert_eq!(registry.cancel(ids), ids.len() as u64))),
        timed(move |n| map_taken.borrow_mut().runs(n, |ids| assert_eq!(registry.take(ids), ids.len() as u64))),
    ]
}

/// Records as large as a thread's, in a table as large as theirs, one look at each: what the machine's memory alone takes.
fn cold_lines() -> Subject<'static> {
    let table = vec![[0_u32; 32]; 65_536];
    let mut order = Order::new(0, 65_536);
    timed(move |n| {
        let mut seen = 0;
        // the next address depends on what was read, as it does when one call follows the other
        order.runs(n, |ids| ids.iter().for_each(|id| seen |= table[(*id | seen) as usize][0]));
        assert_eq!(black_box(seen), 0);
    })
}

/// All three sizes take turns.
fn figures() -> ([Figures; 3], Series) {
    let registries = [8, 1024, 65_536].map(|threads| Registry::new(FIRST_ID, threads));
    let [a, b, c, d, e, f, s] = subjects(&SMALL, &registries[0]);
    let [g, h, i, j, k, l, t] = subjects(&MEDIUM, &registries[1]);
    let [m, n, o, p, q, r, u] = subjects(&LARGE, &registries[2]);
    // ours and the peer's side by side
    let found = measure([a, g, m, d, j, p, s, t, u, cold_lines()]);
    let missed = measure([b, h, n, e, k, q]);
    let canceled = measure([c, i, o, f, l, r]);
    let sizes = [0, 1, 2].map(|size| Figures {
        found: found[size].clone(),
        missed: missed[size].clone(),
        canceled: canceled[size].clone(),
        map_found: found[size + 3].clone(),
        map_missed: missed[size + 3].clone(),
        map_canceled: canceled[size + 3].clone(),
        map_taken: found[size + 6].clone(),
    });
    (sizes, found[9].clone())
}

/// The rows.
pub fn rows(report: &mut Report) {
    let (sizes, line) = figures();
    for (threads, size) in ["8", "1,024", "65,536"].iter().zip(&sizes) {
        let goal = if *threads == "65,536" { Goal::AtMost(0.5) } else { Goal::None };
        let what = |what: &str| format!("{what}, {threads} threads / mutex + unordered_map");
        report.row(&what("look-up (object and drop)"), &size.found, &size.map_found, goal);
        report.row(&(what("look-up (object and drop)") + " of shared_ptr"), &size.found, &size.map_taken, Goal::None);
        report.row(&what("look-up that misses"), &size.missed, &size.map_missed, goal);
        report.row(&what("whole cancel"), &size.canceled, &size.map_canceled, Goal::None);
    }
    let [small, _, large] = &sizes;
    report.row("whole cancel, 65,536 threads / 8 threads", &large.canceled, &small.canceled, Goal::AtMost(1.5));
    report.row("look-up, 65,536 threads / 8 threads", &large.found, &small.found, Goal::None);
    report.row(
        "look-up, 65,536 threads / one dependent load from a table of that size",
        &large.found,
        &line,
        Goal::None,
    );
    report.row(
        "whole cancel, 65,536 threads / one dependent load from a table of that size",
        &large.canceled,
        &line,
        Goal::None,
    );
}
