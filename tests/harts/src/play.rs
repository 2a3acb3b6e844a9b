//! The operations on the runtime, and what they answered.

use core::cell::UnsafeCell;
use core::fmt::Write;
use core::sync::atomic::Ordering::{Acquire, Relaxed, Release, SeqCst};
use core::sync::atomic::{AtomicU32, AtomicUsize};

use cocancel::{
    CallHandle, CallOptions, CancelObject, Fixed, Hresult, Outcome, Poll, Refusal, Reply, Runtime, Timeout, Waiting,
};

use crate::hart::{Board, HARTS, number};
use crate::scenarios::{Call, Op};

type Tables = Fixed<4, 2>;
static BOARD: Runtime<Board, Tables> = Runtime::new(Board::new(), Fixed::new());

/// Orders invocations and responses on both harts.
static SEQUENCE: AtomicU32 = AtomicU32::new(0);
static CALLS: [AtomicUsize; 2] = [const { AtomicUsize::new(0) }; 2];

/// What a hart has: its frames, and a reference to an object.
struct Own {
    frames: [Option<CallHandle>; 2],
    object: Option<CancelObject<'static, Board, Tables>>,
}

struct Owned([UnsafeCell<Own>; HARTS]);

// SAFETY: each hart uses its own only
unsafe impl Sync for Owned {}

static OWNED: Owned = Owned([const { UnsafeCell::new(Own { frames: [None; 2], object: None }) }; HARTS]);

/// Who owns the record, by an answer.
#[derive(Clone, Copy)]
enum Owner {
    Nobody,
    Client,
    Server,
}

/// The most operations that a hart performs in a round.
const MOST: usize = 16;

/// An operation as the hart saw it; `None`: it had nothing to do it with.
type Recorded = Option<(u32, u32, Hresult, Owner, u32)>;

/// What a hart did in one round.
pub struct Line {
    operations: [Recorded; MOST],
    used: usize,
}

impl Line {
    pub const fn new() -> Self {
        Self { operations: [None; MOST], used: 0 }
    }

    pub fn perform(&mut self, op: Op) {
        // SeqCst: one order of all invocations and responses
        let invoked = SEQUENCE.fetch_add(1, SeqCst);
        let answer = perform(op);
        let responded = SEQUENCE.fetch_add(1, SeqCst);
        self.operations[self.used] =
            answer.map(|(code, owner)| (invoked, responded, code, owner, BOARD.port().take_orphans()));
        self.used += 1;
    }

    /// `invoked.responded.code.owner.orphans` for each operation, hexadecimal.
    pub fn print(&self, to: &mut impl Write) -> core::fmt::Result {
        for recorded in &self.operations[..self.used] {
            match recorded {
                None => write!(to, " -")?,
                Some((invoked, responded, code, owner, orphans)) => {
                    write!(to, " {invoked:x}.{responded:x}.{:x}.{:x}.{orphans:x}", code.0, *owner as u32)?;
                }
            }
        }
        Ok(())
    }
}

/// Forgets the last round.
pub fn start() {
    CALLS.iter().for_each(|call| call.store(0, Relaxed));
    SEQUENCE.store(0, Relaxed);
}

/// Both threads have ended: what their servers still owe is given, and then nothing may be in use.
pub fn is_empty() -> bool {
    for call in CALLS.iter().filter_map(|call| CallHandle::from_bits(call.load(Relaxed))) {
        let _ = BOARD.complete(call);
    }
    BOARD.calls().count() + BOARD.threads() == 0
}

