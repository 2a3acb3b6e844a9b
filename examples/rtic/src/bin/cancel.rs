//! A software task awaits its calls at the lowest priority. A hardware task cancels one, grants another a minute, which the server,
//! a software task of higher priority, answers; and the tick ends a third by its own timeout.
#![no_std]
#![no_main]

use cocancel::{Fixed, Runtime};
use cocancel_rtic::Rtic;
use cocancel_tasks::Tasks;

type Port = Tasks<Rtic, 2>;

static RUNTIME: Runtime<Port, Fixed<4, 2>> = Runtime::new(Tasks::new(Rtic::new(0)), Fixed::new());

#[rtic::app(device = lm3s6965, dispatchers = [SSI0, GPIOA])]
mod app {
    use cocancel::{CallHandle, Hresult, Timeout, Waiting};
    use cocancel_rtic::{println, process, start_tick};
    use cocancel_tasks::ended;
    use lm3s6965::Interrupt;

    use super::{Port, RUNTIME};

    const CLIENT: usize = 0;
    const SERVER: usize = 1;

    #[shared]
    struct Shared {
        /// The next cancel: its moment and its grace time.
        plan: Option<(u32, Timeout)>,
    }

    #[local]
    struct Local {}

    #[init]
    fn init(cx: init::Context) -> (Shared, Local) {
        start_tick(cx.core.SYST);
        client::spawn().expect("spawned once");
        (Shared { plan: None }, Local {})
    }

    #[task(shared = [plan], priority = 1)]
    async fn client(mut cx: client::Context) {
        let body = async {
            let _enabled = RUNTIME.enabled().expect("a slot for each task");
            let mut cancel_in = |ms, grace| {
                let at = RUNTIME.port().system().now_in(ms);
                cx.shared.plan.lock(|plan| *plan = Some((at, grace)));
            };

            println!("client: calls a device that never answers");
            let call = RUNTIME.call(RUNTIME.port().options());
            let handle = call.handle();
            cancel_in(5, Timeout::ZERO);
            println!("client: {:?}", ended(&RUNTIME, handle).await);
            println!("client: finished: {:?}", call.finish());
            println!("its late reply: {:?}", RUNTIME.complete(handle));

            println!("client: calls a server that can be asked to stop");
            let call = RUNTIME.call(RUNTIME.port().options());
            cancel_in(5, Timeout::seconds(60));
            server::spawn(call.handle()).expect("not running");
            println!("client: {:?}", ended(&RUNTIME, call.handle()).await);
            println!("client: finished: {:?}", call.finish());

            let call = RUNTIME.call(RUNTIME.port().options().timeout(Timeout::millis(30)));
            println!("client: its call's own timeout: {:?}", ended(&RUNTIME, call.handle()).await);
            process::exit(0)
        };
        RUNTIME.port().run(CLIENT, body).await
    }

    /// Preempts the client, and looks again and again: a driver that polls its device.
    #[task(priority = 2)]
    async fn server(_: server::Context, call: CallHandle) {
        let body = async {
            let serving = RUNTIME.serving(call).expect("not cancelled yet");
            println!("server: {}", serving.test());
            while serving.test() != Hresult::RPC_E_CALL_CANCELED {
                cocancel_conformance::yield_now().await;
            }
            println!("server: {}, so it answers what it has", serving.test());
            println!("server: {:?}", RUNTIME.complete(call));
            drop(serving);
            RUNTIME.thread_exit();
        };
        RUNTIME.port().run(SERVER, body).await
    }

    /// The tick; and has the hardware task below cancel when it is time.
    #[task(binds = SysTick, shared = [plan], priority = 3)]
    fn tick(mut cx: tick::Context) {
        let now = RUNTIME.port().system().advance();
        RUNTIME.tick(8);
        if cx.shared.plan.lock(|plan| plan.is_some_and(|(at, _)| at == now)) {
            rtic::pend(Interrupt::UART0);
        }
    }

    /// A hardware task, bound to an interrupt.
    #[task(binds = UART0, shared = [plan], priority = 3)]
    fn canceller(mut cx: canceller::Context) {
        if let Some((_, grace)) = cx.shared.plan.lock(Option::take) {
            println!("hardware task: {}", RUNTIME.cancel_thread(Port::id(CLIENT), grace, Waiting::Allowed));
        }
    }
}
