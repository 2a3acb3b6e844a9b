/* The channel that a wrapped proxy calls through. SPDX-License-Identifier: MIT OR Apache-2.0 */
#include "internal.h"

struct cancelling_channel_counts counts;

void cancelling_channel_count(struct cancelling_channel_counts *out) { *out = counts; }

/* ---- buffers: the message outlives a client that is released, so it is never the inner channel's ---- */

typedef struct header {
    IID iid;
    char pad[16]; /* a multiple of 16 in all */
} header;

void *buffer_new(REFIID iid, ULONG size) {
    header *header = HeapAlloc(GetProcessHeap(), 0, sizeof *header + (size ? size : 1));
    if (header == NULL)
        return NULL;
    header->iid = *iid;
    COUNT_UP(buffers);
    return header + 1;
}

const IID *buffer_iid(void *buffer) { return &((header *)buffer - 1)->iid; }

void buffer_free(void *buffer) {
    if (buffer != NULL) {
        HeapFree(GetProcessHeap(), 0, (header *)buffer - 1);
        COUNT_DOWN(buffers);
    }
}

/* ---- a call ---- */

/* In an STA: calls come in and messages are dispatched meanwhile, by COM. Seen on Wine 8: it does not wake up for timers, nor dispatch them by
   themselves, so that is done here. */
static void wait_pumping(HANDLE event, DWORD ms) {
    DWORD index;
    MSG message;
    /* what a message filter leaves in the queue does not wake again, but must not be forgotten either */
    if (HIWORD(GetQueueStatus(QS_ALLINPUT)) != 0 && ms > 20)
        ms = 20;
    if (MsgWaitForMultipleObjects(1, &event, FALSE, ms, QS_ALLINPUT) == WAIT_OBJECT_0)
        return;
    if (PeekMessageW(&message, NULL, WM_TIMER, WM_TIMER, PM_REMOVE))
        DispatchMessageW(&message);
    CoWaitForMultipleHandles(0, 0, 1, &event, &index);
}

/* Waits for a wake, `ms` at most; may return at any time. */
static void wait_for(channel *self, HANDLE event, DWORD ms) {
    if (self->sta)
        wait_pumping(event, ms);
    else
        WaitForSingleObject(event, ms);
}

/* On the client's own thread, as without this channel: a call that cannot be cancelled. */
static HRESULT send_directly(record *record) { return send_with(record->channel->inner, record); }

static record *record_new(channel *self, RPCOLEMESSAGE *message) {
    record *record = HeapAlloc(GetProcessHeap(), HEAP_ZERO_MEMORY, sizeof *record);
    if (record == NULL)
        return NULL;
    COUNT_UP(calls);
    record->run = call_run;
    record->channel = self;
    IRpcChannelBuffer_AddRef(&self->IRpcChannelBuffer_iface);
    record->iid = *buffer_iid(message->Buffer);
    record->message = *message;
    message->Buffer = NULL; /* the record's from here on */
    message->cbBuffer = 0;
    return record;
}

static void reply(record *record, RPCOLEMESSAGE *message, ULONG *status) {
    message->Buffer = record->message.Buffer;
    message->cbBuffer = record->message.cbBuffer;
    message->dataRepresentation = record->message.dataRepresentation;
    message->rpcFlags = record->message.rpcFlags;
    record->message.Buffer = NULL;
    if (status != NULL)
        *status = record->status;
}

/* Everything that a worker needs. */
static HRESULT prepare(channel *self, record *record) {
    if (!self->sta) {
        record->keep = self->proxy;
        IUnknown_AddRef(record->keep);
        return S_OK;
    }
    return self->target != NULL ? S_OK : CoMarshalInterThreadInterfaceInStream(&self->iid, self->proxy, &record->stream);
}

/* Sends by a worker, and waits until the reply is there or the call cancelled; tells whose the record is, as cocancel_finish does. */
static HRESULT send_and_wait(channel *self, record *record, ticket *ticket) {
    cocancel_call call = record->call;
    uint32_t remaining;
    filter filter;
    HRESULT hr = prepare(self, record);
    if (SUCCEEDED(hr))
        hr = worker_run(record);
    if (FAILED(hr)) {
        cocancel_abandon(NULL, call, hr, NULL);
        return cocancel_finish(NULL, call);
    }
    if (self->sta)
        filter_put(&filter, call);
    while (cocancel_poll(NULL, call, &remaining) == RPC_S_CALLPENDING)
        wait_for(self, ticket->event, remaining);
    if (self->sta)
        filter_take(&filter);
    return cocancel_finish(NULL, call);
}

