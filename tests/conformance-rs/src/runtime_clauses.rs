//! The library on top of a port: calls that wait, are answered, are cancelled, and threads that end.

use cocancel::port::Port;
use cocancel::{CallHandle, CallOptions, Hresult, Outcome, Poll, Reply, Runtime, Timeout, Waiting};

use crate::Host;
use crate::notes::{Count, NOTED, call as the_call, set_call};

fn runtime<H: Host>() -> &'static Runtime<H::Port, H::Storage> {
    H::runtime()
}

fn tick<H: Host>() -> u32 {
    runtime::<H>().port().tick()
}

/// A record for a call: only its address counts.
static RECORD: u8 = 0;

fn record() -> *mut () {
    (&raw const RECORD).cast_mut().cast()
}

fn options<H: Host>() -> CallOptions {
    let options = CallOptions::new().host(record());
    // SAFETY: the host's, for its own port
    unsafe { options.context(H::context()) }
}

/// Begins a call that can be cancelled; handlers find it and this thread's id.
fn begin<H: Host>(timeout: Timeout) -> CallHandle {
    runtime::<H>().enable().expect("a slot for this thread");
    let begun = runtime::<H>().begin(options::<H>().timeout(timeout));
    runtime::<H>().disable().expect("enabled just now");
    assert_eq!(begun.cancellable, Ok(()));
    set_call(begun.call);
    NOTED[3].set(runtime::<H>().port().thread_id());
    begun.call
}

/// What a handler got, in [`ANSWER`].
const ANSWER: usize = 2;

fn note_answer(answer: Hresult) {
    NOTED[ANSWER].set(answer.0 as u32);
}

fn answer() -> Hresult {
    Hresult(NOTED[ANSWER].get() as i32)
}

/// For a handler or a thread: cancels the innermost call of the thread that began one last.
fn cancel<H: Host>(ms: u32) {
    note_answer(runtime::<H>().cancel_thread(NOTED[3].get(), Timeout::millis(ms), Waiting::Allowed));
}

/// For a handler or a thread: answers the call.
fn complete<H: Host>() {
    note_answer(match runtime::<H>().complete(the_call()) {
        Ok(Reply::Delivered) => Hresult::S_OK,
        Ok(Reply::Orphaned(host)) if host == record() => Hresult::RPC_E_CALL_CANCELED,
        Ok(Reply::Orphaned(_)) => Hresult::E_FAIL,
        Err(code) => code,
    });
}

/// The server's side of a call that was cancelled comes to its end: it gets the record, and then nothing is left.
fn complete_in_vain<H: Host>() {
    complete::<H>();
    assert_eq!(answer(), Hresult::RPC_E_CALL_CANCELED);
}

/// Waits for the end of a call and finishes it.
async fn end<H: Host>(call: CallHandle, outcome: Outcome) {
    assert_eq!(H::outcome(call).await, Ok(outcome));
    assert_eq!(runtime::<H>().finish(call), Ok(outcome));
}

/// A reply that is there before its client waits.
pub async fn answered_before_wait<H: Host>() {
    let count = Count::new();
    let call = begin::<H>(Timeout::INFINITE);
    H::interrupt(complete::<H>);
    assert_eq!(answer(), Hresult::S_OK);
    end::<H>(call, Outcome::Completed).await;
    assert_eq!((count.retired(), count.told(), count.orphaned()), (1, 0, 0));
}

/// A reply that comes at any moment of the client's wait.
pub async fn answered_while_waiting<H: Host>() {
    for ms in [0, 0, 1, 1, 2, 5] {
        let count = Count::new();
        let call = begin::<H>(Timeout::INFINITE);
        H::interrupt_in(ms, complete::<H>);
        end::<H>(call, Outcome::Completed).await;
        H::pass(1).await;
        assert_eq!(answer(), Hresult::S_OK);
        assert_eq!((count.retired(), count.told(), count.orphaned()), (1, 0, 0));
    }
}

