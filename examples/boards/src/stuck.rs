//! A board that is stuck: its superloop waits in a call that nobody answers, and its watchdog logs with defmt who is stuck on what.
//!
//! What it prints are defmt's frames; `cocancel-inspect --log` makes a table of them once they are decoded: see README.md.
#![no_std]
#![no_main]

use cocancel::defmt::{Logged, log_calls};
use cocancel::port::bare::BareMetal;
use cocancel::{CallOptions, Fixed, Runtime, Timeout, Waiting};
use cocancel_boards::{Alarm, Processor, process};
use defmt_semihosting as _;

static RUNTIME: Runtime<Logged<BareMetal<Processor>>, Fixed<6, 1>> =
    Runtime::new(Logged(BareMetal::new(Processor)), Fixed::new());
static WATCHDOG: Alarm = Alarm::new();

/// Milliseconds that the superloop may take.
const PATIENCE: u32 = 1550;

defmt::timestamp!("{=u32:ms}", RUNTIME.port().0.now());

#[cocancel_boards::entry]
fn start() -> ! {
    cocancel_boards::start_tick();
    let _enabled = RUNTIME.enabled().expect("there is a slot for the superloop");
    WATCHDOG.set(PATIENCE);

    // to a device that is silent; to one that was asked to give up within an hour; to one that has answered, which nobody looked at
    let begin = || RUNTIME.begin_async(CallOptions::new()).call;
    begin();
    RUNTIME.cancel_call(begin(), Timeout::seconds(3600), Waiting::Never);
    let _ = RUNTIME.complete(begin());
    // an orphan: given up by its client, and the device is still at it
    let orphan = begin();
    let _ = RUNTIME.serving(orphan).map(core::mem::forget);
    RUNTIME.cancel_call(orphan, Timeout::ZERO, Waiting::Never);
    let _ = RUNTIME.finish(orphan);
    // and the one that the superloop hangs in
    let call = RUNTIME.call(CallOptions::new().timeout(Timeout::seconds(30)));
    let _ = call.wait();
    process::exit(1)
}

/// The timer's interrupt handler, once a millisecond.
// SAFETY: the only definition of this name
#[unsafe(no_mangle)]
fn cocancel_boards_tick() {
    let port = &RUNTIME.port().0;
    port.in_handler(|| {
        port.advance(1);
        RUNTIME.tick(8);
        if WATCHDOG.rings(port.now()) {
            log_calls(&RUNTIME);
            process::exit(0);
        }
    });
}
