//! The end of a thread.

use cocancel_model::hresult::*;
use cocancel_model::*;

use crate::script::*;

#[test]
fn thread_exit() {
    check([
        row(
            "[ours]",
            "its pending calls are given up",
            served(),
            [
                Waits(WATCHDOG, cancel(CLIENT, 5)),
                does(CLIENT, Op::ThreadExit, S_OK),
                Wakes(&[Wake::Canceller(1)]),
                Orphaned(&[]),
                Returns(WATCHDOG, S_OK),
                does(WATCHDOG, cancel(CLIENT, 0), E_NOINTERFACE),
                does(SERVER, Op::TestCurrent, RPC_E_CALL_CANCELED),
                does(SERVER, complete(1), RPC_E_CALL_CANCELED),
                OwnedBy(Owner::Server),
            ],
        ),
        row(
            "[ours]",
            "a result that its client will never read goes to the orphaned hook",
            pending(),
            [does(SERVER, complete(1), S_OK), does(CLIENT, Op::ThreadExit, S_OK), Orphaned(&[1]), Requested(&[])],
        ),
        row(
            "[ours]",
            "a call that CoSetCancelObject(NULL) unlinked goes with its thread too",
            pending(),
            [
                does(SERVER, complete(1), S_OK),
                does(CLIENT, Op::UnsetCancelObject, S_OK),
                does(CLIENT, Op::ThreadExit, S_OK),
                Orphaned(&[1]),
                does(SERVER, complete(1), E_INVALIDARG),
            ],
        ),
        row(
            "[ours]",
            "a call that it serves fails with RPC_E_SERVER_DIED",
            served(),
            [
                Waits(CLIENT, Op::Wait { call: 1 }),
                does(SERVER, Op::ThreadExit, S_OK),
                Wakes(&[Wake::Client(1)]),
                Orphaned(&[]),
                Returns(CLIENT, RPC_E_SERVER_DIED),
                does(CLIENT, finish(1), RPC_E_SERVER_DIED),
                OwnedBy(Owner::Client),
                does(SERVER, complete(1), E_INVALIDARG),
            ],
        ),
        row(
            "[ours]",
            "a call that it serves and whose client has gone: the orphaned hook",
            served(),
            [
                does(WATCHDOG, cancel(CLIENT, 0), S_OK),
                does(CLIENT, finish(1), RPC_E_CALL_CANCELED),
                does(SERVER, Op::ThreadExit, S_OK),
                Orphaned(&[1]),
                does(SERVER, complete(1), E_INVALIDARG),
            ],
        ),
        row(
            "[ours]",
            "a call that it has completed and not left: only left",
            served(),
            [
                does(SERVER, complete(1), S_OK),
                does(SERVER, Op::ThreadExit, S_OK),
                Orphaned(&[]),
                does(CLIENT, finish(1), S_OK),
            ],
        ),
        row(
            "[ours]",
            "a call whose client is elsewhere: the orphaned hook",
            vec![does(SERVER, Op::Serve { call: 1 }, S_OK), does(SERVER, enter(1, 1), S_OK)],
            [does(SERVER, Op::ThreadExit, S_OK), Orphaned(&[1]), SharedInUse(0)],
        ),
        row(
            "[ours]",
            "client and server of the same call: one record, one orphan",
            pending(),
            [does(CLIENT, enter(1, 1), S_OK), does(CLIENT, Op::ThreadExit, S_OK), Orphaned(&[1])],
        ),
        row(
            "[ours]",
            "registered custom objects are released, asynchronous calls stay",
            vec![does(CLIENT, Op::Enable, S_OK), does(CLIENT, begin_async(1, None), S_OK)],
            [
                does(CLIENT, Op::SetCancelObject(ODD), S_OK),
                does(CLIENT, Op::SetCancelObject(PLAIN), S_OK),
                does(CLIENT, Op::ThreadExit, S_OK),
                Released(&[PLAIN, ODD]),
                does(WATCHDOG, poll(1), RPC_S_CALLPENDING),
            ],
        ),
        row(
            "[ours]",
            "its id comes back: nothing of the dead thread shows",
            pending(),
            [
                does(CLIENT, Op::ThreadExit, S_OK),
                does(CLIENT, Op::Enable, S_OK),
                does(WATCHDOG, cancel(CLIENT, 0), E_NOINTERFACE),
                does(CLIENT, finish(1), E_INVALIDARG),
            ],
        ),
        row("[ours]", "a thread that never attached", nothing(), [does(CLIENT, Op::ThreadExit, S_OK)]),
    ]);
}
