//! The operations on the runtime, and what they answered.

use core::cell::UnsafeCell;
use core::ptr::without_provenance_mut;
use core::sync::atomic::Ordering::Relaxed;
use core::sync::atomic::{AtomicI32, AtomicU32, AtomicUsize};

use cocancel::{
    CallHandle, CallOptions, CancelObject, Fixed, Hresult, Outcome, Poll, Port, Refusal, Reply, Runtime, Timeout,
    WaitPoint, Waiting,
};
use cortex_m::peripheral::SCB;
use cortex_m::peripheral::scb::VectActive;

use crate::scenarios::{Call, Object, Op, Scenario};

/// The most operations that a scenario has.
const MOST: usize = 16;
/// The only thread.
const THREAD: u32 = 1;

/// What counts: one number for the thread, one for the handler, so that no count is lost where one cuts into the other.
struct Counter([AtomicU32; 2]);

impl Counter {
    const fn new() -> Self {
        Self([AtomicU32::new(0), AtomicU32::new(0)])
    }
    fn count(&self) {
        let [thread, handler] = &self.0;
        let mine = if in_handler() { handler } else { thread };
        mine.store(mine.load(Relaxed) + 1, Relaxed);
    }
    fn take(&self) -> u32 {
        let sum = self.0.iter().map(|n| n.load(Relaxed)).sum();
        self.0.iter().for_each(|n| n.store(0, Relaxed));
        sum
    }
}

fn in_handler() -> bool {
    SCB::vect_active() != VectActive::ThreadMode
}

/// A port that never waits, and counts what it is told.
struct Counting {
    tick: AtomicU32,
    local: AtomicU32,
    wakes: Counter,
    requests: Counter,
    orphans: Counter,
    retired: Counter,
}

// SAFETY: 1. one thread. 2. the time that the scenarios let pass. 3. there is one thread. 4. nothing waits. 5. counting only.
// 6. the contexts are numbers.
unsafe impl Port for Counting {
    fn thread_id(&self) -> u32 {
        if in_handler() { 0 } else { THREAD }
    }
    fn tick(&self) -> u32 {
        self.tick.load(Relaxed)
    }
    fn local(&self) -> Option<u32> {
        Some(self.local.load(Relaxed))
    }
    fn set_local(&self, value: u32) {
        self.local.store(value, Relaxed);
    }
    fn in_interrupt(&self) -> bool {
        in_handler()
    }
    fn waiter(&self) -> Option<*mut ()> {
        None
    }
    fn wait(&self, _: WaitPoint, _: Option<u32>) {}
    fn wake(&self, _: WaitPoint) {
        self.wakes.count();
    }
    fn retire(&self, _: *mut ()) {
        self.retired.count();
    }
    fn cancel_requested(&self, _: CallHandle, _: *mut (), _: Option<u32>) {
        self.requests.count();
    }
    fn orphaned(&self, _: *mut ()) {
        self.orphans.count();
    }
}

type Board = Runtime<Counting, Fixed<2, 1>>;

const fn new_board() -> Board {
    Runtime::new(
        Counting {
            tick: AtomicU32::new(0),
            local: AtomicU32::new(0),
            wakes: Counter::new(),
            requests: Counter::new(),
            orphans: Counter::new(),
            retired: Counter::new(),
        },
        Fixed::new(),
    )
}

/// The runtime, a new one for each scenario, so that each goes the same way.
struct Place(UnsafeCell<Board>);

// SAFETY: written by `start` only, when nothing refers to it and no interrupt is to come
unsafe impl Sync for Place {}

static BOARD: Place = Place(UnsafeCell::new(new_board()));

fn board() -> &'static Board {
    // SAFETY: see `Place`
    unsafe { &*BOARD.0.get() }
}

type Reference = CancelObject<'static, Counting, Fixed<2, 1>>;

/// The references, one of the thread's and one of the handler's.
struct References([UnsafeCell<Option<Reference>>; 2]);

// SAFETY: of each only one side makes use at a time, see the scenarios
unsafe impl Sync for References {}

