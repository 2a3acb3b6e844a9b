//! Who comes in between: interrupt handlers, the hooks of the port, and what foreign objects do when they are released.

use super::calls::{begin, enable, enter, finish, leave, own, poll, reply, take};
use super::cancelling::{cancel, cancel_object, cancel_polling, cancel_thread};
use super::objects::{keep, let_go, register};
use super::world::{Kind, LAST_SERVER, known, learn, one_in, pick, random, runtime, say, world};

/// How many interrupt handlers there are at most, one in another.
const LEVELS: u32 = 2;

/// Now and then an interrupt handler comes before the thread's next step, or a handler's.
pub fn interrupt() {
    if !world(|w| w.acting != LAST_SERVER && w.interrupts > 0 && w.me().handlers < LEVELS) || !one_in(60) {
        return;
    }
    world(|w| {
        w.interrupts -= 1;
        w.me().handlers += 1;
    });
    say(format_args!("is interrupted"));
    match random(15) {
        0 => _ = begin(Kind::Asynchronous),
        1 => _ = begin(Kind::Served),
        2 | 3 => _ = take().map(reply),
        4 => _ = pick(|call| call.kind == Kind::Asynchronous && !call.is_client_done).map(finish),
        5 => _ = pick(|call| !call.is_client_done).map(poll),
        6 | 7 => cancel_thread(),
        8 => _ = pick(|call| call.has_slot).map(cancel),
        9 => cancel_object(),
        10 => _ = (runtime().test(), runtime().co_test_cancel(), runtime().calls().count()),
        11 => cancel_polling(),
        12 => keep(),
        13 => let_go(),
        _ => _ = runtime().tick(u32::MAX),
    }
    say(format_args!("goes on after the interrupt"));
    world(|w| w.me().handlers -= 1);
}

/// Once in so many times a hook does something, but not in another hook.
fn in_a_hook(so_many: u32, work: fn()) {
    if !world(|w| w.has_hooks && !w.me().in_hook) || !one_in(so_many) {
        return;
    }
    world(|w| w.me().in_hook = true);
    say(format_args!("is in a hook"));
    work();
    say(format_args!("comes out of the hook"));
    world(|w| w.me().in_hook = false);
}

/// A hook, or a `Release`: it begins a call and ends it, or leaves something to the exit that it comes in.
pub fn call_back_in() {
    let is_in_exit = world(|w| w.me().in_exit && w.me().handlers == 0);
    if is_in_exit && one_in(2) { in_a_hook(3, leave_to_the_exit) } else { in_a_hook(12, begin_and_end) }
}

/// The hook of a call that begins: it finishes another one of the thread's.
pub fn finish_another() {
    in_a_hook(6, || {
        let own = own();
        if !own.is_empty() && world(|w| w.me().handlers == 0) {
            finish(own[random(own.len() as u32) as usize]);
        }
    });
}

/// Begins a call, serves it unless somebody else did, and ends it.
fn begin_and_end() {
    let kind = match random(3) {
        0 if world(|w| w.me().handlers == 0) => Kind::Synchronous,
        1 if world(|w| w.me().handlers == 0) => Kind::Served,
        _ => Kind::Asynchronous,
    };
    let index = begin(kind);
    if !learn(index, |call| std::mem::replace(&mut call.is_taken, true)) {
        if kind == Kind::Asynchronous {
            reply(index);
        } else {
            serve(index);
        }
    }
    if !known(index).is_client_done {
        finish(index);
    }
}

fn serve(index: usize) {
    if let Some(frame) = enter(index) {
        reply(index);
        leave(index, frame);
    }
}

/// What the thread's exit has to end, although it has begun already.
fn leave_to_the_exit() {
    say(format_args!("leaves it to the exit"));
    match random(5) {
        0 => enable(),
        1 => _ = begin(Kind::Synchronous),
        2 => _ = register(),
        3 => enter_for_good(),
        // ends the thread itself, after which it may come back
        _ => {
            runtime().thread_exit();
            if one_in(2) {
                begin_and_end();
            }
        }
    }
}

/// Serves a call and does not come back from it.
fn enter_for_good() {
    // a thread without a slot has to leave what it enters, and nobody is told of a call without one
    let Some(index) = pick(|call| !call.is_taken && call.has_slot) else { return };
    learn(index, |call| call.is_taken = true);
    if world(|w| w.me().local == 0) {
        serve(index);
    } else {
        _ = enter(index);
    }
}
