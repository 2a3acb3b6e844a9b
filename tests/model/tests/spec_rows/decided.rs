//! Decided where two good developers would differ.

use cocancel_model::hresult::*;
use cocancel_model::*;

use crate::script::*;

fn own_timeout() -> Vec<Line> {
    vec![
        does(CLIENT, Op::Enable, S_OK),
        does(CLIENT, begin_with_timeout(1, Some(10)), S_OK),
        Waits(CLIENT, Op::Wait { call: 1 }),
        pass(11),
    ]
}

#[test]
fn decided() {
    check([
        row(
            "[ours]",
            "enter refused during a grace time",
            waited_for(),
            [
                Waits(WATCHDOG, cancel(CLIENT, 5)),
                WaitsOn(CLIENT),
                does(SERVER, enter(1, 1), RPC_E_CALL_CANCELED),
                OwnedBy(Owner::Server),
                Wakes(&[Wake::Client(1), Wake::Canceller(1)]),
                Returns(CLIENT, RPC_E_CALL_CANCELED),
                InPhase(Phase::Canceled),
                Returns(WATCHDOG, S_OK),
                does(SERVER, complete(1), E_UNEXPECTED),
                does(CLIENT, finish(1), RPC_E_CALL_CANCELED),
                OwnedBy(Owner::None),
                does(SERVER, complete(1), E_INVALIDARG),
            ],
        ),
        row(
            "[ours]",
            "requested, then completed in time: Cancel RPC_E_CALL_COMPLETE, TestCancel RPC_E_CALL_CANCELED",
            pending(),
            [
                does(SECOND, get(CLIENT, 1), S_OK),
                Waits(WATCHDOG, cancel(CLIENT, 5)),
                does(SERVER, complete(1), S_OK),
                Returns(WATCHDOG, RPC_E_CALL_COMPLETE),
                does(SECOND, cancel_object(1, 0), RPC_E_CALL_COMPLETE),
                does(SECOND, cancel_object(1, 5), RPC_E_CALL_COMPLETE),
                does(SECOND, test_object(1), RPC_E_CALL_CANCELED),
                does(CLIENT, finish(1), S_OK),
                does(SECOND, test_object(1), RPC_E_CALL_CANCELED),
            ],
        ),
        row(
            "[ours]",
            "a second request shortens the deadline while the first canceller waits",
            waited_for(),
            [
                Waits(WATCHDOG, cancel(CLIENT, 10)),
                does(SECOND, cancel(CLIENT, 2), RPC_E_CALL_CANCELED),
                pass(2000),
                WaitsOn(WATCHDOG),
                WaitsOn(CLIENT),
                pass(1),
                Returns(CLIENT, RPC_E_CALL_CANCELED),
                Wakes(&[Wake::Canceller(1)]),
                Returns(WATCHDOG, S_OK),
            ],
        ),
        row(
            "[ours]",
            "own timeout due, nobody has looked: a canceller that looks first expires it",
            own_timeout(),
            [
                does(WATCHDOG, cancel(CLIENT, 5), RPC_E_CALL_CANCELED),
                Wakes(&[Wake::Client(1)]),
                Requested(&[1]),
                Returns(CLIENT, RPC_E_CALL_CANCELED),
            ],
        ),
        row(
            "[ours]",
            "own timeout due, nobody has looked: the client gets RPC_E_CALL_CANCELED",
            own_timeout(),
            [Returns(CLIENT, RPC_E_CALL_CANCELED)],
        ),
        row(
            "[ours]",
            "own timeout due, nobody has looked: a reply that comes before is delivered",
            own_timeout(),
            [
                does(SERVER, complete(1), S_OK),
                OwnedBy(Owner::Client),
                Returns(CLIENT, S_OK),
                does(CLIENT, finish(1), S_OK),
            ],
        ),
        row(
            "[ours]",
            "requested deadline due, nobody has looked: the same three",
            pending(),
            [
                does(WATCHDOG, cancel_now(CLIENT, 1), S_OK),
                pass(1001),
                does(SERVER, complete(1), S_OK),
                does(CLIENT, finish(1), S_OK),
            ],
        ),
        row(
            "[ours]",
            "an inner call found no slot: a barrier, E_NOINTERFACE, the outer is untouched",
            pending(),
            [
                does(CLIENT, begin(2), E_OUTOFMEMORY),
                does(WATCHDOG, cancel(CLIENT, 0), E_NOINTERFACE),
                does(WATCHDOG, get(CLIENT, 1), E_NOINTERFACE),
                does(WATCHDOG, cancel_handle(2, 0), E_NOINTERFACE),
                does(CLIENT, poll(1), RPC_S_CALLPENDING),
                does(CLIENT, Op::UnsetCancelObject, E_ACCESSDENIED),
                does(CLIENT, finish(2), S_OK),
                does(WATCHDOG, cancel(CLIENT, 0), S_OK),
            ],
        )
        .with(|config| config.shared_calls = 0),
        row(
            "[ours]",
            "from an interrupt handler: thread id 0 is nobody",
            pending(),
            [
                interrupt(cancel(OWN, 0), E_NOINTERFACE),
                interrupt(get(OWN, 1), E_NOINTERFACE),
                does(CLIENT, poll(1), RPC_S_CALLPENDING),
            ],
        ),
        row(
            "[ours]",
            "from an interrupt handler: a custom object on top is refused without pinning it",
            vec![does(CLIENT, Op::Enable, S_OK), does(CLIENT, Op::SetCancelObject(ODD), S_OK)],
            [
                interrupt(cancel(CLIENT, 0), E_UNEXPECTED),
                CustomCancel(None),
                References(ODD, 1),
                interrupt(get(CLIENT, 1), E_UNEXPECTED),
                References(ODD, 1),
            ],
        ),
        row(
            "[ours]",
            "the canceller serves the call, by any frame of its serving stack",
            served(),
            [
                does(WATCHDOG, begin(2), CO_E_CANCEL_DISABLED),
                does(SERVER, enter(2, 2), S_OK),
                does(SERVER, cancel(CLIENT, 5), S_OK),
            ],
        ),
        row(
            "[ours]",
            "riid NULL: E_INVALIDARG, checked first; then the out pointer",
            served(),
            [
                does(SERVER, bad_context(true, false), E_INVALIDARG),
                does(SERVER, bad_context(true, true), E_INVALIDARG),
                does(SERVER, bad_context(false, true), E_POINTER),
            ],
        ),
    ]);
}

fn bad_context(riid_null: bool, out_null: bool) -> Op {
    Op::Malformed(Malformed::GetCallContext { riid_null, out_null })
}
