//! A call to a device that never answers is cancelled from an interrupt handler.
#![no_std]
#![no_main]

use core::sync::atomic::{AtomicI32, AtomicU32, Ordering};

use cocancel::{CallOptions, Hresult, Timeout, Waiting};
use cocancel_boards::{Alarm, Board, SUPERLOOP, board, println, program};

static RUNTIME: Board<2> = board();
static CANCEL: Alarm = Alarm::new();
static ANSWER: AtomicI32 = AtomicI32::new(0);
/// What the device would fill in: no variable of the client's, which goes on before the device is done with it.
static RECORD: AtomicU32 = AtomicU32::new(0);

program!(RUNTIME, superloop, interrupt);

fn superloop() {
    let enabled = RUNTIME.enabled().expect("there is a slot for the superloop");
    let call = RUNTIME.call(CallOptions::new().host(RECORD.as_ptr().cast()));
    let handle = call.handle();
    println!("called a device that never answers");

    CANCEL.set(RUNTIME.port().now() + 5);
    println!("waited: {:?}", call.wait());
    // Relaxed: the handler is over
    println!("the handler's cancel: {}", Hresult(ANSWER.load(Ordering::Relaxed)));
    println!("once more: {}", RUNTIME.cancel_thread(0, Timeout::ZERO, Waiting::Never));
    println!("finished: {:?}", call.finish());

    println!("the device looks at the call: {}", RUNTIME.test_call(handle));
    match RUNTIME.complete(handle) {
        Ok(cocancel::Reply::Orphaned(host)) => {
            println!("its late reply: the record is the device's: {}", host == RECORD.as_ptr().cast())
        }
        other => println!("its late reply: {other:?}"),
    }
    drop(enabled);
}

fn interrupt(now: u32) {
    if CANCEL.rings(now) {
        let answer = RUNTIME.cancel_thread(SUPERLOOP, Timeout::ZERO, Waiting::Allowed);
        // Relaxed: read after the handler
        ANSWER.store(answer.0, Ordering::Relaxed);
    }
}
