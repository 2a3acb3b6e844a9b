//! The port, whose every call is a step as well, and may call back in.

use cocancel::{CallHandle, Event, EventKind, Fixed, Port, Runtime, WaitPoint};

use super::contexts;
use super::intruders::{call_back_in, finish_another};
use super::schedule::{Place, sleep, step};
use super::world::{learn, moment_in, world};

/// All of it is in the world.
#[derive(Debug)]
pub struct WorldPort;

/// So few that calls find none, and threads none either.
pub type Slots = Fixed<3, 5, 10>;
/// The library.
pub type Rt = Runtime<WorldPort, Slots>;

// SAFETY: one thread of the system, which is whichever thread of the play acts. A wake is kept, since nobody else runs between the look at
// the word and the sleep; that of a context is latched. Hooks call back in, but about other calls. Contexts are numbers.
unsafe impl Port for WorldPort {
    fn thread_id(&self) -> u32 {
        world(|w| if w.me().handlers > 0 { 0 } else { w.me().id })
    }
    fn tick(&self) -> u32 {
        world(|w| w.now)
    }
    fn local(&self) -> Option<u32> {
        Some(world(|w| w.me().local))
    }
    fn set_local(&self, value: u32) {
        step();
        world(|w| w.me().local = value);
    }
    fn in_interrupt(&self) -> bool {
        world(|w| w.me().handlers > 0)
    }
    fn waiter(&self) -> Option<*mut ()> {
        let wakes_by_context = world(|w| w.wakes_by_context);
        Some(if wakes_by_context { contexts::of_thread() } else { std::ptr::null_mut() })
    }
    fn wait(&self, point: WaitPoint, ms: Option<u32>) {
        // from now, when the library has just looked at the clock: whoever is held up before it sleeps does not sleep the longer for it
        let until = moment_in(ms);
        step();
        contexts::uses(point.context, "waited for");
        if world(|w| w.wakes_by_context) {
            contexts::is_mine(point.context);
            contexts::sleep_on(point.context, until);
        // SAFETY: a word of the runtime's, and only one thread of the system is here
        } else if unsafe { point.word.read_volatile() } == point.value {
            sleep(Place::Word(point.word.addr(), point.side), until);
        }
        contexts::uses(point.context, "waited for");
    }
    fn wake(&self, point: WaitPoint) {
        step();
        contexts::uses(point.context, "woken");
        if world(|w| w.wakes_by_context) {
            contexts::is_some(point.context);
        }
        // who polls sleeps on its context in any play
        contexts::wake(point.context);
        world(|w| w.woken.push(Place::Word(point.word.addr(), point.side)));
        step();
    }
    fn retire(&self, context: *mut ()) {
        step();
        contexts::retire(context);
        call_back_in();
    }
    fn cancel_requested(&self, _: CallHandle, context: *mut (), _: Option<u32>) {
        step();
        contexts::uses(context, "asked to cancel");
    }
    fn orphaned(&self, host: *mut ()) {
        learn(host.addr() - 1, |call| call.owners += 1);
        call_back_in();
    }
    fn event(&self, event: Event) {
        step();
        // a call that begins is not yet on its thread's stack, where no other may be begun meanwhile
        match event.kind {
            EventKind::Begun => finish_another(),
            _ => call_back_in(),
        }
    }
}
