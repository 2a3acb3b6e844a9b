//! Cancelling, in each way that there is, with what is promised by the answers.

use cocancel::com::guid::IID_ICANCEL_METHOD_CALLS;
use cocancel::{CancelObject, Hresult, Poll, Timeout, Waiting};

use super::contexts;
use super::objects::methods;
use super::port::{Slots, WorldPort};
use super::world::{LAST_SERVER, acting, known, learn, moment_in, one_in, pick, random, runtime, say, world, wrong};

/// A timeout, also in milliseconds where it is finite.
pub fn timeout() -> (Option<u32>, Timeout) {
    match random(5) {
        0 => (None, Timeout::INFINITE),
        1 => (Some(0), Timeout::ZERO),
        n => (Some(n * 7), Timeout::millis(n * 7)),
    }
}

/// Cancels a call by its handle.
pub fn cancel(index: usize) {
    let ((finite, timeout), waiting) = (timeout(), waiting());
    let answer = runtime().cancel_call(known(index).call, timeout, waiting);
    say(format_args!("cancelled #{index} with {timeout:?}, {waiting:?}: {answer:?}"));
    is_known(answer);
    is_promised(index, finite, answer);
}

/// What the canceller of a call was promised by this answer.
fn is_promised(index: usize, finite: Option<u32>, answer: Hresult) {
    let is_first = [Hresult::S_OK, Hresult::RPC_S_CALLPENDING].contains(&answer);
    let is_asked = is_first || answer == Hresult::RPC_E_CALL_CANCELED;
    let now = world(|w| w.now);
    let elected = learn(index, |call| {
        if let Some(ms) = finite.filter(|_| is_asked) {
            let due = now + ms + 1;
            call.due = Some(call.due.map_or(due, |before| before.min(due)));
        }
        call.elected += u32::from(is_first);
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

/// Cancels a thread's innermost call, or a call, and waits by polling where others would wait.
pub fn cancel_polling() {
    if one_in(2) {
        let id = anybody();
        // before its first call of the library a thread may find under its id what one that was killed had
        let is_own = world(|w| w.me().id == id && w.me().local != 0);
        if let Ok(object) = runtime().cancel_object(id) {
            _ = ask_polling(&object, timeout().1, is_own);
        }
    } else {
        _ = pick(|call| call.has_slot).map(cancel_call_polling);
    }
}

/// The same for this call.
pub fn cancel_call_polling(index: usize) {
    let call = known(index);
    let is_own = [call.client, call.server].contains(&Some(acting()));
    let (finite, timeout) = timeout();
    if let Ok(object) = runtime().object_of(call.call) {
        let answer = ask_polling(&object, timeout, is_own);
        is_promised(index, finite, answer);
    }
}

/// What was answered first. `is_own`: it would wait for itself.
fn ask_polling(object: &CancelObject<'_, WorldPort, Slots>, timeout: Timeout, is_own: bool) -> Hresult {
    let context = contexts::of_canceller();
    // SAFETY: this port's contexts are numbers
    let answer = unsafe { object.cancel_polling(timeout, context) };
    say(format_args!("cancelled with {timeout:?}, polling: {answer:?}"));
    if answer != Hresult::RPC_S_CALLPENDING {
        is_known(answer);
    } else if is_own || world(|w| w.me().handlers > 0) {
        wrong(format_args!("is to poll where nothing may be waited for"));
    } else if !one_in(4) {
        poll_to_the_end(object, context);
    }
    answer
}

fn poll_to_the_end(object: &CancelObject<'_, WorldPort, Slots>, context: *mut ()) {
    loop {
        match object.poll() {
            Ok(Poll::Pending(ms)) => contexts::sleep_on(context, moment_in(ms)),
            Ok(Poll::Ended(outcome)) => return say(format_args!("polled what it cancelled: {outcome:?}")),
            Err(code) => return wrong(format_args!("polling a call that was cancelled answers {code:?}")),
        }
    }
}

fn waiting() -> Waiting {
    if one_in(2) { Waiting::Allowed } else { Waiting::Never }
}

/// The id of one of the threads that do not only serve.
pub fn anybody() -> u32 {
    let at = random(LAST_SERVER as u32) as usize;
    world(|w| w.threads[at].id)
}

/// One of the answers that cancelling has.
pub fn is_known(answer: Hresult) {
    let known = [
        Hresult::S_OK,
        Hresult::RPC_E_CALL_CANCELED,
        Hresult::RPC_E_CALL_COMPLETE,
        Hresult::E_NOINTERFACE,
        Hresult::CO_E_CANCEL_DISABLED,
        Hresult::E_INVALIDARG,
    ];
    // an object of the host's, which no handler may call
    let is_refused = answer == Hresult::E_UNEXPECTED && world(|w| w.me().handlers > 0);
    if !is_refused && !known.contains(&answer) {
        wrong(format_args!("cancelling answers {answer:?}"));
    }
}
