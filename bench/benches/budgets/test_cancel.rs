//! What a server's loop pays to ask whether its call was cancelled.

use std::cell::Cell;
use std::sync::atomic::AtomicU32;
use std::sync::atomic::Ordering::Acquire;

use cocancel::port::posix;
use cocancel::{CallOptions, Hresult};

use crate::peers::stop_requested;
use crate::report::{Goal, Report};
use crate::sample::{barrier, measure, timed};

static PLACE: AtomicU32 = AtomicU32::new(0);

thread_local! {
    static POINTER: Cell<&'static AtomicU32> = const { Cell::new(&PLACE) };
}

/// The rows.
pub fn rows(report: &mut Report) {
    let runtime = posix::runtime();
    let call = runtime.serve(CallOptions::new()).call;
    let Ok(serving) = runtime.serving(call) else { panic!("the call is new") };
    assert_eq!(runtime.test(), Hresult::RPC_S_CALLPENDING);

    let [guard, thread, stop_token, load] = measure([
        timed(|n| {
            for _ in 0..n {
                barrier(&serving);
                assert!(serving.test() != Hresult::RPC_E_CALL_CANCELED);
            }
        }),
        timed(|n| {
            for _ in 0..n {
                barrier(&runtime);
                assert!(posix::runtime().test() != Hresult::RPC_E_CALL_CANCELED);
            }
        }),
        stop_requested(),
        timed(|n| {
            for _ in 0..n {
                barrier(&POINTER);
                // Acquire: as a flag of one's own would be read
                assert!(POINTER.get().load(Acquire) == 0);
            }
        }),
    ]);
    report.row("Serving::test / stop_token::stop_requested", &guard, &stop_token, Goal::AtMost(1.0));
    report.row("Serving::test / thread-local pointer + acquire load", &guard, &load, Goal::None);
    report.row("runtime().test() / stop_token::stop_requested", &thread, &stop_token, Goal::None);
    report.row("runtime().test() / thread-local pointer + acquire load", &thread, &load, Goal::None);

    drop(serving);
    let _ = runtime.complete(call);
}
