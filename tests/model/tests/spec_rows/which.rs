//! Which call is meant.

use cocancel_model::hresult::*;
use cocancel_model::*;

use crate::script::*;

#[test]
fn which_call_is_meant() {
    check([
        row(
            "[seed]",
            "thread id 0 means the calling thread",
            pending(),
            [
                does(WATCHDOG, cancel(OWN, 0), E_NOINTERFACE),
                does(CLIENT, cancel(OWN, 0), S_OK),
                does(CLIENT, finish(1), RPC_E_CALL_CANCELED),
            ],
        ),
        row(
            "[doc]",
            "the innermost registered call is the one meant",
            pending(),
            [
                does(CLIENT, begin(2), S_OK),
                does(WATCHDOG, cancel(CLIENT, 0), S_OK),
                does(CLIENT, poll(2), RPC_E_CALL_CANCELED),
                does(CLIENT, poll(1), RPC_S_CALLPENDING),
                does(CLIENT, finish(2), RPC_E_CALL_CANCELED),
                does(WATCHDOG, cancel(CLIENT, 0), S_OK),
                does(CLIENT, poll(1), RPC_E_CALL_CANCELED),
            ],
        ),
        row(
            "[doc]",
            "cancelled outside in: an object of the outer call, then the inner one by thread id",
            pending(),
            [
                does(WATCHDOG, get(CLIENT, 1), S_OK),
                does(CLIENT, begin(2), S_OK),
                does(WATCHDOG, cancel_object(1, 0), S_OK),
                does(CLIENT, poll(2), RPC_S_CALLPENDING),
                does(WATCHDOG, cancel(CLIENT, 0), S_OK),
                does(CLIENT, finish(2), RPC_E_CALL_CANCELED),
                does(CLIENT, finish(1), RPC_E_CALL_CANCELED),
            ],
        ),
        row(
            "[seed]",
            "asynchronous calls are not found by thread id",
            vec![does(CLIENT, Op::Enable, S_OK), does(CLIENT, begin_async(1, None), S_OK)],
            [
                does(WATCHDOG, cancel(CLIENT, 0), E_NOINTERFACE),
                does(CLIENT, object_of(1, 1), S_OK),
                does(WATCHDOG, cancel_object(1, 0), S_OK),
                does(CLIENT, poll(1), RPC_E_CALL_CANCELED),
            ],
        ),
        row(
            "[seed]",
            "no such thread",
            nothing(),
            [
                does(WATCHDOG, cancel(99, 0), E_NOINTERFACE),
                does(WATCHDOG, cancel(99, 5), E_NOINTERFACE),
                does(WATCHDOG, get(99, 1), E_NOINTERFACE),
            ],
        ),
        row(
            "[seed]",
            "a thread with no registered cancel object",
            vec![does(CLIENT, Op::Enable, S_OK)],
            [does(WATCHDOG, cancel(CLIENT, 0), E_NOINTERFACE), does(WATCHDOG, get(CLIENT, 1), E_NOINTERFACE)],
        ),
        row(
            "[seed] [doc] [ours]",
            "its call began while the thread was disabled: an enabled outer call stays untouched",
            pending(),
            [
                does(CLIENT, Op::Disable, S_OK),
                does(CLIENT, begin(2), CO_E_CANCEL_DISABLED),
                does(WATCHDOG, cancel(CLIENT, 0), CO_E_CANCEL_DISABLED),
                does(WATCHDOG, get(CLIENT, 1), CO_E_CANCEL_DISABLED),
                does(CLIENT, poll(1), RPC_S_CALLPENDING),
                does(CLIENT, finish(2), S_OK),
                does(WATCHDOG, cancel(CLIENT, 0), S_OK),
            ],
        ),
        row(
            "[ours]",
            "a disabled call that took a slot is as disabled as one that did not",
            pending(),
            [
                does(CLIENT, Op::Disable, S_OK),
                does(CLIENT, begin_with_slot(2), S_OK),
                does(WATCHDOG, cancel(CLIENT, 0), CO_E_CANCEL_DISABLED),
                does(WATCHDOG, get(CLIENT, 1), CO_E_CANCEL_DISABLED),
                does(WATCHDOG, object_of(2, 2), S_OK),
                does(WATCHDOG, cancel_object(2, 0), CO_E_CANCEL_DISABLED),
                does(WATCHDOG, test_object(2), RPC_S_CALLPENDING),
                does(CLIENT, poll(1), RPC_S_CALLPENDING),
            ],
        ),
        row(
            "[seed]",
            "CoCancelCall = get, Cancel, Release: a custom object's HRESULT comes back unchanged",
            vec![does(CLIENT, Op::Enable, S_OK), does(CLIENT, Op::SetCancelObject(ODD), S_OK), References(ODD, 1)],
            [
                does(WATCHDOG, cancel(CLIENT, 7), E_FAIL),
                CustomCancel(Some((ODD, Some(7000)))),
                References(ODD, 1),
                does(WATCHDOG, get(CLIENT, 1), S_OK),
                References(ODD, 2),
                does(WATCHDOG, cancel_object(1, 8), E_FAIL),
                does(WATCHDOG, release(1), S_OK),
                References(ODD, 1),
            ],
        ),
        row(
            "[ours]",
            "a call that is complete but not finished is still the innermost registered one",
            pending(),
            [
                does(CLIENT, begin(2), S_OK),
                does(SERVER, complete(2), S_OK),
                does(WATCHDOG, cancel(CLIENT, 0), RPC_E_CALL_COMPLETE),
                does(CLIENT, poll(1), RPC_S_CALLPENDING),
            ],
        ),
        row(
            "[ours]",
            "finish unlinks from the middle",
            pending(),
            [
                does(CLIENT, begin(2), S_OK),
                does(CLIENT, Op::SetCancelObject(ODD), S_OK),
                does(CLIENT, finish(2), RPC_E_CALL_CANCELED),
                does(WATCHDOG, cancel(CLIENT, 0), E_FAIL),
                does(CLIENT, Op::UnsetCancelObject, S_OK),
                does(WATCHDOG, cancel(CLIENT, 0), S_OK),
                does(CLIENT, poll(1), RPC_E_CALL_CANCELED),
            ],
        ),
    ]);
}