/// A cancel with no grace time, at any moment of the client's wait. 5, 6: what the port is told.
pub async fn cancelled_at_once<H: Host>() {
    for ms in [0, 0, 1, 1, 2, 5] {
        let count = Count::new();
        let call = begin::<H>(Timeout::INFINITE);
        H::interrupt_in(ms, || cancel::<H>(0));
        end::<H>(call, Outcome::Canceled).await;
        H::pass(1).await;
        assert_eq!(answer(), Hresult::S_OK);
        // the server's side may still look at the call
        assert_eq!((count.retired(), count.told()), (0, 1));
        complete_in_vain::<H>();
        assert_eq!((count.retired(), count.told(), count.orphaned()), (1, 1, 0));
    }
}

fn passed_since<H: Host>(start: u32, at_least: u32) {
    let passed = tick::<H>().wrapping_sub(start);
    assert!(passed >= at_least, "{passed} of {at_least}");
    // a millisecond for the tick being a floor, one for the handler that may come as late
    assert!(passed <= (at_least + 2).saturating_add(H::LATE), "{passed} of {at_least}");
}

/// A cancel with a grace time, which the sleeping client learns of: it is released when that is over.
pub async fn cancelled_with_grace<H: Host>() {
    for ms in [0, 3] {
        let call = begin::<H>(Timeout::INFINITE);
        let start = tick::<H>();
        H::interrupt_in(ms, || {
            note_answer(runtime::<H>().cancel_thread(NOTED[3].get(), Timeout::millis(20), Waiting::Never));
        });
        assert_eq!(H::outcome(call).await, Ok(Outcome::Canceled));
        passed_since::<H>(start, ms + 20);
        H::pass(1).await;
        assert_eq!(answer(), Hresult::S_OK);
        assert_eq!(runtime::<H>().test_call(call), Hresult::RPC_E_CALL_CANCELED);
        assert_eq!(runtime::<H>().finish(call), Ok(Outcome::Canceled));
        complete_in_vain::<H>();
    }
}

/// The server sees the request at once, and answers in time.
pub async fn answered_in_grace<H: Host>() {
    let call = begin::<H>(Timeout::INFINITE);
    assert_eq!(runtime::<H>().test_call(call), Hresult::RPC_S_CALLPENDING);
    H::interrupt(cancel_later::<H>);
    assert_eq!(answer(), Hresult::S_OK);
    assert_eq!(runtime::<H>().test_call(call), Hresult::RPC_E_CALL_CANCELED);
    let start = tick::<H>();
    H::interrupt_in(4, complete::<H>);
    end::<H>(call, Outcome::Completed).await;
    passed_since::<H>(start, 4);
    H::pass(1).await;
    assert_eq!(answer(), Hresult::S_OK);
}

/// The sleeping client learns of a sooner deadline.
pub async fn grace_is_shortened<H: Host>() {
    let call = begin::<H>(Timeout::INFINITE);
    H::interrupt(cancel_later::<H>);
    assert_eq!(answer(), Hresult::S_OK);
    let start = tick::<H>();
    H::interrupt_in(3, || {
        note_answer(runtime::<H>().cancel_call(the_call(), Timeout::millis(10), Waiting::Never));
    });
    assert_eq!(H::outcome(call).await, Ok(Outcome::Canceled));
    passed_since::<H>(start, 13);
    H::pass(1).await;
    assert_eq!(answer(), Hresult::RPC_E_CALL_CANCELED);
    assert_eq!(runtime::<H>().finish(call), Ok(Outcome::Canceled));
    complete_in_vain::<H>();
}

fn cancel_later<H: Host>() {
    note_answer(runtime::<H>().cancel_call(the_call(), Timeout::seconds(600), Waiting::Never));
}

/// A call's own timeout, which nobody asked for.
pub async fn own_timeout<H: Host>() {
    for ms in [1, 2, 25] {
        let count = Count::new();
        let start = tick::<H>();
        let call = begin::<H>(Timeout::millis(ms));
        assert_eq!(H::outcome(call).await, Ok(Outcome::Canceled));
        passed_since::<H>(start, ms);
        assert_eq!(runtime::<H>().finish(call), Ok(Outcome::Canceled));
        assert_eq!(count.told(), 1);
        complete_in_vain::<H>();
        assert_eq!(count.retired(), 1);
    }
}

