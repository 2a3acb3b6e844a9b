/* The channel: a call from its beginning to its end, on its client's side and on its server's. SPDX-License-Identifier: MIT OR Apache-2.0 */
#include "internal.h"

/* What the client keeps of its call while it waits: the record may be the server's any time. It keeps the apartment, too: what is dispatched meanwhile
   may give that up. */
typedef struct waiting {
    struct waiting *outer; /* of the same thread */
    apartment *apartment;
    cocancel_call handle;
    HANDLE done; /* as in the record */
} waiting;

/* ---- the server's side ---- */

void call_end(call *call, HRESULT failure) {
    HRESULT hr;
    if (call->done) { /* by the runtime's own means: the client waits for this, and then frees the record */
        if (FAILED(failure)) call->hr = failure;
        SetEvent(call->done);
        return;
    }
    hr = FAILED(failure) ? cocancel_abandon(NULL, call->handle, failure, NULL) : cocancel_complete(NULL, call->handle, NULL);
    if (hr == COCANCEL_RPC_E_CALL_CANCELED) give_back(call); /* the client went before: the record is ours */
}

void call_serve(block *mine, call *call) {
    cocancel_call frame;
    if (cocancel_enter(NULL, call->handle, &frame, NULL) != COCANCEL_S_OK) {
        give_back(call); /* cancelled in the queue; that was its completion */
        return;
    }
    call->next = mine->serving;
    mine->serving = call;
    call->hr = call->method(call->argument, &call->result);
    mine->serving = call->next;
    cocancel_leave(NULL, frame);
    call_end(call, S_OK);
}

/* The methods will not return. Calls that the library tracks it fails itself, in cocancel_thread_exit; until then their records are the server's. */
void call_thread_detach(void) {
    block *mine = port_known();
    call *served;
    if (!mine) return;
    while ((served = mine->serving) != NULL) {
        mine->serving = served->next;
        if (served->done) call_end(served, COCANCEL_RPC_E_SERVER_DIED);
    }
    /* these are on its stack, which goes later */
    for (; mine->waiting; mine->waiting = mine->waiting->outer) ExampleRelease(mine->waiting->apartment);
}

/* ---- the client's side ---- */

static BOOL is_pending(const waiting *call, DWORD *remaining) {
    uint32_t ms = COCANCEL_INFINITE; /* which is INFINITE */
    BOOL pending = call->done ? WaitForSingleObject(call->done, 0) != WAIT_OBJECT_0
                              : cocancel_poll(NULL, call->handle, &ms) == COCANCEL_RPC_S_CALLPENDING;
    *remaining = ms;
    return pending;
}

/* Waits for a wake or for a message, of which it dispatches one: another may have ended the call. Calls that come in are messages, too, so
   this comes back in here when one of them calls out. */
static void pump(const apartment *self, const waiting *call, DWORD remaining, MSG *quit) {
    HANDLE event = call->done ? call->done : self->sleeper->event;
    MSG message;
    /* MWMO_INPUTAVAILABLE: also for messages that somebody has looked at and left there */
    MsgWaitForMultipleObjectsEx(1, &event, remaining, QS_ALLINPUT, MWMO_INPUTAVAILABLE);
    if (!PeekMessageW(&message, NULL, 0, 0, PM_REMOVE)) return;
    if (message.message == WM_QUIT) {
        *quit = message; /* for the loop that is below this one */
        return;
    }
    /* calls are served as ever; about other messages the filter is asked */
    if (message.hwnd != self->window && self->filter && self->filter() == PENDINGMSG_CANCELCALL)
        cocancel_cancel_call(NULL, call->handle, 0, COCANCEL_NO_WAIT);
    TranslateMessage(&message);
    DispatchMessageW(&message);
}

static void wait_for(const apartment *self, const waiting *call) {
    if (self->model == COINIT_MULTITHREADED) {
        if (call->done) WaitForSingleObject(call->done, INFINITE);
        else cocancel_wait(NULL, call->handle);
    } else {
        MSG quit;
        DWORD remaining;
        quit.message = WM_NULL;
        while (is_pending(call, &remaining)) pump(self, call, remaining, &quit);
        if (quit.message == WM_QUIT) PostQuitMessage((int)quit.wParam);
    }
}

/* Before the hand-off: a canceller may come before the server, and the server before the client's first look. */
static HRESULT begin(apartment *self, call *call) {
    cocancel_call_options options;
    memset(&options, 0, sizeof options);
    options.host = call;
    if (self->sleeper) {
        options.context = sleeper_reference(self->sleeper);
        options.flags = COCANCEL_ALWAYS_SLOT; /* or the message filter could not cancel the call of a disabled thread */
    }
    if (cocancel_begin(NULL, &options, &call->handle) == COCANCEL_S_OK) return S_OK;
    /* disabled, or no slot free: an ordinary call, whose wake context no hook gets. It hides outer ones until it is finished all the same */
    if (self->sleeper) sleeper_release(self->sleeper);
    call->done = CreateEventW(NULL, TRUE, FALSE, NULL);
    if (call->done) return S_OK;
    cocancel_finish(NULL, call->handle);
    return E_OUTOFMEMORY;
}

HRESULT WINAPI ExampleCall(apartment *server, example_method method, ULONG argument, ULONG *result) {
    block *mine = port_known();
    call *call;
    waiting waiting;
    HRESULT hr;
    if (!mine || !mine->apartment) return CO_E_NOTINITIALIZED;
    call = allocate(sizeof *call);
    if (!call) return E_OUTOFMEMORY;
    call->method = method;
    call->argument = argument;
    hr = begin(mine->apartment, call);
    if (FAILED(hr)) {
        give_back(call);
        return hr;
    }
    waiting.outer = mine->waiting;
    waiting.apartment = mine->apartment;
    waiting.handle = call->handle;
    waiting.done = call->done;
    InterlockedIncrement(&waiting.apartment->references);
    mine->waiting = &waiting; /* the thread may end in there, too */
    if (!apartment_push(server, call)) call_end(call, COCANCEL_RPC_E_SERVER_DIED);
    wait_for(waiting.apartment, &waiting);
    mine->waiting = waiting.outer;
    ExampleRelease(waiting.apartment);
    hr = cocancel_finish(NULL, waiting.handle);
    if (hr == COCANCEL_RPC_E_CALL_CANCELED) return hr; /* the record is the server's side's */
    if (hr == COCANCEL_S_OK) hr = call->hr;
    *result = call->result;
    if (waiting.done) CloseHandle(waiting.done);
    give_back(call);
    return hr;
}
