//! What the threads do.

use std::sync::atomic::Ordering;
use std::thread;
use std::time::Duration;

use cocancel_model::hresult::{E_FAIL, RPC_E_CALL_CANCELED, RPC_E_SERVER_DIED, RPC_S_CALLPENDING, S_OK};
use cocancel_model::{CallId, Iid, Object, Op, Owner, Timeout};

use crate::epoch::{Actor, CUSTOMS, Epoch};

/// Servers whose methods call on wait for the others, which never do.
pub const FIRST: usize = 0;
/// The others.
pub const SECOND: usize = 1;

/// No grace, some, for ever; in whole seconds for a COM function.
fn timeout(actor: &mut Actor, seconds: bool) -> Timeout {
    match actor.random.u32(..20) {
        0..8 => Some(0),
        8..12 if !seconds => Some(actor.random.u64(1..300)),
        8..15 => Some(1000 * actor.random.u64(1..4)),
        15 => Some(0xFFFF_FFFE * 1000),
        _ => None,
    }
}

fn pause(actor: &mut Actor) {
    match actor.random.u32(..8) {
        0 => thread::sleep(Duration::from_micros(actor.random.u64(1..400))),
        1..4 => thread::yield_now(),
        _ => {}
    }
}

/// A client's life, until it ends, with or without calls out.
pub fn client(actor: &mut Actor, seat: usize) {
    let epoch = actor.epoch;
    // Release: who reads it may cancel what the thread does from here on
    epoch.board[seat].store(actor.id, Ordering::Release);
    if !actor.is_one_of(4) {
        actor.perform(Op::Enable, None);
    }
    for _ in 0..actor.random.u32(1..24) {
        match actor.random.u32(..24) {
            0 => drop(actor.perform(Op::Enable, None)),
            1 => drop(actor.perform(Op::Disable, None)),
            2 => drop(actor.perform(Op::TestCurrent, None)),
            3 => {
                let reference = actor.name();
                if actor.perform(Op::GetContext { iid: Iid::Unknown, reference }, None).hresult == S_OK {
                    actor.held.push((reference, None));
                }
            }
            4 => custom(actor),
            5 | 6 => asynchronous(actor),
            7 => {
                let wait = actor.random.bool();
                let cancel = Op::CancelThread { thread: 0, timeout: timeout(actor, wait), wait };
                actor.perform(cancel, None);
            }
            _ => call(actor, FIRST),
        }
        // one more, and the thread is gone while it is out
        if actor.is_one_of(40) {
            begin(actor, FIRST);
            pause(actor);
            break;
        }
    }
    actor.exit();
    // Relaxed: nobody relies on it
    epoch.board[seat].store(0, Ordering::Relaxed);
}

/// A cancel object of the client's own, which stands on top for a moment, or until its end.
fn custom(actor: &mut Actor) {
    let custom = actor.random.usize(..CUSTOMS.len());
    if actor.perform(Op::SetCancelObject(custom), None).hresult == S_OK {
        pause(actor);
        if actor.random.bool() {
            call(actor, SECOND);
        }
        if !actor.is_one_of(8) {
            actor.perform(Op::UnsetCancelObject, None);
        }
    } else if actor.is_one_of(4) {
        actor.perform(Op::UnsetCancelObject, None);
    }
}

fn post(actor: &mut Actor, call: CallId) {
    let place = actor.random.usize(..actor.epoch.recent.len());
    // Release: who reads it may use it
    actor.epoch.recent[place].store(call, Ordering::Release);
}

/// Begins a call and hands it to a server.
fn begin(actor: &mut Actor, queue: usize) -> (CallId, bool, bool) {
    let call = actor.name();
    let own_timeout = actor.is_one_of(10).then(|| actor.random.u64(1..400));
    let context = actor.is_one_of(4);
    let always_slot = actor.is_one_of(12);
    let answer = actor.perform(Op::Begin { call, context, own_timeout, always_slot }, Some(call));
    let has_slot = answer.hresult == S_OK;
    // Relaxed: only a number
    actor.epoch.begun.fetch_add(1, Ordering::Relaxed);
    actor.out.push((call, has_slot));
    post(actor, call);
    actor.epoch.queues[queue].push(call);
    (call, has_slot, context)
}

