//! From the cancel to the released client, both on one CPU.

use std::sync::atomic::AtomicU32;
use std::sync::atomic::Ordering::{Acquire, Relaxed, Release};
use std::thread;
use std::time::Instant;

use cocancel::port::posix;
use cocancel::{CallOptions, Hresult, Outcome, Timeout, Waiting};

use crate::affinity;
use crate::report::{Goal, Report};
use crate::sample::Series;

const PINGS: usize = 20_001;

/// A turn that the two threads pass to each other; a waiter sleeps in the kernel.
struct Turn(AtomicU32);

impl Turn {
    fn wait(&self, value: u32) {
        loop {
            // Acquire: pairs with `give`
            let seen = self.0.load(Acquire);
            if seen == value {
                return;
            }
            futex(&self.0, libc::FUTEX_WAIT, seen);
        }
    }

    fn give(&self, value: u32) {
        // Release: pairs with `wait`
        self.0.store(value, Release);
        futex(&self.0, libc::FUTEX_WAKE, 1);
    }
}

fn futex(word: &AtomicU32, operation: libc::c_int, value: u32) {
    let operation = operation | libc::FUTEX_PRIVATE_FLAG;
    let timeout: *const libc::timespec = std::ptr::null();
    // SAFETY: the word is alive, and there is no timeout
    unsafe { libc::syscall(libc::SYS_futex, word.as_ptr(), operation, value, timeout) };
}

const CLIENTS: u32 = 0;
const CANCELLERS: u32 = 1;

/// The rows.
pub fn rows(report: &mut Report) {
    let turn = Turn(AtomicU32::new(CLIENTS));
    let bare = AtomicU32::new(0);
    let thread_id = AtomicU32::new(0);
    let (sent, received) = thread::scope(|scope| {
        let client = scope.spawn(|| client(&turn, &bare, &thread_id));
        let canceller = scope.spawn(|| canceller(&turn, &bare, &thread_id));
        (canceller.join().unwrap_or_default(), client.join().unwrap_or_default())
    });
    let series = |subject: usize| {
        let times = sent.iter().zip(&received).skip(subject).step_by(2);
        Series(times.map(|(sent, received)| (*received - *sent).as_nanos() as f64).collect())
    };
    let (ours, bare) = (series(0), series(1));
    // a quotient of single pings says little: that of the medians
    report.figures(
        "cancel to client released, one CPU, p50 / futex wake",
        ours.median(),
        bare.median(),
        ours.median() / bare.median(),
        Goal::AtMost(1.02),
    );
}

/// Waits for a call and for a bare word by turns; the moments when it was released.
fn client(turn: &Turn, bare: &AtomicU32, thread_id: &AtomicU32) -> Vec<Instant> {
    affinity::pin(0);
    let runtime = posix::runtime();
    let enabled = runtime.enabled();
    assert!(enabled.is_ok());
    // Relaxed: the turn publishes it
    thread_id.store(posix::thread_id(), Relaxed);
    let mut released = Vec::with_capacity(PINGS * 2);
    for _ in 0..PINGS {
        let call = runtime.call(CallOptions::new());
        turn.give(CANCELLERS);
        // on one CPU the canceller runs once this sleeps, but for rare exceptions that a median does not see
        assert_eq!(call.wait(), Ok(Outcome::Canceled));
        released.push(Instant::now());
        let _ = runtime.complete(call.handle());
        drop(call);
        turn.wait(CLIENTS);

        // Relaxed: the turn publishes it
        bare.store(0, Relaxed);
        turn.give(CANCELLERS);
        // Acquire: as the call's word is read
        while bare.load(Acquire) == 0 {
            futex(bare, libc::FUTEX_WAIT, 0);
        }
        released.push(Instant::now());
        turn.wait(CLIENTS);
    }
    released
}

/// Ends both waits by turns; the moments before it did.
fn canceller(turn: &Turn, bare: &AtomicU32, thread_id: &AtomicU32) -> Vec<Instant> {
    affinity::pin(0);
    let mut sent = Vec::with_capacity(PINGS * 2);
    for _ in 0..PINGS {
        turn.wait(CANCELLERS);
        // Relaxed: the turn published it
        let id = thread_id.load(Relaxed);
        sent.push(Instant::now());
        let answer = posix::runtime().cancel_thread(id, Timeout::ZERO, Waiting::Never);
        assert_eq!(answer, Hresult::S_OK);
        turn.give(CLIENTS);

        turn.wait(CANCELLERS);
        sent.push(Instant::now());
        // Release: as the call's word is written
        bare.store(1, Release);
        futex(bare, libc::FUTEX_WAKE, 1);
        turn.give(CLIENTS);
    }
    sent
}