static HRESULT WINAPI SendReceive(IRpcChannelBuffer *iface, RPCOLEMESSAGE *message, ULONG *status) {
    channel *self = (channel *)iface;
    record *record = record_new(self, message);
    cocancel_call_options options = {0};
    ticket *ticket;
    HRESULT hr;
    if (record == NULL)
        return E_OUTOFMEMORY;
    ticket = ticket_take(&record->id);
    options.host = record;
    options.context = ticket;
    /* a message filter may cancel whether the thread is enabled or not */
    options.flags = self->sta && ticket != NULL ? COCANCEL_ALWAYS_SLOT : 0;
    hr = ticket != NULL ? cocancel_begin(NULL, &options, &record->call) : E_OUTOFMEMORY;
    if (hr == S_OK) {
        record->id.call = record->call;
        hr = send_and_wait(self, record, ticket);
        if (hr == RPC_E_CALL_CANCELED)
            return hr; /* the record is the worker's */
    } else {
        if (ticket != NULL)
            ticket_give(ticket);
        hr = send_directly(record);
        if (record->call != 0)
            cocancel_finish(NULL, record->call);
    }
    if (SUCCEEDED(hr))
        reply(record, message, status);
    record_free(record);
    return hr;
}

static HRESULT WINAPI QueryInterface(IRpcChannelBuffer *iface, REFIID iid, void **out) {
    /* no IRpcChannelBuffer2 and 3: calls through those would go past us */
    if (!IsEqualIID(iid, &IID_IUnknown) && !IsEqualIID(iid, &IID_IRpcChannelBuffer)) {
        *out = NULL;
        return E_NOINTERFACE;
    }
    *out = iface;
    IRpcChannelBuffer_AddRef(iface);
    return S_OK;
}

static ULONG WINAPI AddRef(IRpcChannelBuffer *iface) { return InterlockedIncrement(&((channel *)iface)->references); }

static ULONG WINAPI Release(IRpcChannelBuffer *iface) {
    channel *self = (channel *)iface;
    ULONG left = InterlockedDecrement(&self->references);
    if (left == 0) {
        if (self->target != NULL)
            target_drop(self->target);
        IRpcChannelBuffer_Release(self->inner);
        HeapFree(GetProcessHeap(), 0, self);
        COUNT_DOWN(channels);
    }
    return left;
}

static HRESULT WINAPI GetBuffer(IRpcChannelBuffer *iface, RPCOLEMESSAGE *message, REFIID iid) {
    (void)iface;
    message->Buffer = buffer_new(iid, message->cbBuffer);
    return message->Buffer != NULL ? S_OK : E_OUTOFMEMORY;
}

static HRESULT WINAPI FreeBuffer(IRpcChannelBuffer *iface, RPCOLEMESSAGE *message) {
    (void)iface;
    buffer_free(message->Buffer); /* NULL after a call that was cancelled */
    message->Buffer = NULL;
    return S_OK;
}

static HRESULT WINAPI GetDestCtx(IRpcChannelBuffer *iface, DWORD *context, void **more) {
    return IRpcChannelBuffer_GetDestCtx(((channel *)iface)->inner, context, more);
}

static HRESULT WINAPI IsConnected(IRpcChannelBuffer *iface) { return IRpcChannelBuffer_IsConnected(((channel *)iface)->inner); }

static IRpcChannelBufferVtbl vtable = {QueryInterface, AddRef, Release, GetBuffer, SendReceive, FreeBuffer, GetDestCtx, IsConnected};

channel *channel_new(IRpcChannelBuffer *inner, REFIID iid, IUnknown *proxy, IPSFactoryBuffer *factory) {
    APTTYPE type;
    APTTYPEQUALIFIER qualifier;
    channel *self = HeapAlloc(GetProcessHeap(), HEAP_ZERO_MEMORY, sizeof *self);
    if (self == NULL)
        return NULL;
    self->IRpcChannelBuffer_iface.lpVtbl = &vtable;
    self->references = 1;
    self->inner = inner;
    IRpcChannelBuffer_AddRef(inner);
    self->iid = *iid;
    self->proxy = proxy;
    self->factory = factory;
    self->sta = SUCCEEDED(CoGetApartmentType(&type, &qualifier)) && type != APTTYPE_MTA;
    COUNT_UP(channels);
    return self;
}
