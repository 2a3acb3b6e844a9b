//! Bad input.

use cocancel_model::hresult::*;
use cocancel_model::*;

use crate::script::*;

#[test]
fn bad_input() {
    check([
        row(
            "[ours]",
            "a handle that was never given, or is stale",
            nothing(),
            [
                does(CLIENT, poll(9), E_INVALIDARG),
                does(CLIENT, Op::Wait { call: 9 }, E_INVALIDARG),
                does(CLIENT, finish(9), E_INVALIDARG),
                does(CLIENT, enter(9, 1), E_INVALIDARG),
                does(CLIENT, complete(9), E_INVALIDARG),
                does(CLIENT, abandon(9, E_FAIL), E_INVALIDARG),
                does(CLIENT, cancel_handle(9, 0), E_INVALIDARG),
                does(CLIENT, object_of(9, 1), E_INVALIDARG),
            ],
        ),
        row(
            "[ours]",
            "finishing someone else's call, or twice",
            pending(),
            [
                does(WATCHDOG, finish(1), E_INVALIDARG),
                does(CLIENT, finish(1), RPC_E_CALL_CANCELED),
                does(CLIENT, finish(1), E_INVALIDARG),
                does(SERVER, complete(1), RPC_E_CALL_CANCELED),
            ],
        ),
        row(
            "[ours]",
            "finishing someone else's call that took no slot, or twice",
            vec![does(CLIENT, begin(1), CO_E_CANCEL_DISABLED), does(WATCHDOG, Op::Enable, S_OK)],
            [
                does(WATCHDOG, finish(1), E_INVALIDARG),
                does(CLIENT, finish(1), S_OK),
                does(CLIENT, finish(1), E_INVALIDARG),
            ],
        ),
        row(
            "[ours]",
            "a call whose client is elsewhere has no client here",
            vec![does(SERVER, Op::Serve { call: 1 }, S_OK)],
            [
                does(SERVER, poll(1), E_INVALIDARG),
                does(SERVER, Op::Wait { call: 1 }, E_INVALIDARG),
                does(SERVER, finish(1), E_INVALIDARG),
            ],
        ),
        row(
            "[ours]",
            "an interrupt handler uses what belongs to a thread",
            nothing(),
            [
                interrupt(Op::Enable, E_UNEXPECTED),
                interrupt(begin(1), E_UNEXPECTED),
                interrupt(Op::ThreadExit, E_UNEXPECTED),
            ],
        ),
        row(
            "[ours]",
            "deinit while something is in use",
            pending(),
            [
                does(CLIENT, Op::Deinit, E_ACCESSDENIED),
                does(CLIENT, finish(1), RPC_E_CALL_CANCELED),
                does(CLIENT, Op::Deinit, E_ACCESSDENIED),
                does(SERVER, complete(1), RPC_E_CALL_CANCELED),
                does(SERVER, Op::Deinit, E_ACCESSDENIED),
                does(CLIENT, Op::Deinit, S_OK),
            ],
        ),
        row(
            "[ours]",
            "deinit while a custom object is registered",
            vec![does(CLIENT, Op::SetCancelObject(PLAIN), S_OK)],
            [
                does(CLIENT, Op::Deinit, E_ACCESSDENIED),
                does(CLIENT, Op::UnsetCancelObject, S_OK),
                does(CLIENT, Op::Deinit, S_OK),
            ],
        ),
        row(
            "[ours]",
            "before initialisation: E_UNEXPECTED; twice: E_UNEXPECTED",
            vec![does(CLIENT, Op::Enable, S_OK), does(CLIENT, Op::Deinit, S_OK)],
            [
                does(CLIENT, Op::Enable, E_UNEXPECTED),
                does(CLIENT, cancel(OWN, 0), E_UNEXPECTED),
                does(CLIENT, Op::TestCurrent, E_UNEXPECTED),
                does(CLIENT, Op::Tick, E_UNEXPECTED),
                does(CLIENT, Op::Deinit, E_UNEXPECTED),
                does(CLIENT, Op::Init, S_OK),
                does(CLIENT, Op::Init, E_UNEXPECTED),
                does(CLIENT, Op::Disable, CO_E_CANCEL_DISABLED),
            ],
        ),
    ]);
}
