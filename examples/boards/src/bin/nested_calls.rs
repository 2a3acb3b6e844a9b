//! Calls within calls: a cancel by thread means the innermost, and a call that began disabled hides those outside it.
#![no_std]
#![no_main]

use core::sync::atomic::{AtomicI32, Ordering};

use cocancel::{CallOptions, Hresult, Timeout, Waiting};
use cocancel_boards::{Alarm, Board, SUPERLOOP, board, println, program};

static RUNTIME: Board<2> = board();
static CANCEL: Alarm = Alarm::new();
static ANSWER: AtomicI32 = AtomicI32::new(0);

program!(RUNTIME, superloop, interrupt);

fn superloop() {
    let enabled = RUNTIME.enabled().expect("there is a slot for the superloop");
    let outer = RUNTIME.call(CallOptions::new());
    let inner = RUNTIME.call(CallOptions::new());
    println!("a call, and another within it; the table is full");

    println!("cancel: {}", cancel_from_the_handler());
    println!("inner: {:?}, outer: {:?}", inner.poll(), outer.poll());
    println!("inner finished: {:?}", inner.finish());
    // nobody serves it, and it keeps its slot until its server's side is done, too
    let third = RUNTIME.call(CallOptions::new());
    println!("a third, without a slot: {:?}", third.cancellable());
    println!("cancel: {}", cancel_from_the_handler());
    println!("third finished: {:?}", third.finish());

    drop(enabled);
    let disabled = RUNTIME.call(CallOptions::new());
    println!("one that began disabled: {:?}", disabled.cancellable());
    println!("cancel: {}, outer: {:?}", cancel_from_the_handler(), outer.poll());
    println!("it is finished: {:?}", disabled.finish());

    println!("cancel: {}, outer: {:?}", cancel_from_the_handler(), outer.poll());
    println!("outer finished: {:?}", outer.finish());
    println!("cancel: {}", cancel_from_the_handler());
}

/// What the next millisecond's interrupt handler gets for cancelling the superloop's innermost call.
fn cancel_from_the_handler() -> Hresult {
    let at = RUNTIME.port().now() + 2;
    CANCEL.set(at);
    while RUNTIME.port().now() < at + 1 {
        RUNTIME.port().sleep(Some(1));
    }
    // Relaxed: the handler is over
    Hresult(ANSWER.load(Ordering::Relaxed))
}

fn interrupt(now: u32) {
    if CANCEL.rings(now) {
        let answer = RUNTIME.cancel_thread(SUPERLOOP, Timeout::ZERO, Waiting::Never);
        // Relaxed: read after the handler
        ANSWER.store(answer.0, Ordering::Relaxed);
    }
}
