//! The suite on the port for POSIX systems.
#![cfg(unix)]
#![allow(missing_docs)]

use std::sync::mpsc::{Receiver, Sender, channel};
use std::sync::{LazyLock, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use cocancel::port::Port;
use cocancel::port::posix::{self, Hooks, Posix};
use cocancel::{Borrowed, CallHandle, Hresult, Outcome, Runtime, WaitPoint};
use cocancel_conformance::{Host, at_once, for_each_clause, note, nothing_is_left};

struct Threads;

static HOOKS: Hooks = Hooks {
    retire: |_| note::retired(),
    cancel_requested: |_, _, _| note::told(),
    orphaned: |_| note::orphaned(),
    ..Hooks::NONE
};

/// A thread that runs what it is sent.
struct Helper {
    work: Sender<fn()>,
    done: Receiver<()>,
}

impl Helper {
    fn start() -> Mutex<Self> {
        let (work, to_do) = channel::<fn()>();
        let (say, done) = channel();
        thread::spawn(move || {
            for run in to_do {
                run();
                say.send(()).expect("the suite waits for it");
            }
        });
        Mutex::new(Self { work, done })
    }
}

static HELPERS: LazyLock<[Mutex<Helper>; 2]> = LazyLock::new(|| [Helper::start(), Helper::start()]);

impl Host for Threads {
    type Port = Posix;
    type Storage = Borrowed<'static>;
    const HELPERS: usize = 2;
    const HELPERS_SLEEP: bool = true;
    const THREADS_END: bool = true;
    const INTERRUPTS: bool = false;
    const TICKS: bool = false;
    const WRAPS_WITHIN: u32 = 0;
    const LATE: u32 = u32::MAX;

    fn runtime() -> &'static Runtime<Posix, Borrowed<'static>> {
        posix::runtime()
    }

    fn context() -> *mut () {
        // the hooks only count it
        (&raw const HOOKS).cast_mut().cast()
    }

    async fn wait(point: WaitPoint, ms: Option<u32>) {
        posix::runtime().port().wait(point, ms);
    }

    async fn outcome(call: CallHandle) -> Result<Outcome, Hresult> {
        posix::runtime().wait(call)
    }

    async fn pass(ms: u32) {
        let start = Instant::now();
        // one more, as a tick is a floor
        let needed = Duration::from_millis(u64::from(ms) + 1);
        while let Some(left) = needed.checked_sub(start.elapsed()).filter(|left| !left.is_zero()) {
            thread::sleep(left);
        }
        // what a thread was to do meanwhile is done
        if let Some(thread) = LATER.lock().unwrap_or_else(PoisonError::into_inner).take() {
            thread.join().expect("it does not panic");
        }
    }

    fn interrupt(f: fn()) {
        thread::spawn(f).join().expect("it does not panic");
    }

    fn interrupt_in(ms: u32, f: fn()) {
        let thread = thread::spawn(move || {
            thread::sleep(Duration::from_millis(ms.into()));
            f();
        });
        let before = LATER.lock().unwrap_or_else(PoisonError::into_inner).replace(thread);
        if let Some(thread) = before {
            thread.join().expect("it does not panic");
        }
    }

    async fn helper(number: usize, f: fn()) {
        Self::start(number, f);
        Self::finished(number).await;
    }

    fn start(number: usize, f: fn()) {
        let helper = HELPERS[number].lock().unwrap_or_else(PoisonError::into_inner);
        helper.work.send(f).expect("it lives");
    }

    async fn finished(number: usize) {
        let helper = HELPERS[number].lock().unwrap_or_else(PoisonError::into_inner);
        helper.done.recv().expect("it does not panic");
    }

    async fn short_lived(f: fn()) {
        thread::spawn(f).join().expect("it does not panic");
    }
}

static LATER: Mutex<Option<thread::JoinHandle<()>>> = Mutex::new(None);

/// One clause at a time: they share what handlers and threads tell them.
fn begin() -> MutexGuard<'static, ()> {
    static ONE: Mutex<()> = Mutex::new(());
    let guard = ONE.lock().unwrap_or_else(PoisonError::into_inner);
    posix::set_hooks(Some(&HOOKS));
    guard
}

macro_rules! tests {
    ($($clause:ident $text:literal;)*) => {
        $(
            #[test]
            fn $clause() {
                let _one = begin();
                at_once(cocancel_conformance::$clause::<Threads>());
                at_once(Threads::pass(0));
                nothing_is_left::<Threads>();
            }
        )*
    };
}
for_each_clause!(tests);