/// A deadline that lies beyond the tick's wrap is neither early nor late.
pub async fn deadline_across_the_wrap<H: Host>() {
    let start = tick::<H>();
    if H::WRAPS_WITHIN == 0 || start < 1 << 31 {
        return;
    }
    let ms = start.wrapping_neg() + 40;
    let call = begin::<H>(Timeout::millis(ms));
    assert_eq!(H::outcome(call).await, Ok(Outcome::Canceled));
    passed_since::<H>(start, ms);
    assert_eq!(runtime::<H>().finish(call), Ok(Outcome::Canceled));
    complete_in_vain::<H>();
}

/// `Runtime::tick`, in a handler, releases a call whose deadline is over, not before.
pub async fn ticked<H: Host>() {
    let call = begin::<H>(Timeout::millis(30));
    // 0: the budget was not enough for all slots
    let look = || while runtime::<H>().tick(16) == Some(0) {};
    H::interrupt(look);
    assert_eq!(runtime::<H>().test_call(call), Hresult::RPC_S_CALLPENDING);
    H::pass(32).await;
    if !H::TICKS {
        assert_eq!(runtime::<H>().test_call(call), Hresult::RPC_S_CALLPENDING);
        H::interrupt(look);
    }
    assert_eq!(runtime::<H>().test_call(call), Hresult::RPC_E_CALL_CANCELED);
    end::<H>(call, Outcome::Canceled).await;
    complete_in_vain::<H>();
}

/// In a handler nothing waits, and there is no calling thread.
pub async fn refused_in_handlers<H: Host>() {
    if !H::INTERRUPTS {
        return;
    }
    let call = begin::<H>(Timeout::INFINITE);
    H::interrupt(|| note_answer(runtime::<H>().wait(the_call()).err().unwrap_or(Hresult::S_OK)));
    assert_eq!(answer(), Hresult::E_NOTIMPL);
    H::interrupt(|| note_answer(runtime::<H>().cancel_thread(0, Timeout::ZERO, Waiting::Allowed)));
    assert_eq!(answer(), Hresult::E_NOINTERFACE);
    H::interrupt(|| {
        let pending = runtime::<H>().poll(the_call()) == Ok(Poll::Pending(None));
        note_answer(if pending { Hresult::S_OK } else { Hresult::E_FAIL });
    });
    assert_eq!(answer(), Hresult::S_OK);
    // its grace time is over long after the handler is: it did not wait
    H::interrupt(|| note_answer(runtime::<H>().cancel_call(the_call(), Timeout::seconds(600), Waiting::Allowed)));
    assert_eq!(answer(), Hresult::S_OK);
    H::interrupt(complete::<H>);
    end::<H>(call, Outcome::Completed).await;
}

/// Nested calls are cancelled from the inside, and each is woken for its own.
pub async fn innermost_is_meant<H: Host>() {
    let outer = begin::<H>(Timeout::INFINITE);
    let inner = begin::<H>(Timeout::INFINITE);
    H::interrupt_in(2, || cancel::<H>(0));
    assert_eq!(H::outcome(inner).await, Ok(Outcome::Canceled));
    // whoever cancelled has said what it was told, before another does
    H::pass(1).await;
    assert_eq!(runtime::<H>().test_call(outer), Hresult::RPC_S_CALLPENDING);
    H::interrupt(|| cancel::<H>(0));
    assert_eq!(answer(), Hresult::RPC_E_CALL_CANCELED);
    assert_eq!(runtime::<H>().finish(inner), Ok(Outcome::Canceled));
    complete_in_vain::<H>();

    set_call(outer);
    H::interrupt_in(2, || cancel::<H>(0));
    end::<H>(outer, Outcome::Canceled).await;
    H::pass(1).await;
    complete_in_vain::<H>();
    cancel::<H>(0);
    assert_eq!(answer(), Hresult::E_NOINTERFACE);
}

