//! Threads as coroutines, a clock that a scenario moves, and the port between them and the library.

use std::cell::{Cell, RefCell};
use std::collections::HashMap;
use std::rc::Rc;
use std::sync::atomic::{AtomicU32, Ordering};

use cocancel::{CallHandle, Event, Fixed, Port, Side, WaitPoint, before_each_atomic_operation};
use cocancel_host_tests::{Answer, Driver};
use cocancel_model::{Config, CustomObject, Op, ThreadId};
use corosensei::{CoroutineResult, Yielder};

use crate::strand::Strand;

/// Shared call slots.
pub const CALLS: usize = 8;
/// Thread slots.
pub const THREADS: usize = 6;
type Tables<const CELLS: usize> = Fixed<CALLS, THREADS, CELLS>;

/// The model's configuration for it.
pub fn config(customs: Vec<CustomObject>) -> Config {
    Config { shared_calls: CALLS, threads: THREADS, customs, ..Config::default() }
}

/// More steps than any operation takes, also with others interfering.
const ENDLESS: u64 = 10_000;

/// Why a thread runs no more.
enum Pause {
    /// It sleeps in the library's wait, until then or until it is woken.
    Asleep { word: usize, side: Side, until: Option<u64> },
    /// For ever.
    Stopped,
    /// Only until others have done something.
    Interrupted,
}

/// A thread with the one operation that it performs.
struct Role {
    thread: ThreadId,
    yielder: Cell<*const Yielder<(), Pause>>,
    steps: Cell<u64>,
    stop_at: Option<u64>,
    /// Others do something before each of its steps.
    is_disturbed: bool,
}

thread_local! {
    static ACTING: Cell<*const Role> = const { Cell::new(std::ptr::null()) };
}

/// One step of the thread that acts: an atomic operation of the library's, or a call of its port that others notice.
fn step() {
    // SAFETY: NULL, or the role of the coroutine that runs, which its actor keeps
    let Some(role) = (unsafe { ACTING.get().as_ref() }) else { return };
    role.steps.set(role.steps.get() + 1);
    assert!(role.steps.get() < ENDLESS, "thread {} has come to no end after {ENDLESS} steps", role.thread);
    if role.stop_at == Some(role.steps.get()) {
        pause(role, Pause::Stopped);
    }
    if role.is_disturbed {
        pause(role, Pause::Interrupted);
    }
}

fn pause(role: &Role, why: Pause) {
    // SAFETY: set by the coroutine that runs, before its first step
    unsafe { &*role.yielder.get() }.suspend(why);
}

/// How a thread stands.
enum Standing {
    Runs,
    Asleep { word: usize, side: Side, until: Option<u64>, is_woken: bool },
    Stopped,
    Interrupted,
    Done,
}

/// A thread that performs one operation.
pub struct Actor {
    role: Rc<Role>,
    op: Op,
    strand: Strand<Pause, Answer>,
    standing: Standing,
    started: bool,
}

/// What an outsider sees of a thread.
#[derive(Clone, Debug)]
pub enum Observed {
    /// It called an operation, which answered.
    Answered(ThreadId, Op, Answer),
    /// It called an operation, which sleeps.
    Slept(ThreadId, Op),
    /// The operation in which it slept answered.
    Woke(ThreadId, Op, Answer),
    /// It is gone, and a new thread has its id.
    Reborn(ThreadId),
}

/// The scene. `CELLS`: of the index of threads.
pub struct Stage<const CELLS: usize> {
    /// The library.
    pub driver: Driver<StagePort, Tables<CELLS>>,
    actors: Vec<Actor>,
    /// What was seen, in order.
    pub observed: Vec<Observed>,
    /// How many steps operations took that came to their end without sleeping.
    pub taken: Vec<(Op, u64)>,
}

