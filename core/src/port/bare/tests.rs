//! The port on a scripted processor: each sleep runs the next interrupt.

use core::cell::Cell;
use std::vec;
use std::vec::Vec;

use super::*;
use crate::{CallOptions, Fixed, Hresult, Outcome, Runtime, Side, Timeout, Waiting};

type Board = Runtime<BareMetal<Script>, Fixed<4, 1>>;
type Handler = fn(&Board);

/// What happens between asking and sleeping, and during sleeps; panics rather than sleep for ever.
#[derive(Default)]
struct Script {
    handlers: Cell<Vec<Handler>>,
    board: Cell<Option<&'static Board>>,
    core: Cell<usize>,
    interrupt: Cell<bool>,
    sleeps: Cell<u32>,
    wakes: Cell<u32>,
}

// SAFETY: each test has its own, on one thread
unsafe impl Sync for Script {}

// SAFETY: one core; `sleep` returns always; handlers keep `in_handler` around them
unsafe impl Machine for Script {
    fn sleep(&self, awake: impl Fn() -> bool) {
        let mut handlers = self.handlers.take();
        assert!(!handlers.is_empty(), "sleeps for ever");
        let handler = handlers.remove(0);
        self.handlers.set(handlers);
        let board = self.board.get().unwrap();
        board.port.in_handler(|| handler(board));
        if !awake() {
            self.sleeps.set(self.sleeps.get() + 1);
        }
    }
    fn wake(&self) {
        self.wakes.set(self.wakes.get() + 1);
    }
    fn in_interrupt(&self) -> bool {
        self.interrupt.get()
    }
    fn core(&self) -> usize {
        self.core.get()
    }
}

fn board(handlers: Vec<Handler>) -> &'static Board {
    let board = std::boxed::Box::leak(std::boxed::Box::new(Runtime::new(
        BareMetal::new(Script { handlers: Cell::new(handlers), ..Script::default() }),
        Fixed::new(),
    )));
    board.port.machine.board.set(Some(board));
    board
}

fn tick(board: &Board) {
    board.port.advance(1);
    board.tick(8);
}

fn cancel(board: &Board) {
    assert_eq!(board.cancel_thread(1, Timeout::ZERO, Waiting::Allowed), Hresult::S_OK);
}

#[test]
fn a_handler_is_no_thread_and_cannot_set_one_up() {
    let board = board(vec![]);
    board.port.in_handler(|| {
        assert!(board.port.in_interrupt());
        assert_eq!(board.port.thread_id(), 0);
        assert_eq!(board.enable(), Err(Hresult::E_OUTOFMEMORY));
        assert_eq!(board.cancel_thread(0, Timeout::ZERO, Waiting::Allowed), Hresult::E_NOINTERFACE);
        board.port.in_handler(|| ());
        assert!(board.port.in_interrupt(), "the end of a nested handler is not that of the outer one");
    });
    assert!(!board.port.in_interrupt());
    assert_eq!(board.port.thread_id(), BareMetal::<Script>::superloop(0));
}

#[test]
fn a_cancel_between_the_look_and_the_sleep_ends_the_wait() {
    let board = board(vec![tick, tick, cancel]);
    let _enabled = board.enabled().unwrap();
    let call = board.call(CallOptions::new());
    assert_eq!(call.wait(), Ok(Outcome::Canceled));
    assert_eq!(board.port.machine.sleeps.get(), 2, "the third time it was awake before it slept");
    assert_eq!(board.port.machine.wakes.get(), 1);
}

#[test]
fn a_wait_with_a_timeout_ends_by_the_ticks() {
    let board = board(vec![tick; 2001]);
    let _enabled = board.enabled().unwrap();
    let call = board.call(CallOptions::new().timeout(Timeout::seconds(2)));
    assert_eq!(call.wait(), Ok(Outcome::Canceled));
    assert_eq!(board.port.now(), 2001, "a tick is a floor: two seconds are over at the 2001st");
}

#[test]
fn a_wake_before_the_sleep_is_kept_and_taken_once() {
    let board = board(vec![]);
    let point = WaitPoint { word: core::ptr::null(), value: 0, side: Side::Client, context: core::ptr::null_mut() };
    board.port.wake(point);
    board.port.sleep(None);
    let asleep = std::panic::catch_unwind(core::panic::AssertUnwindSafe(|| board.port.sleep(None)));
    assert!(asleep.is_err(), "the token was latched twice");
}

#[test]
fn nothing_sleeps_in_a_handler() {
    let board = board(vec![]);
    board.port.in_handler(|| board.port.sleep(None));
}

#[test]
fn a_handler_that_the_processor_knows_is_no_thread() {
    let board = board(vec![]);
    board.port.machine.interrupt.set(true);
    assert!(board.port.in_interrupt());
    assert_eq!(board.port.thread_id(), 0);
    board.port.sleep(None);
}

#[test]
fn each_core_has_a_word_and_a_name_of_its_own() {
    let port = BareMetal::<Script, 2>::new(Script::default());
    assert_eq!((port.thread_id(), port.local()), (1, Some(0)));
    port.set_local(7);
    port.machine.core.set(1);
    assert_eq!((port.thread_id(), port.local()), (2, Some(0)));
    port.set_local(8);
    assert_eq!((port.local(), BareMetal::<Script, 2>::superloop(1)), (Some(8), 2));
    assert_eq!(port.waiter(), Some(core::ptr::null_mut()));
    // a core that the port was not told of
    port.machine.core.set(2);
    port.set_local(9);
    assert_eq!((port.thread_id(), port.local()), (0, None));
    assert!(!port.in_handler(|| port.in_interrupt()));
    port.sleep(None);
    port.machine.core.set(0);
    assert_eq!(port.local(), Some(7));
}

/// A machine that says only what it must.
struct Alone;

// SAFETY: nothing runs on it
unsafe impl Machine for Alone {
    fn sleep(&self, _: impl Fn() -> bool) {}
    fn wake(&self) {}
    fn in_interrupt(&self) -> bool {
        false
    }
}

#[test]
fn a_machine_has_one_core_where_it_says_nothing_else() {
    assert_eq!(Alone.core(), 0);
}
