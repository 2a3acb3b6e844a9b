//! The clause about two threads that sleep on one word, on the port for POSIX systems, with and without a defect.

use std::sync::mpsc::channel;
use std::sync::{Mutex, PoisonError};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use cocancel::port::Port;
use cocancel::port::posix;
use cocancel::{CallHandle, Fixed, Hresult, Outcome, Runtime, Side, WaitPoint};
use cocancel_conformance::{Host, at_once, each_side_is_woken};

/// A clause that has not ended by then never will: it takes 40 ms. (On a machine that is slower the test would only find less.)
const FOR_EVER: Duration = Duration::from_secs(3);

/// The port. With `SWAPPED`, a wake goes to the other side.
#[derive(Debug)]
struct Sides<const SWAPPED: bool>;

// SAFETY: nobody but the clause uses it, and no runtime
unsafe impl<const SWAPPED: bool> Port for Sides<SWAPPED> {
    fn thread_id(&self) -> u32 {
        posix::thread_id()
    }

    fn tick(&self) -> u32 {
        posix::runtime().port().tick()
    }

    fn local(&self) -> Option<u32> {
        None
    }

    fn set_local(&self, _: u32) {}

    fn waiter(&self) -> Option<*mut ()> {
        None
    }

    fn wait(&self, point: WaitPoint, ms: Option<u32>) {
        posix::runtime().port().wait(point, ms);
    }

    fn wake(&self, point: WaitPoint) {
        let side = match point.side {
            Side::Client if SWAPPED => Side::Canceller,
            Side::Canceller if SWAPPED => Side::Client,
            side => side,
        };
        posix::runtime().port().wake(WaitPoint { side, ..point });
    }
}

static RIGHT: Runtime<Sides<false>, Fixed<4, 4>> = Runtime::new(Sides, Fixed::new());
static WRONG: Runtime<Sides<true>, Fixed<4, 4>> = Runtime::new(Sides, Fixed::new());

static STARTED: [Mutex<Option<JoinHandle<()>>>; 2] = [const { Mutex::new(None) }; 2];

macro_rules! host {
    ($swapped:literal, $runtime:ident) => {
        impl Host for Sides<$swapped> {
            type Port = Self;
            type Storage = Fixed<4, 4>;
            const HELPERS: usize = 2;
            const HELPERS_SLEEP: bool = true;
            const THREADS_END: bool = false;
            const INTERRUPTS: bool = false;
            const TICKS: bool = false;
            const WRAPS_WITHIN: u32 = 0;
            const LATE: u32 = u32::MAX;

            fn runtime() -> &'static Runtime<Self, Fixed<4, 4>> {
                &$runtime
            }

            fn context() -> *mut () {
                std::ptr::null_mut()
            }

            async fn wait(_: WaitPoint, _: Option<u32>) {}

            async fn outcome(_: CallHandle) -> Result<Outcome, Hresult> {
                unreachable!("the clause makes no calls")
            }

            async fn pass(ms: u32) {
                thread::sleep(Duration::from_millis(ms.into()));
            }

            fn interrupt(_: fn()) {}

            fn interrupt_in(_: u32, _: fn()) {}

            async fn helper(_: usize, _: fn()) {}

            fn start(number: usize, f: fn()) {
                *STARTED[number].lock().unwrap_or_else(PoisonError::into_inner) = Some(thread::spawn(f));
            }

            async fn finished(number: usize) {
                let started = STARTED[number].lock().unwrap_or_else(PoisonError::into_inner).take();
                started.expect("it was started").join().expect("it does not panic");
            }

            async fn short_lived(_: fn()) {}
        }
    };
}
host!(false, RIGHT);
host!(true, WRONG);

/// Without the defect there is no limit. With it, the threads that nobody wakes are left behind.
#[test]
fn a_wake_of_the_wrong_side_is_found() {
    let _one = super::one_at_a_time();
    at_once(each_side_is_woken::<Sides<false>>());
    let (say, over) = channel();
    thread::spawn(move || {
        at_once(each_side_is_woken::<Sides<true>>());
        say.send(()).ok();
    });
    assert!(over.recv_timeout(FOR_EVER).is_err(), "both sides were woken, and must not have been");
}