static REFERENCES: References = References([const { UnsafeCell::new(None) }; 2]);
static CALLS: [AtomicUsize; 3] = [const { AtomicUsize::new(0) }; 3];
static FRAMES: [AtomicUsize; 3] = [const { AtomicUsize::new(0) }; 3];
/// The answers: the thread's from the front, the handler's in a table of its own.
static THREADS: [AtomicI32; MOST] = [const { AtomicI32::new(0) }; MOST];
static HANDLERS: [AtomicI32; MOST] = [const { AtomicI32::new(0) }; MOST];
static ANSWERED: AtomicU32 = AtomicU32::new(0);
static HANDLER_ANSWERED: AtomicU32 = AtomicU32::new(0);

/// All that can be seen of a scenario from outside.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Answers {
    thread: [i32; MOST],
    answered: usize,
    handler: [i32; MOST],
    handler_answered: usize,
    /// Wakes, requests, orphaned records, retired contexts, slots still in use.
    counted: [u32; 5],
}

impl Answers {
    /// In this order: the thread's, the handler's, what was counted.
    pub fn values(&self) -> impl Iterator<Item = u32> {
        let thread = self.thread.into_iter().take(self.answered);
        let handler = self.handler.into_iter().take(self.handler_answered);
        thread.chain(handler).map(|answer| answer as u32).chain(self.counted)
    }
}

/// Forgets the last scenario.
pub fn start() {
    // SAFETY: the last scenario has ended and dropped its references
    unsafe { *BOARD.0.get() = new_board() };
    for handle in CALLS.iter().chain(&FRAMES) {
        handle.store(0, Relaxed);
    }
    ANSWERED.store(0, Relaxed);
    HANDLER_ANSWERED.store(0, Relaxed);
}

/// The thread's next operation.
#[inline(never)]
pub fn thread(op: Op) {
    let answer = perform(op);
    let at = ANSWERED.load(Relaxed);
    THREADS[at as usize].store(answer, Relaxed);
    ANSWERED.store(at + 1, Relaxed);
}

/// The handler's operations.
pub fn handler(scenario: &Scenario) {
    for (op, answer) in scenario.handler.iter().zip(&HANDLERS) {
        answer.store(perform(*op), Relaxed);
    }
    HANDLER_ANSWERED.store(scenario.handler.len() as u32, Relaxed);
}

/// The thread ends. What is left of it, and what was answered and counted.
pub fn end() -> Answers {
    board().thread_exit();
    let port = board().port();
    let in_use = board().calls().count() + board().threads();
    let values = |from: &[AtomicI32; MOST]| core::array::from_fn(|at| from[at].load(Relaxed));
    let answered = ANSWERED.load(Relaxed) as usize;
    let mut thread = values(&THREADS);
    thread[answered..].fill(0);
    let handler_answered = HANDLER_ANSWERED.load(Relaxed) as usize;
    let mut handler = values(&HANDLERS);
    handler[handler_answered..].fill(0);
    let counted = [port.wakes.take(), port.requests.take(), port.orphans.take(), port.retired.take(), in_use as u32];
    Answers { thread, answered, handler, handler_answered, counted }
}

