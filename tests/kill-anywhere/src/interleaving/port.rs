//! The port, whose every call is a step as well, and may call back in.

use cocancel::{CallHandle, Event, EventKind, Fixed, Port, Runtime, WaitPoint};

use super::intruders::call_back_in;
use super::schedule::{sleep, step};
use super::world::{Context, learn, world, wrong};

/// All of it is in the world.
#[derive(Debug)]
pub struct WorldPort;

/// So small that calls find no slot, and threads none either.
pub type Rt = Runtime<WorldPort, Fixed<3, 5, 10>>;

/// What must be so of a context that the library uses.
fn uses(context: *mut (), what: &str) {
    let Some(index) = context.addr().checked_sub(1) else { return };
    let owner = world(|w| w.calls[index].context);
    if owner != Context::Library {
        wrong(format_args!("#{index}: {what} with a context that is not the library's: {owner:?}"));
    }
}

// SAFETY: one thread of the system, which is whichever thread of the play acts. A wake is kept, since nobody else runs between the look at
// the word and the sleep. Hooks call back in, but about other calls. Contexts are numbers.
unsafe impl Port for WorldPort {
    fn thread_id(&self) -> u32 {
        world(|w| if w.me().in_interrupt { 0 } else { w.me().id })
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
        world(|w| w.me().in_interrupt)
    }
    fn waiter(&self) -> Option<*mut ()> {
        // this port wakes by the word
        Some(std::ptr::null_mut())
    }
    fn wait(&self, point: WaitPoint, ms: Option<u32>) {
        // from now, when the library has just looked at the clock: whoever is held up before it sleeps does not sleep the longer for it
        let until = ms.map(|ms| world(|w| w.now + ms));
        step();
        uses(point.context, "waited for");
        // SAFETY: a word of the runtime's, and only one thread of the system is here
        if unsafe { point.word.read_volatile() } == point.value {
            sleep(point.word.addr(), point.side, until);
            uses(point.context, "waited for");
        }
    }
    fn wake(&self, point: WaitPoint) {
        step();
        uses(point.context, "woken");
        world(|w| w.woken.push((point.word.addr(), point.side)));
        step();
    }
    fn retire(&self, context: *mut ()) {
        step();
        uses(context, "retired");
        if !context.is_null() {
            learn(context.addr() - 1, |call| call.context = Context::Retired);
        }
        call_back_in();
    }
    fn cancel_requested(&self, _: CallHandle, context: *mut (), _: Option<u32>) {
        step();
        uses(context, "asked to cancel");
    }
    fn orphaned(&self, host: *mut ()) {
        learn(host.addr() - 1, |call| call.owners += 1);
        call_back_in();
    }
    fn event(&self, event: Event) {
        step();
        // a call that begins is not yet on its thread's stack, where no other may be begun meanwhile
        if event.kind != EventKind::Begun {
            call_back_in();
        }
    }
}
