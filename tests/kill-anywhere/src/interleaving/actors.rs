//! What a thread does in its life: so many acts that are drawn, and then it ends what it has begun, or exits over it.

use cocancel::com::guid::IID_ICANCEL_METHOD_CALLS;

use super::calls::{
    begin, cancel, cancel_object, cancel_thread, enter, finish, forget, leave, methods, poll, reply, take, wait,
};
use super::intruders::call_back_in;
use super::schedule::{idle, step};
use super::world::{Kind, LAST_SERVER, one_in, pick, random, runtime, say, world, wrong};
use crate::foreign;

/// A thread.
#[derive(Default)]
struct Actor {
    /// Its synchronous calls that it has not finished, innermost last.
    own: Vec<usize>,
    /// How many objects it has registered as its cancel objects.
    registered: u32,
}

/// What it may do, the more often the more places it has. Each play leaves some out.
const ACTS: [fn(&mut Actor); 20] = [
    |_| _ = runtime().enable(),
    |_| _ = runtime().disable(),
    Actor::begins,
    Actor::begins,
    |_| begins_if_there_is_room(Kind::Asynchronous),
    |_| begins_if_there_is_room(Kind::Served),
    Actor::finishes,
    Actor::finishes,
    |actor| _ = actor.own.last().map(|index| wait(*index)),
    |actor| _ = actor.own.last().map(|index| poll(*index)),
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
];

/// The life of the thread `number`.
pub fn live(number: usize, acts: u32) {
    let mut actor = Actor::default();
    if !one_in(4) {
        _ = runtime().enable();
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
        if self.own.len() < 3 && self.registered == 0 && has_room() {
            self.own.push(begin(Kind::Synchronous));
        }
    }

    /// Mostly the innermost.
    fn finishes(&mut self) {
        if !self.own.is_empty() && self.registered == 0 {
            let innermost = self.own.len() - 1;
            let at = if one_in(4) { random(innermost as u32 + 1) as usize } else { innermost };
            finish(self.own.remove(at));
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
            self.tests();
            if one_in(3) && !world(|w| w.is_ending) {
                let inner = begin(Kind::Synchronous);
                // its own, should it be killed in it
                self.own.push(inner);
                poll(inner);
                finish(inner);
                self.own.retain(|at| *at != inner);
            }
        }
        if one_in(4) {
            _ = frame.take().map(leave);
        }
        reply(index);
        _ = frame.map(leave);
    }

    /// Whether what it serves is cancelled, in each way.
    fn tests(&self) {
        _ = (runtime().test(), runtime().co_test_cancel());
        if let Ok(context) = runtime().co_get_call_context(&IID_ICANCEL_METHOD_CALLS) {
            let methods = methods(context);
            // SAFETY: the reference is this thread's, and goes here
            _ = unsafe { ((methods.test_cancel)(context), (methods.release)(context)) };
        }
    }

    /// Registers an object, or takes one back.
    fn registers(&mut self) {
        if one_in(2) {
            let object = new_object();
            let methods = methods(object);
            // SAFETY: it lives as long as there are references, the first of which is this thread's
            unsafe {
                (methods.add_ref)(object);
                self.registered += u32::from(runtime().co_set_cancel_object(object).is_ok());
                (methods.release)(object);
            }
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
        runtime().thread_exit();
        forget(&mut self.own);
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
            while let Some(index) = self.own.pop() {
                finish(index);
            }
        }
        self.exits();
        while let Some(index) = take() {
            self.serves(index);
        }
        while let Some(index) = pick(|call| call.kind == Kind::Asynchronous && !call.is_client_done) {
            finish(index);
        }
        self.exits();
    }
}

/// An object of the host's, each of whose methods is a step, and whose last `Release` calls back in.
fn new_object() -> *mut () {
    let when_called = |object: &foreign::Custom| {
        step();
        if object.is_gone() {
            wrong(format_args!("an object that is gone is called"));
        }
    };
    let object = foreign::custom_called(when_called, call_back_in);
    world(|w| w.objects.push(object));
    object
}
