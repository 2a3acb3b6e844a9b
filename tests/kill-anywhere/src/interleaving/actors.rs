//! What a thread does in its life: so many acts that are drawn, and then it ends what it has begun, or exits over it.

use cocancel::com::guid::IID_ICANCEL_METHOD_CALLS;

use super::calls::{begin, disable, enable, enter, finish, forget, leave, own, poll, reply, take, wait};
use super::cancelling::{cancel, cancel_call_polling, cancel_object, cancel_polling, cancel_thread};
use super::objects::{keep, let_go, methods, register, switch_context};
use super::schedule::idle;
use super::world::{Kind, LAST_SERVER, known, one_in, pick, random, runtime, say, world, wrong};

/// A thread.
#[derive(Default)]
struct Actor {
    /// How many objects it has registered as its cancel objects.
    registered: u32,
}

/// What it may do, the more often the more places it has. Each play leaves some out.
const ACTS: [fn(&mut Actor); 26] = [
    |_| enable(),
    |_| disable(),
    Actor::begins,
    Actor::begins,
    |_| begins_if_there_is_room(Kind::Asynchronous),
    |_| begins_if_there_is_room(Kind::Served),
    Actor::finishes,
    Actor::finishes,
    |_| _ = own().last().map(|index| wait(*index)),
    |_| _ = own().last().map(|index| poll(*index)),
    |_| _ = pick(|call| call.kind == Kind::Asynchronous && !call.is_client_done).map(finish),
    // one at a time
    |_| _ = pick(|call| call.kind == Kind::Asynchronous && !call.is_client_done && call.waiter.is_none()).map(wait),
    |_| _ = pick(|call| call.kind == Kind::Asynchronous && !call.is_client_done).map(poll),
    |actor| _ = take().map(|index| actor.serves(index)),
    |actor| _ = take().map(|index| actor.serves(index)),
    |_| cancel_thread(),
    |_| _ = pick(|call| call.has_slot).map(cancel),
    |_| cancel_object(),
    Actor::registers,
    Actor::looks_about,
    |_| cancel_polling(),
    |_| cancel_polling(),
    |_| keep(),
    |_| let_go(),
    |_| _ = pick(|call| call.kind == Kind::Served && !call.is_server_done && call.waiter.is_none()).map(wait),
    Actor::takes_off,
];

/// The life of the thread `number`.
pub fn live(number: usize, acts: u32) {
    let mut actor = Actor::default();
    if !one_in(4) {
        enable();
    }
    if number == LAST_SERVER {
        while !world(|w| w.all_done) {
            match take() {
                Some(index) => actor.serves(index),
                None => idle(),
            }
        }
    } else {
        (0..acts).for_each(|_| actor.acts());
    }
    world(|w| w.is_ending = true);
    actor.ends();
}

fn has_room() -> bool {
    world(|w| w.calls.iter().filter(|call| !call.is_client_done || !call.is_server_done).count() < w.room)
}

fn begins_if_there_is_room(kind: Kind) {
    if has_room() {
        begin(kind);
    }
}

impl Actor {
    fn acts(&mut self) {
        let act = loop {
            let act = random(ACTS.len() as u32);
            if world(|w| w.acts >> act & 1 != 0) {
                break act;
            }
        };
        ACTS[act as usize](self);
    }

    fn begins(&mut self) {
        // a registered object stands on the same stack
        if own().len() < 3 && self.registered == 0 && has_room() {
            begin(Kind::Synchronous);
        }
    }

    /// Mostly the innermost.
    fn finishes(&mut self) {
        let own = own();
        if !own.is_empty() && self.registered == 0 {
            let innermost = own.len() - 1;
            let at = if one_in(4) { random(innermost as u32 + 1) as usize } else { innermost };
            finish(own[at]);
        }
    }

    /// A call that it has taken, from within which it may make one of its own.
    fn serves(&mut self, index: usize) {
        let mut frame = None;
        if !one_in(3) {
            frame = enter(index);
            if frame.is_none() {
                return;
            }
            runs(index);
        }
        if one_in(4) {
            _ = frame.take().map(|frame| leave(index, frame));
        }
        reply(index);
        _ = frame.map(|frame| leave(index, frame));
    }

    /// Registers an object, or takes one back.
    fn registers(&mut self) {
        if one_in(2) {
            self.registered += u32::from(register());
        } else {
            self.takes_back();
        }
    }

    fn takes_back(&mut self) {
        if self.registered > 0 {
            self.registered -= 1;
            if let Err(code) = runtime().co_unset_cancel_object() {
                wrong(format_args!("what was registered cannot be taken back: {code:?}"));
            }
        }
    }

    /// Takes the object of its innermost call off its stack, if that call is over. Then it has to be finished before the thread ends.
    fn takes_off(&mut self) {
        if self.registered == 0 && runtime().co_unset_cancel_object().is_ok() {
            own().into_iter().rev().for_each(finish);
        }
    }

    fn looks_about(&mut self) {
        match random(6) {
            0 => _ = runtime().tick(u32::MAX),
            1 | 2 => world(|w| w.now += 5),
            3 | 4 => _ = runtime().calls().count(),
            _ => {
                self.exits();
                // and somebody else starts, in its place
                world(|w| {
                    w.last_id += 1;
                    w.me().id = w.last_id;
                });
            }
        }
    }

    fn exits(&mut self) {
        say(format_args!("exits"));
        world(|w| w.me().in_exit = true);
        runtime().thread_exit();
        world(|w| w.me().in_exit = false);
        forget();
        self.registered = 0;
    }

    /// The end: what is to be served is served, and what is its own, or nobody's, is finished, perhaps by its exit.
    fn ends(&mut self) {
        while let Some(index) = take() {
            self.serves(index);
        }
        if one_in(2) {
            while self.registered > 0 {
                self.takes_back();
            }
            own().into_iter().rev().for_each(finish);
        }
        self.exits();
        while let Some(index) = take() {
            self.serves(index);
        }
        while let Some(index) = pick(|call| call.kind == Kind::Asynchronous && !call.is_client_done) {
            finish(index);
        }
        while world(|w| w.acting == LAST_SERVER && !w.kept.is_empty()) {
            let_go();
        }
        self.exits();
    }
}

/// What a server does in a call that it has entered.
fn runs(index: usize) {
    tests();
    if one_in(4) {
        switch_context();
        tests();
    }
    // the library keeps nobody from waiting for what it does not know the thread to serve
    if known(index).server.is_some() && one_in(8) {
        if one_in(2) { cancel(index) } else { cancel_call_polling(index) }
    }
    if one_in(3) && !world(|w| w.is_ending) {
        let inner = begin(Kind::Synchronous);
        poll(inner);
        finish(inner);
    }
}

/// Whether what the thread serves is cancelled, in each way.
fn tests() {
    _ = (runtime().test(), runtime().co_test_cancel());
    if let Ok(context) = runtime().co_get_call_context(&IID_ICANCEL_METHOD_CALLS) {
        let methods = methods(context);
        // SAFETY: the reference is this thread's, and goes here
        _ = unsafe { ((methods.test_cancel)(context), (methods.release)(context)) };
    }
}