/// A call that is found by its handle only.
pub async fn asynchronous<H: Host>() {
    let count = Count::new();
    let begun = runtime::<H>().begin_async(options::<H>());
    assert_eq!(begun.cancellable, Ok(()));
    set_call(begun.call);
    NOTED[3].set(runtime::<H>().port().thread_id());
    cancel::<H>(0);
    assert_eq!(answer(), Hresult::E_NOINTERFACE);
    H::interrupt_in(3, complete::<H>);
    end::<H>(begun.call, Outcome::Completed).await;
    H::pass(1).await;
    assert_eq!(count.retired(), 1);
}

/// A canceller that is a thread like any other.
pub async fn cancelled_by_a_thread<H: Host>() {
    for number in 0..H::HELPERS {
        let call = begin::<H>(Timeout::INFINITE);
        H::helper(number, || cancel::<H>(0)).await;
        assert_eq!(answer(), Hresult::S_OK);
        end::<H>(call, Outcome::Canceled).await;
        complete_in_vain::<H>();
    }
}

/// A server's thread that tests the call it serves.
pub async fn served_by_a_thread<H: Host>() {
    if H::HELPERS == 0 {
        return;
    }
    let client = begin::<H>(Timeout::INFINITE);
    H::helper(0, || {
        let frame = runtime::<H>().enter(the_call()).expect("not cancelled");
        NOTED[0].set(runtime::<H>().test().0 as u32);
        set_call(frame);
    })
    .await;
    assert_eq!(Hresult(NOTED[0].get() as i32), Hresult::RPC_S_CALLPENDING);
    // it is that thread's, not this one's nor the other's
    assert_eq!(runtime::<H>().test(), Hresult::RPC_E_CALL_COMPLETE);
    let test = || NOTED[0].set(runtime::<H>().test().0 as u32);
    H::helper(1, test).await;
    assert_eq!(Hresult(NOTED[0].get() as i32), Hresult::RPC_E_CALL_COMPLETE);
    H::helper(1, cancel_later::<H>).await;
    assert_eq!(answer(), Hresult::S_OK);
    H::helper(0, test).await;
    assert_eq!(Hresult(NOTED[0].get() as i32), Hresult::RPC_E_CALL_CANCELED);
    H::helper(0, || {
        complete::<H>();
        NOTED[0].set(runtime::<H>().leave(the_call()).is_ok().into());
    })
    .await;
    assert_eq!((answer(), NOTED[0].get()), (Hresult::S_OK, 1));
    end::<H>(client, Outcome::Completed).await;
}

/// 5. A thread ends with a call out: the call is given up, and cannot be found any more.
pub async fn client_ends<H: Host>() {
    if !H::THREADS_END {
        return;
    }
    // more often than there are slots
    for round in 0..12 {
        let count = Count::new();
        let begin_and_end = || {
            begin::<H>(Timeout::INFINITE);
        };
        let begin_complete_and_end = || {
            begin::<H>(Timeout::INFINITE);
            complete::<H>();
        };
        let completes = round % 2 == 0;
        H::short_lived(if completes { begin_complete_and_end } else { begin_and_end }).await;
        if completes {
            assert_eq!(answer(), Hresult::S_OK);
            // a reply was delivered to a client that is no more
            assert_eq!((count.orphaned(), count.retired()), (1, 1));
        } else {
            assert_eq!((count.orphaned(), count.retired()), (0, 0));
            complete_in_vain::<H>();
            assert_eq!((count.orphaned(), count.retired()), (0, 1));
        }
        cancel::<H>(0);
        assert_eq!(answer(), Hresult::E_NOINTERFACE);
    }
}

/// A thread ends while it serves: the client gets a failure.
pub async fn server_ends<H: Host>() {
    if !H::THREADS_END {
        return;
    }
    let client = begin::<H>(Timeout::INFINITE);
    H::short_lived(|| {
        runtime::<H>().enter(the_call()).expect("not cancelled");
    })
    .await;
    end::<H>(client, Outcome::Failed(Hresult::RPC_E_SERVER_DIED)).await;
}
