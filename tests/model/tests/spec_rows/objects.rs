//! Cancel objects: references to standard ones.

use cocancel_model::hresult::*;
use cocancel_model::*;

use crate::script::*;

#[test]
fn co_get_cancel_object() {
    check([
        row(
            "[doc]",
            "the reference stays good after the call has ended and after its thread has gone",
            pending(),
            [
                does(WATCHDOG, get(CLIENT, 1), S_OK),
                does(SERVER, complete(1), S_OK),
                does(CLIENT, finish(1), S_OK),
                does(CLIENT, Op::ThreadExit, S_OK),
                does(WATCHDOG, cancel_object(1, 0), RPC_E_CALL_COMPLETE),
                does(WATCHDOG, test_object(1), RPC_S_CALLPENDING),
                does(WATCHDOG, release(1), S_OK),
            ],
        ),
        row(
            "[doc]",
            "the reference of a call that was cancelled",
            pending(),
            [
                does(WATCHDOG, get(CLIENT, 1), S_OK),
                does(CLIENT, Op::ThreadExit, S_OK),
                Requested(&[1]),
                does(SERVER, complete(1), RPC_E_CALL_CANCELED),
                does(WATCHDOG, cancel_object(1, 0), RPC_E_CALL_CANCELED),
                does(WATCHDOG, test_object(1), RPC_E_CALL_CANCELED),
            ],
        ),
        row(
            "[ours]",
            "ppUnk NULL or riid NULL: E_INVALIDARG",
            pending(),
            [
                does(CLIENT, bad_get(false, true), E_INVALIDARG),
                does(CLIENT, bad_get(true, false), E_INVALIDARG),
                does(CLIENT, bad_get(true, true), E_INVALIDARG),
            ],
        ),
        row(
            "[ours]",
            "unsupported iid: E_NOINTERFACE",
            pending(),
            [
                does(CLIENT, get_as(Iid::Other, 1), E_NOINTERFACE),
                does(CLIENT, get_as(Iid::Unknown, 2), S_OK),
                does(CLIENT, get_as(Iid::CancelMethodCalls, 3), S_OK),
            ],
        ),
        row(
            "[COM rules]",
            "QueryInterface: symmetric, and each reference is its own",
            pending(),
            [
                does(CLIENT, get_as(Iid::Unknown, 1), S_OK),
                does(CLIENT, query(1, Iid::CancelMethodCalls, 2), S_OK),
                does(CLIENT, query(2, Iid::Unknown, 3), S_OK),
                does(CLIENT, query(2, Iid::Other, 4), E_NOINTERFACE),
                does(SERVER, complete(1), S_OK),
                does(CLIENT, finish(1), S_OK),
                does(CLIENT, release(1), S_OK),
                does(CLIENT, release(3), S_OK),
                does(CLIENT, object_of(1, 5), S_OK),
                does(CLIENT, release(5), S_OK),
                does(CLIENT, release(2), S_OK),
                does(CLIENT, object_of(1, 6), E_INVALIDARG),
            ],
        ),
        row(
            "[ours]",
            "the object of a call that took no slot",
            vec![does(CLIENT, begin(1), CO_E_CANCEL_DISABLED)],
            [does(CLIENT, object_of(1, 1), E_NOINTERFACE), does(CLIENT, object_of(9, 1), E_INVALIDARG)],
        ),
    ]);
}

fn bad_get(riid_null: bool, out_null: bool) -> Op {
    Op::Malformed(Malformed::GetCancelObject { riid_null, out_null })
}

fn get_as(iid: Iid, reference: ReferenceId) -> Op {
    Op::GetCancelObject { thread: OWN, iid, reference }
}

fn query(reference: ReferenceId, iid: Iid, new: ReferenceId) -> Op {
    Op::Query { reference, iid, new }
}