impl<const CELLS: usize> Stage<CELLS> {
    /// An empty one.
    pub fn new(customs: &[CustomObject]) -> Self {
        before_each_atomic_operation(Some(step));
        let driver = Driver::new(StagePort::default(), Tables::<CELLS>::new(), customs);
        Self { driver, actors: Vec::new(), observed: Vec::new(), taken: Vec::new() }
    }

    /// The thread performs the operation, up to its step `stop_at` where there is one: then it stops for ever, before that step. Afterwards
    /// everybody who was woken, or whose time has come, runs on.
    pub fn perform(&mut self, thread: ThreadId, op: Op, stop_at: Option<u64>) {
        if let Op::Advance(ms) = op {
            self.driver.runtime.port().0.borrow_mut().now += ms;
            self.observed.push(Observed::Answered(thread, op, Answer::of(cocancel::Hresult::S_OK)));
            return self.settle();
        }
        let last = self.enters(thread, op, stop_at, false);
        self.run(last);
        self.settle();
    }

    /// The thread performs the operation, and before each of its steps `disturb` has others do something. How many steps it took.
    pub fn perform_disturbed(&mut self, thread: ThreadId, op: Op, mut disturb: impl FnMut(&mut Self, u64)) -> u64 {
        let index = self.enters(thread, op, None, true);
        self.run(index);
        while matches!(self.actors[index].standing, Standing::Interrupted) {
            let step = self.actors[index].role.steps.get();
            disturb(self, step);
            self.run(index);
        }
        self.settle();
        self.actors[index].role.steps.get()
    }

    fn enters(&mut self, thread: ThreadId, op: Op, stop_at: Option<u64>, is_disturbed: bool) -> usize {
        let yielder = Cell::new(std::ptr::null());
        let role = Rc::new(Role { thread, yielder, steps: Cell::new(0), stop_at, is_disturbed });
        let driver: *const Driver<StagePort, Tables<CELLS>> = &raw const self.driver;
        let mine = Rc::clone(&role);
        let strand = Strand::new(move |yielder| {
            mine.yielder.set(yielder);
            drop(mine);
            // SAFETY: the stage keeps the driver where it is as long as its actors
            unsafe { &*driver }.perform(op)
        });
        let standing = Standing::Runs;
        self.actors.push(Actor { role, op, strand, standing, started: false });
        self.actors.len() - 1
    }

    /// The thread is gone without an exit; its id is that of a new one.
    pub fn reborn(&mut self, thread: ThreadId) {
        self.driver.runtime.port().0.borrow_mut().locals.remove(&thread);
        self.observed.push(Observed::Reborn(thread));
    }

    /// Whether the thread sleeps.
    pub fn is_asleep(&self, thread: ThreadId) -> bool {
        self.actors.iter().any(|a| a.role.thread == thread && matches!(a.standing, Standing::Asleep { .. }))
    }

    /// How many steps the thread's last operation took, or has taken so far.
    pub fn steps(&self, thread: ThreadId) -> u64 {
        self.actors.iter().rfind(|a| a.role.thread == thread).map_or(0, |a| a.role.steps.get())
    }

    /// Whether the thread was stopped.
    pub fn is_stopped(&self, thread: ThreadId) -> bool {
        self.actors.iter().any(|a| a.role.thread == thread && matches!(a.standing, Standing::Stopped))
    }

    fn settle(&mut self) {
        let mut woken = self.driver.runtime.port().0.borrow_mut().take_wakes();
        loop {
            let now = self.driver.runtime.port().0.borrow().now;
            for actor in &mut self.actors {
                if let Standing::Asleep { word, side, is_woken, .. } = &mut actor.standing {
                    *is_woken |= woken.contains(&(*word, *side));
                }
            }
            let ready = |actor: &Actor| match actor.standing {
                Standing::Asleep { until, is_woken, .. } => is_woken || until.is_some_and(|until| until <= now),
                _ => false,
            };
            let Some(next) = self.actors.iter().position(ready) else { return };
            self.run(next);
            woken = self.driver.runtime.port().0.borrow_mut().take_wakes();
        }
    }

