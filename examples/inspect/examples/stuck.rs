//! A process that is stuck in every way there is, and stays so: `cargo run -p cocancel-inspect --example stuck`, then
//! `kill -USR1` it, or look at it with gdb (cocancel.py). It prints its table itself once all is set up.

use std::sync::mpsc::{Receiver, Sender, channel};
use std::thread;
use std::time::Duration;

use cocancel::port::posix::{runtime, thread_id};
use cocancel::{CallHandle, CallOptions, Hresult, Outcome, Timeout, Waiting};

/// Runs `body` on a thread of its own that ends with the process; it tells by the sender when it is where it should be.
fn stuck(body: impl FnOnce(Sender<(u32, CallHandle)>) + Send + 'static) -> (u32, CallHandle) {
    let (there, told): (_, Receiver<_>) = channel();
    thread::spawn(move || body(there));
    told.recv().expect("it tells where it is")
}

fn for_ever() -> ! {
    loop {
        thread::park();
    }
}

/// A call whose client waits for ever, as `options` say.
fn client(enabled: bool, options: fn() -> CallOptions) -> (u32, CallHandle) {
    stuck(move |there| {
        let _enabled = enabled.then(|| runtime().enabled().expect("there is room"));
        let call = runtime().call(options());
        let _ = there.send((thread_id(), call.handle()));
        let _ = call.wait();
        for_ever()
    })
}

fn main() {
    cocancel_inspect::hooks();
    cocancel_inspect::on_signal(libc::SIGUSR1).expect("SIGUSR1 can be caught");

    // pending, nobody has asked anything
    client(true, CallOptions::new);
    // pending with a timeout of its own
    client(true, || CallOptions::new().timeout(Timeout::seconds(3600)));
    // began while its thread was disabled: only the host may cancel it
    client(false, || CallOptions::new().always_slot());
    // canceling: requested, in its grace time; a second canceller waits for the server
    let (thread, _) = client(true, CallOptions::new);
    stuck(move |there| {
        let _ = there.send((thread_id(), CallHandle::from_bits(1).expect("a handle")));
        runtime().cancel_thread(thread, Timeout::seconds(7200), Waiting::Allowed);
        for_ever()
    });
    while !runtime().calls().any(|call| call.requested && call.pins == 3) {
        thread::sleep(Duration::from_millis(1));
    }
    // an orphan: its client was released and has finished, a serving thread still has it
    let (thread, call) = client_that_is_released();
    stuck(move |there| {
        let serving = runtime().serving(call).expect("it was not cancelled yet");
        let _ = there.send((thread_id(), call));
        let _ = serving.test();
        for_ever()
    });
    assert_eq!(runtime().cancel_thread(thread, Timeout::ZERO, Waiting::Never), Hresult::S_OK);
    while runtime().calls().any(|info| info.call == call && info.client) {
        thread::sleep(Duration::from_millis(1));
    }
    // two calls of one thread, the outer in its home slot, the inner in a shared one
    stuck(|there| {
        let _enabled = runtime().enabled().expect("there is room");
        let outer = runtime().call(CallOptions::new());
        let inner = runtime().call(CallOptions::new());
        let _ = there.send((thread_id(), outer.handle()));
        let _ = inner.wait();
        for_ever()
    });
    // an asynchronous one, completed but not finished, and one whose server failed
    let done = runtime().begin_async(CallOptions::new()).call;
    assert!(runtime().complete(done).is_ok());
    let failed = runtime().begin_async(CallOptions::new()).call;
    assert!(runtime().abandon(failed, Hresult::E_FAIL).is_ok());

    cocancel_inspect::print();
    for_ever()
}

fn client_that_is_released() -> (u32, CallHandle) {
    stuck(|there| {
        let _enabled = runtime().enabled().expect("there is room");
        let call = runtime().call(CallOptions::new());
        let _ = there.send((thread_id(), call.handle()));
        assert_eq!(call.wait(), Ok(Outcome::Canceled));
        assert_eq!(call.finish(), Ok(Outcome::Canceled));
        for_ever()
    })
}
