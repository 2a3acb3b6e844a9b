//! Cancelling.

use cocancel_model::hresult::*;
use cocancel_model::*;

use crate::script::*;

#[test]
fn the_table() {
    check([
        row(
            "[wil] [dce]",
            "pending, 0 seconds: S_OK at once, the blocked client is free at once",
            waited_for(),
            [
                WaitsOn(CLIENT),
                does(WATCHDOG, cancel(CLIENT, 0), S_OK),
                Wakes(&[Wake::Client(1)]),
                Requested(&[1]),
                Returns(CLIENT, RPC_E_CALL_CANCELED),
                InPhase(Phase::Canceled),
                does(CLIENT, finish(1), RPC_E_CALL_CANCELED),
                OwnedBy(Owner::None),
            ],
        ),
        row(
            "[doc] [dce]",
            "pending, n seconds: the server sees it at once, the client not before n seconds",
            {
                let mut lines = served();
                lines.push(Waits(CLIENT, Op::Wait { call: 1 }));
                lines
            },
            [
                Waits(WATCHDOG, cancel(CLIENT, 2)),
                Requested(&[1]),
                Wakes(&[Wake::Client(1)]),
                does(SERVER, Op::TestCurrent, RPC_E_CALL_CANCELED),
                pass(2000),
                WaitsOn(CLIENT),
                WaitsOn(WATCHDOG),
                pass(1),
                Returns(CLIENT, RPC_E_CALL_CANCELED),
                Wakes(&[Wake::Canceller(1)]),
                Returns(WATCHDOG, S_OK),
                Requested(&[]),
            ],
        ),
        row(
            "[seed]",
            "n seconds, the canceller sees the end of the time first",
            waited_for(),
            [
                Waits(WATCHDOG, cancel(CLIENT, 2)),
                WaitsOn(CLIENT),
                pass(2001),
                Returns(WATCHDOG, S_OK),
                Wakes(&[Wake::Client(1)]),
                Returns(CLIENT, RPC_E_CALL_CANCELED),
            ],
        ),
        row(
            "[seed] [dce]",
            "n seconds, completed in that time: the client gets the server's own result",
            waited_for(),
            [
                Waits(WATCHDOG, cancel(CLIENT, 2)),
                WaitsOn(CLIENT),
                pass(1999),
                does(SERVER, complete(1), S_OK),
                OwnedBy(Owner::Client),
                Wakes(&[Wake::Client(1), Wake::Canceller(1)]),
                pass(10_000),
                Returns(WATCHDOG, RPC_E_CALL_COMPLETE),
                Returns(CLIENT, S_OK),
                does(CLIENT, finish(1), S_OK),
                OwnedBy(Owner::Client),
            ],
        ),
        row(
            "[seed]",
            "infinite: as n, never expiring",
            waited_for(),
            [
                Waits(WATCHDOG, cancel(CLIENT, RPC_C_CANCEL_INFINITE_TIMEOUT)),
                Wakes(&[]),
                pass(u64::from(u32::MAX) * 2000),
                WaitsOn(CLIENT),
                WaitsOn(WATCHDOG),
                does(SERVER, complete(1), S_OK),
                Returns(WATCHDOG, RPC_E_CALL_COMPLETE),
                Returns(CLIENT, S_OK),
            ],
        ),
        row(
            "[seed]",
            "already cancelled, abandoned: RPC_E_CALL_CANCELED",
            pending(),
            [
                does(WATCHDOG, cancel(CLIENT, 0), S_OK),
                does(WATCHDOG, cancel(CLIENT, 0), RPC_E_CALL_CANCELED),
                does(WATCHDOG, cancel(CLIENT, 5), RPC_E_CALL_CANCELED),
                Requested(&[]),
            ],
        ),
        row(
            "[old] [ours]",
            "already cancelled, still waiting: 0 frees the client at once",
            waited_for(),
            [
                Waits(WATCHDOG, cancel(CLIENT, 10)),
                WaitsOn(CLIENT),
                does(SECOND, cancel(CLIENT, 0), RPC_E_CALL_CANCELED),
                Wakes(&[Wake::Client(1), Wake::Canceller(1)]),
                Requested(&[]),
                Returns(CLIENT, RPC_E_CALL_CANCELED),
                Returns(WATCHDOG, S_OK),
            ],
        ),
        row(
            "[old] [ours]",
            "a sooner request shortens the deadline, a later or longer one changes nothing",
            waited_for(),
            [
                does(WATCHDOG, cancel_now(CLIENT, 10), S_OK),
                Wakes(&[Wake::Client(1)]),
                WaitsOn(CLIENT),
                // the client looks again, for whoever asked before may have died before it told the client
                does(WATCHDOG, cancel(CLIENT, 20), RPC_E_CALL_CANCELED),
                Wakes(&[Wake::Client(1)]),
                WaitsOn(CLIENT),
                does(WATCHDOG, cancel(CLIENT, 10), RPC_E_CALL_CANCELED),
                Wakes(&[Wake::Client(1)]),
                WaitsOn(CLIENT),
                does(WATCHDOG, cancel(CLIENT, RPC_C_CANCEL_INFINITE_TIMEOUT), RPC_E_CALL_CANCELED),
                Wakes(&[Wake::Client(1)]),
                WaitsOn(CLIENT),
                does(WATCHDOG, cancel(CLIENT, 3), RPC_E_CALL_CANCELED),
                Wakes(&[Wake::Client(1)]),
                pass(3000),
                WaitsOn(CLIENT),
                pass(1),
                Returns(CLIENT, RPC_E_CALL_CANCELED),
            ],
        ),
        row(
            "[seed]",
            "already complete, its object still held: RPC_E_CALL_COMPLETE, and nothing happens",
            pending(),
            [
                does(WATCHDOG, get(CLIENT, 1), S_OK),
                does(SERVER, complete(1), S_OK),
                does(WATCHDOG, cancel_object(1, 0), RPC_E_CALL_COMPLETE),
                does(WATCHDOG, cancel_object(1, 5), RPC_E_CALL_COMPLETE),
                Requested(&[]),
                does(WATCHDOG, test_object(1), RPC_S_CALLPENDING),
                does(CLIENT, finish(1), S_OK),
                does(WATCHDOG, cancel_object(1, 0), RPC_E_CALL_COMPLETE),
                does(WATCHDOG, test_object(1), RPC_S_CALLPENDING),
            ],
        ),
    ]);
}

