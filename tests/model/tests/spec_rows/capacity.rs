//! Capacity: N succeed, N + 1 does not, and everything released can be used again.

use cocancel_model::hresult::*;
use cocancel_model::*;

use crate::script::*;

fn small(config: &mut Config) {
    config.shared_calls = 1;
}

#[test]
fn call_slots() {
    check([
        row(
            "[ours]",
            "the home slot first, then a shared one, then a barrier",
            pending(),
            [
                SharedInUse(0),
                does(CLIENT, begin(2), S_OK),
                SharedInUse(1),
                does(CLIENT, begin(3), E_OUTOFMEMORY),
                does(CLIENT, finish(3), S_OK),
                does(CLIENT, finish(2), RPC_E_CALL_CANCELED),
                SharedInUse(1),
                does(SERVER, complete(2), RPC_E_CALL_CANCELED),
                SharedInUse(0),
                does(CLIENT, begin(4), S_OK),
            ],
        )
        .with(small),
        row(
            "[ours]",
            "a home slot that is still pinned: a shared one",
            pending(),
            [
                does(CLIENT, finish(1), RPC_E_CALL_CANCELED),
                does(CLIENT, begin(2), S_OK),
                SharedInUse(1),
                does(SERVER, complete(1), RPC_E_CALL_CANCELED),
                does(CLIENT, begin(3), S_OK),
                SharedInUse(1),
            ],
        )
        .with(small),
        row(
            "[ours]",
            "without home slots",
            vec![does(CLIENT, Op::Enable, S_OK)],
            [does(CLIENT, begin(1), S_OK), SharedInUse(1), does(CLIENT, begin(2), E_OUTOFMEMORY)],
        )
        .with(|config| {
            config.shared_calls = 1;
            config.home_slots = false;
        }),
        row(
            "[ours]",
            "a slot stays in use while an object reference, a frame or a waiting canceller holds it",
            vec![does(CLIENT, begin_async(1, None), S_OK), does(CLIENT, object_of(1, 1), S_OK)],
            [
                does(SERVER, enter(1, 1), S_OK),
                Waits(WATCHDOG, cancel_object(1, 5)),
                does(SERVER, complete(1), S_OK),
                does(CLIENT, finish(1), S_OK),
                does(CLIENT, release(1), S_OK),
                SharedInUse(1),
                does(SERVER, leave(1), S_OK),
                SharedInUse(1),
                Returns(WATCHDOG, RPC_E_CALL_COMPLETE),
                SharedInUse(0),
            ],
        )
        .with(small),
        row(
            "[ours]",
            "asynchronous and served calls take shared slots only",
            vec![does(CLIENT, begin_async(1, None), S_OK)],
            [
                does(CLIENT, begin_async(2, None), E_OUTOFMEMORY),
                does(CLIENT, Op::Serve { call: 3 }, E_OUTOFMEMORY),
                does(CLIENT, Op::SetCancelObject(PLAIN), E_OUTOFMEMORY),
                does(CLIENT, finish(2), S_OK),
                does(SERVER, enter(3, 3), S_OK),
                does(SERVER, Op::TestCurrent, RPC_S_CALLPENDING),
                does(SERVER, complete(3), S_OK),
                does(SERVER, leave(3), S_OK),
            ],
        )
        .with(small),
        row(
            "[ours]",
            "a marker that is served takes a shared slot for its frame, or only counts",
            vec![does(CLIENT, begin(1), CO_E_CANCEL_DISABLED)],
            [
                does(SERVER, enter(1, 1), S_OK),
                SharedInUse(1),
                does(SERVER, switch_to(Some(Object::Custom(ODD))), S_OK),
                OldContext(Some(Object::ServedMarker(1))),
                does(CLIENT, begin(2), CO_E_CANCEL_DISABLED),
                does(SERVER, enter(2, 2), S_OK),
                does(SERVER, Op::TestCurrent, RPC_S_CALLPENDING),
                does(SERVER, switch_to(None), E_OUTOFMEMORY),
                does(SERVER, get_context(1), E_OUTOFMEMORY),
                does(SERVER, leave(1), E_UNEXPECTED),
                does(SERVER, leave(2), S_OK),
                does(SERVER, Op::TestCurrent, RPC_E_CALL_CANCELED),
                does(SERVER, leave(1), S_OK),
                SharedInUse(0),
            ],
        )
        .with(small),
        row(
            "[ours]",
            "the context of a served marker is an object that cannot cancel",
            vec![does(CLIENT, begin(1), CO_E_CANCEL_DISABLED)],
            [
                does(SERVER, enter(1, 1), S_OK),
                does(SERVER, get_context(1), S_OK),
                does(SERVER, leave(1), S_OK),
                SharedInUse(1),
                does(SERVER, cancel_object(1, 0), CO_E_CANCEL_DISABLED),
                does(SERVER, test_object(1), RPC_S_CALLPENDING),
                does(SERVER, release(1), S_OK),
                SharedInUse(0),
            ],
        ),
    ]);
}

#[test]
fn markers_and_threads() {
    check([
        row(
            "[ours]",
            "more markers in a row than can be counted: untracked",
            vec![does(CLIENT, begin(1), CO_E_CANCEL_DISABLED)],
            [
                does(CLIENT, begin(2), CO_E_CANCEL_DISABLED),
                does(CLIENT, begin(3), E_OUTOFMEMORY),
                does(CLIENT, Op::Wait { call: 3 }, E_OUTOFMEMORY),
                does(WATCHDOG, cancel_handle(3, 0), E_NOINTERFACE),
                does(WATCHDOG, cancel(CLIENT, 0), CO_E_CANCEL_DISABLED),
                does(CLIENT, finish(3), S_OK),
                does(CLIENT, begin_with_slot(4), S_OK),
                does(CLIENT, begin(5), CO_E_CANCEL_DISABLED),
            ],
        )
        .with(|config| config.markers_in_a_row = 2),
        row(
            "[ours]",
            "no thread slot: the call is untracked, and everything else goes on",
            vec![does(WATCHDOG, Op::Enable, S_OK)],
            [
                does(CLIENT, begin_with_slot(1), E_OUTOFMEMORY),
                does(CLIENT, begin(2), E_OUTOFMEMORY),
                does(WATCHDOG, cancel(CLIENT, 0), E_NOINTERFACE),
                does(SERVER, enter(1, 1), S_OK),
                does(SERVER, Op::TestCurrent, RPC_E_CALL_COMPLETE),
                does(SERVER, complete(1), S_OK),
                does(SERVER, leave(1), S_OK),
                does(CLIENT, finish(1), S_OK),
                does(CLIENT, finish(2), S_OK),
                does(CLIENT, Op::SetCancelObject(PLAIN), E_OUTOFMEMORY),
                does(CLIENT, switch_to(None), E_OUTOFMEMORY),
                does(WATCHDOG, begin(3), S_OK),
                does(SERVER, enter(3, 3), S_OK),
                does(SERVER, leave(3), S_OK),
                does(SERVER, complete(3), S_OK),
            ],
        )
        .with(|config| config.threads = 1),
    ]);
}