    fn run(&mut self, index: usize) {
        let actor = &mut self.actors[index];
        self.driver.runtime.port().0.borrow_mut().thread = actor.role.thread;
        ACTING.set(Rc::as_ptr(&actor.role));
        let result = actor.strand.resume();
        ACTING.set(std::ptr::null());
        let (thread, op) = (actor.role.thread, actor.op);
        let was_asleep = std::mem::replace(&mut actor.started, true);
        match result {
            CoroutineResult::Return(answer) => {
                actor.standing = Standing::Done;
                let seen = if was_asleep { Observed::Woke } else { Observed::Answered };
                self.observed.push(seen(thread, op, answer));
                if !was_asleep {
                    self.taken.push((op, actor.role.steps.get()));
                }
            }
            CoroutineResult::Yield(Pause::Stopped) => actor.standing = Standing::Stopped,
            CoroutineResult::Yield(Pause::Interrupted) => {
                actor.standing = Standing::Interrupted;
                actor.started = was_asleep;
            }
            CoroutineResult::Yield(Pause::Asleep { word, side, until }) => {
                actor.standing = Standing::Asleep { word, side, until, is_woken: false };
                if !was_asleep {
                    self.observed.push(Observed::Slept(thread, op));
                }
            }
        }
    }

    /// The steps go no longer to this stage's threads.
    pub fn quiet(&self) {
        ACTING.set(std::ptr::null());
        self.driver.runtime.port().0.borrow_mut().thread = u32::MAX;
    }
}

#[derive(Debug, Default)]
struct State {
    now: u64,
    thread: ThreadId,
    locals: HashMap<ThreadId, u32>,
    wakes: Vec<(usize, Side)>,
}

impl State {
    fn take_wakes(&mut self) -> Vec<(usize, Side)> {
        std::mem::take(&mut self.wakes)
    }
}

/// The port.
#[derive(Debug, Default)]
pub struct StagePort(RefCell<State>);

// SAFETY: used by the one thread of the system that made it
unsafe impl Sync for StagePort {}

// SAFETY: one thread of the system, which is whichever thread of the scenario acts, with that one's local word; a wake is kept, since nobody
// else runs between the look at the word and the sleep
unsafe impl Port for StagePort {
    fn thread_id(&self) -> u32 {
        self.0.borrow().thread
    }
    fn tick(&self) -> u32 {
        self.0.borrow().now as u32
    }
    fn local(&self) -> Option<u32> {
        let state = self.0.borrow();
        Some(state.locals.get(&state.thread).copied().unwrap_or(0))
    }
    fn set_local(&self, value: u32) {
        step();
        let mut state = self.0.borrow_mut();
        let thread = state.thread;
        state.locals.insert(thread, value);
    }
    fn waiter(&self) -> Option<*mut ()> {
        Some(std::ptr::null_mut())
    }
    fn wait(&self, point: WaitPoint, ms: Option<u32>) {
        step();
        // SAFETY: the word is an atomic of the runtime's
        let word = unsafe { AtomicU32::from_ptr(point.word.cast_mut()) };
        // Relaxed: only one thread of the system is here
        if word.load(Ordering::Relaxed) != point.value {
            return;
        }
        let until = ms.map(|ms| self.0.borrow().now + u64::from(ms));
        // SAFETY: as in `step`
        let role = unsafe { ACTING.get().as_ref() }.expect("a thread of the scenario");
        pause(role, Pause::Asleep { word: point.word.addr(), side: point.side, until });
    }
    fn wake(&self, point: WaitPoint) {
        step();
        self.0.borrow_mut().wakes.push((point.word.addr(), point.side));
        step();
    }
    fn retire(&self, _: *mut ()) {
        step();
    }
    fn cancel_requested(&self, _: CallHandle, _: *mut (), _: Option<u32>) {
        step();
    }
    fn orphaned(&self, _: *mut ()) {
        step();
    }
    fn event(&self, _: Event) {
        step();
    }
}
