//! Testing, and call contexts.

use cocancel_model::hresult::*;
use cocancel_model::*;

use crate::script::*;

#[test]
fn co_test_cancel() {
    check([
        row(
            "[doc]",
            "pending, then cancelled: during the grace interval and after",
            served(),
            [
                does(SERVER, Op::TestCurrent, RPC_S_CALLPENDING),
                does(WATCHDOG, cancel_now(CLIENT, 5), S_OK),
                does(SERVER, Op::TestCurrent, RPC_E_CALL_CANCELED),
                pass(6000),
                does(CLIENT, finish(1), RPC_E_CALL_CANCELED),
                does(SERVER, Op::TestCurrent, RPC_E_CALL_CANCELED),
                does(SERVER, leave(1), S_OK),
                does(SERVER, Op::TestCurrent, RPC_E_CALL_COMPLETE),
            ],
        ),
        row(
            "[ours]",
            "no call is being served on this thread",
            pending(),
            [
                does(CLIENT, Op::TestCurrent, RPC_E_CALL_COMPLETE),
                does(SERVER, Op::TestCurrent, RPC_E_CALL_COMPLETE),
                interrupt(Op::TestCurrent, RPC_E_CALL_COMPLETE),
            ],
        ),
        row(
            "[doc]",
            "it asks about the innermost call that is being served",
            served(),
            [
                does(WATCHDOG, Op::Enable, S_OK),
                does(WATCHDOG, begin(2), S_OK),
                does(SERVER, enter(2, 2), S_OK),
                does(SECOND, cancel(CLIENT, 0), S_OK),
                does(SERVER, Op::TestCurrent, RPC_S_CALLPENDING),
                does(SERVER, leave(2), S_OK),
                does(SERVER, Op::TestCurrent, RPC_E_CALL_CANCELED),
            ],
        ),
        row(
            "[ours]",
            "testing never reads the clock",
            vec![
                does(CLIENT, Op::Enable, S_OK),
                does(CLIENT, begin_with_timeout(1, Some(10)), S_OK),
                does(SERVER, enter(1, 1), S_OK),
            ],
            [
                pass(11),
                does(SERVER, Op::TestCurrent, RPC_S_CALLPENDING),
                interrupt(Op::Tick, S_OK),
                Requested(&[1]),
                does(SERVER, Op::TestCurrent, RPC_E_CALL_CANCELED),
            ],
        ),
        row(
            "[ours]",
            "the client gave up",
            served(),
            [
                does(CLIENT, finish(1), RPC_E_CALL_CANCELED),
                Requested(&[1]),
                does(SERVER, Op::TestCurrent, RPC_E_CALL_CANCELED),
            ],
        ),
        row(
            "[ours]",
            "a call that took no slot is being served",
            vec![does(CLIENT, begin(1), CO_E_CANCEL_DISABLED)],
            [
                does(SERVER, enter(1, 1), S_OK),
                does(SERVER, Op::TestCurrent, RPC_S_CALLPENDING),
                does(SERVER, complete(1), S_OK),
                does(SERVER, leave(1), S_OK),
                does(SERVER, Op::TestCurrent, RPC_E_CALL_COMPLETE),
                does(CLIENT, finish(1), S_OK),
            ],
        ),
        row(
            "[ours]",
            "a call whose client is elsewhere",
            nothing(),
            [
                does(SERVER, Op::Serve { call: 1 }, S_OK),
                does(SERVER, enter(1, 1), S_OK),
                does(SERVER, Op::TestCurrent, RPC_S_CALLPENDING),
                interrupt(cancel_handle(1, 5), S_OK),
                Requested(&[1]),
                does(SERVER, Op::TestCurrent, RPC_E_CALL_CANCELED),
                does(SERVER, complete(1), S_OK),
                OwnedBy(Owner::Server),
                does(SERVER, leave(1), S_OK),
                SharedInUse(0),
            ],
        ),
        row(
            "[ours]",
            "a call whose client is elsewhere, cancelled at once: its reply is not sent",
            vec![does(SERVER, Op::Serve { call: 1 }, S_OK), does(SERVER, enter(1, 1), S_OK)],
            [
                interrupt(cancel_handle(1, 0), S_OK),
                does(SERVER, complete(1), RPC_E_CALL_CANCELED),
                OwnedBy(Owner::Server),
            ],
        ),
    ]);
}

