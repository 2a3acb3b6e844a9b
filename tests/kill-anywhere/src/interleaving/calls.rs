//! The operations, each with what it makes known of its call.

use cocancel::{CallHandle, CallOptions, Hresult, Outcome, Poll, Refusal, Reply, Timeout};

use super::cancelling::timeout;
use super::contexts;
use super::world::{
    Call, Context, Kind, LAST_SERVER, acting, known, learn, moment_in, one_in, pick, random, runtime, say, world, wrong,
};

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
            client: None,
            server: None,
        });
        w.calls.len() - 1
    });
    let number = contexts::of_call(index);
    let enabled = world(|w| w.me().enabled);
    let own_timeout = if one_in(2) { Timeout::INFINITE } else { timeout().1 };
    let mut options = CallOptions::new().host(number).timeout(own_timeout);
    let always_slot = one_in(3);
    if always_slot {
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
    let client = (kind == Kind::Synchronous).then(acting);
    learn(index, |call| {
        call.call = begun.call;
        call.client = client;
        call.has_slot = begun.cancellable.is_ok();
        call.is_client_done = kind == Kind::Served;
        call.is_taken = false;
        call.is_server_done = false;
        if !call.has_slot {
            call.context = Context::Host;
        }
    });
    say(format_args!("begins #{index}, {kind:?} for {own_timeout:?}: {begun:?}"));
    // while a thread exits it may be disabled at any moment
    if kind == Kind::Synchronous && !always_slot && !world(|w| w.me().in_exit) {
        let wrongly = if enabled > 0 { Err(Hresult::CO_E_CANCEL_DISABLED) } else { Ok(()) };
        if begun.cancellable == wrongly {
            wrong(format_args!("#{index} begins on a thread that is enabled {enabled} times: {wrongly:?}"));
        }
    }
    index
}

/// Enables cancellation once more.
pub fn enable() {
    if runtime().enable().is_ok() {
        world(|w| w.me().enabled += 1);
    }
}

/// Undoes that once.
pub fn disable() {
    let enabled = world(|w| w.me().enabled);
    if runtime().disable().is_ok() != (enabled > 0) {
        wrong(format_args!("disabling a thread that is enabled {enabled} times fails, or does not"));
    }
    world(|w| w.me().enabled = enabled.saturating_sub(1));
}

/// Waits for it, in the library or by polling.
pub fn wait(index: usize) {
    let me = acting();
    let call = learn(index, |call| {
        call.waiter = Some(me);
        *call
    });
    let polls = call.context == Context::Library && one_in(2);
    let answer = if polls { poll_to_the_end(index) } else { runtime().wait(call.call) };
    learn(index, |call| call.waiter = None);
    say(format_args!("waited for #{index}: {answer:?}"));
}

fn poll_to_the_end(index: usize) -> Result<Outcome, Hresult> {
    loop {
        match runtime().poll(known(index).call)? {
            Poll::Ended(outcome) => return Ok(outcome),
            Poll::Pending(ms) => contexts::sleep_on(contexts::of_call(index), moment_in(ms)),
        }
    }
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

/// The thread's synchronous calls that it has not finished, innermost last.
pub fn own() -> Vec<usize> {
    let me = acting();
    let is_own = |call: &Call| call.client == Some(me) && !call.is_client_done;
    world(|w| (0..w.calls.len()).filter(|at| is_own(&w.calls[*at])).collect())
}

/// What the thread had has ended with it: its own calls, those that it served, and that it was enabled.
pub fn forget() {
    let me = acting();
    for index in own() {
        learn(index, |call| {
            call.is_client_done = true;
            // the record of one that took no slot stays the client's
            call.owners += u32::from(!call.has_slot);
        });
    }
    world(|w| {
        w.me().enabled = 0;
        for call in w.calls.iter_mut().filter(|call| call.server == Some(me)) {
            call.server = None;
            call.is_server_done = true;
        }
    });
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
        Ok(frame) => {
            // by one without a slot the library does not know that it serves
            let server = world(|w| (w.me().local != 0).then_some(w.acting));
            learn(index, |call| call.server = server);
            return Some(frame);
        }
        Err(Refusal::Canceled(record)) if record.addr() == index + 1 => is_served(index, true),
        Err(other) => wrong(format_args!("#{index} is refused: {other:?}")),
    }
    None
}

/// Leaves it again.
pub fn leave(index: usize, frame: CallHandle) {
    learn(index, |call| call.server = None);
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
