//! Who comes in between: interrupt handlers, the hooks of the port, and what foreign objects do when they are released.

use super::calls::{begin, cancel, cancel_object, cancel_thread, enter, finish, leave, poll, reply, take};
use super::world::{Kind, LAST_SERVER, known, learn, one_in, pick, random, runtime, say, world};

/// Now and then an interrupt handler comes before the thread's next step.
pub fn interrupt() {
    if !world(|w| w.acting != LAST_SERVER && w.interrupts > 0 && !w.me().in_interrupt) || !one_in(60) {
        return;
    }
    world(|w| {
        w.interrupts -= 1;
        w.me().in_interrupt = true;
    });
    say(format_args!("is interrupted"));
    match random(12) {
        0 => _ = begin(Kind::Asynchronous),
        1 => _ = begin(Kind::Served),
        2 | 3 => _ = take().map(reply),
        4 => _ = pick(|call| call.kind == Kind::Asynchronous && !call.is_client_done).map(finish),
        5 => _ = pick(|call| !call.is_client_done).map(poll),
        6 | 7 => cancel_thread(),
        8 => _ = pick(|call| call.has_slot).map(cancel),
        9 => cancel_object(),
        10 => _ = (runtime().test(), runtime().co_test_cancel(), runtime().calls().count()),
        _ => _ = runtime().tick(u32::MAX),
    }
    say(format_args!("goes on after the interrupt"));
    world(|w| w.me().in_interrupt = false);
}

/// Now and then a hook begins a call, serves it unless somebody else did, and ends it.
pub fn call_back_in() {
    if !world(|w| w.has_hooks && !w.me().in_hook) || !one_in(12) {
        return;
    }
    world(|w| w.me().in_hook = true);
    say(format_args!("is in a hook"));
    let kind = match random(3) {
        0 if !world(|w| w.me().in_interrupt) => Kind::Synchronous,
        1 if !world(|w| w.me().in_interrupt) => Kind::Served,
        _ => Kind::Asynchronous,
    };
    let index = begin(kind);
    if !learn(index, |call| std::mem::replace(&mut call.is_taken, true)) {
        if kind == Kind::Asynchronous {
            reply(index);
        } else if let Some(frame) = enter(index) {
            reply(index);
            leave(frame);
        }
    }
    if !known(index).is_client_done {
        finish(index);
    }
    say(format_args!("comes out of the hook"));
    world(|w| w.me().in_hook = false);
}
