//! Threads that come and go, each with an id of its own, and how far a look-up has to go afterwards.

use std::collections::HashSet;

use rand::rngs::SmallRng;
use rand::{Rng, SeedableRng};

use crate::counted::steps;
use crate::many::{Actor, FIRST_ID, Many};
use crate::text::{self, grouped};

/// As many as are attached at any time.
const THREADS: usize = 65_536;
/// The first id past those that a kernel hands out.
const PAST_LAST_ID: u32 = 1 << 22;
/// The largest distance, in cells, that a home of the index says exactly; beyond it a look-up that misses reads the whole table.
const LONGEST: u64 = 127;

/// Where new ids come from.
#[derive(Clone, Copy, Debug)]
enum Ids {
    /// The next one that is free, as kernels do, and round to the first.
    Next,
    /// The same in steps of four, as Windows does.
    Fourth,
    /// Any.
    Random,
}

struct Source {
    ids: Ids,
    next: u32,
    random: SmallRng,
    /// Which are in use: one that comes twice would be taken for a dead thread's.
    used: HashSet<u32>,
}

impl Source {
    fn new(ids: Ids) -> Self {
        Self { ids, next: 0, random: SmallRng::seed_from_u64(7), used: HashSet::new() }
    }

    fn take(&mut self) -> u32 {
        let mut following = |step| {
            self.next = if self.next + step >= PAST_LAST_ID { FIRST_ID } else { self.next.max(FIRST_ID) + step };
            self.next
        };
        loop {
            let id = match self.ids {
                Ids::Random => self.random.random_range(PAST_LAST_ID..=u32::MAX),
                Ids::Next => following(1),
                Ids::Fourth => following(4),
            };
            if self.used.insert(id) {
                return id;
            }
        }
    }

    fn give_back(&mut self, id: u32) {
        self.used.remove(&id);
    }
}

/// Cells looked at by each of many look-ups.
struct Probes(Vec<u64>);

impl Probes {
    /// `alone` is what a look-up takes that ends at its home cell; each cell more is one load of the cell and one of its hint.
    fn of(many: &Many, ids: impl Iterator<Item = u32>, alone: u64) -> Self {
        let one = |id| {
            let more = steps(|| many.look_up(id)).1 - alone;
            // a cell that still has the id as a hint, or a deceptive one, takes a load more
            1 + more / 2
        };
        let mut all: Vec<u64> = ids.map(one).collect();
        all.sort_unstable();
        Self(all)
    }

    fn at(&self, share: f64) -> u64 {
        self.0[((self.0.len() - 1) as f64 * share).round() as usize]
    }

    fn most(&self) -> u64 {
        self.at(1.0)
    }

    fn mean(&self) -> f64 {
        self.0.iter().sum::<u64>() as f64 / self.0.len() as f64
    }

    fn cells(&self) -> [String; 4] {
        [format!("{:.2}", self.mean()), self.at(0.5).to_string(), self.at(0.99).to_string(), self.most().to_string()]
    }
}

/// What a look-up takes at least: found, and missed.
fn alone() -> (u64, u64) {
    let many = Many::new(8, 8);
    let mut actor = Actor::new(FIRST_ID);
    many.attach(&mut actor);
    (steps(|| many.look_up(FIRST_ID)).1, steps(|| many.look_up(FIRST_ID + 1)).1)
}

/// So many exits and attaches, each under a new id, and a row at each power of ten.
fn churn(ids: Ids, times: u64) {
    let header =
        ["exits and attaches", "found: mean", "median", "99 %", "max", "missed: mean", "median", "99 %", "max"];
    let mut table = text::table(header.map(str::to_owned));
    let many = Many::new(8, THREADS);
    let mut source = Source::new(ids);
    let mut actors: Vec<Actor> = (0..THREADS).map(|_| Actor::new(source.take())).collect();
    actors.iter_mut().for_each(|actor| many.attach(actor));
    let mut random = SmallRng::seed_from_u64(11);
    let (alone_found, alone_missed) = alone();
    let mut done = 0;
    let mut next = 1_000.min(times);
    let mut worst = Vec::new();
    loop {
        let known = Probes::of(&many, actors.iter().map(|actor| actor.id), alone_found);
        // ids that nobody has: from where new ones come, and given back at once
        let unknown: Vec<u32> = (0..THREADS).map(|_| source.take()).collect();
        unknown.iter().for_each(|id| source.give_back(*id));
        let unknown = Probes::of(&many, unknown.into_iter(), alone_missed);
        table.add_row(std::iter::once(grouped(done)).chain(known.cells()).chain(unknown.cells()));
        worst.push((known.at(0.99), known.most(), unknown.at(0.99), unknown.most()));
        if done == times {
            break;
        }
        for _ in done..next {
            let actor = &mut actors[random.random_range(..THREADS)];
            many.exit(actor);
            source.give_back(actor.id);
            actor.id = source.take();
            many.attach(actor);
        }
        done = next;
        next = (done * 10).min(times);
    }
    println!("\ncells looked at, {THREADS} threads, 131,072 cells; new ids: {ids:?}\n{table}");
    assert_eq!(many.runtime.threads(), THREADS);
    let (found, farthest, missed, longest) =
        worst.into_iter().fold((0, 0, 0, 0), |a, b| (a.0.max(b.0), a.1.max(b.1), a.2.max(b.2), a.3.max(b.3)));
    // counted: see docs/scale.md
    assert!(found <= 16 && missed <= 48, "99 % are found within {found} cells, missed within {missed}");
    assert!(
        farthest <= LONGEST && longest <= LONGEST,
        "found at {farthest}, missed after {longest}: the bounds have given up"
    );
    println!("held: 99 of 100 found within 16 cells and missed within 48, none beyond {LONGEST}");
}

/// With each kind of ids.
pub fn all(times: u64) {
    [Ids::Next, Ids::Fourth, Ids::Random].into_iter().for_each(|ids| churn(ids, times));
}
