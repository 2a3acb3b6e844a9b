/* Scenes of the server's side: what a method sees, and call contexts. SPDX-License-Identifier: MIT OR Apache-2.0 */
#include "demo.h"

static void seen_inside(void) {
    expect_of_server("CoTestCancel()", RPC_S_CALLPENDING);
    expect_of_server("CoGetCallContext(IID_ICancelMethodCalls)", S_OK);
    expect_of_server("TestCancel() of the context", RPC_S_CALLPENDING);
    expect_of_server("CoGetCallContext(an interface it does not know)", E_NOINTERFACE);
    expect_of_server("  and the out pointer is NULL", S_OK);
    expect_of_server("CoCancelCall(0, 0): this thread has no call out", E_NOINTERFACE);
    expect_of_server("CoSwitchCallContext(another one)", S_OK);
    expect_of_server("CoTestCancel() asks that one", E_NOTIMPL);
    expect_of_server("cocancel_test() asks the call all the same", RPC_S_CALLPENDING);
    expect_of_server("CoSwitchCallContext(one without ICancelMethodCalls)", S_OK);
    expect_of_server("CoTestCancel() cannot ask that one", E_NOINTERFACE);
    expect_of_server("CoSwitchCallContext(NULL)", S_OK);
    expect_of_server("CoTestCancel() without a context", RPC_E_CALL_COMPLETE);
    expect_of_server("CoSwitchCallContext(the standard one)", S_OK);
    expect_of_server("CoTestCancel() asks it again", RPC_S_CALLPENDING);
}

static void inside(void) {
    struct client client = {.method = RPC_INSIDE, .argument = 0, .enabled = 1, .expected = S_OK};
    client_start_entered(&client);
    expect("CoCancelCall(client, infinite)", co_cancel_call(client.thread, RPC_C_CANCEL_INFINITE_TIMEOUT), RPC_E_CALL_COMPLETE);
    client_join(&client);
    say("and what the server's method saw meanwhile:");
    seen_inside();
    expect_of_server("CoTestCancel() once the client has asked", RPC_E_CALL_CANCELED);
    expect_of_server("TestCancel() of the context", RPC_E_CALL_CANCELED);
}

static void cancels_itself(void) {
    struct client client = {.method = RPC_INSIDE, .argument = INSIDE_CANCELS_ITSELF, .expected = S_OK};
    client_start(&client);
    client_join(&client);
    say("and what the server's method did meanwhile:");
    seen_inside();
    expect_of_server("Cancel(3600) of the call that it is serving: does not wait", S_OK);
    expect_of_server("CoTestCancel()", RPC_E_CALL_CANCELED);
    expect_of_server("Cancel(7200): later", RPC_E_CALL_CANCELED);
}

static void served_here(void) {
    cocancel_call outer, inner, outer_frame, inner_frame;
    struct custom custom = custom_object(S_OK);
    IUnknown *old = NULL;
    expect("cocancel_serve, twice", cocancel_serve(NULL, NULL, &outer) | cocancel_serve(NULL, NULL, &inner), S_OK);
    expect("cocancel_enter(outer)", cocancel_enter(NULL, outer, &outer_frame, NULL), S_OK);
    expect("CoSwitchCallContext(custom)", CoSwitchCallContext((IUnknown *)&custom, &old), S_OK);
    expect("CoTestCancel() asks it", CoTestCancel(), E_NOTIMPL);
    expect("cocancel_enter(inner): a call nested in it comes in", cocancel_enter(NULL, inner, &inner_frame, NULL), S_OK);
    expect("CoTestCancel(): the custom context does not show", CoTestCancel(), RPC_S_CALLPENDING);
    expect("cocancel_leave(outer): not the innermost", cocancel_leave(NULL, outer_frame), E_UNEXPECTED);
    expect("cocancel_leave(inner)", cocancel_leave(NULL, inner_frame), S_OK);
    expect("CoTestCancel(): it is current again", CoTestCancel(), E_NOTIMPL);
    expect("cocancel_cancel_call(inner, 0)", cocancel_cancel_call(NULL, inner, 0, 0), S_OK);
    expect("cocancel_cancel_call(outer, 1 h): served on this thread, does not wait", cocancel_cancel_call(NULL, outer, 3600000, 0), S_OK);
    expect("cocancel_test()", cocancel_test(NULL), RPC_E_CALL_CANCELED);
    expect("cocancel_leave(outer)", cocancel_leave(NULL, outer_frame), S_OK);
    expect("CoTestCancel(): the custom context has ended with its call", CoTestCancel(), RPC_E_CALL_COMPLETE);
    expect("cocancel_complete(outer): in time", cocancel_complete(NULL, outer, NULL), S_OK);
    expect("cocancel_complete(inner): too late", cocancel_complete(NULL, inner, NULL), RPC_E_CALL_CANCELED);
    expect_true("no reference to the custom context was taken", atomic_load(&custom.references) == 1);
}

static void contexts(void) {
    struct custom custom = custom_object(S_OK);
    IUnknown *old = (IUnknown *)&custom;
    void *out = &out;
    expect("CoTestCancel(): no call is served here", CoTestCancel(), RPC_E_CALL_COMPLETE);
    expect("CoGetCallContext(IID_IUnknown)", CoGetCallContext(&IID_IUnknown, &out), RPC_E_CALL_COMPLETE);
    expect_true("  which gives NULL", out == NULL);
    expect("CoSwitchCallContext(custom)", CoSwitchCallContext((IUnknown *)&custom, &old), S_OK);
    expect_true("  there was none before, and no reference is taken", old == NULL && atomic_load(&custom.references) == 1);
    expect("CoTestCancel() asks it", CoTestCancel(), E_NOTIMPL);
    expect("CoGetCallContext(IID_IUnknown)", CoGetCallContext(&IID_IUnknown, &out), S_OK);
    expect_true("  which gives it, with a reference", out == &custom && atomic_load(&custom.references) == 2);
    custom.lpVtbl->Release((ICancelMethodCalls *)&custom);
    custom.query = E_NOINTERFACE;
    expect("CoTestCancel(): it has no ICancelMethodCalls", CoTestCancel(), E_NOINTERFACE);
    expect("CoSwitchCallContext(NULL, NULL)", CoSwitchCallContext(NULL, NULL), E_INVALIDARG);
    expect("CoSwitchCallContext(NULL)", CoSwitchCallContext(NULL, &old), S_OK);
    expect_true("  it comes back, without a reference", old == (IUnknown *)&custom && atomic_load(&custom.references) == 1);
    expect("CoGetCallContext(NULL, NULL): the IID is checked first", CoGetCallContext(NULL, NULL), E_INVALIDARG);
    expect("CoGetCallContext(IID_IUnknown, NULL)", CoGetCallContext(&IID_IUnknown, NULL), E_POINTER);
}

const struct scene serving_scenes[] = {
    {"inside", "CoTestCancel, CoGetCallContext and CoSwitchCallContext in a served call, before and after its client asks [doc]", inside},
    {"cancels-itself", "a method cancels the call that it is serving: no waiting, that could not work [ours]", cancels_itself},
    {"served-here", "a context switched in never shows in a call nested in this one, and is current again afterwards [ours]", served_here},
    {"contexts", "call contexts outside of a call; bad pointers [doc] [win] [ours]", contexts},
    {0},
};
