//! The operations, each with what it makes known of its call.

use cocancel::com::guid::IID_ICANCEL_METHOD_CALLS;
use cocancel::com::object::Vtable;
use cocancel::{CallHandle, CallOptions, Hresult, Outcome, Poll, Refusal, Reply, Timeout, Waiting};

use super::world::{
    Call, Context, Kind, LAST_SERVER, acting, known, learn, one_in, pick, random, runtime, say, world, wrong,
};

/// The methods of a COM object.
pub fn methods(object: *mut ()) -> &'static Vtable {
    // SAFETY: an object begins with a pointer to its methods, and the caller has a reference
    unsafe { *object.cast::<&Vtable>() }
}

/// A timeout, also in milliseconds where it is finite.
fn timeout() -> (Option<u32>, Timeout) {
    match random(5) {
        0 => (None, Timeout::INFINITE),
        1 => (Some(0), Timeout::ZERO),
        n => (Some(n * 7), Timeout::millis(n * 7)),
    }
}

/// A new call; its number. Known before it begins: hooks come meanwhile, and are told its context.
pub fn begin(kind: Kind) -> usize {
    let context = if one_in(2) { Context::Library } else { Context::Host };
    let index = world(|w| {
        w.calls.push(Call {
            // any: nobody looks at it until it has begun, for it is done until then
            call: CallHandle::from_bits(3).expect("one that names nothing"),
            kind,
            has_slot: false,
            context,
            is_client_done: true,
            is_taken: true,
            is_server_done: true,
            owners: 0,
            elected: 0,
            due: None,
            waiter: None,
        });
        w.calls.len() - 1
    });
    let number = std::ptr::without_provenance_mut(index + 1);
    let own_timeout = if one_in(2) { Timeout::INFINITE } else { timeout().1 };
    let mut options = CallOptions::new().host(number).timeout(own_timeout);
    if one_in(3) {
        options = options.always_slot();
    }
    if context == Context::Library {
        // SAFETY: this port's contexts are numbers
        options = unsafe { options.context(number) };
    }
    let begun = match kind {
        Kind::Synchronous => runtime().begin(options),
        Kind::Asynchronous => runtime().begin_async(options),
        Kind::Served => runtime().serve(options),
    };
    learn(index, |call| {
        call.call = begun.call;
        call.has_slot = begun.cancellable.is_ok();
        call.is_client_done = kind == Kind::Served;
        call.is_taken = false;
        call.is_server_done = false;
        if !call.has_slot {
            call.context = Context::Host;
        }
    });
    say(format_args!("begins #{index}, {kind:?} for {own_timeout:?}: {begun:?}"));
    index
}

/// Waits for it.
pub fn wait(index: usize) {
    let me = acting();
    learn(index, |call| call.waiter = Some(me));
    let answer = runtime().wait(known(index).call);
    learn(index, |call| call.waiter = None);
    say(format_args!("waited for #{index}: {answer:?}"));
}

/// Looks how it stands.
pub fn poll(index: usize) {
    if let Ok(Poll::Ended(outcome)) = runtime().poll(known(index).call) {
        say(format_args!("polled #{index}: {outcome:?}"));
    }
}

/// The client is done with it.
pub fn finish(index: usize) {
    let answer = runtime().finish(known(index).call);
    say(format_args!("finished #{index}: {answer:?}"));
    let has_kills = world(|w| w.has_kills);
    let before = known(index);
    match answer {
        Ok(_) if before.is_client_done && !has_kills => wrong(format_args!("#{index} is finished twice")),
        Ok(outcome) => learn(index, |call| {
            call.is_client_done = true;
            call.owners += u32::from(outcome != Outcome::Canceled);
        }),
        // who finished it may have been killed before that became known
        Err(_) if before.kind == Kind::Asynchronous => learn(index, |call| call.is_client_done |= has_kills),
        Err(code) => wrong(format_args!("#{index} cannot be finished: {code:?}")),
    }
}

/// The calling thread's own calls have ended with it.
pub fn forget(own: &mut Vec<usize>) {
    for index in own.drain(..) {
        learn(index, |call| {
            call.is_client_done = true;
            // the record of one that took no slot stays the client's
            call.owners += u32::from(!call.has_slot);
        });
    }
}

/// A call to serve, which nobody else serves. Often nobody comes to one that is waited for, before all else is over.
pub fn take() -> Option<usize> {
    let also_waited_for = acting() == LAST_SERVER || one_in(4);
    let index = pick(|call| !call.is_taken && (also_waited_for || call.waiter.is_none()))?;
    learn(index, |call| call.is_taken = true);
    Some(index)
}

