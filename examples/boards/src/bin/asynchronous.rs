//! Asynchronous calls: several at once, found by their handles only, ended by interrupt handlers, waited for in any order.
#![no_std]
#![no_main]

use core::sync::atomic::{AtomicUsize, Ordering};

use cocancel::{CallHandle, CallOptions, Hresult, Timeout, Waiting};
use cocancel_boards::{Alarm, Board, SUPERLOOP, board, println, program};

static RUNTIME: Board<3> = board();
static COMPLETE: (Alarm, AtomicUsize) = (Alarm::new(), AtomicUsize::new(0));
static ABANDON: (Alarm, AtomicUsize) = (Alarm::new(), AtomicUsize::new(0));
static CANCEL: (Alarm, AtomicUsize) = (Alarm::new(), AtomicUsize::new(0));

program!(RUNTIME, superloop, interrupt);

fn superloop() {
    let begin = || RUNTIME.begin_async(CallOptions::new()).call;
    let [first, second, third] = [begin(), begin(), begin()];
    println!("a fourth: {:?}", RUNTIME.begin_async(CallOptions::new()).cancellable);
    println!("by the thread none is found: {}", RUNTIME.cancel_thread(SUPERLOOP, Timeout::ZERO, Waiting::Never));

    let now = RUNTIME.port().now();
    plan(&ABANDON, second, now + 5);
    plan(&CANCEL, third, now + 10);
    plan(&COMPLETE, first, now + 15);
    for (name, call) in [("first", first), ("second", second), ("third", third)] {
        let outcome = RUNTIME.wait(call);
        println!("{name}: {outcome:?}, finished: {:?}", RUNTIME.finish(call));
    }
    println!("the third's late reply: {:?}", RUNTIME.complete(third));
    println!("again: {:?}", RUNTIME.complete(third));
    println!("all slots are free: {}", (0..3).all(|_| RUNTIME.begin_async(CallOptions::new()).cancellable.is_ok()));
}

fn plan(what: &(Alarm, AtomicUsize), call: CallHandle, at: u32) {
    // Relaxed: the alarm's release comes after it
    what.1.store(call.to_bits(), Ordering::Relaxed);
    what.0.set(at);
}

fn due(what: &(Alarm, AtomicUsize), now: u32) -> Option<CallHandle> {
    // Relaxed: the alarm's acquire comes before it
    what.0.rings(now).then(|| CallHandle::from_bits(what.1.load(Ordering::Relaxed))).flatten()
}

fn interrupt(now: u32) {
    if let Some(call) = due(&COMPLETE, now) {
        assert_eq!(RUNTIME.complete(call), Ok(cocancel::Reply::Delivered));
    }
    if let Some(call) = due(&ABANDON, now) {
        assert_eq!(RUNTIME.abandon(call, Hresult::RPC_E_SERVER_DIED), Ok(cocancel::Reply::Delivered));
    }
    if let Some(call) = due(&CANCEL, now) {
        assert_eq!(RUNTIME.cancel_call(call, Timeout::ZERO, Waiting::Never), Hresult::S_OK);
    }
}
