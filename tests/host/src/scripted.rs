//! A port with a scripted clock, on which one thread of the system plays several.

use std::cell::RefCell;
use std::collections::HashMap;

use cocancel::{CallHandle, Port, Side, WaitPoint};

/// What the library told the host, in the order of the model's effects.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Told {
    /// Who was woken, by wake context.
    pub wakes: Vec<(Side, usize)>,
    /// Which servers were to be told of a request, by wake context.
    pub requested: Vec<usize>,
    /// Which records nobody was left to own.
    pub orphaned: Vec<usize>,
    /// Contexts that were retired.
    pub retired: Vec<usize>,
}

#[derive(Debug, Default)]
struct State {
    now: u32,
    thread: u32,
    /// The thread that acted last, in the middle of which an interrupt handler runs.
    interrupted: u32,
    locals: HashMap<u32, u32>,
    told: Told,
}

/// The port. Waits are refused, so that whatever would block answers as its polling form.
#[derive(Debug, Default)]
pub struct ScriptedPort(RefCell<State>);

// SAFETY: used by the one thread that made it
unsafe impl Sync for ScriptedPort {}

impl ScriptedPort {
    /// A port whose clock starts at `now`.
    #[must_use]
    pub fn starting_at(now: u32) -> Self {
        Self(RefCell::new(State { now, ..State::default() }))
    }

    /// From now on this thread of the script acts; 0 is an interrupt handler.
    pub fn act_as(&self, thread: u32) {
        let mut state = self.0.borrow_mut();
        state.thread = thread;
        if thread != 0 {
            state.interrupted = thread;
        }
    }

    /// Whether the thread that acts has a thread slot.
    pub fn is_attached(&self) -> bool {
        self.local() != Some(0)
    }

    /// Time passes.
    pub fn advance(&self, ms: u32) {
        let mut state = self.0.borrow_mut();
        state.now = state.now.wrapping_add(ms);
    }

    /// What the host was told since the last time.
    pub fn told(&self) -> Told {
        std::mem::take(&mut self.0.borrow_mut().told)
    }
}

// SAFETY: one thread, which is whichever thread of the script acts, with that one's local word; it never waits
unsafe impl Port for ScriptedPort {
    fn thread_id(&self) -> u32 {
        self.0.borrow().thread
    }
    fn tick(&self) -> u32 {
        self.0.borrow().now
    }
    fn local(&self) -> Option<u32> {
        let state = self.0.borrow();
        // a handler finds the storage of the thread that it interrupts
        Some(state.locals.get(&state.interrupted).copied().unwrap_or(0))
    }
    fn set_local(&self, value: u32) {
        let mut state = self.0.borrow_mut();
        let thread = state.interrupted;
        state.locals.insert(thread, value);
    }
    fn in_interrupt(&self) -> bool {
        self.0.borrow().thread == 0
    }
    fn waiter(&self) -> Option<*mut ()> {
        None
    }
    fn wait(&self, _: WaitPoint, _: Option<u32>) {}
    fn wake(&self, point: WaitPoint) {
        self.0.borrow_mut().told.wakes.push((point.side, point.context.addr()));
    }
    fn retire(&self, context: *mut ()) {
        self.0.borrow_mut().told.retired.push(context.addr());
    }
    fn cancel_requested(&self, _: CallHandle, context: *mut (), _: Option<u32>) {
        self.0.borrow_mut().told.requested.push(context.addr());
    }
    fn orphaned(&self, host: *mut ()) {
        self.0.borrow_mut().told.orphaned.push(host.addr());
    }
}
