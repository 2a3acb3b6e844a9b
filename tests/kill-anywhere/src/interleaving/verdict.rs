//! What must be so, whatever the order.

use cocancel::Phase;

use super::world::{Context, runtime, world};
use crate::foreign;

/// While nobody can go on: no client that waits is kept past what a canceller was promised.
pub fn while_all_sleep(was_killed: bool) {
    let is_pending = |call| runtime().calls().any(|info| info.call == call && info.phase == Phase::Pending);
    let calls = world(|w| w.calls.clone());
    let now = world(|w| w.now);
    for (index, call) in calls.iter().enumerate() {
        let is_late = call.waiter.is_some() && call.due.is_some_and(|due| due <= now);
        // a wake is lost if who had decided the call was killed before it
        if is_late && (!was_killed || is_pending(call.call)) {
            world(|w| {
                w.is_wrong(format!("#{index} is waited for past what a canceller was promised, at {now}: {call:?}"))
            });
        }
    }
}

/// When the next client that waits has to be free.
pub fn next_promise() -> Option<u32> {
    world(|w| {
        let promises = w.calls.iter().filter(|call| call.waiter.is_some()).filter_map(|call| call.due);
        promises.min().filter(|due| *due > w.now)
    })
}

/// When all threads have come to their end: nothing is left, and each record has one owner; one that was killed may leave a slot behind.
pub fn in_the_end(was_killed: bool) {
    let left: Vec<_> = runtime().calls().collect();
    let threads = runtime().threads();
    world(|w| {
        let mut wrong = Vec::new();
        for (index, call) in w.calls.iter().enumerate() {
            if call.owners > 1 || call.owners == 0 && !was_killed {
                wrong.push(format!("#{index} has {} owners: {call:?}", call.owners));
            }
            if call.context == Context::Library && !was_killed {
                wrong.push(format!("#{index}: its context was not retired"));
            }
        }
        if !was_killed {
            if w.cancellers.contains(&Context::Library) {
                wrong.push("the context of a canceller that polls was not retired".into());
            }
            if !left.is_empty() || threads > 0 {
                wrong.push(format!("{threads} threads are left, and {left:#?}"));
            }
            let references = |object: &*mut ()| foreign::parts(*object).references.get();
            // the one reference of a call context is the host's
            if w.objects.iter().any(|object| references(object) > 0)
                || w.call_contexts.iter().any(|object| references(object) != 1)
            {
                wrong.push("an object of the host's is still referred to".into());
            }
        }
        wrong.into_iter().for_each(|what| w.is_wrong(what));
    });
}
