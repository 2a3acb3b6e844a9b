//! Cancel objects: the registration of custom ones.

use cocancel_model::hresult::*;
use cocancel_model::*;

use crate::script::*;

#[test]
fn co_set_cancel_object() {
    check([
        row(
            "[doc]",
            "registered on top, with one reference, until it is unregistered",
            pending(),
            [
                does(CLIENT, Op::SetCancelObject(ODD), S_OK),
                References(ODD, 1),
                does(WATCHDOG, cancel(CLIENT, 0), E_FAIL),
                does(CLIENT, Op::UnsetCancelObject, S_OK),
                Released(&[ODD]),
                References(ODD, 0),
                does(WATCHDOG, cancel(CLIENT, 0), S_OK),
            ],
        ),
        row(
            "[doc]",
            "a stack: NULL unregisters the topmost; the same object may come twice",
            vec![does(CLIENT, Op::Enable, S_OK)],
            [
                does(CLIENT, Op::SetCancelObject(PLAIN), S_OK),
                does(CLIENT, Op::SetCancelObject(ODD), S_OK),
                does(CLIENT, Op::SetCancelObject(PLAIN), S_OK),
                References(PLAIN, 2),
                SharedInUse(3),
                does(CLIENT, Op::UnsetCancelObject, S_OK),
                Released(&[PLAIN]),
                does(WATCHDOG, cancel(CLIENT, 0), E_FAIL),
                does(CLIENT, Op::UnsetCancelObject, S_OK),
                Released(&[ODD]),
                does(WATCHDOG, cancel(CLIENT, 0), S_OK),
                does(CLIENT, Op::UnsetCancelObject, S_OK),
                SharedInUse(0),
            ],
        ),
        row(
            "[doc]",
            "refused by QueryInterface: E_NOINTERFACE, nothing registered",
            vec![does(CLIENT, Op::Enable, S_OK)],
            [
                does(CLIENT, Op::SetCancelObject(MUTE), E_NOINTERFACE),
                References(MUTE, 0),
                does(WATCHDOG, cancel(CLIENT, 0), E_NOINTERFACE),
                does(CLIENT, Op::UnsetCancelObject, E_UNEXPECTED),
            ],
        ),
        row(
            "[ours]",
            "nothing to unregister: E_UNEXPECTED",
            nothing(),
            [
                does(CLIENT, Op::UnsetCancelObject, E_UNEXPECTED),
                does(CLIENT, Op::Enable, S_OK),
                does(CLIENT, Op::UnsetCancelObject, E_UNEXPECTED),
            ],
        ),
        row(
            "[doc] [ours]",
            "refused while the topmost is a standard object whose call is pending",
            vec![
                does(CLIENT, Op::Enable, S_OK),
                does(CLIENT, Op::SetCancelObject(ODD), S_OK),
                does(CLIENT, begin(1), S_OK),
            ],
            [
                does(CLIENT, Op::UnsetCancelObject, E_ACCESSDENIED),
                Released(&[]),
                does(SERVER, complete(1), S_OK),
                does(CLIENT, Op::UnsetCancelObject, S_OK),
                Released(&[]),
                does(WATCHDOG, cancel(CLIENT, 0), E_FAIL),
                does(CLIENT, finish(1), S_OK),
                OwnedBy(Owner::Client),
                does(CLIENT, Op::UnsetCancelObject, S_OK),
                Released(&[ODD]),
            ],
        ),
        row(
            "[ours]",
            "refused while the topmost is a call that took no slot",
            vec![does(CLIENT, begin(1), CO_E_CANCEL_DISABLED)],
            [
                does(CLIENT, Op::UnsetCancelObject, E_ACCESSDENIED),
                does(CLIENT, finish(1), S_OK),
                does(CLIENT, Op::UnsetCancelObject, E_UNEXPECTED),
            ],
        ),
        row(
            "[ours]",
            "no slot for it: E_OUTOFMEMORY, nothing registered, and the outer call is still found",
            pending(),
            [
                does(CLIENT, Op::SetCancelObject(PLAIN), E_OUTOFMEMORY),
                References(PLAIN, 0),
                does(WATCHDOG, cancel(CLIENT, 0), S_OK),
            ],
        )
        .with(|config| config.shared_calls = 0),
        row(
            "[ours]",
            "a reference outlives the registration and the thread",
            vec![does(CLIENT, Op::Enable, S_OK), does(CLIENT, Op::SetCancelObject(ODD), S_OK)],
            [
                does(WATCHDOG, get(CLIENT, 1), S_OK),
                does(CLIENT, Op::ThreadExit, S_OK),
                Released(&[ODD]),
                References(ODD, 1),
                does(WATCHDOG, cancel_object(1, 3), E_FAIL),
                does(WATCHDOG, test_object(1), RPC_E_CALL_CANCELED),
                does(WATCHDOG, release(1), S_OK),
                References(ODD, 0),
                does(WATCHDOG, cancel(CLIENT, 0), E_NOINTERFACE),
            ],
        ),
    ]);
}
