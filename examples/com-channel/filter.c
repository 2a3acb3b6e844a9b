/*
 * While an STA's thread waits in a call, the application's message filter is asked through one of ours: PENDINGMSG_CANCELCALL then cancels the call
 * that is waited for, whatever the runtime makes of that answer. SPDX-License-Identifier: MIT OR Apache-2.0
 */
#include "internal.h"

static HRESULT WINAPI QueryInterface(IMessageFilter *iface, REFIID iid, void **out) {
    if (!IsEqualIID(iid, &IID_IUnknown) && !IsEqualIID(iid, &IID_IMessageFilter)) {
        *out = NULL;
        return E_NOINTERFACE;
    }
    *out = iface;
    IMessageFilter_AddRef(iface);
    return S_OK;
}

/* It lives on the waiting thread's stack, and is taken away before that returns. */
static ULONG WINAPI AddRef(IMessageFilter *iface) { return InterlockedIncrement(&((filter *)iface)->references); }
static ULONG WINAPI Release(IMessageFilter *iface) { return InterlockedDecrement(&((filter *)iface)->references); }

static DWORD WINAPI HandleInComingCall(IMessageFilter *iface, DWORD type, HTASK caller, DWORD ticks, INTERFACEINFO *info) {
    return IMessageFilter_HandleInComingCall(((filter *)iface)->theirs, type, caller, ticks, info);
}

static DWORD WINAPI RetryRejectedCall(IMessageFilter *iface, HTASK callee, DWORD ticks, DWORD reason) {
    return IMessageFilter_RetryRejectedCall(((filter *)iface)->theirs, callee, ticks, reason);
}

static DWORD WINAPI MessagePending(IMessageFilter *iface, HTASK callee, DWORD ticks, DWORD type) {
    filter *self = (filter *)iface;
    DWORD answer = IMessageFilter_MessagePending(self->theirs, callee, ticks, type);
    if (answer != PENDINGMSG_CANCELCALL)
        return answer;
    cocancel_cancel_call(NULL, self->call, 0, COCANCEL_NO_WAIT);
    return PENDINGMSG_WAITNOPROCESS; /* the wait ends as soon as it looks */
}

static IMessageFilterVtbl vtable = {QueryInterface, AddRef, Release, HandleInComingCall, RetryRejectedCall, MessagePending};

void filter_put(filter *self, cocancel_call call) {
    IMessageFilter *ours;
    self->IMessageFilter_iface.lpVtbl = &vtable;
    self->references = 1;
    self->call = call;
    self->theirs = NULL;
    /* COM tells which filter there is only to who puts another in its place */
    if (FAILED(CoRegisterMessageFilter(NULL, &self->theirs)) || self->theirs == NULL)
        return;
    CoRegisterMessageFilter(&self->IMessageFilter_iface, &ours);
}

void filter_take(filter *self) {
    IMessageFilter *ours = NULL;
    if (self->theirs == NULL)
        return;
    CoRegisterMessageFilter(self->theirs, &ours);
    if (ours != NULL)
        IMessageFilter_Release(ours);
    IMessageFilter_Release(self->theirs);
}
