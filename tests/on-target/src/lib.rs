//! The conformance suite's host on a board: the bare-metal port, the board's timer, its superloop as the only thread.
#![no_std]

use core::ptr::NonNull;

use cocancel::port::Port;
use cocancel::port::bare::BareMetal;
use cocancel::{CallHandle, Fixed, Hresult, Outcome, Runtime, WaitPoint};
use cocancel_boards::Processor;
use cocancel_conformance::{Host, Job, Watched};

type Tables = Fixed<4, 1>;
type Watch = Watched<BareMetal<Processor>>;

static RUNTIME: Runtime<Watch, Tables> = Runtime::new(Watched(BareMetal::new(Processor)), Fixed::new());
static JOB: Job = Job::new();

/// The tick wraps after so many milliseconds.
const BEFORE_WRAP: u32 = 300;

/// A board.
#[derive(Debug)]
pub struct Board;

impl Board {
    /// Starts the clock, shortly before it wraps.
    pub fn start() {
        port().advance(BEFORE_WRAP.wrapping_neg());
        cocancel_boards::start_tick();
    }
}

fn port() -> &'static BareMetal<Processor> {
    &RUNTIME.port().0
}

/// The timer's interrupt handler, once a millisecond.
// SAFETY: the only definition of this name
#[unsafe(no_mangle)]
fn cocancel_boards_tick() {
    port().in_handler(|| {
        port().advance(1);
        JOB.tick(port().now());
    });
}

impl Host for Board {
    type Port = Watch;
    type Storage = Tables;
    const HELPERS: usize = 0;
    const THREADS_END: bool = false;
    const INTERRUPTS: bool = true;
    const TICKS: bool = false;
    const WRAPS_WITHIN: u32 = BEFORE_WRAP;
    // one for a handler that comes just after we look
    const LATE: u32 = 1;

    fn runtime() -> &'static Runtime<Watch, Tables> {
        &RUNTIME
    }

    fn context() -> *mut () {
        // never looked at
        NonNull::dangling().as_ptr()
    }

    async fn wait(point: WaitPoint, ms: Option<u32>) {
        RUNTIME.port().wait(point, ms);
    }

    async fn outcome(call: CallHandle) -> Result<Outcome, Hresult> {
        RUNTIME.wait(call)
    }

    async fn pass(ms: u32) {
        let start = port().now();
        while port().now().wrapping_sub(start) < ms {
            core::hint::spin_loop();
        }
    }

    fn interrupt(f: fn()) {
        Self::interrupt_in(0, f);
        while !JOB.is_done() {
            core::hint::spin_loop();
        }
    }

    fn interrupt_in(ms: u32, f: fn()) {
        JOB.set(port().now().wrapping_add(ms), f);
    }

    async fn helper(_: usize, _: fn()) {
        unreachable!("there is one thread")
    }

    async fn short_lived(_: fn()) {
        unreachable!("there is one thread")
    }
}