/// Enters a call that was taken; `None`: it is not to be run.
pub fn enter(index: usize) -> Option<CallHandle> {
    let answer = runtime().enter(known(index).call);
    say(format_args!("enters #{index}: {answer:?}"));
    match answer {
        Ok(frame) => return Some(frame),
        Err(Refusal::Canceled(record)) if record.addr() == index + 1 => is_served(index, true),
        Err(other) => wrong(format_args!("#{index} is refused: {other:?}")),
    }
    None
}

/// Leaves it again.
pub fn leave(frame: CallHandle) {
    if let Err(code) = runtime().leave(frame) {
        wrong(format_args!("what was entered cannot be left: {code:?}"));
    }
}

/// Replies to a call that was taken, or says that the server died.
pub fn reply(index: usize) {
    let before = known(index);
    let answer = match random(5) {
        0 => runtime().abandon(before.call, Hresult::RPC_E_SERVER_DIED),
        _ => runtime().complete(before.call),
    };
    say(format_args!("replied to #{index}: {answer:?}"));
    match answer {
        // there is no client that gets it: the record is the server's anyway
        Ok(Reply::Delivered) => is_served(index, before.kind == Kind::Served),
        Ok(Reply::Orphaned(record)) if record.addr() == index + 1 => is_served(index, true),
        other => wrong(format_args!("#{index} cannot be replied to: {other:?}")),
    }
}

fn is_served(index: usize, is_owner: bool) {
    learn(index, |call| {
        call.is_server_done = true;
        call.owners += u32::from(is_owner);
    });
}

/// Cancels a call by its handle.
pub fn cancel(index: usize) {
    let ((finite, timeout), waiting) = (timeout(), waiting());
    let answer = runtime().cancel_call(known(index).call, timeout, waiting);
    say(format_args!("cancelled #{index} with {timeout:?}, {waiting:?}: {answer:?}"));
    is_known(answer);
    let now = world(|w| w.now);
    let elected = learn(index, |call| {
        let is_asked = [Hresult::S_OK, Hresult::RPC_E_CALL_CANCELED].contains(&answer);
        if let Some(ms) = finite.filter(|_| is_asked) {
            let due = now + ms + 1;
            call.due = Some(call.due.map_or(due, |before| before.min(due)));
        }
        call.elected += u32::from(answer == Hresult::S_OK);
        call.elected
    });
    if elected > 1 {
        wrong(format_args!("#{index} has two cancellers that were the first"));
    }
}

/// Cancels a thread's innermost call.
pub fn cancel_thread() {
    let (id, (_, timeout), waiting) = (anybody(), timeout(), waiting());
    let answer = runtime().cancel_thread(id, timeout, waiting);
    say(format_args!("cancelled thread {id} with {timeout:?}, {waiting:?}: {answer:?}"));
    is_known(answer);
}

/// The same through its cancel object.
pub fn cancel_object() {
    let id = anybody();
    let Ok(object) = runtime().co_get_cancel_object(id, &IID_ICANCEL_METHOD_CALLS) else { return };
    let methods = methods(object);
    // SAFETY: the reference is this thread's
    let answer = unsafe { (methods.cancel)(object, random(2)) };
    say(format_args!("cancelled thread {id} by its object: {answer:?}"));
    is_known(answer);
    // SAFETY: as above, and it goes here
    unsafe { (methods.release)(object) };
}

fn waiting() -> Waiting {
    if one_in(2) { Waiting::Allowed } else { Waiting::Never }
}

fn anybody() -> u32 {
    let at = random(LAST_SERVER as u32) as usize;
    world(|w| w.threads[at].id)
}

/// One of the answers that cancelling has.
fn is_known(answer: Hresult) {
    let known = [
        Hresult::S_OK,
        Hresult::RPC_E_CALL_CANCELED,
        Hresult::RPC_E_CALL_COMPLETE,
        Hresult::E_NOINTERFACE,
        Hresult::CO_E_CANCEL_DISABLED,
        Hresult::E_INVALIDARG,
    ];
    // an object of the host's, which no handler may call
    let is_refused = answer == Hresult::E_UNEXPECTED && world(|w| w.me().in_interrupt);
    if !is_refused && !known.contains(&answer) {
        wrong(format_args!("cancelling answers {answer:?}"));
    }
}