#[test]
fn test_cancel_of_an_object() {
    check([
        row(
            "[doc]",
            "RPC_E_CALL_CANCELED if cancelled, else RPC_S_CALLPENDING, from client and server",
            served(),
            [
                does(CLIENT, get(OWN, 1), S_OK),
                does(SERVER, get_context(2), S_OK),
                does(CLIENT, test_object(1), RPC_S_CALLPENDING),
                does(SERVER, test_object(2), RPC_S_CALLPENDING),
                does(WATCHDOG, cancel_now(CLIENT, 5), S_OK),
                does(CLIENT, test_object(1), RPC_E_CALL_CANCELED),
                does(SERVER, test_object(2), RPC_E_CALL_CANCELED),
            ],
        ),
        row(
            "[doc, taken literally]",
            "RPC_S_CALLPENDING also once the call has completed uncancelled",
            pending(),
            [
                does(CLIENT, get(OWN, 1), S_OK),
                does(SERVER, complete(1), S_OK),
                does(CLIENT, finish(1), S_OK),
                does(CLIENT, test_object(1), RPC_S_CALLPENDING),
            ],
        ),
    ]);
}

#[test]
fn asynchronous_calls() {
    check([
        row(
            "[doc]",
            "CoTestCancel does not see them, nor an outer call through them",
            served(),
            [
                does(WATCHDOG, begin_async(2, None), S_OK),
                does(SERVER, enter(2, 2), S_OK),
                does(SERVER, Op::TestCurrent, RPC_E_CALL_COMPLETE),
                does(SERVER, leave(2), S_OK),
                does(SERVER, Op::TestCurrent, RPC_S_CALLPENDING),
            ],
        ),
        row(
            "[doc]",
            "CoSetCancelObject(NULL) does not see them",
            vec![does(CLIENT, begin_async(1, None), S_OK)],
            [does(CLIENT, Op::UnsetCancelObject, E_UNEXPECTED)],
        ),
        row(
            "[doc]",
            "after Cancel the client still has to finish, and begins no other until then",
            vec![does(CLIENT, begin_async(1, None), S_OK), does(CLIENT, object_of(1, 1), S_OK)],
            [
                does(CLIENT, test_object(1), RPC_S_CALLPENDING),
                does(CLIENT, cancel_object(1, 0), S_OK),
                does(CLIENT, test_object(1), RPC_E_CALL_CANCELED),
                does(CLIENT, begin_async(2, Some(1)), RPC_S_CALLPENDING),
                does(CLIENT, finish(1), RPC_E_CALL_CANCELED),
                does(CLIENT, finish(1), E_INVALIDARG),
                does(CLIENT, begin_async(2, Some(1)), S_OK),
            ],
        ),
        row(
            "[ours]",
            "another thread may finish it; a canceller waits for it as for any call",
            vec![does(CLIENT, begin_async(1, None), S_OK), does(CLIENT, object_of(1, 1), S_OK)],
            [
                Waits(CLIENT, cancel_object(1, 5)),
                does(SERVER, complete(1), S_OK),
                does(WATCHDOG, finish(1), S_OK),
                Returns(CLIENT, RPC_E_CALL_COMPLETE),
            ],
        ),
    ]);
}