fn call(actor: &mut Actor, queue: usize) {
    let (call, has_slot, polls) = begin(actor, queue);
    if actor.is_one_of(24) {
        let cancel = Op::CancelThread { thread: 0, timeout: timeout(actor, true), wait: true };
        actor.perform(cancel, None);
    }
    if actor.is_one_of(40) {
        // refused while it is pending
        actor.perform(Op::UnsetCancelObject, Some(call));
    }
    if has_slot && !polls {
        actor.perform(Op::Wait { call }, Some(call));
    } else {
        // it pumps: what comes in meanwhile is served here
        loop {
            let is_over = match has_slot {
                true => actor.perform(Op::Poll { call }, Some(call)).hresult != RPC_S_CALLPENDING,
                false => actor.epoch.is_done(call),
            };
            if is_over {
                break;
            }
            match actor.epoch.queues[SECOND].try_pop() {
                Some(incoming) => serve(actor, incoming, SECOND),
                None => thread::sleep(Duration::from_micros(actor.random.u64(20..600))),
            }
        }
    }
    actor.out.pop();
    actor.perform(Op::Finish { call }, Some(call));
}

/// A call on no thread's stack, finished now or by and by.
fn asynchronous(actor: &mut Actor) {
    let call = actor.name();
    let own_timeout = actor.is_one_of(6).then(|| actor.random.u64(1..400));
    let context = actor.random.bool();
    let op = Op::BeginAsync { call, previous: None, context, own_timeout };
    if actor.perform(op, Some(call)).hresult == S_OK {
        post(actor, call);
        actor.epoch.queues[SECOND].push(call);
        match actor.random.u32(..3) {
            0 => actor.asynchronous.push(call),
            1 => {
                pause(actor);
                actor.perform(Op::Finish { call }, Some(call));
            }
            _ => {
                actor.perform(Op::Wait { call }, Some(call));
                actor.perform(Op::Finish { call }, Some(call));
            }
        }
    }
}

/// A server's life. It ends with its queue, or in the middle of a call.
pub fn server(actor: &mut Actor, seat: usize, queue: usize) -> bool {
    let epoch = actor.epoch;
    // Release: as in `client`
    epoch.board[seat].store(actor.id, Ordering::Release);
    if actor.random.bool() {
        actor.perform(Op::Enable, None);
    }
    let mut is_open = true;
    let mut left = actor.random.u32(1..200);
    while left > 0 {
        let Some(call) = epoch.queues[queue].pop() else {
            is_open = false;
            break;
        };
        serve(actor, call, queue);
        left -= 1;
        if !actor.serving.is_empty() {
            break;
        }
    }
    actor.exit();
    // Relaxed: nobody relies on it
    epoch.board[seat].store(0, Ordering::Relaxed);
    is_open
}

/// Serves one call. Where the thread is to end in it, it is still being served afterwards.
fn serve(actor: &mut Actor, call: CallId, queue: usize) {
    let depth = actor.serving.len();
    pause(actor);
    let frame = actor.name();
    if actor.perform(Op::Enter { call, frame }, Some(call)).hresult != S_OK {
        return actor.epoch.done(call);
    }
    actor.serving.push((frame, call));
    let dies = depth == 0 && actor.out.is_empty() && actor.is_one_of(100);
    let mut is_own_context = true;
    for _ in 0..actor.random.u32(..6) {
        match actor.random.u32(..16) {
            0 if queue == FIRST => self::call(actor, SECOND),
            1 if is_own_context => {
                let reference = actor.name();
                if actor.perform(Op::GetContext { iid: Iid::Unknown, reference }, None).hresult == S_OK {
                    actor.perform(Op::TestObject { reference }, None);
                    actor.perform(Op::Release { reference }, None);
                }
            }
            2 if actor.is_one_of(4) => {
                is_own_context = false;
                let custom = actor.random.usize(..CUSTOMS.len());
                actor.perform(Op::SwitchContext { new: Some(Object::Custom(custom)) }, None);
                actor.perform(Op::TestCurrent, None);
                actor.perform(Op::SwitchContext { new: None }, None);
            }
            3 if actor.is_one_of(6) => {
                let cancel = Op::CancelHandle { call, timeout: timeout(actor, false), wait: true };
                actor.perform(cancel, Some(call));
            }
            _ => {
                let of = is_own_context.then_some(call);
                if actor.perform(Op::TestCurrent, of).hresult == RPC_E_CALL_CANCELED && actor.random.bool() {
                    break;
                }
            }
        }
        pause(actor);
    }
    if dies {
        if actor.random.bool() && queue == FIRST {
            begin(actor, SECOND);
        }
        if actor.random.bool() {
            complete(actor, call);
        }
        return;
    }
    let completes_first = actor.random.bool();
    if completes_first {
        complete(actor, call);
    }
    actor.serving.pop();
    actor.perform(Op::Leave { frame }, Some(call));
    if !completes_first {
        complete(actor, call);
    }
    actor.epoch.done(call);
}

