//! The server's side: enter, leave, complete, abandon.

use cocancel_model::hresult::*;
use cocancel_model::*;

use crate::script::*;

const DEAD: u32 = RPC_E_SERVER_DIED;

#[test]
fn enter_and_leave() {
    check([
        row(
            "[ours]",
            "entered twice, and after the completion: E_UNEXPECTED",
            served(),
            [
                does(SERVER, enter(1, 2), E_UNEXPECTED),
                does(WATCHDOG, enter(1, 2), E_UNEXPECTED),
                does(SERVER, complete(1), S_OK),
                does(SERVER, leave(1), S_OK),
                does(SERVER, enter(1, 2), E_UNEXPECTED),
            ],
        ),
        row(
            "[ours]",
            "left without a completion: may be entered again",
            served(),
            [does(SERVER, leave(1), S_OK), does(WATCHDOG, enter(1, 2), S_OK)],
        ),
        row(
            "[ours]",
            "once entered it runs on; entered again after a cancel it is refused",
            served(),
            [
                does(WATCHDOG, cancel_now(CLIENT, 5), S_OK),
                does(SERVER, leave(1), S_OK),
                does(SERVER, enter(1, 2), RPC_E_CALL_CANCELED),
                OwnedBy(Owner::Server),
            ],
        ),
        row(
            "[ours]",
            "enter does not look at the clock",
            vec![does(CLIENT, Op::Enable, S_OK), does(CLIENT, begin_with_timeout(1, Some(1)), S_OK), pass(2)],
            [does(SERVER, enter(1, 1), S_OK)],
        ),
        row(
            "[ours]",
            "the client gave up before: refused",
            pending(),
            [
                does(CLIENT, finish(1), RPC_E_CALL_CANCELED),
                does(SERVER, enter(1, 1), RPC_E_CALL_CANCELED),
                OwnedBy(Owner::Server),
                does(SERVER, enter(1, 1), E_INVALIDARG),
            ],
        ),
        row(
            "[ours]",
            "leave: only the innermost frame of this thread",
            served(),
            [
                does(WATCHDOG, begin_with_slot(2), S_OK),
                does(SERVER, enter(2, 2), S_OK),
                does(SERVER, leave(1), E_UNEXPECTED),
                does(WATCHDOG, leave(2), E_UNEXPECTED),
                does(SERVER, leave(2), S_OK),
                does(SERVER, leave(2), E_INVALIDARG),
                does(SERVER, leave(7), E_INVALIDARG),
                does(SERVER, leave(1), S_OK),
            ],
        ),
    ]);
}

#[test]
fn complete_and_abandon() {
    check([
        row(
            "[ours]",
            "abandon: the client gets that failure and owns the record",
            waited_for(),
            [
                does(SERVER, abandon(1, DEAD), S_OK),
                OwnedBy(Owner::Client),
                Wakes(&[Wake::Client(1)]),
                Returns(CLIENT, DEAD),
                InPhase(Phase::Failed(DEAD)),
                does(CLIENT, finish(1), DEAD),
                OwnedBy(Owner::Client),
            ],
        ),
        row(
            "[ours]",
            "a success code is replaced by E_FAIL",
            pending(),
            [does(SERVER, abandon(1, S_OK), S_OK), does(CLIENT, finish(1), E_FAIL)],
        ),
        row(
            "[ours]",
            "the first of complete and abandon wins, the next gets E_UNEXPECTED",
            pending(),
            [
                does(SERVER, abandon(1, DEAD), S_OK),
                does(SERVER, abandon(1, E_FAIL), E_UNEXPECTED),
                does(SERVER, complete(1), E_UNEXPECTED),
                does(CLIENT, finish(1), DEAD),
            ],
        ),
        row(
            "[ours]",
            "abandon of a canceled call: the record is the server's side's",
            pending(),
            [
                does(WATCHDOG, cancel(CLIENT, 0), S_OK),
                does(SERVER, abandon(1, DEAD), RPC_E_CALL_CANCELED),
                OwnedBy(Owner::Server),
                does(CLIENT, finish(1), RPC_E_CALL_CANCELED),
            ],
        ),
        row(
            "[ours]",
            "abandon in the grace time: the waiting Cancel and later ones RPC_E_CALL_COMPLETE",
            pending(),
            [
                Waits(WATCHDOG, cancel(CLIENT, 5)),
                does(SERVER, abandon(1, DEAD), S_OK),
                Returns(WATCHDOG, RPC_E_CALL_COMPLETE),
                does(SECOND, cancel(CLIENT, 0), RPC_E_CALL_COMPLETE),
            ],
        ),
        row(
            "[ours]",
            "a call that took no slot: always delivered",
            vec![does(CLIENT, begin(1), CO_E_CANCEL_DISABLED)],
            [
                does(CLIENT, poll(1), CO_E_CANCEL_DISABLED),
                does(CLIENT, Op::Wait { call: 1 }, CO_E_CANCEL_DISABLED),
                does(SERVER, complete(1), S_OK),
                OwnedBy(Owner::Client),
                does(CLIENT, finish(1), S_OK),
            ],
        ),
        row(
            "[ours]",
            "completed by an interrupt handler",
            waited_for(),
            [
                interrupt(complete(1), S_OK),
                Wakes(&[Wake::Client(1)]),
                Returns(CLIENT, S_OK),
                does(CLIENT, finish(1), S_OK),
            ],
        ),
    ]);
}
