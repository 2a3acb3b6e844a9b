/*
 * Sending a call on a worker. The channel of a proxy works in its own apartment only, and one thread can be in an STA: so the proxy of an STA's
 * client is marshalled once more, to the workers' apartment, and that proxy's channel is the one used. If the server lives in that apartment what
 * comes out is no proxy but the server itself, and the worker calls a stub of its own. SPDX-License-Identifier: MIT OR Apache-2.0
 */
#include "internal.h"

/* Lives in the MTA. */
struct target {
    IUnknown *object;           /* the proxy, or the server */
    IRpcChannelBuffer *channel; /* the proxy's inner channel; NULL: it is the server */
    IRpcStubBuffer *stub;       /* the server's */
};

/* Set in the method number of messages that Wine's proxies have prepared. */
#define PREPARED 0x8000

static void target_free(struct target *target) {
    if (target->stub != NULL) {
        IRpcStubBuffer_Disconnect(target->stub);
        IRpcStubBuffer_Release(target->stub);
    }
    if (target->channel != NULL)
        IRpcChannelBuffer_Release(target->channel);
    IUnknown_Release(target->object);
    HeapFree(GetProcessHeap(), 0, target);
}

static void run_drop(record *job) {
    target_free(job->target);
    HeapFree(GetProcessHeap(), 0, job);
}

void target_drop(struct target *target) {
    record *job = HeapAlloc(GetProcessHeap(), HEAP_ZERO_MEMORY, sizeof *job);
    if (job == NULL)
        return; /* lost: it may not be freed in another apartment */
    job->run = run_drop;
    job->target = target;
    if (FAILED(worker_run(job)))
        HeapFree(GetProcessHeap(), 0, job);
}

HRESULT target_resolve(record *record) {
    channel *channel = record->channel;
    struct target *target;
    HRESULT hr;
    if (channel->target != NULL)
        return S_OK; /* a stream that is not needed goes with the record */
    target = HeapAlloc(GetProcessHeap(), HEAP_ZERO_MEMORY, sizeof *target);
    if (target == NULL)
        return E_OUTOFMEMORY;
    hr = CoGetInterfaceAndReleaseStream(record->stream, &channel->iid, (void **)&target->object);
    record->stream = NULL;
    if (FAILED(hr)) {
        HeapFree(GetProcessHeap(), 0, target);
        return hr;
    }
    target->channel = proxy_channel(target->object);
    if (target->channel == NULL)
        hr = IPSFactoryBuffer_CreateStub(channel->factory, &channel->iid, target->object, &target->stub);
    /* another worker may have been first */
    if (FAILED(hr) || InterlockedCompareExchangePointer((void *volatile *)&channel->target, target, NULL) != NULL)
        target_free(target);
    return hr;
}

/* ---- the channel on which that stub replies: one for all, it has no state ---- */

static HRESULT WINAPI QueryInterface(IRpcChannelBuffer *iface, REFIID iid, void **out) {
    BOOL known = IsEqualIID(iid, &IID_IUnknown) || IsEqualIID(iid, &IID_IRpcChannelBuffer);
    *out = known ? iface : NULL;
    return known ? S_OK : E_NOINTERFACE;
}
static ULONG WINAPI AddRef(IRpcChannelBuffer *iface) { return (void)iface, 2; }
static ULONG WINAPI Release(IRpcChannelBuffer *iface) { return (void)iface, 1; }
static HRESULT WINAPI GetBuffer(IRpcChannelBuffer *iface, RPCOLEMESSAGE *message, REFIID iid) {
    (void)iface;
    message->Buffer = buffer_new(iid, message->cbBuffer);
    return message->Buffer != NULL ? S_OK : E_OUTOFMEMORY;
}
static HRESULT WINAPI SendReceive(IRpcChannelBuffer *iface, RPCOLEMESSAGE *message, ULONG *status) {
    (void)iface, (void)message, (void)status;
    return E_UNEXPECTED; /* replies only */
}
static HRESULT WINAPI FreeBuffer(IRpcChannelBuffer *iface, RPCOLEMESSAGE *message) {
    (void)iface;
    buffer_free(message->Buffer);
    message->Buffer = NULL;
    return S_OK;
}
static HRESULT WINAPI GetDestCtx(IRpcChannelBuffer *iface, DWORD *context, void **more) {
    (void)iface;
    *context = MSHCTX_INPROC;
    if (more != NULL)
        *more = NULL;
    return S_OK;
}
static HRESULT WINAPI IsConnected(IRpcChannelBuffer *iface) { return (void)iface, S_OK; }
static IRpcChannelBufferVtbl vtable = {QueryInterface, AddRef, Release, GetBuffer, SendReceive, FreeBuffer, GetDestCtx, IsConnected};
static IRpcChannelBuffer replying = {&vtable};

static HRESULT call_stub(IRpcStubBuffer *stub, record *record) {
    RPCOLEMESSAGE message = record->message;
    void *request = message.Buffer;
    HRESULT hr;
    message.iMethod &= ~PREPARED;
    wire_incoming(&record->id);
    COUNT_UP(sent);
    hr = IRpcStubBuffer_Invoke(stub, &message, &replying);
    record->message.Buffer = NULL;
    if (message.Buffer == request)
        message.Buffer = NULL; /* no reply was made */
    buffer_free(request);
    if (SUCCEEDED(hr) && message.Buffer == NULL)
        hr = RPC_E_INVALID_DATA;
    if (FAILED(hr)) {
        buffer_free(message.Buffer);
        return hr;
    }
    record->message.Buffer = message.Buffer;
    record->message.cbBuffer = message.cbBuffer;
    record->message.dataRepresentation = NDR_LOCAL_DATA_REPRESENTATION;
    return S_OK;
}

HRESULT target_send(record *record) {
    struct target *target = record->channel->target;
    HRESULT hr;
    if (record->channel->sta && target->channel == NULL)
        return call_stub(target->stub, record);
    wire_outgoing(&record->id);
    hr = send_with(record->channel->sta ? target->channel : record->channel->inner, record);
    wire_outgoing(NULL);
    return hr;
}
