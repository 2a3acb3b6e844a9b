//! Two client tasks and a server task: a watchdog task cancels one client's call, an interrupt handler the other's, and a call's
//! own timeout, which embassy's timer keeps, ends a third.
#![no_std]
#![no_main]

use core::sync::atomic::{AtomicUsize, Ordering};

use cocancel::{CallHandle, Fixed, Hresult, Runtime, Timeout, Waiting};
use cocancel_embassy::{Embassy, println, process, start_clock};
use cocancel_tasks::{Tasks, cancel, ended};
use cortex_m::peripheral::NVIC;
use embassy_executor::Spawner;
use embassy_time::Timer;

type Port = Tasks<Embassy, 4>;

static RUNTIME: Runtime<Port, Fixed<4, 4>> = Runtime::new(Tasks::new(Embassy { first_tick: 0 }), Fixed::new());

const READER: usize = 0;
const WRITER: usize = 1;
const SERVER: usize = 2;
const WATCHDOG: usize = 3;

/// The call that the server serves.
static SERVED: AtomicUsize = AtomicUsize::new(0);

/// A device that never answers: its client is cancelled by the watchdog.
#[embassy_executor::task]
async fn reader() {
    let body = async {
        let _enabled = RUNTIME.enabled().expect("a slot for each task");
        let call = RUNTIME.call(RUNTIME.port().options());
        println!("reader: calls a device that never answers");
        println!("reader: {:?}", ended(&RUNTIME, call.handle()).await);
        let handle = call.handle();
        println!("reader: finished: {:?}", call.finish());
        println!("its late reply: {:?}", RUNTIME.complete(handle));

        let start = embassy_time::Instant::now();
        let call = RUNTIME.call(RUNTIME.port().options().timeout(Timeout::millis(30)));
        let outcome = ended(&RUNTIME, call.handle()).await;
        println!("reader: its call's own timeout: {outcome:?}, early: {}", start.elapsed().as_millis() < 30);
        process::exit(0)
    };
    RUNTIME.port().run(READER, body).await
}

/// A server that answers when it is asked to stop: cancelled by an interrupt handler, with a minute's grace.
#[embassy_executor::task]
async fn writer() {
    let body = async {
        let _enabled = RUNTIME.enabled().expect("a slot for each task");
        let call = RUNTIME.call(RUNTIME.port().options());
        println!("writer: calls a server that can be asked to stop");
        // Release: pairs with the server's acquire
        SERVED.store(call.handle().to_bits(), Ordering::Release);
        println!("writer: {:?}", ended(&RUNTIME, call.handle()).await);
        println!("writer: finished: {:?}", call.finish());
    };
    RUNTIME.port().run(WRITER, body).await
}

#[embassy_executor::task]
async fn server() {
    let body = async {
        let call = loop {
            // Acquire: pairs with the writer's release
            match CallHandle::from_bits(SERVED.load(Ordering::Acquire)) {
                Some(call) => break call,
                None => Timer::after_millis(1).await,
            }
        };
        let serving = RUNTIME.serving(call).expect("not cancelled yet");
        println!("server: {}", serving.test());
        while serving.test() != Hresult::RPC_E_CALL_CANCELED {
            Timer::after_millis(1).await;
        }
        println!("server: {}, so it answers what it has", serving.test());
        println!("server: {:?}", RUNTIME.complete(call));
    };
    RUNTIME.port().run(SERVER, body).await
}

#[embassy_executor::task]
async fn watchdog() {
    let body = async {
        Timer::after_millis(10).await;
        println!("watchdog: has an interrupt handler cancel the writer's call");
        NVIC::pend(Line);
        Timer::after_millis(10).await;
        println!("watchdog: grants the reader's call 20 ms, and waits");
        let answer = cancel(&RUNTIME, Port::id(READER), Timeout::millis(20)).await;
        println!("watchdog: {answer}");
    };
    RUNTIME.port().run(WATCHDOG, body).await
}

/// An interrupt that nothing else uses: EXTI0's.
#[derive(Clone, Copy)]
struct Line;

// SAFETY: the chip has this number
unsafe impl cortex_m::interrupt::InterruptNumber for Line {
    fn number(self) -> u16 {
        6
    }
}

// SAFETY: may cut into everything; it only cancels
#[cortex_m_rt::exception]
unsafe fn DefaultHandler(_: i16) {
    let answer = RUNTIME.cancel_thread(Port::id(WRITER), Timeout::seconds(60), Waiting::Allowed);
    println!("handler: {answer}");
}

#[embassy_executor::main]
async fn main(spawner: Spawner) {
    start_clock(|| {});
    // SAFETY: the handler stands above; nothing here relies on interrupts being masked
    unsafe { NVIC::unmask(Line) };
    spawner.spawn(reader().expect("spawned once"));
    spawner.spawn(writer().expect("spawned once"));
    spawner.spawn(server().expect("spawned once"));
    spawner.spawn(watchdog().expect("spawned once"));
}
