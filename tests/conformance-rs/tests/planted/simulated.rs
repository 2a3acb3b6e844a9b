//! A port in a world without real time or threads: whatever happens is a consequence of what was asked for, so a wait that nothing
//! can end is seen at once. The port keeps its contract, but for one defect.

use std::cell::{Cell, RefCell};
use std::collections::HashSet;
use std::ptr::without_provenance_mut;

use cocancel::port::Port;
use cocancel::{CallHandle, Fixed, Hresult, Outcome, Runtime, Side, WaitPoint};
use cocancel_conformance::{Host, note};

/// What is wrong with the port.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Defect {
    Nothing,
    IdIsZero,
    IdChanges,
    OneIdForTwoThreads,
    HandlerUnknown,
    HandlerHasId,
    TickIsSlow,
    TickGoesBack,
    TickDoesNotWrap,
    LocalIsForgotten,
    LocalIsShared,
    LocalIsInherited,
    WakeIsNotLatched,
    WakeIsLost,
    WakeOfTheOtherSide,
    WakeOfAnotherThread,
    WaitHasNoEnd,
    WaitIsLate,
    WaitDoesNotSleep,
    WaitHas16Bits,
    RetireIsForgotten,
    RetireTwice,
    RequestIsForgotten,
    ExitIsForgotten,
}

type Tables = Fixed<4, 4>;

/// So that the tick wraps soon.
const BEFORE_WRAP: u32 = 300;
/// No clause asks the port as often as this.
const PATIENCE: u32 = 1_000_000;
/// The suite's thread is 0, its helpers are 1 and 2; those that end are this one, each after the other.
const SHORT_LIVED: usize = 3;

struct World {
    defect: Defect,
    runtime: &'static Runtime<Simulated, Tables>,
    /// Milliseconds since the start.
    now: Cell<u32>,
    asked: Cell<u32>,
    thread: Cell<usize>,
    in_handler: Cell<bool>,
    locals: [Cell<u32>; SHORT_LIVED + 1],
    woken: RefCell<HashSet<(usize, bool)>>,
    sleeping: Cell<bool>,
    job: Cell<Option<Job>>,
}

/// What a handler is to do, and when.
type Job = (u32, fn());

thread_local! {
    static WORLD: Cell<Option<&'static World>> = const { Cell::new(None) };
}

fn world() -> &'static World {
    let world = WORLD.get().expect("a world was made");
    world.asked.set(world.asked.get() + 1);
    assert!(world.asked.get() < PATIENCE, "it does not end");
    world
}

/// Makes a new world for this thread. What was in the last one is left behind: a clause that fails is in the middle of it.
pub fn begin(defect: Defect) {
    WORLD.set(Some(Box::leak(Box::new(World {
        defect,
        runtime: Box::leak(Box::new(Runtime::new(Simulated, Fixed::new()))),
        now: Cell::new(0),
        asked: Cell::new(0),
        thread: Cell::new(0),
        in_handler: Cell::new(false),
        locals: Default::default(),
        woken: RefCell::default(),
        sleeping: Cell::new(false),
        job: Cell::new(None),
    }))));
}

impl World {
    fn has(&self, defect: Defect) -> bool {
        self.defect == defect
    }

    fn handle(&self, f: fn()) {
        let before = self.in_handler.replace(true);
        f();
        self.in_handler.set(before);
    }

    fn run_as(&self, thread: usize, f: impl FnOnce()) {
        let before = self.thread.replace(thread);
        f();
        self.thread.set(before);
    }

    /// Lets time pass until `is_over`, at the latest for `ms` milliseconds. Gives whether anything could end it.
    fn pass(&self, ms: Option<u32>, is_over: impl Fn() -> bool) -> bool {
        let start = self.now.get();
        loop {
            if let Some((_, job)) = self.job.get().filter(|(at, _)| (self.now.get().wrapping_sub(*at) as i32) >= 0) {
                self.job.set(None);
                self.handle(job);
            }
            let left = ms.map(|ms| ms - self.now.get().wrapping_sub(start).min(ms));
            if is_over() || left == Some(0) {
                return true;
            }
            let until_job = self.job.get().map(|(at, _)| at.wrapping_sub(self.now.get()));
            let Some(step) = left.into_iter().chain(until_job).min() else { return false };
            self.now.set(self.now.get().wrapping_add(step));
        }
    }
}

fn waiter_of(point: &WaitPoint) -> (usize, bool) {
    (point.context.addr(), matches!(point.side, Side::Client))
}

#[derive(Debug)]
pub struct Simulated;

// SAFETY: in a world with `Defect::Nothing` all of the contract is kept; in others it is broken on purpose, and only in ways in which
// the library's memory stays its own: nothing here runs in parallel
unsafe impl Port for Simulated {
    fn thread_id(&self) -> u32 {
        let world = world();
        let thread = world.thread.get();
        match world.defect {
            Defect::IdIsZero => 0,
            Defect::HandlerHasId => thread as u32 + 1,
            _ if world.in_handler.get() => 0,
            Defect::IdChanges => world.asked.get(),
            Defect::OneIdForTwoThreads => thread.min(1) as u32 + 1,
            _ => thread as u32 + 1,
        }
    }

