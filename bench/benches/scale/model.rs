//! A discrete-event model of cores that contend for cache lines. What it assumes, and what it cannot say: docs/scale.md.

use std::cmp::Reverse;
use std::collections::{BinaryHeap, HashMap};

use rand::SeedableRng;
use rand::rngs::SmallRng;

/// Picoseconds.
pub type Time = u64;

/// A cache line.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum Line {
    /// A core's own: its thread's slot, with the home call slot in it.
    Own(usize),
    /// What all threads of a runtime write: where a free slot is likely, when the next deadline comes.
    Hints(usize),
    /// A slot of a runtime's table.
    Slot(usize, Table, usize),
    /// Eight cells of a runtime's index.
    Cells(usize, u32),
    /// The slot of a thread whose call everybody wants to cancel.
    Hot(usize),
}

/// Of what a runtime has many, with a hint where a free one is likely.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum Table {
    /// Shared call slots.
    Calls,
    /// Thread slots.
    Threads,
}

/// What an operation is made of. Each is preceded by the operation's own work, divided evenly.
#[derive(Clone, Copy, Debug)]
pub enum Act {
    /// Nothing but work, of so many picoseconds.
    Work(Time),
    /// Reads.
    Load(Line),
    /// Writes, without waiting for the line.
    Store(Line),
    /// A compare-exchange of what was loaded last; if another wrote the line since, so many acts back.
    Exchange(Line, usize),
    /// Reads where a free slot is likely.
    LoadHint(Table),
    /// Reads that slot, or the next one that is free, and takes it by a compare-exchange.
    Claim(Table),
    /// Writes the hint: one past the slot that was taken.
    PassHint(Table),
    /// Changes a word of that slot, which nobody else changes.
    Use(Table),
    /// Writes the hint: the slot, which is free from here on.
    Free(Table),
}

/// What a core does next: it is told its number and its runtime's.
pub type Program<'a> = dyn Fn(&mut SmallRng, usize, usize, &mut Vec<Act>) + 'a;

/// A line's state, as a directory would know it.
#[derive(Clone, Default)]
struct Held {
    owner: Option<usize>,
    sharers: [u64; 4],
    version: u64,
    free_at: Time,
}

impl Held {
    fn is_shared_by(&self, core: usize) -> bool {
        self.sharers[core / 64] >> (core % 64) & 1 == 1
    }

    fn share(&mut self, core: usize) {
        self.sharers[core / 64] |= 1 << (core % 64);
    }
}

#[derive(Default)]
struct Slots {
    hint: usize,
    taken: HashMap<usize, bool>,
}

struct Core {
    acts: Vec<Act>,
    at: usize,
    /// Its slot, or the one that it looks at, of both tables.
    slot: [usize; 2],
    seen: u64,
    /// When its last store has its line.
    drained: Time,
    /// Work before each act, of the operation under way.
    work: Time,
    done: u64,
}

/// What one run is about.
pub struct Setting<'a> {
    /// Cores, 256 at most.
    pub cores: usize,
    /// Runtimes among which they are divided.
    pub runtimes: usize,
    /// What moving a line from one core to another takes.
    pub transfer: Time,
    /// What they do.
    pub program: &'a Program<'a>,
}

/// The machine.
pub struct Machine<'a> {
    setting: Setting<'a>,
    lines: HashMap<Line, Held>,
    tables: HashMap<(usize, Table), Slots>,
    cores: Vec<Core>,
    random: SmallRng,
}

impl<'a> Machine<'a> {
    /// In which nothing has happened.
    pub fn new(setting: Setting<'a>) -> Self {
        let core = |core| Core {
            acts: Vec::new(),
            at: 0,
            // each thread has a slot of its own from the start
            slot: [0, core],
            seen: 0,
            drained: 0,
            work: 0,
            done: 0,
        };
        let cores: Vec<Core> = (0..setting.cores).map(core).collect();
        let mut tables: HashMap<(usize, Table), Slots> = HashMap::new();
        for core in 0..setting.cores {
            let threads = tables.entry((core % setting.runtimes, Table::Threads)).or_default();
            threads.taken.insert(core, true);
        }
        Self { setting, lines: HashMap::new(), tables, cores, random: SmallRng::seed_from_u64(3) }
    }

    /// How many operations they finish in a nanosecond, over `length` after a tenth of it to warm up.
    pub fn run(mut self, length: Time) -> f64 {
        let mut queue: BinaryHeap<Reverse<(Time, usize)>> =
            (0..self.cores.len()).map(|core| Reverse((0, core))).collect();
        let warm = length / 10;
        let mut before = None;
        while let Some(Reverse((now, core))) = queue.pop() {
            if before.is_none() && now >= warm {
                before = Some(self.done());
            }
            if now >= warm + length {
                break;
            }
            queue.push(Reverse((self.step(now, core), core)));
        }
        (self.done() - before.unwrap_or(0)) as f64 / (length as f64 / 1000.0)
    }

