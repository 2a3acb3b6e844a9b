//! Wake contexts, which are numbers: whose each is, what must be so of those that the library uses, and how a thread sleeps on one.

use super::schedule::{Place, sleep};
use super::world::{Context, known, learn, world, wrong};

/// Where the numbers of cancellers that poll begin; those of calls come before.
const CANCELLERS: usize = 1 << 20;
/// Where those of threads begin.
const THREADS: usize = 1 << 21;

/// Whose a context is.
#[derive(Clone, Copy, Debug)]
enum Whose {
    Nobody,
    Call(usize),
    Canceller(usize),
    /// By its id.
    Thread(u32),
}

/// The one that the call `index` is begun with.
pub fn of_call(index: usize) -> *mut () {
    std::ptr::without_provenance_mut(index + 1)
}

/// A new one, which the library gets from a canceller that polls.
pub fn of_canceller() -> *mut () {
    let index = world(|w| {
        w.cancellers.push(Context::Library);
        w.cancellers.len() - 1
    });
    std::ptr::without_provenance_mut(CANCELLERS + index)
}

/// The thread's that runs.
pub fn of_thread() -> *mut () {
    std::ptr::without_provenance_mut(THREADS + world(|w| w.me().id) as usize)
}

fn whose(context: *mut ()) -> Whose {
    match context.addr() {
        0 => Whose::Nobody,
        call if call < CANCELLERS => Whose::Call(call - 1),
        canceller if canceller < THREADS => Whose::Canceller(canceller - CANCELLERS),
        thread => Whose::Thread((thread - THREADS) as u32),
    }
}

/// What must be so of a context that the library uses.
pub fn uses(context: *mut (), what: &str) {
    let whose = whose(context);
    let owner = match whose {
        Whose::Call(index) => known(index).context,
        Whose::Canceller(index) => world(|w| w.cancellers[index]),
        Whose::Nobody | Whose::Thread(_) => return,
    };
    if owner != Context::Library {
        wrong(format_args!("{what} with a context that is not the library's: {whose:?}, {owner:?}"));
    }
}

/// The library gives it back.
pub fn retire(context: *mut ()) {
    uses(context, "retired");
    match whose(context) {
        Whose::Call(index) => learn(index, |call| call.context = Context::Retired),
        Whose::Canceller(index) => world(|w| w.cancellers[index] = Context::Retired),
        // theirs
        Whose::Nobody | Whose::Thread(_) => {}
    }
}

/// What must be so of a context that a thread sleeps on in the library, or is woken by, where ports wake by contexts.
pub fn is_some(context: *mut ()) {
    if context.is_null() {
        wrong(format_args!("nobody's context is waited for or woken"));
    }
}

/// What must be so of one that the thread that runs sleeps on in the library: that it is not another thread's.
pub fn is_mine(context: *mut ()) {
    is_some(context);
    let Whose::Thread(id) = whose(context) else { return };
    // A waiter that was killed leaves its context to the next one that waits for the same call: a limit, see ARCHITECTURE.md. Here that one is
    // woken all the same.
    if world(|w| w.me().id != id && w.killed != Some(id)) {
        wrong(format_args!("sleeps on the context of the thread {id}"));
    }
}

/// Sleeps on a context, unless it was woken since it last did.
pub fn sleep_on(context: *mut (), until: Option<u32>) {
    let is_latched = || world(|w| w.latches.remove(&context.addr()));
    if !is_latched() {
        sleep(Place::Context(context.addr()), until);
        is_latched();
    }
}

/// Wakes whoever sleeps on it, or will.
pub fn wake(context: *mut ()) {
    world(|w| {
        w.latches.insert(context.addr());
        w.woken.push(Place::Context(context.addr()));
    });
}