#[test]
fn where_waiting_cannot_work() {
    check([
        row(
            "[ours]",
            "one's own thread's call: armed, S_OK at once",
            pending(),
            [
                does(CLIENT, cancel(OWN, 5), S_OK),
                Requested(&[1]),
                does(CLIENT, poll(1), RPC_S_CALLPENDING),
                DueIn(Some(5001)),
                pass(5001),
                does(CLIENT, poll(1), RPC_E_CALL_CANCELED),
            ],
        ),
        row(
            "[ours]",
            "an outer call of one's own thread, through its object",
            pending(),
            [does(CLIENT, get(OWN, 1), S_OK), does(CLIENT, begin(2), S_OK), does(CLIENT, cancel_object(1, 5), S_OK)],
        ),
        row(
            "[ours]",
            "the call that the canceller serves, also deeper on its serving stack",
            {
                let mut lines = served();
                lines.push(does(WATCHDOG, Op::Enable, S_OK));
                lines.push(does(WATCHDOG, begin(2), S_OK));
                lines
            },
            [
                does(SERVER, enter(2, 2), S_OK),
                does(SERVER, cancel(CLIENT, 5), S_OK),
                does(SERVER, leave(2), S_OK),
                Waits(SERVER, cancel(WATCHDOG, 5)),
            ],
        ),
        row(
            "[ours]",
            "an interrupt handler",
            pending(),
            [interrupt(cancel(CLIENT, 5), S_OK), does(CLIENT, poll(1), RPC_S_CALLPENDING), DueIn(Some(5001))],
        ),
        row(
            "[ours]",
            "a port that has no way to wait",
            pending(),
            [does(WATCHDOG, cancel(CLIENT, 5), S_OK), does(CLIENT, Op::Wait { call: 1 }, E_NOTIMPL)],
        )
        .with(|config| config.port_waits = false),
        row(
            "[ours]",
            "the never-waiting form",
            pending(),
            [does(WATCHDOG, cancel_now(CLIENT, 5), S_OK), does(WATCHDOG, cancel(CLIENT, 5), RPC_E_CALL_CANCELED)],
        ),
        row(
            "[ours]",
            "the tick enforces the deadline",
            waited_for(),
            [
                does(WATCHDOG, cancel_now(CLIENT, 5), S_OK),
                WaitsOn(CLIENT),
                interrupt(Op::Tick, S_OK),
                DueIn(Some(5001)),
                pass(5001),
                interrupt(Op::Tick, S_OK),
                Wakes(&[Wake::Client(1)]),
                DueIn(None),
                Returns(CLIENT, RPC_E_CALL_CANCELED),
            ],
        ),
    ]);
}

#[test]
fn what_holds_after_it() {
    check([
        row(
            "[doc] [ours]",
            "the late result is thrown away: the server's side disposes of the record, once",
            served(),
            [
                does(WATCHDOG, cancel(CLIENT, 0), S_OK),
                does(CLIENT, finish(1), RPC_E_CALL_CANCELED),
                OwnedBy(Owner::None),
                does(SERVER, complete(1), RPC_E_CALL_CANCELED),
                OwnedBy(Owner::Server),
                does(SERVER, complete(1), E_UNEXPECTED),
                OwnedBy(Owner::None),
                does(SERVER, leave(1), S_OK),
                does(SERVER, complete(1), E_INVALIDARG),
            ],
        ),
        row(
            "[ours]",
            "cancelled before its server was entered: never entered",
            pending(),
            [
                does(WATCHDOG, cancel(CLIENT, 0), S_OK),
                does(SERVER, enter(1, 1), RPC_E_CALL_CANCELED),
                OwnedBy(Owner::Server),
                does(SERVER, Op::TestCurrent, RPC_E_CALL_COMPLETE),
                does(CLIENT, finish(1), RPC_E_CALL_CANCELED),
            ],
        ),
        row(
            "[win]",
            "a late reply never answers the next call",
            pending(),
            [
                does(WATCHDOG, cancel(CLIENT, 0), S_OK),
                does(CLIENT, finish(1), RPC_E_CALL_CANCELED),
                does(CLIENT, begin(2), S_OK),
                does(SERVER, complete(1), RPC_E_CALL_CANCELED),
                does(CLIENT, poll(2), RPC_S_CALLPENDING),
                does(SERVER, complete(2), S_OK),
                does(CLIENT, poll(2), S_OK),
            ],
        ),
        row(
            "[seed] [ours]",
            "two cancellers: one waits, the other gets RPC_E_CALL_CANCELED",
            pending(),
            [
                Waits(WATCHDOG, cancel(CLIENT, 5)),
                does(SECOND, cancel(CLIENT, 5), RPC_E_CALL_CANCELED),
                does(SERVER, complete(1), S_OK),
                Returns(WATCHDOG, RPC_E_CALL_COMPLETE),
            ],
        ),
    ]);
}
