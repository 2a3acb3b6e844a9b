//! Enabling.

use cocancel_model::hresult::*;
use cocancel_model::*;

use crate::script::*;

#[test]
fn enabling() {
    check([
        row(
            "[doc] [win]",
            "disabled on every thread at first",
            nothing(),
            [does(CLIENT, begin(1), CO_E_CANCEL_DISABLED), does(WATCHDOG, cancel(CLIENT, 0), CO_E_CANCEL_DISABLED)],
        ),
        row(
            "[doc]",
            "Enable and Disable act on the calling thread only",
            vec![does(CLIENT, Op::Enable, S_OK)],
            [
                does(WATCHDOG, Op::Disable, CO_E_CANCEL_DISABLED),
                does(WATCHDOG, begin(1), CO_E_CANCEL_DISABLED),
                does(CLIENT, begin(2), S_OK),
            ],
        ),
        row(
            "[win]",
            "enable, disable, disable",
            nothing(),
            [
                does(CLIENT, Op::Enable, S_OK),
                does(CLIENT, Op::Disable, S_OK),
                does(CLIENT, Op::Disable, CO_E_CANCEL_DISABLED),
            ],
        ),
        row(
            "[win]",
            "they nest: enable twice, disable twice, and a third",
            nothing(),
            [
                does(CLIENT, Op::Enable, S_OK),
                does(CLIENT, Op::Enable, S_OK),
                does(CLIENT, Op::Disable, S_OK),
                does(CLIENT, begin(1), S_OK),
                does(CLIENT, Op::Disable, S_OK),
                does(CLIENT, begin(2), CO_E_CANCEL_DISABLED),
                does(CLIENT, Op::Disable, CO_E_CANCEL_DISABLED),
            ],
        ),
        row(
            "[win]",
            "nothing to balance: the counter stays 0",
            vec![does(CLIENT, Op::Disable, CO_E_CANCEL_DISABLED)],
            [does(CLIENT, Op::Enable, S_OK), does(CLIENT, begin(1), S_OK)],
        ),
        row(
            "[ours]",
            "the counter ends with the thread, also when its id comes back",
            vec![does(CLIENT, Op::Enable, S_OK), does(CLIENT, Op::ThreadExit, S_OK)],
            [does(CLIENT, begin(1), CO_E_CANCEL_DISABLED), does(CLIENT, Op::Disable, CO_E_CANCEL_DISABLED)],
        ),
        row(
            "[doc]",
            "pReserved other than NULL: E_INVALIDARG, nothing changed",
            nothing(),
            [
                does(CLIENT, Op::Malformed(Malformed::EnableReserved), E_INVALIDARG),
                does(CLIENT, Op::Disable, CO_E_CANCEL_DISABLED),
                does(CLIENT, Op::Enable, S_OK),
                does(CLIENT, Op::Malformed(Malformed::DisableReserved), E_INVALIDARG),
                does(CLIENT, Op::Disable, S_OK),
            ],
        ),
        row(
            "[ours]",
            "no room for another thread: E_OUTOFMEMORY, nothing changed",
            vec![does(CLIENT, Op::Enable, S_OK)],
            [
                does(SERVER, Op::Enable, E_OUTOFMEMORY),
                does(CLIENT, Op::ThreadExit, S_OK),
                does(SERVER, Op::Disable, CO_E_CANCEL_DISABLED),
                does(SERVER, Op::Enable, S_OK),
            ],
        )
        .with(|config| config.threads = 1),
        row(
            "[ours]",
            "counter at its maximum: E_FAIL, nothing changed",
            vec![does(CLIENT, Op::Enable, S_OK), does(CLIENT, Op::Enable, S_OK)],
            [
                does(CLIENT, Op::Enable, E_FAIL),
                does(CLIENT, Op::Disable, S_OK),
                does(CLIENT, Op::Disable, S_OK),
                does(CLIENT, Op::Disable, CO_E_CANCEL_DISABLED),
            ],
        )
        .with(|config| config.enable_max = 2),
    ]);
}

#[test]
fn what_the_enable_state_decides() {
    check([
        row(
            "[doc]",
            "fixed when the call begins: disabling later does not touch it",
            pending(),
            [does(CLIENT, Op::Disable, S_OK), does(WATCHDOG, cancel(CLIENT, 0), S_OK)],
        ),
        row(
            "[doc]",
            "fixed when the call begins: enabling later does not touch it",
            vec![does(CLIENT, begin(1), CO_E_CANCEL_DISABLED)],
            [does(CLIENT, Op::Enable, S_OK), does(WATCHDOG, cancel(CLIENT, 0), CO_E_CANCEL_DISABLED)],
        ),
        row(
            "[ours]",
            "a custom object: fixed when it is registered",
            vec![does(CLIENT, Op::SetCancelObject(PLAIN), S_OK), does(CLIENT, Op::Enable, S_OK)],
            [
                does(WATCHDOG, cancel(CLIENT, 0), CO_E_CANCEL_DISABLED),
                CustomCancel(None),
                does(WATCHDOG, get(CLIENT, 1), CO_E_CANCEL_DISABLED),
                does(CLIENT, Op::SetCancelObject(ODD), S_OK),
                does(CLIENT, Op::Disable, S_OK),
                does(WATCHDOG, cancel(CLIENT, 0), E_FAIL),
            ],
        ),
        row(
            "[wil]",
            "the canceller needs no thread slot of its own",
            vec![does(CLIENT, Op::Enable, S_OK), does(CLIENT, begin(1), S_OK)],
            [Waits(WATCHDOG, cancel(CLIENT, 5)), does(SECOND, cancel(CLIENT, 0), RPC_E_CALL_CANCELED)],
        )
        .with(|config| config.threads = 1),
        row(
            "[win]",
            "the host cancels a call that it holds, whatever the enable state",
            vec![
                does(CLIENT, begin_with_slot(1), S_OK),
                does(SERVER, enter(1, 1), S_OK),
                Waits(CLIENT, Op::Wait { call: 1 }),
            ],
            [
                does(WATCHDOG, cancel(CLIENT, 0), CO_E_CANCEL_DISABLED),
                does(SERVER, Op::TestCurrent, RPC_S_CALLPENDING),
                does(WATCHDOG, cancel_handle(1, 0), S_OK),
                Wakes(&[Wake::Client(1)]),
                Returns(CLIENT, RPC_E_CALL_CANCELED),
                does(SERVER, Op::TestCurrent, RPC_E_CALL_CANCELED),
                does(CLIENT, finish(1), RPC_E_CALL_CANCELED),
                does(CLIENT, begin_with_slot(2), S_OK),
                does(SERVER, complete(1), RPC_E_CALL_CANCELED),
                OwnedBy(Owner::Server),
                does(CLIENT, poll(2), RPC_S_CALLPENDING),
                does(SECOND, complete(2), S_OK),
                does(CLIENT, finish(2), S_OK),
            ],
        ),
        row(
            "[ours]",
            "a disabled call that took no slot cannot be cancelled by handle either",
            vec![does(CLIENT, begin(1), CO_E_CANCEL_DISABLED)],
            [does(WATCHDOG, cancel_handle(1, 0), CO_E_CANCEL_DISABLED)],
        ),
    ]);
}
