//! A cancel that grants the server a second: one server answers in it, the other does not.
//!
//! The server is a device whose interrupt handler tests the call each millisecond. The client polls, and sleeps between polls;
//! the tick looks after the deadline.
#![no_std]
#![no_main]

use core::sync::atomic::{AtomicUsize, Ordering};

use cocancel::{CallHandle, CallOptions, Hresult, Outcome, Poll, Timeout, Waiting};
use cocancel_boards::{Alarm, Board, SUPERLOOP, board, println, program};

static RUNTIME: Board<2> = board();
static CANCEL: Alarm = Alarm::new();
/// The call that a device is to answer as soon as it learns of a cancel.
static SERVED: AtomicUsize = AtomicUsize::new(0);

program!(RUNTIME, superloop, interrupt);

fn superloop() {
    let _enabled = RUNTIME.enabled().expect("there is a slot for the superloop");

    println!("a device that answers when it is asked to stop");
    let call = RUNTIME.call(CallOptions::new());
    // Release: pairs with the handler's acquire
    SERVED.store(call.handle().to_bits(), Ordering::Release);
    let (outcome, grace) = wait(call.handle());
    println!("  {outcome:?}, in its second: {}", grace < 1000);
    println!("  finished: {:?}", call.finish());

    println!("a device that does not");
    let call = RUNTIME.call(CallOptions::new());
    let handle = call.handle();
    let (outcome, grace) = wait(handle);
    println!("  {outcome:?}, before its second was over: {}", grace < 1000);
    println!("  finished: {:?}", call.finish());
    println!("  its late reply: {:?}", RUNTIME.complete(handle));

    println!("a call with a timeout of its own, which nobody cancels");
    let start = RUNTIME.port().now();
    let call = RUNTIME.call(CallOptions::new().timeout(Timeout::millis(30)));
    println!("  {:?}, before the timeout: {}", call.wait(), RUNTIME.port().now() - start < 30);
}

/// Polls until the call has ended; gives also the milliseconds since it was cancelled, 5 after this begins.
fn wait(call: CallHandle) -> (Outcome, u32) {
    let cancelled = RUNTIME.port().now() + 5;
    CANCEL.set(cancelled);
    loop {
        match RUNTIME.poll(call) {
            Ok(Poll::Ended(outcome)) => return (outcome, RUNTIME.port().now() - cancelled),
            // no wake context, so nobody says when there is something new: look once a millisecond
            Ok(Poll::Pending(ms)) => RUNTIME.port().sleep(Some(ms.unwrap_or(1).min(1))),
            Err(code) => panic!("{code}"),
        }
    }
}

fn interrupt(now: u32) {
    // Acquire: pairs with the superloop's release
    let served = CallHandle::from_bits(SERVED.load(Ordering::Acquire));
    if let Some(call) = served.filter(|call| RUNTIME.test_call(*call) == Hresult::RPC_E_CALL_CANCELED) {
        let reply = RUNTIME.complete(call);
        assert_eq!(reply, Ok(cocancel::Reply::Delivered));
        // Relaxed: only this handler reads it
        SERVED.store(0, Ordering::Relaxed);
    }
    if CANCEL.rings(now) {
        let answer = RUNTIME.cancel_thread(SUPERLOOP, Timeout::seconds(1), Waiting::Never);
        assert_eq!(answer, Hresult::S_OK);
    }
}