#[test]
fn call_contexts() {
    let standard = Some(Object::Standard(1));
    let plain = Some(Object::Custom(PLAIN));
    check([
        row(
            "[doc]",
            "CoSwitchCallContext hands back the old one, and takes no reference",
            served(),
            [
                does(SERVER, switch_to(plain), S_OK),
                OldContext(standard),
                References(PLAIN, 0),
                does(SERVER, switch_to(standard), S_OK),
                OldContext(plain),
                does(SERVER, Op::TestCurrent, RPC_S_CALLPENDING),
            ],
        ),
        row(
            "[ours]",
            "ppOldObject NULL: E_INVALIDARG",
            served(),
            [does(SERVER, Op::Malformed(Malformed::SwitchCallContextOldNull), E_INVALIDARG)],
        ),
        row(
            "[win]",
            "CoGetCallContext, no context: RPC_E_CALL_COMPLETE",
            nothing(),
            [
                does(SERVER, get_context(1), RPC_E_CALL_COMPLETE),
                does(SERVER, switch_to(None), S_OK),
                OldContext(None),
                does(SERVER, get_context(1), RPC_E_CALL_COMPLETE),
            ],
        ),
        row(
            "[doc] [ours]",
            "CoGetCallContext does QueryInterface on the current one",
            served(),
            [
                does(SERVER, Op::GetContext { iid: Iid::Unknown, reference: 1 }, S_OK),
                does(SERVER, get_context(2), S_OK),
                does(SERVER, Op::GetContext { iid: Iid::Other, reference: 3 }, E_NOINTERFACE),
                does(SERVER, switch_to(plain), S_OK),
                does(SERVER, get_context(4), S_OK),
                References(PLAIN, 1),
            ],
        ),
        row(
            "[doc]",
            "CoTestCancel on a custom context: its own TestCancel",
            served(),
            [
                does(SERVER, switch_to(Some(Object::Custom(ODD))), S_OK),
                does(SERVER, Op::TestCurrent, RPC_E_CALL_CANCELED),
                does(WATCHDOG, cancel(CLIENT, 0), S_OK),
                does(SERVER, switch_to(plain), S_OK),
                does(SERVER, Op::TestCurrent, RPC_S_CALLPENDING),
            ],
        ),
        row(
            "[ours]",
            "a custom context that refuses ICancelMethodCalls: E_NOINTERFACE",
            served(),
            [
                does(SERVER, switch_to(Some(Object::Custom(MUTE))), S_OK),
                does(SERVER, Op::TestCurrent, E_NOINTERFACE),
                does(SERVER, get_context(1), E_NOINTERFACE),
            ],
        ),
        row(
            "[doc] [ours]",
            "it never shows in a call nested in it, and is current again afterwards",
            served(),
            [
                does(SERVER, switch_to(Some(Object::Custom(ODD))), S_OK),
                does(WATCHDOG, begin_with_slot(2), S_OK),
                does(SERVER, enter(2, 2), S_OK),
                does(SERVER, Op::TestCurrent, RPC_S_CALLPENDING),
                does(SERVER, leave(2), S_OK),
                does(SERVER, Op::TestCurrent, RPC_E_CALL_CANCELED),
                does(SERVER, leave(1), S_OK),
                does(SERVER, Op::TestCurrent, RPC_E_CALL_COMPLETE),
            ],
        ),
        row(
            "[ours]",
            "a context that was switched in while nothing was served",
            vec![does(SERVER, switch_to(Some(Object::Custom(ODD))), S_OK)],
            [
                does(SERVER, Op::TestCurrent, RPC_E_CALL_CANCELED),
                does(CLIENT, begin_with_slot(1), S_OK),
                does(SERVER, enter(1, 1), S_OK),
                does(SERVER, Op::TestCurrent, RPC_S_CALLPENDING),
                does(SERVER, leave(1), S_OK),
                does(SERVER, Op::TestCurrent, RPC_E_CALL_CANCELED),
                does(SERVER, Op::ThreadExit, S_OK),
                does(SERVER, Op::TestCurrent, RPC_E_CALL_COMPLETE),
            ],
        ),
    ]);
}