fn perform(op: Op) -> i32 {
    let code = match op {
        Op::Enable => code(board().enable()),
        Op::Disable => code(board().disable()),
        Op::Begin(call) => begin(call, CallOptions::new()),
        // SAFETY: the port understands every number
        Op::BeginPolled(call) => begin(call, unsafe { CallOptions::new().context(without_provenance_mut(8)) }),
        Op::BeginTimed(call, ms) => begin(call, CallOptions::new().timeout(Timeout::millis(ms))),
        Op::BeginAsync(call) => begin_async(call, CallOptions::new()),
        // SAFETY: as above
        Op::BeginAsyncPolled(call) => {
            begin_async(call, unsafe { CallOptions::new().context(without_provenance_mut(8)) })
        }
        Op::Poll(call) => match named(&CALLS, call).map(|call| board().poll(call)) {
            Some(Ok(Poll::Pending(None))) => Hresult::RPC_S_CALLPENDING,
            Some(Ok(Poll::Pending(Some(ms)))) => Hresult(ms as i32),
            Some(Ok(Poll::Ended(outcome))) => ended(outcome),
            Some(Err(code)) => code,
            None => Hresult::E_INVALIDARG,
        },
        Op::Finish(call) => match named(&CALLS, call).map(|call| board().finish(call)) {
            Some(Ok(outcome)) => ended(outcome),
            Some(Err(code)) => code,
            None => Hresult::E_INVALIDARG,
        },
        Op::Enter(call) => match named(&CALLS, call).map(|call| board().enter(call)) {
            Some(Ok(frame)) => {
                FRAMES[call as usize].store(frame.to_bits(), Relaxed);
                Hresult::S_OK
            }
            Some(Err(Refusal::Canceled(_))) => Hresult::RPC_E_CALL_CANCELED,
            Some(Err(Refusal::BadInput(code))) => code,
            None => Hresult::E_INVALIDARG,
        },
        Op::Leave(call) => named(&FRAMES, call).map_or(Hresult::E_INVALIDARG, |frame| code(board().leave(frame))),
        Op::Complete(call) => named(&CALLS, call).map_or(Hresult::E_INVALIDARG, |call| replied(board().complete(call))),
        Op::Abandon(call) => {
            let failure = Hresult::RPC_E_SERVER_DIED;
            named(&CALLS, call).map_or(Hresult::E_INVALIDARG, |call| replied(board().abandon(call, failure)))
        }
        Op::Cancel(ms) => board().cancel_thread(THREAD, Timeout::millis(ms), Waiting::Never),
        Op::CancelCall(call, ms) => named(&CALLS, call)
            .map_or(Hresult::E_INVALIDARG, |call| board().cancel_call(call, Timeout::millis(ms), Waiting::Never)),
        Op::Get(object) => match board().cancel_object(THREAD) {
            Ok(reference) => {
                // SAFETY: see `References`
                unsafe { *REFERENCES.0[object as usize].get() = Some(reference) };
                Hresult::S_OK
            }
            Err(code) => code,
        },
        Op::CancelObject(object, ms) => match reference(object) {
            Some(reference) => reference.cancel(Timeout::millis(ms), Waiting::Never),
            None => Hresult::E_INVALIDARG,
        },
        Op::TestObject(object) => reference(object).as_ref().map_or(Hresult::E_INVALIDARG, CancelObject::test),
        Op::Drop(object) => reference(object).take().map_or(Hresult::E_INVALIDARG, |_| Hresult::S_OK),
        Op::Test => board().test(),
        Op::Advance(ms) => {
            let tick = &board().port().tick;
            tick.store(tick.load(Relaxed) + ms, Relaxed);
            Hresult::S_OK
        }
        Op::Tick => {
            board().tick(8);
            Hresult::S_OK
        }
        Op::Exit => {
            board().thread_exit();
            Hresult::S_OK
        }
    };
    code.0
}

fn code(result: Result<(), Hresult>) -> Hresult {
    result.into()
}

fn ended(outcome: Outcome) -> Hresult {
    match outcome {
        Outcome::Completed => Hresult::S_OK,
        Outcome::Failed(failure) => failure,
        Outcome::Canceled => Hresult::RPC_E_CALL_CANCELED,
    }
}

fn replied(reply: Result<Reply, Hresult>) -> Hresult {
    match reply {
        Ok(Reply::Delivered) => Hresult::S_OK,
        Ok(Reply::Orphaned(_)) => Hresult::RPC_E_CALL_CANCELED,
        Err(code) => code,
    }
}

fn named(handles: &[AtomicUsize; 3], call: Call) -> Option<CallHandle> {
    CallHandle::from_bits(handles[call as usize].load(Relaxed))
}

fn begin(call: Call, options: CallOptions) -> Hresult {
    let begun = board().begin(options);
    CALLS[call as usize].store(begun.call.to_bits(), Relaxed);
    code(begun.cancellable)
}

fn begin_async(call: Call, options: CallOptions) -> Hresult {
    let begun = board().begin_async(options);
    CALLS[call as usize].store(begun.call.to_bits(), Relaxed);
    code(begun.cancellable)
}

#[allow(clippy::mut_from_ref)]
fn reference(object: Object) -> &'static mut Option<Reference> {
    // SAFETY: see `References`
    unsafe { &mut *REFERENCES.0[object as usize].get() }
}
