//! What cores do at the same time: for the model in acts, for real cores in calls of the library. The acts are those of the code, in its
//! order; what only one core ever touches is in the work.

use cocancel::{CallOptions, Timeout};
use rand::Rng;
use rand::rngs::SmallRng;
use rand_distr::{Distribution, Exp};

use crate::many::{Actor, FIRST_ID, Many};
use crate::model::{Act, Line, Table, Time};
use crate::operations::{one_call, one_shared_call};

/// One of the operations.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Workload {
    /// A call of the thread's own.
    Own,
    /// The same with a timeout: it arms the tick.
    Timeout,
    /// An asynchronous call, in a shared slot.
    Shared,
    /// A thread ends, another attaches.
    Attach,
    /// All look up the same thread's call.
    Hot,
    /// Of the first four so many in a hundred as [`MIX`] says, a microsecond of work before each.
    Mix,
}

/// All, in the order in which they are shown.
pub const WORKLOADS: [Workload; 6] =
    [Workload::Own, Workload::Timeout, Workload::Shared, Workload::Attach, Workload::Hot, Workload::Mix];

/// What the mix is made of, in hundredths.
pub const MIX: [(Workload, u32); 4] =
    [(Workload::Own, 70), (Workload::Timeout, 20), (Workload::Shared, 8), (Workload::Attach, 2)];
/// The mean of the work before each operation of the mix, in nanoseconds.
pub const THINKING: f64 = 1000.0;

/// Lines of the index that new threads' cells are on, with 65,536 threads.
const CELL_LINES: u32 = 16_384;

impl Workload {
    /// For tables and pictures.
    pub const fn name(self) -> &'static str {
        match self {
            Workload::Own => "own calls",
            Workload::Timeout => "own calls with a timeout",
            Workload::Shared => "calls in shared slots",
            Workload::Attach => "threads that end and attach",
            Workload::Hot => "look-ups of one thread",
            Workload::Mix => "the mix, 1 us apart",
        }
    }

    /// One operation in acts. `costs`: picoseconds of each alone on one core.
    pub fn acts(
        self,
        costs: &dyn Fn(Workload) -> Time,
        random: &mut SmallRng,
        core: usize,
        runtime: usize,
        acts: &mut Vec<Act>,
    ) {
        let start = acts.len();
        acts.push(Act::Work(costs(self)));
        let own = Line::Own(core);
        match self {
            Workload::Own => acts.extend([Act::Load(own), Act::Exchange(own, 1), Act::Exchange(own, 2)]),
            Workload::Timeout => {
                let due = Line::Hints(runtime);
                acts.extend([Act::Load(due), Act::Exchange(due, 1)]);
                acts.extend([Act::Load(own), Act::Exchange(own, 1), Act::Exchange(own, 2)]);
            }
            Workload::Shared => {
                let table = Table::Calls;
                acts.extend([Act::LoadHint(table), Act::Claim(table), Act::PassHint(table)]);
                // published, completed, finished
                acts.extend([Act::Use(table), Act::Use(table), Act::Use(table), Act::Free(table)]);
            }
            Workload::Attach => {
                let (table, gone) = (Table::Threads, Line::Cells(runtime, random.random_range(0..CELL_LINES)));
                let new = Line::Cells(runtime, random.random_range(0..CELL_LINES));
                acts.extend([
                    Act::Load(gone),
                    Act::Exchange(gone, 1),
                    Act::Use(table),
                    Act::Free(table),
                    Act::Load(new),
                ]);
                acts.extend([Act::LoadHint(table), Act::Claim(table), Act::PassHint(table)]);
                acts.extend([Act::Load(new), Act::Exchange(new, 1), Act::Store(new)]);
            }
            Workload::Hot => {
                let hot = Line::Hot(runtime);
                acts.extend([
                    Act::Load(hot),
                    Act::Exchange(hot, 1),
                    Act::Load(hot),
                    Act::Load(hot),
                    Act::Exchange(hot, 1),
                ]);
            }
            Workload::Mix => {
                let thinking = (Exp::new(1.0 / THINKING).map_or(THINKING, |exp| exp.sample(random)) * 1000.0) as Time;
                drawn(random.random_range(0..100)).acts(costs, random, core, runtime, acts);
                // its own work is that of the operation, and thinking is one act, which has no part of it
                acts.remove(start);
                acts.push(Act::Work(thinking));
            }
        }
    }

    /// The same on a real core, many times: `spin` is that much work.
    pub fn real(self, many: &Many, worker: usize, spin: impl Fn(f64)) -> impl FnMut(u64) {
        let mut actor = Actor::new(FIRST_ID + worker as u32);
        many.attach(&mut actor);
        let mut next_id = 1_000_000 + worker as u32;
        let mut random = <SmallRng as rand::SeedableRng>::seed_from_u64(worker as u64);
        let plan: Vec<(Workload, f64)> = (0..4096)
            .map(|_| {
                let thinking = Exp::new(1.0 / THINKING).map_or(THINKING, |exp| exp.sample(&mut random));
                (drawn(random.random_range(0..100)), thinking)
            })
            .collect();
        let mut one = move |workload: Workload| match workload {
            Workload::Own => many.play(&mut actor, |runtime| one_call(runtime, CallOptions::new())),
            Workload::Timeout => {
                let options = CallOptions::new().timeout(Timeout::millis(86_400_000));
                many.play(&mut actor, |runtime| one_call(runtime, options));
            }
            Workload::Shared => many.play(&mut actor, one_shared_call),
            Workload::Attach => {
                many.exit(&mut actor);
                // the other worker's are the others
                next_id = if next_id >= 4_000_000 { 1_000_000 + worker as u32 } else { next_id + 2 };
                actor.id = next_id;
                many.attach(&mut actor);
            }
            Workload::Hot => assert!(many.runtime.cancel_object(HOT_ID).is_ok()),
            Workload::Mix => {}
        };
        let mut step = 0;
        move |n| {
            for _ in 0..n {
                if self == Workload::Mix {
                    let (workload, thinking) = plan[step % plan.len()];
                    step += 1;
                    spin(thinking);
                    one(workload);
                } else {
                    one(self);
                }
            }
        }
    }
}

/// The thread that everybody looks for.
pub const HOT_ID: u32 = FIRST_ID - 1;

fn drawn(hundredth: u32) -> Workload {
    let mut left = hundredth;
    for (workload, share) in MIX {
        if left < share {
            return workload;
        }
        left -= share;
    }
    Workload::Own
}