    fn tick(&self) -> u32 {
        let world = world();
        let now = world.now.get();
        match world.defect {
            Defect::TickIsSlow => BEFORE_WRAP.wrapping_neg().wrapping_add(now / 2),
            Defect::TickGoesBack => BEFORE_WRAP.wrapping_neg().wrapping_add(now).wrapping_sub(now % 7),
            Defect::TickDoesNotWrap => BEFORE_WRAP.wrapping_neg().saturating_add(now),
            _ => BEFORE_WRAP.wrapping_neg().wrapping_add(now),
        }
    }

    fn local(&self) -> Option<u32> {
        let world = world();
        let thread = if world.has(Defect::LocalIsShared) { 0 } else { world.thread.get() };
        Some(world.locals[thread].get())
    }

    fn set_local(&self, value: u32) {
        let world = world();
        match world.defect {
            Defect::LocalIsForgotten => {}
            Defect::LocalIsShared => world.locals[0].set(value),
            _ => world.locals[world.thread.get()].set(value),
        }
    }

    fn in_interrupt(&self) -> bool {
        world().in_handler.get() && !world().has(Defect::HandlerUnknown)
    }

    fn waiter(&self) -> Option<*mut ()> {
        Some(Simulated::context())
    }

    fn wait(&self, point: WaitPoint, ms: Option<u32>) {
        let world = world();
        let ms = match world.defect {
            Defect::WaitHasNoEnd => None,
            Defect::WaitIsLate => ms.map(|ms| ms.saturating_add(9)),
            Defect::WaitDoesNotSleep => Some(1),
            Defect::WaitHas16Bits => ms.map(|ms| (ms & 0xFFFF).max(1)),
            _ => ms,
        };
        let is_woken = || world.woken.borrow().contains(&waiter_of(&point));
        world.sleeping.set(true);
        let ended = world.pass(ms, is_woken);
        world.sleeping.set(false);
        world.woken.borrow_mut().remove(&waiter_of(&point));
        assert!(ended, "asleep for ever");
    }

    fn wake(&self, point: WaitPoint) {
        let world = world();
        let (context, is_client) = waiter_of(&point);
        let waiter = match world.defect {
            Defect::WakeIsLost => return,
            Defect::WakeIsNotLatched if !world.sleeping.get() => return,
            Defect::WakeOfTheOtherSide => (context, !is_client),
            Defect::WakeOfAnotherThread => (context + 1, is_client),
            _ => (context, is_client),
        };
        world.woken.borrow_mut().insert(waiter);
    }

    fn retire(&self, context: *mut ()) {
        let times = match world().defect {
            Defect::RetireIsForgotten => 0,
            Defect::RetireTwice => 2,
            _ => usize::from(!context.is_null()),
        };
        (0..times).for_each(|_| note::retired());
    }

    fn cancel_requested(&self, _: CallHandle, _: *mut (), _: Option<u32>) {
        if !world().has(Defect::RequestIsForgotten) {
            note::told();
        }
    }

    fn orphaned(&self, _: *mut ()) {
        note::orphaned();
    }
}

impl Host for Simulated {
    type Port = Self;
    type Storage = Tables;
    const HELPERS: usize = 2;
    const THREADS_END: bool = true;
    const INTERRUPTS: bool = true;
    const TICKS: bool = false;
    const WRAPS_WITHIN: u32 = BEFORE_WRAP;
    const LATE: u32 = 0;

    fn runtime() -> &'static Runtime<Self, Tables> {
        world().runtime
    }

    fn context() -> *mut () {
        without_provenance_mut(world().thread.get() + 1)
    }

    async fn wait(point: WaitPoint, ms: Option<u32>) {
        Simulated.wait(point, ms);
    }

    async fn outcome(call: CallHandle) -> Result<Outcome, Hresult> {
        Self::runtime().wait(call)
    }

    async fn pass(ms: u32) {
        world().pass(Some(ms), || false);
    }

    fn interrupt(f: fn()) {
        world().handle(f);
    }

    fn interrupt_in(ms: u32, f: fn()) {
        world().job.set(Some((world().now.get() + ms, f)));
    }

    async fn helper(number: usize, f: fn()) {
        world().run_as(number + 1, f);
    }

    async fn short_lived(f: fn()) {
        let world = world();
        world.run_as(SHORT_LIVED, || {
            f();
            if !world.has(Defect::ExitIsForgotten) {
                world.runtime.thread_exit();
            }
            if !world.has(Defect::LocalIsInherited) {
                world.locals[SHORT_LIVED].set(0);
            }
        });
    }
}