#[test]
fn watchdogs_that_poll() {
    check([
        row(
            "[wil]",
            "a repeated CoCancelCall is harmless, and not sticky",
            vec![does(CLIENT, Op::Enable, S_OK)],
            [
                does(WATCHDOG, cancel(CLIENT, 0), E_NOINTERFACE),
                does(CLIENT, begin(1), S_OK),
                does(CLIENT, poll(1), RPC_S_CALLPENDING),
                does(WATCHDOG, cancel(CLIENT, 0), S_OK),
                does(WATCHDOG, cancel(CLIENT, 0), RPC_E_CALL_CANCELED),
                does(CLIENT, finish(1), RPC_E_CALL_CANCELED),
                does(WATCHDOG, cancel(CLIENT, 0), E_NOINTERFACE),
                does(CLIENT, begin(2), S_OK),
                does(CLIENT, poll(2), RPC_S_CALLPENDING),
                does(SERVER, complete(2), S_OK),
                does(CLIENT, finish(2), S_OK),
            ],
        ),
        row(
            "[wil]",
            "the call ends during the look-up: RPC_E_CALL_COMPLETE, also with 0",
            pending(),
            [
                does(WATCHDOG, get(CLIENT, 1), S_OK),
                does(SERVER, complete(1), S_OK),
                does(CLIENT, finish(1), S_OK),
                does(CLIENT, begin(2), S_OK),
                does(WATCHDOG, cancel_object(1, 0), RPC_E_CALL_COMPLETE),
                does(WATCHDOG, release(1), S_OK),
                does(CLIENT, poll(2), RPC_S_CALLPENDING),
            ],
        ),
    ]);
}