    fn done(&self) -> u64 {
        self.cores.iter().map(|core| core.done).sum()
    }

    /// The core's next act; when it comes to the one after it.
    fn step(&mut self, now: Time, core: usize) -> Time {
        let runtime = core % self.setting.runtimes;
        let me = &mut self.cores[core];
        let Some(act) = me.acts.get(me.at).copied() else {
            me.done += u64::from(!me.acts.is_empty());
            me.acts.clear();
            me.at = 0;
            (self.setting.program)(&mut self.random, core, runtime, &mut me.acts);
            let Act::Work(work) = me.acts[0] else { panic!("a program begins with its work") };
            me.at = 1;
            me.work = work / (me.acts.len() as Time - 1).max(1);
            return now + me.work;
        };
        // a compare-exchange waits until the stores before it are done
        let waits = matches!(act, Act::Exchange(..) | Act::Claim(_) | Act::Use(_));
        if waits && me.drained > now {
            return me.drained;
        }
        let (work, seen) = (me.work, me.seen);
        let mut next = me.at + 1;
        let slot = |me: &Core, table: Table| me.slot[table as usize];
        let until = match act {
            Act::Work(more) => now + more,
            Act::Load(line) => self.load(now, core, line),
            Act::Store(line) => self.store(now, core, line),
            Act::Exchange(line, back) => {
                let until = self.get(now, core, line, true);
                let held = self.lines.entry(line).or_default();
                if held.version == seen {
                    held.version += 1;
                    // what it wrote is what it knows
                    self.cores[core].seen = held.version;
                } else {
                    next -= 1 + back;
                }
                until
            }
            Act::LoadHint(table) => {
                self.cores[core].slot[table as usize] = self.tables.entry((runtime, table)).or_default().hint;
                self.load(now, core, Line::Hints(runtime))
            }
            Act::Claim(table) => {
                let at = slot(&self.cores[core], table);
                let taken = self.tables.entry((runtime, table)).or_default().taken.entry(at).or_default();
                if std::mem::replace(taken, true) {
                    // somebody else's: on to the next
                    next -= 1;
                    self.cores[core].slot[table as usize] += 1;
                    self.load(now, core, Line::Slot(runtime, table, at))
                } else {
                    let loaded = self.load(now, core, Line::Slot(runtime, table, at));
                    let until = self.get(loaded, core, Line::Slot(runtime, table, at), true);
                    self.wrote(core, Line::Slot(runtime, table, at));
                    until
                }
            }
            Act::Use(table) => {
                let line = Line::Slot(runtime, table, slot(&self.cores[core], table));
                let until = self.get(now, core, line, true);
                self.wrote(core, line);
                until
            }
            Act::PassHint(table) => {
                let at = slot(&self.cores[core], table);
                self.tables.entry((runtime, table)).or_default().hint = at + 1;
                self.store(now, core, Line::Hints(runtime))
            }
            Act::Free(table) => {
                let at = slot(&self.cores[core], table);
                let slots = self.tables.entry((runtime, table)).or_default();
                slots.taken.insert(at, false);
                slots.hint = at;
                self.store(now, core, Line::Hints(runtime))
            }
        };
        let me = &mut self.cores[core];
        me.at = next;
        // the work before the first act was done when the operation began
        if next < me.acts.len() { until + work } else { until }
    }

    fn load(&mut self, now: Time, core: usize, line: Line) -> Time {
        let until = self.get(now, core, line, false);
        self.cores[core].seen = self.lines.entry(line).or_default().version;
        until
    }

    fn store(&mut self, now: Time, core: usize, line: Line) -> Time {
        let until = self.get(now, core, line, true);
        self.wrote(core, line);
        let me = &mut self.cores[core];
        me.drained = me.drained.max(until);
        now
    }

    fn wrote(&mut self, core: usize, line: Line) {
        let held = self.lines.entry(line).or_default();
        held.version += 1;
        self.cores[core].seen = held.version;
    }

    /// Brings the line to the core; when it is there. Requests are served in the order in which they come.
    fn get(&mut self, now: Time, core: usize, line: Line, exclusive: bool) -> Time {
        let transfer = self.setting.transfer;
        let held = self.lines.entry(line).or_default();
        let is_here = held.owner == Some(core) || (!exclusive && held.is_shared_by(core));
        let is_nowhere = held.owner.is_none() && held.sharers.iter().all(|word| *word == 0);
        let is_read_only = !exclusive && held.owner.is_none();
        let until = match () {
            () if is_here || is_nowhere => now,
            // several may copy at once what nobody is about to write
            () if is_read_only => now.max(held.free_at) + transfer,
            () => {
                held.free_at = now.max(held.free_at) + transfer;
                held.free_at
            }
        };
        if exclusive {
            held.owner = Some(core);
            held.sharers = [0; 4];
        } else if let Some(owner) = held.owner.filter(|owner| *owner != core) {
            held.owner = None;
            held.share(owner);
        }
        held.share(core);
        until
    }
}
