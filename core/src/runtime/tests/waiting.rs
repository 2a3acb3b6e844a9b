//! One waits for a call and another polls or finishes it.

use super::*;
use crate::state::State;

#[test]
fn a_poll_by_another_leaves_the_wake_to_the_one_that_waits() {
    let runtime = runtime();
    let call = runtime.begin_async(CallOptions::new()).call;
    let ((_, slot), generation) = runtime.named(call).unwrap();
    // one thread in `wait`: announced, and asleep without a deadline
    slot.transition(Some(generation), State::client_waits).unwrap();
    // a canceller that is elected, and goes no further until its deadline is over
    let (seen, now) = (slot.request(), runtime.now());
    assert!(slot.ask(seen, seen.ask(crate::time::Deadline::after(now, Timeout::millis(5)), now)));
    *runtime.port.now.lock().unwrap() = 20;
    assert_eq!(runtime.poll(call), Ok(Poll::Ended(Outcome::Canceled)));
    assert_eq!(runtime.port.wakes(), [Side::Client]);
}

#[test]
fn a_poll_by_another_leaves_the_word_changed_for_the_one_that_waits() {
    let runtime = runtime();
    let call = runtime.begin_async(polling()).call;
    let ((_, slot), generation) = runtime.named(call).unwrap();
    assert_eq!(runtime.cancel_call(call, Timeout::millis(50), Waiting::Never), Hresult::S_OK);
    let value = slot.transition(Some(generation), State::client_waits).unwrap().next;
    assert_eq!(runtime.cancel_call(call, Timeout::millis(5), Waiting::Never), Hresult::RPC_E_CALL_CANCELED);
    assert_eq!(runtime.poll(call), Ok(Poll::Pending(Some(6))));
    assert!(slot.state() != value, "it would sleep on, to the deadline that it knows");
}

/// On a port whose threads block, one waits for an asynchronous call; before it sleeps, another finishes the call, and the server's side completes it.
mod late {
    use super::*;
    use std::sync::Arc;

    type Shared = Arc<Runtime<Late, Fixed<2, 1>>>;

    #[derive(Default)]
    struct Late {
        runtime: Mutex<Option<(Shared, CallHandle)>>,
        log: Mutex<Vec<(&'static str, usize)>>,
    }

    impl Late {
        fn say(&self, what: &'static str, context: *mut ()) {
            self.log.lock().unwrap().push((what, context.addr()));
        }
    }

    // SAFETY: one thread, without a word of its own; contexts are only written down
    unsafe impl Port for Late {
        fn thread_id(&self) -> u32 {
            1
        }
        fn tick(&self) -> u32 {
            if let Some((runtime, call)) = self.runtime.lock().unwrap().take() {
                assert_eq!(runtime.finish(call), Ok(Outcome::Canceled));
                assert!(matches!(runtime.complete(call), Ok(Reply::Orphaned(_))));
            }
            0
        }
        fn local(&self) -> Option<u32> {
            Some(0)
        }
        fn set_local(&self, _: u32) {}
        fn waiter(&self) -> Option<*mut ()> {
            // not used: the call has a context
            Some(without_provenance_mut(16))
        }
        fn wait(&self, point: WaitPoint, _: Option<u32>) {
            self.say("wait", point.context);
        }
        fn wake(&self, point: WaitPoint) {
            self.say("wake", point.context);
        }
        fn retire(&self, context: *mut ()) {
            self.say("retire", context);
        }
    }

    #[test]
    fn a_context_is_not_slept_on_after_it_was_retired() {
        let runtime = Arc::new(Runtime::new(Late::default(), Fixed::new()));
        let call = runtime.begin_async(polling().timeout(Timeout::millis(50))).call;
        *runtime.port.runtime.lock().unwrap() = Some((runtime.clone(), call));
        assert_eq!(runtime.wait(call), Ok(Outcome::Canceled), "it waited when it was finished");
        assert_eq!(*runtime.port.log.lock().unwrap(), [("wake", 8), ("wait", 8), ("retire", 8)]);
        assert_eq!(runtime.wait(call), Err(Hresult::E_INVALIDARG));
    }
}