fn complete(actor: &mut Actor, call: CallId) {
    let op = match actor.random.u32(..12) {
        0 => Op::Abandon { call, hresult: RPC_E_SERVER_DIED },
        1 => Op::Abandon { call, hresult: E_FAIL },
        _ => Op::Complete { call },
    };
    let answer = actor.perform(op, Some(call));
    if actor.is_one_of(50) && answer.owner != Owner::None {
        // twice: refused, and nothing happens
        actor.perform(op, Some(call));
    }
}

/// A canceller, until all is over.
pub fn canceller(actor: &mut Actor) {
    let epoch = actor.epoch;
    // Acquire: nothing is pending then
    while !epoch.over.load(Ordering::Acquire) {
        let seat = actor.random.usize(..epoch.board.len());
        let place = actor.random.usize(..epoch.recent.len());
        // Acquire, both: what is named there exists
        let thread = epoch.board[seat].load(Ordering::Acquire);
        let call = epoch.recent[place].load(Ordering::Acquire);
        let wait = actor.random.bool();
        match actor.random.u32(..32) {
            0 => drop(actor.perform(Op::CancelThread { thread: u32::MAX, timeout: Some(0), wait }, None)),
            1 => drop(actor.perform(Op::TestCurrent, None)),
            2..4 if call != 0 => {
                let cancel = Op::CancelHandle { call, timeout: timeout(actor, false), wait };
                actor.perform(cancel, Some(call));
            }
            4..6 if call != 0 => {
                let reference = actor.name();
                if actor.perform(Op::ObjectOf { call, reference }, Some(call)).hresult == S_OK {
                    actor.held.push((reference, Some(call)));
                }
            }
            6..10 if thread != 0 => {
                let reference = actor.name();
                let iid = if actor.is_one_of(8) { Iid::Other } else { Iid::CancelMethodCalls };
                if actor.perform(Op::GetCancelObject { thread, iid, reference }, None).hresult == S_OK {
                    actor.held.push((reference, None));
                }
            }
            10..16 if !actor.held.is_empty() => with_held(actor),
            _ if thread != 0 => {
                let cancel = Op::CancelThread { thread, timeout: timeout(actor, wait), wait };
                actor.perform(cancel, None);
            }
            _ => {}
        }
        if actor.held.len() > 6 {
            let (reference, of) = actor.held.remove(0);
            actor.perform(Op::Release { reference }, of);
        }
        thread::sleep(Duration::from_micros(actor.random.u64(1..600)));
    }
    actor.exit();
}

fn with_held(actor: &mut Actor) {
    let which = actor.random.usize(..actor.held.len());
    let (reference, of) = actor.held[which];
    match actor.random.u32(..4) {
        0 => {
            actor.held.swap_remove(which);
            actor.perform(Op::Release { reference }, of);
        }
        1 => {
            let cancel = Op::CancelObject { reference, timeout: timeout(actor, true), wait: true };
            actor.perform(cancel, of);
        }
        2 => {
            let new = actor.name();
            if actor.perform(Op::Query { reference, iid: Iid::CancelMethodCalls, new }, of).hresult == S_OK {
                actor.held.push((new, of));
            }
        }
        _ => drop(actor.perform(Op::TestObject { reference }, of)),
    }
}

/// The tick, and whoever wants to know what is pending.
pub fn ticker(epoch: &Epoch, seed: u64) {
    let mut random = fastrand::Rng::with_seed(seed);
    let runtime = epoch.driver.runtime;
    // Acquire: as in `canceller`
    while !epoch.over.load(Ordering::Acquire) {
        let _ = runtime.tick(random.u32(1..2000));
        // Relaxed: only a number
        epoch.ticks.fetch_add(1, Ordering::Relaxed);
        if random.u32(..16) == 0 {
            assert!(runtime.calls().count() <= crate::epoch::CALLS);
        }
        thread::sleep(Duration::from_micros(random.u64(1..1500)));
    }
}
