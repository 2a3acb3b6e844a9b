//! The port-conformance suite on the port to executors, under embassy: the suite and its helpers are tasks.
#![no_std]
#![no_main]

use core::future::poll_fn;
use core::task::Poll;

use cocancel::{CallHandle, Fixed, Hresult, Outcome, Runtime, WaitPoint};
use cocancel_conformance::{Host, Job, Mailbox, Watched, run};
use cocancel_embassy::{Embassy, println, process, start_clock};
use cocancel_tasks::{System, Tasks};
use embassy_executor::Spawner;
use embassy_time::Timer;

type Port = Watched<Tasks<Embassy, 4>>;
type Tables = Fixed<4, 4>;

const BEFORE_WRAP: u32 = 300;
/// The task of the suite, and those of its helpers and its short-lived threads.
const SUITE: usize = 3;
const SHORT_LIVED: usize = 2;

static RUNTIME: Runtime<Port, Tables> =
    Runtime::new(Watched(Tasks::new(Embassy { first_tick: BEFORE_WRAP.wrapping_neg() })), Fixed::new());
static MAILBOXES: [Mailbox; 3] = [const { Mailbox::new() }; 3];
static JOB: Job = Job::new();

struct Executor;

fn port() -> &'static Tasks<Embassy, 4> {
    &RUNTIME.port().0
}

impl Host for Executor {
    type Port = Port;
    type Storage = Tables;
    const HELPERS: usize = 2;
    const THREADS_END: bool = true;
    const INTERRUPTS: bool = true;
    const TICKS: bool = false;
    const WRAPS_WITHIN: u32 = BEFORE_WRAP;
    const LATE: u32 = 2;

    fn runtime() -> &'static Runtime<Port, Tables> {
        &RUNTIME
    }

    fn context() -> *mut () {
        port().context()
    }

    async fn wait(point: WaitPoint, ms: Option<u32>) {
        let mut has_slept = false;
        poll_fn(|cx| {
            port().register(cx.waker(), None);
            // SAFETY: the suite's word, which is a static's; a word is read as others write it
            let value = unsafe { point.word.read_volatile() };
            if has_slept || value != point.value {
                return Poll::Ready(());
            }
            has_slept = true;
            port().register(cx.waker(), ms);
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
        Timer::after_millis(ms.into()).await;
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

#[embassy_executor::task(pool_size = 2)]
async fn helper(number: usize) {
    port().run(number, MAILBOXES[number].serve()).await;
}

#[embassy_executor::task]
async fn short_lived() {
    loop {
        let life = async {
            MAILBOXES[SHORT_LIVED].serve_once().await;
            RUNTIME.thread_exit();
        };
        port().run(SHORT_LIVED, life).await;
    }
}

#[embassy_executor::task]
async fn suite() {
    port().run(SUITE, run::<Executor>(|clause| println!("{clause}"))).await;
    println!("all are kept");
    process::exit(0)
}

#[embassy_executor::main]
async fn main(spawner: Spawner) {
    start_clock(|| JOB.tick(port().system().now()));
    spawner.spawn(helper(0).expect("one of two"));
    spawner.spawn(helper(1).expect("one of two"));
    spawner.spawn(short_lived().expect("spawned once"));
    spawner.spawn(suite().expect("spawned once"));
}