fn perform(op: Op) -> Option<(Hresult, Owner)> {
    // SAFETY: this hart's, and nothing below calls back
    let own = unsafe { &mut *OWNED.0[number()].get() };
    let nobodys = |code| Some((code, Owner::Nobody));
    match op {
        Op::Enable => nobodys(BOARD.enable().into()),
        Op::Begin(call) => nobodys(begun(call, BOARD.begin(options(call)))),
        Op::BeginTimed(call, ms) => nobodys(begun(call, BOARD.begin(options(call).timeout(Timeout::millis(ms))))),
        Op::BeginAsync(call) => nobodys(begun(call, BOARD.begin_async(options(call)))),
        Op::Wait(call) => nobodys(BOARD.wait(named(call)?).map_or_else(|code| code, code)),
        Op::Poll(call) => nobodys(match BOARD.poll(named(call)?) {
            Ok(Poll::Pending(_)) => Hresult::RPC_S_CALLPENDING,
            Ok(Poll::Ended(outcome)) => code(outcome),
            Err(code) => code,
        }),
        Op::Finish(call) => Some(match BOARD.finish(named(call)?) {
            Ok(Outcome::Canceled) => (Hresult::RPC_E_CALL_CANCELED, Owner::Nobody),
            Ok(outcome) => (code(outcome), Owner::Client),
            Err(code) => (code, Owner::Nobody),
        }),
        Op::Enter(call) => Some(match BOARD.enter(named(call)?) {
            Ok(frame) => {
                own.frames[call as usize] = Some(frame);
                (Hresult::S_OK, Owner::Nobody)
            }
            Err(Refusal::Canceled(_)) => (Hresult::RPC_E_CALL_CANCELED, Owner::Server),
            Err(Refusal::BadInput(code)) => (code, Owner::Nobody),
        }),
        Op::Leave(call) => nobodys(BOARD.leave(own.frames[call as usize].take()?).into()),
        Op::Test => nobodys(BOARD.test()),
        Op::Complete(call) => Some(replied(BOARD.complete(named(call)?))),
        Op::Abandon(call) => Some(replied(BOARD.abandon(named(call)?, Hresult::RPC_E_SERVER_DIED))),
        Op::Cancel(thread, ms) => nobodys(BOARD.cancel_thread(thread, Timeout::millis(ms), Waiting::Never)),
        Op::CancelWaiting(thread, ms) => nobodys(BOARD.cancel_thread(thread, Timeout::millis(ms), Waiting::Allowed)),
        Op::CancelCall(call, ms) => nobodys(BOARD.cancel_call(named(call)?, Timeout::millis(ms), Waiting::Never)),
        Op::Get(thread) => nobodys(match BOARD.cancel_object(thread) {
            Ok(object) => {
                own.object = Some(object);
                Hresult::S_OK
            }
            Err(code) => code,
        }),
        Op::CancelObject(ms) => nobodys(own.object.as_ref()?.cancel(Timeout::millis(ms), Waiting::Never)),
        Op::TestObject => nobodys(own.object.as_ref()?.test()),
        Op::Drop => own.object.take().and_then(|object| {
            drop(object);
            nobodys(Hresult::S_OK)
        }),
        Op::Advance(ms) => {
            BOARD.port().advance(ms);
            nobodys(Hresult::S_OK)
        }
        Op::Tick => {
            BOARD.tick(8);
            nobodys(Hresult::S_OK)
        }
        Op::Exit => {
            BOARD.thread_exit();
            // what it served is left by that
            own.frames = [None; 2];
            nobodys(Hresult::S_OK)
        }
    }
}

/// A call's record is its number and one more.
fn options(call: Call) -> CallOptions {
    CallOptions::new().host(core::ptr::without_provenance_mut(call as usize + 1))
}

fn begun(call: Call, begun: cocancel::Begun) -> Hresult {
    // Release: pairs with `named`; the other hart may use the call from here on
    CALLS[call as usize].store(begun.call.to_bits(), Release);
    begun.cancellable.into()
}

fn named(call: Call) -> Option<CallHandle> {
    // Acquire: pairs with `begun`
    CallHandle::from_bits(CALLS[call as usize].load(Acquire))
}

fn code(outcome: Outcome) -> Hresult {
    match outcome {
        Outcome::Completed => Hresult::S_OK,
        Outcome::Failed(failure) => failure,
        Outcome::Canceled => Hresult::RPC_E_CALL_CANCELED,
    }
}

fn replied(reply: Result<Reply, Hresult>) -> (Hresult, Owner) {
    match reply {
        Ok(Reply::Delivered) => (Hresult::S_OK, Owner::Client),
        Ok(Reply::Orphaned(_)) => (Hresult::RPC_E_CALL_CANCELED, Owner::Server),
        Err(code) => (code, Owner::Nobody),
    }
}
