/* Stubs that enter a call before they run its method, and leave it after. SPDX-License-Identifier: MIT OR Apache-2.0 */
#include "internal.h"

/* {5B8E0E55-31A5-44F5-9C58-0A3F6F5C4C0B} */
const GUID refused_reply = {0x5b8e0e55, 0x31a5, 0x44f5, {0x9c, 0x58, 0x0a, 0x3f, 0x6f, 0x5c, 0x4c, 0x0b}};

typedef struct stub {
    IRpcStubBuffer IRpcStubBuffer_iface;
    LONG references;
    IRpcStubBuffer *inner;
    IID iid;
} stub;

static IRpcStubBuffer *inner_of(IRpcStubBuffer *iface) { return ((stub *)iface)->inner; }

static HRESULT WINAPI QueryInterface(IRpcStubBuffer *iface, REFIID iid, void **out) {
    if (!IsEqualIID(iid, &IID_IUnknown) && !IsEqualIID(iid, &IID_IRpcStubBuffer)) {
        *out = NULL;
        return E_NOINTERFACE;
    }
    *out = iface;
    IRpcStubBuffer_AddRef(iface);
    return S_OK;
}

static ULONG WINAPI AddRef(IRpcStubBuffer *iface) { return InterlockedIncrement(&((stub *)iface)->references); }

static ULONG WINAPI Release(IRpcStubBuffer *iface) {
    ULONG left = InterlockedDecrement(&((stub *)iface)->references);
    if (left == 0) {
        IRpcStubBuffer_Release(inner_of(iface));
        HeapFree(GetProcessHeap(), 0, iface);
    }
    return left;
}

static HRESULT WINAPI Connect(IRpcStubBuffer *iface, IUnknown *server) { return IRpcStubBuffer_Connect(inner_of(iface), server); }
static void WINAPI Disconnect(IRpcStubBuffer *iface) { IRpcStubBuffer_Disconnect(inner_of(iface)); }

/* A reply that only our workers understand; they sent the call, or it could not have been refused. A failure of Invoke would not do: seen on Wine 8,
   the runtime then leaks, or frees twice. */
static HRESULT refuse(stub *self, RPCOLEMESSAGE *message, IRpcChannelBuffer *channel) {
    HRESULT hr;
    COUNT_UP(refused);
    message->cbBuffer = sizeof refused_reply;
    hr = IRpcChannelBuffer_GetBuffer(channel, message, &self->iid);
    if (SUCCEEDED(hr)) {
        memcpy(message->Buffer, &refused_reply, sizeof refused_reply);
        message->cbBuffer = sizeof refused_reply;
    }
    return hr;
}

static HRESULT WINAPI Invoke(IRpcStubBuffer *iface, RPCOLEMESSAGE *message, IRpcChannelBuffer *channel) {
    served served;
    HRESULT hr;
    if (serve_enter(&served) != S_OK)
        return refuse((stub *)iface, message, channel);
    hr = IRpcStubBuffer_Invoke(inner_of(iface), message, channel);
    serve_leave(&served);
    return hr;
}

static IRpcStubBuffer *WINAPI IsIIDSupported(IRpcStubBuffer *iface, REFIID iid) {
    return IRpcStubBuffer_IsIIDSupported(inner_of(iface), iid);
}
static ULONG WINAPI CountRefs(IRpcStubBuffer *iface) { return IRpcStubBuffer_CountRefs(inner_of(iface)); }
static HRESULT WINAPI DebugQuery(IRpcStubBuffer *iface, void **out) {
    return IRpcStubBuffer_DebugServerQueryInterface(inner_of(iface), out);
}
static void WINAPI DebugRelease(IRpcStubBuffer *iface, void *server) { IRpcStubBuffer_DebugServerRelease(inner_of(iface), server); }

static IRpcStubBufferVtbl vtable = {QueryInterface, AddRef,         Release,   Connect,    Disconnect,
                                    Invoke,         IsIIDSupported, CountRefs, DebugQuery, DebugRelease};

HRESULT stub_wrap(IRpcStubBuffer *inner, REFIID iid, IRpcStubBuffer **out) {
    stub *self = HeapAlloc(GetProcessHeap(), HEAP_ZERO_MEMORY, sizeof *self);
    if (self == NULL)
        return E_OUTOFMEMORY;
    self->IRpcStubBuffer_iface.lpVtbl = &vtable;
    self->references = 1;
    self->inner = inner;
    self->iid = *iid;
    *out = &self->IRpcStubBuffer_iface;
    return S_OK;
}
