//! Time.

use cocancel_model::hresult::*;
use cocancel_model::*;

use crate::script::*;

#[test]
fn deadlines() {
    check([
        row(
            "[ours]",
            "never early: a tick is a floor, so n ms are over for certain at now + n + 1",
            pending(),
            [
                does(WATCHDOG, cancel_now(CLIENT, 1), S_OK),
                does(CLIENT, poll(1), RPC_S_CALLPENDING),
                DueIn(Some(1001)),
                pass(1000),
                does(CLIENT, poll(1), RPC_S_CALLPENDING),
                DueIn(Some(1)),
                pass(1),
                does(CLIENT, poll(1), RPC_E_CALL_CANCELED),
                DueIn(None),
            ],
        ),
        row(
            "[ours]",
            "a timeout longer than the tick can express is never cut short",
            pending(),
            [
                does(WATCHDOG, cancel_now(CLIENT, 0xFFFF_FFFE), S_OK),
                pass(0xFFFF_FFFE * 1000),
                does(CLIENT, poll(1), RPC_S_CALLPENDING),
                DueIn(Some(1)),
                pass(1),
                does(CLIENT, poll(1), RPC_E_CALL_CANCELED),
            ],
        ),
        row(
            "[ours]",
            "the call's own timeout: it starts as the deadline, not requested",
            own_timeout(),
            [
                does(CLIENT, poll(1), RPC_S_CALLPENDING),
                DueIn(Some(11)),
                pass(11),
                does(SERVER, object_of(1, 1), S_OK),
                does(SERVER, test_object(1), RPC_S_CALLPENDING),
                does(CLIENT, poll(1), RPC_E_CALL_CANCELED),
                Requested(&[1]),
                Wakes(&[Wake::Client(1)]),
                does(SERVER, test_object(1), RPC_E_CALL_CANCELED),
            ],
        ),
        row(
            "[ours]",
            "own timeout and request: the sooner of the two",
            own_timeout(),
            [
                does(WATCHDOG, cancel_now(CLIENT, 1), S_OK),
                does(CLIENT, poll(1), RPC_S_CALLPENDING),
                DueIn(Some(11)),
                pass(11),
                does(CLIENT, poll(1), RPC_E_CALL_CANCELED),
            ],
        ),
        row(
            "[ours]",
            "own timeout ends the wait of a canceller with more time: S_OK",
            own_timeout(),
            [
                Waits(WATCHDOG, cancel(CLIENT, 1)),
                pass(11),
                interrupt(Op::Tick, S_OK),
                Wakes(&[Wake::Canceller(1)]),
                Returns(WATCHDOG, S_OK),
            ],
        ),
        row(
            "[ours]",
            "the tick says when to look again",
            own_timeout(),
            [
                does(CLIENT, begin_with_timeout(2, Some(20)), S_OK),
                interrupt(Op::Tick, S_OK),
                DueIn(Some(11)),
                pass(11),
                interrupt(Op::Tick, S_OK),
                DueIn(Some(10)),
                does(SERVER, complete(2), S_OK),
                interrupt(Op::Tick, S_OK),
                DueIn(None),
            ],
        ),
    ]);
}

fn own_timeout() -> Vec<Line> {
    vec![does(CLIENT, Op::Enable, S_OK), does(CLIENT, begin_with_timeout(1, Some(10)), S_OK)]
}

#[test]
fn seconds_of_the_com_functions() {
    assert_eq!(seconds(0), Some(0));
    assert_eq!(seconds(0xFFFF_FFFE), Some(4_294_967_294_000));
    assert_eq!(seconds(0xFFFF_FFFF), None);
}

#[test]
fn wakes() {
    check([
        row(
            "[ours]",
            "one wake for a client that has announced itself, none for one that has not",
            pending(),
            [does(WATCHDOG, cancel(CLIENT, 0), S_OK), Wakes(&[])],
        ),
        row(
            "[ours]",
            "a poll with a context announces, and every waker heeds it until the client has looked",
            pending(),
            [
                does(CLIENT, poll(1), RPC_S_CALLPENDING),
                does(WATCHDOG, cancel_now(CLIENT, 5), S_OK),
                Wakes(&[Wake::Client(1)]),
                does(WATCHDOG, cancel(CLIENT, 0), RPC_E_CALL_CANCELED),
                Wakes(&[Wake::Client(1)]),
                does(CLIENT, poll(1), RPC_E_CALL_CANCELED),
                does(SERVER, complete(1), RPC_E_CALL_CANCELED),
                Wakes(&[]),
            ],
        ),
        row(
            "[ours]",
            "a poll without a context does not announce",
            vec![does(CLIENT, Op::Enable, S_OK)],
            [
                does(CLIENT, Op::Begin { call: 1, context: false, own_timeout: None, always_slot: false }, S_OK),
                does(CLIENT, poll(1), RPC_S_CALLPENDING),
                does(SERVER, complete(1), S_OK),
                Wakes(&[]),
            ],
        ),
        row(
            "[ours]",
            "a port that has no way to wait: the announcement of a poll stands",
            pending(),
            [
                does(CLIENT, poll(1), RPC_S_CALLPENDING),
                does(CLIENT, Op::Wait { call: 1 }, E_NOTIMPL),
                does(SERVER, complete(1), S_OK),
                Wakes(&[Wake::Client(1)]),
                does(CLIENT, Op::Wait { call: 1 }, S_OK),
            ],
        )
        .with(|config| config.port_waits = false),
        row(
            "[ours]",
            "a client that gives up needs no wake, its canceller does",
            pending(),
            [
                does(CLIENT, poll(1), RPC_S_CALLPENDING),
                Waits(WATCHDOG, cancel(CLIENT, 5)),
                does(CLIENT, poll(1), RPC_S_CALLPENDING),
                does(CLIENT, finish(1), RPC_E_CALL_CANCELED),
                Wakes(&[Wake::Canceller(1)]),
                Requested(&[]),
                Returns(WATCHDOG, S_OK),
            ],
        ),
        row(
            "[ours]",
            "an inner call's wait leaves the outer call's announcement alone",
            pending(),
            [
                does(CLIENT, poll(1), RPC_S_CALLPENDING),
                does(CLIENT, begin(2), S_OK),
                Waits(CLIENT, Op::Wait { call: 2 }),
                does(SERVER, complete(2), S_OK),
                Wakes(&[Wake::Client(2)]),
                Returns(CLIENT, S_OK),
                does(SERVER, complete(1), S_OK),
                Wakes(&[Wake::Client(1)]),
            ],
        ),
    ]);
}
