//! The lives of calls, logged with defmt: each step by the port's event hook, and what the program itself has to say of the public types.
//!
//! What it prints are defmt's frames, to be decoded with this ELF file: see README.md.
#![no_std]
#![no_main]

use cocancel::defmt::Logged;
use cocancel::port::bare::BareMetal;
use cocancel::{CallOptions, Fixed, Hresult, Runtime, Timeout, Waiting};
use cocancel_boards::{Alarm, Processor, SUPERLOOP, process};
use defmt_semihosting as _;

static RUNTIME: Runtime<Logged<BareMetal<Processor>>, Fixed<3, 1>> =
    Runtime::new(Logged(BareMetal::new(Processor)), Fixed::new());
static CANCEL: Alarm = Alarm::new();

defmt::timestamp!("{=u32}", RUNTIME.port().0.now());

#[cocancel_boards::entry]
fn start() -> ! {
    cocancel_boards::start_tick();
    let enabled = RUNTIME.enabled().expect("there is a slot for the superloop");
    served();
    cancelled();
    failed();
    late();
    drop(enabled);
    defmt::info!("at the end: {}", RUNTIME);
    process::exit(0)
}

/// A call that is served and answered.
fn served() {
    let options = CallOptions::new().timeout(Timeout::seconds(3));
    defmt::info!("a call that is answered");
    let call = RUNTIME.call(options);
    {
        let serving = RUNTIME.serving(call.handle()).expect("not cancelled");
        defmt::info!("its server tests it: {}", serving.test());
        defmt::info!("the reply: {}", RUNTIME.complete(call.handle()));
    }
    defmt::info!("the client: {}", call.finish());
}

/// A call that an interrupt handler cancels while its client waits.
fn cancelled() {
    defmt::info!("a call that is cancelled at 5 ms, with 10 ms of grace time");
    let call = RUNTIME.call(CallOptions::new());
    let handle = call.handle();
    CANCEL.set(5);
    defmt::info!("the client: {}", call.wait());
    for info in RUNTIME.calls() {
        defmt::info!("there is {}", info);
    }
    defmt::info!("the client: {}", call.finish());
    defmt::info!("the late reply: {}", RUNTIME.complete(handle));
}

/// A call whose server fails.
fn failed() {
    defmt::info!("a call whose server fails");
    let call = RUNTIME.call(CallOptions::new());
    defmt::info!("the failure: {}", RUNTIME.abandon(call.handle(), Hresult::RPC_E_SERVER_DIED));
    defmt::info!("the client: {}", call.finish());
}

/// A call with a timeout of its own, which the tick looks after.
fn late() {
    defmt::info!("a call with a timeout of 30 ms");
    let call = RUNTIME.call(CallOptions::new().timeout(Timeout::millis(30)));
    let handle = call.handle();
    defmt::info!("the client: {}", call.wait());
    defmt::info!("the client: {}", call.finish());
    defmt::info!("its server is told: {}", RUNTIME.test_call(handle));
    defmt::info!("the late reply: {}", RUNTIME.complete(handle));
}

/// The timer's interrupt handler, once a millisecond.
// SAFETY: the only definition of this name
#[unsafe(no_mangle)]
fn cocancel_boards_tick() {
    let port = &RUNTIME.port().0;
    port.in_handler(|| {
        port.advance(1);
        RUNTIME.tick(8);
        if CANCEL.rings(port.now()) {
            let answer = RUNTIME.cancel_thread(SUPERLOOP, Timeout::millis(10), Waiting::Never);
            defmt::info!("the handler's cancel: {}", answer);
        }
    });
}
