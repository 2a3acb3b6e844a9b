//! Who goes on, and when time passes: all of it drawn from the seed.

use std::cell::Cell;

use cocancel::{Fixed, Runtime, Side, before_each_atomic_operation};
use corosensei::{CoroutineResult, Yielder};

use super::port::{Rt, WorldPort};
use super::world::{LAST_SERVER, THREADS, World, one_in, random, say, world, wrong};
use super::{actors, intruders, verdict};
use crate::strand::Strand;

/// Why a thread runs no more.
enum Pause {
    /// Only until others have done something.
    Step,
    /// It is the last server, and there is nothing to serve.
    Idle,
    Asleep(Sleep),
}

/// What a thread sleeps on.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Place {
    /// A word of the library's, on one of its sides.
    Word(usize, Side),
    Context(usize),
}

/// It sleeps in the library's wait, or between two polls.
#[derive(Clone, Copy)]
struct Sleep {
    place: Place,
    until: Option<u32>,
    is_woken: bool,
}

thread_local! {
    /// Of the thread that runs; NULL where none does.
    static YIELDER: Cell<*const Yielder<(), Pause>> = const { Cell::new(std::ptr::null()) };
}

fn pause(why: Pause) {
    // SAFETY: NULL, or that of the coroutine that runs
    if let Some(yielder) = unsafe { YIELDER.get().as_ref() } {
        yielder.suspend(why);
    }
}

/// One step of the thread that runs: an atomic operation of the library's, or a call of its port that others notice.
pub fn step() {
    if !YIELDER.get().is_null() {
        pause(Pause::Step);
        intruders::interrupt();
    }
}

/// The thread that runs sleeps until then, or until it is woken.
pub fn sleep(place: Place, until: Option<u32>) {
    pause(Pause::Asleep(Sleep { place, until, is_woken: false }));
}

/// The thread that runs has nothing to do.
pub fn idle() {
    pause(Pause::Idle);
}

/// So many steps no play has, unless somebody goes round in circles.
const ENDLESS: u32 = 1_000_000;

/// How much one does that starts with the id of another.
const ACTS_OF_REBORN: u32 = 12;

struct Thread {
    strand: Strand<Pause, ()>,
    yielder: *const Yielder<(), Pause>,
    asleep: Option<Sleep>,
    is_done: bool,
}

impl Thread {
    fn new(number: usize, acts: u32) -> Self {
        let strand = Strand::new(move |yielder| {
            YIELDER.set(yielder);
            actors::live(number, acts);
        });
        Self { strand, yielder: std::ptr::null(), asleep: None, is_done: false }
    }

    fn is_ready(&self, now: u32) -> bool {
        let is_over = |sleep: Sleep| sleep.is_woken || sleep.until.is_some_and(|until| until <= now);
        !self.is_done && self.asleep.is_none_or(is_over)
    }
}

/// Plays the seed; what went wrong in it, if something did. `is_traced`: prints what each thread does.
pub fn play(seed: u64, is_traced: bool) -> Result<(), String> {
    let runtime: *mut Rt = Box::into_raw(Box::new(Runtime::new(WorldPort, Fixed::new())));
    // SAFETY: it lives until all who know of it are gone
    world(|w| *w = World::of(seed, unsafe { &*runtime }, is_traced));
    before_each_atomic_operation(Some(step));
    let acts = 3 + (seed % 37) as u32;
    let threads = (0..THREADS).map(|number| Thread::new(number, acts)).collect();
    let mut schedule = Schedule { threads, last: 0, killed: None, dead: Vec::new(), is_idle: false };
    let mut steps = 0;
    while world(|w| w.wrong.is_none()) && schedule.goes_on() {
        steps += 1;
        if steps == ENDLESS {
            wrong(format_args!("comes to no end"));
        }
    }
    if schedule.threads.iter().all(|thread| thread.is_done) {
        verdict::in_the_end(schedule.killed.is_some());
    }
    drop(schedule);
    before_each_atomic_operation(None);
    let wrong = world(std::mem::take).wrong;
    // SAFETY: the threads and the world are gone
    drop(unsafe { Box::from_raw(runtime) });
    wrong.map_or(Ok(()), Err)
}

struct Schedule {
    threads: Vec<Thread>,
    /// Who ran last.
    last: usize,
    killed: Option<usize>,
    /// What stands on the stack of one in whose place another started.
    dead: Vec<Thread>,
    /// The last server found nothing to serve since time last passed.
    is_idle: bool,
}

impl Schedule {
    /// Somebody makes a step, or time passes; `false`: it is over.
    fn goes_on(&mut self) -> bool {
        self.kill_somebody();
        let (now, woken) = world(|w| (w.now, std::mem::take(&mut w.woken)));
        for sleep in self.threads.iter_mut().filter_map(|thread| thread.asleep.as_mut()) {
            sleep.is_woken |= woken.contains(&sleep.place);
        }
        let ready: Vec<_> = (0..LAST_SERVER).filter(|at| self.threads[*at].is_ready(now)).collect();
        if !ready.is_empty() {
            // mostly the same one goes on
            let stays = ready.contains(&self.last) && !one_in(3);
            self.run(if stays { self.last } else { ready[random(ready.len() as u32) as usize] });
            return true;
        }
        verdict::while_all_sleep(self.killed.is_some());
        // nobody serves anything before what was promised has come
        if let Some(due) = verdict::next_promise() {
            world(|w| w.now = due);
            return true;
        }
        let all_done = self.threads[..LAST_SERVER].iter().all(|thread| thread.is_done);
        world(|w| w.all_done = all_done);
        let server = &self.threads[LAST_SERVER];
        if server.is_ready(now) && (all_done || !std::mem::take(&mut self.is_idle)) {
            self.run(LAST_SERVER);
            return true;
        }
        let sleeping = self.threads.iter().filter(|thread| !thread.is_done);
        let next = sleeping.clone().filter_map(|thread| thread.asleep?.until).min();
        match next {
            Some(next) => world(|w| w.now = next),
            // nobody but who depended on the one that was killed
            None if self.killed.is_some() => {}
            None if sleeping.count() > 0 => wrong(format_args!("asleep for ever")),
            None => {}
        }
        next.is_some()
    }

    /// In some plays, once, and not in its sleep.
    fn kill_somebody(&mut self) {
        if self.killed.is_some() || !world(|w| w.has_kills) || !one_in(300) {
            return;
        }
        let at = random(LAST_SERVER as u32) as usize;
        let thread = &mut self.threads[at];
        if !thread.is_done && thread.asleep.is_none() {
            thread.is_done = true;
            self.killed = Some(at);
            world(|w| w.is_killed(at));
            say(format_args!("{at} IS KILLED"));
            if world(|w| w.has_rebirths) {
                self.dead.push(std::mem::replace(&mut self.threads[at], Thread::new(at, ACTS_OF_REBORN)));
            }
        }
    }

    fn run(&mut self, at: usize) {
        self.last = at;
        let thread = &mut self.threads[at];
        thread.asleep = None;
        world(|w| w.acting = at);
        YIELDER.set(thread.yielder);
        let result = thread.strand.resume();
        thread.yielder = YIELDER.replace(std::ptr::null());
        match result {
            CoroutineResult::Return(()) => thread.is_done = true,
            CoroutineResult::Yield(Pause::Step) => {}
            CoroutineResult::Yield(Pause::Idle) => self.is_idle = true,
            CoroutineResult::Yield(Pause::Asleep(sleep)) => thread.asleep = Some(sleep),
        }
    }
}
