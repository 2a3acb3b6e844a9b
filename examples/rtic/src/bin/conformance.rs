//! The port-conformance suite on the port to executors, under RTIC: the suite and its helpers are software tasks, at two priorities.
#![no_std]
#![no_main]

use core::future::poll_fn;
use core::task::Poll;

use cocancel::{CallHandle, Fixed, Hresult, Outcome, Runtime, WaitPoint};
use cocancel_conformance::{Host, Job, Mailbox, Watched, yield_now};
use cocancel_rtic::Rtic;
use cocancel_tasks::{System, Tasks};

type Port = Watched<Tasks<Rtic, 4>>;
type Tables = Fixed<4, 4>;

const BEFORE_WRAP: u32 = 300;
/// The task of the suite, and those of its helpers and its short-lived threads.
const SUITE: usize = 3;
const SHORT_LIVED: usize = 2;

static RUNTIME: Runtime<Port, Tables> =
    Runtime::new(Watched(Tasks::new(Rtic::new(BEFORE_WRAP.wrapping_neg()))), Fixed::new());
static MAILBOXES: [Mailbox; 3] = [const { Mailbox::new() }; 3];
static JOB: Job = Job::new();

struct Executor;

fn port() -> &'static Tasks<Rtic, 4> {
    &RUNTIME.port().0
}

impl Host for Executor {
    type Port = Port;
    type Storage = Tables;
    const HELPERS: usize = 2;
    const THREADS_END: bool = true;
    const INTERRUPTS: bool = true;
    const TICKS: bool = true;
    const WRAPS_WITHIN: u32 = BEFORE_WRAP;
    const LATE: u32 = 2;

    fn runtime() -> &'static Runtime<Port, Tables> {
        &RUNTIME
    }

    fn context() -> *mut () {
        port().context()
    }

    async fn wait(point: WaitPoint, ms: Option<u32>) {
        let start = port().system().now();
        let mut has_slept = false;
        poll_fn(|cx| {
            port().register(cx.waker(), None);
            // SAFETY: the suite's word, which is a static's; a word is read as others write it
            let value = unsafe { point.word.read_volatile() };
            if has_slept || value != point.value {
                return Poll::Ready(());
            }
            has_slept = true;
            // on this system only calls are looked after by the tick; here the time is
            if let Some(ms) = ms {
                if port().system().now().wrapping_sub(start) >= ms {
                    return Poll::Ready(());
                }
                has_slept = false;
                cx.waker().wake_by_ref();
            }
            Poll::Pending
        })
        .await;
    }

    async fn outcome(call: CallHandle) -> Result<Outcome, Hresult> {
        poll_fn(|cx| {
            port().register(cx.waker(), None);
            match RUNTIME.poll(call) {
                Ok(cocancel::Poll::Pending(ms)) => {
                    port().register(cx.waker(), ms);
                    Poll::Pending
                }
                Ok(cocancel::Poll::Ended(outcome)) => Poll::Ready(Ok(outcome)),
                Err(code) => Poll::Ready(Err(code)),
            }
        })
        .await
    }

    async fn pass(ms: u32) {
        let start = port().system().now();
        while port().system().now().wrapping_sub(start) < ms {
            yield_now().await;
        }
    }

    fn interrupt(f: fn()) {
        Self::interrupt_in(0, f);
        while !JOB.is_done() {
            core::hint::spin_loop();
        }
    }

    fn interrupt_in(ms: u32, f: fn()) {
        JOB.set(port().system().now().wrapping_add(ms), f);
    }

    async fn helper(number: usize, f: fn()) {
        MAILBOXES[number].ask(f).await;
    }

    async fn short_lived(f: fn()) {
        MAILBOXES[SHORT_LIVED].ask(f).await;
    }
}

#[rtic::app(device = lm3s6965, dispatchers = [SSI0, GPIOA])]
mod app {
    use cocancel_conformance::run;
    use cocancel_rtic::{println, process, start_tick};

    use super::{Executor, JOB, MAILBOXES, RUNTIME, SHORT_LIVED, SUITE, port};

    #[shared]
    struct Shared {}

    #[local]
    struct Local {}

    #[init]
    fn init(cx: init::Context) -> (Shared, Local) {
        start_tick(cx.core.SYST);
        first_helper::spawn().expect("spawned once");
        second_helper::spawn().expect("spawned once");
        short_lived::spawn().expect("spawned once");
        suite::spawn().expect("spawned once");
        (Shared {}, Local {})
    }

    #[task(priority = 1)]
    async fn suite(_: suite::Context) {
        port().run(SUITE, run::<Executor>(|clause| println!("{clause}"))).await;
        println!("all are kept");
        process::exit(0)
    }

    #[task(priority = 1)]
    async fn first_helper(_: first_helper::Context) {
        port().run(0, MAILBOXES[0].serve()).await;
    }

    /// This one preempts the suite.
    #[task(priority = 2)]
    async fn second_helper(_: second_helper::Context) {
        port().run(1, MAILBOXES[1].serve()).await;
    }

    #[task(priority = 2)]
    async fn short_lived(_: short_lived::Context) {
        loop {
            let life = async {
                MAILBOXES[SHORT_LIVED].serve_once().await;
                RUNTIME.thread_exit();
            };
            port().run(SHORT_LIVED, life).await;
        }
    }

    #[task(binds = SysTick, priority = 3)]
    fn tick(_: tick::Context) {
        let now = port().system().advance();
        RUNTIME.tick(8);
        JOB.tick(now);
    }
}
