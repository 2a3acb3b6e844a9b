/* Proxies whose calls go through our channel. SPDX-License-Identifier: MIT OR Apache-2.0 */
#include "internal.h"

typedef struct proxy {
    IRpcProxyBuffer IRpcProxyBuffer_iface;
    LONG references;
    IRpcProxyBuffer *inner;
    IID iid;
    IUnknown *iface; /* what the client has */
    IPSFactoryBuffer *factory;
    channel *channel; /* while connected; not counted */
    struct proxy *next;
} proxy;

static CRITICAL_SECTION lock;
static proxy *proxies;

void proxy_start(void) { InitializeCriticalSection(&lock); }

IRpcChannelBuffer *proxy_channel(IUnknown *iface) {
    IRpcChannelBuffer *found = NULL;
    proxy *self;
    EnterCriticalSection(&lock);
    for (self = proxies; self != NULL && found == NULL; self = self->next)
        if (self->iface == iface && self->channel != NULL)
            found = self->channel->inner;
    if (found != NULL)
        IRpcChannelBuffer_AddRef(found);
    LeaveCriticalSection(&lock);
    return found;
}

static void set_channel(proxy *self, channel *channel) {
    EnterCriticalSection(&lock);
    self->channel = channel;
    LeaveCriticalSection(&lock);
}

static HRESULT WINAPI QueryInterface(IRpcProxyBuffer *iface, REFIID iid, void **out) {
    if (!IsEqualIID(iid, &IID_IUnknown) && !IsEqualIID(iid, &IID_IRpcProxyBuffer))
        return IRpcProxyBuffer_QueryInterface(((proxy *)iface)->inner, iid, out);
    *out = iface;
    IRpcProxyBuffer_AddRef(iface);
    return S_OK;
}

static ULONG WINAPI AddRef(IRpcProxyBuffer *iface) { return InterlockedIncrement(&((proxy *)iface)->references); }

static ULONG WINAPI Release(IRpcProxyBuffer *iface) {
    proxy *self = (proxy *)iface, **place;
    ULONG left = InterlockedDecrement(&self->references);
    if (left != 0)
        return left;
    EnterCriticalSection(&lock);
    for (place = &proxies; *place != self; place = &(*place)->next)
        ;
    *place = self->next;
    LeaveCriticalSection(&lock);
    IRpcProxyBuffer_Release(self->inner);
    HeapFree(GetProcessHeap(), 0, self);
    return 0;
}

static HRESULT WINAPI Connect(IRpcProxyBuffer *iface, IRpcChannelBuffer *inner) {
    proxy *self = (proxy *)iface;
    channel *channel = channel_new(inner, &self->iid, self->iface, self->factory);
    HRESULT hr;
    if (channel == NULL)
        return E_OUTOFMEMORY;
    hr = IRpcProxyBuffer_Connect(self->inner, &channel->IRpcChannelBuffer_iface);
    if (SUCCEEDED(hr))
        set_channel(self, channel);
    IRpcChannelBuffer_Release(&channel->IRpcChannelBuffer_iface); /* the inner proxy has it */
    return hr;
}

static void WINAPI Disconnect(IRpcProxyBuffer *iface) {
    set_channel((proxy *)iface, NULL);
    IRpcProxyBuffer_Disconnect(((proxy *)iface)->inner);
}

static IRpcProxyBufferVtbl vtable = {QueryInterface, AddRef, Release, Connect, Disconnect};

HRESULT proxy_wrap(IRpcProxyBuffer *inner, REFIID iid, IUnknown *iface, IPSFactoryBuffer *factory, IRpcProxyBuffer **out) {
    proxy *self = HeapAlloc(GetProcessHeap(), HEAP_ZERO_MEMORY, sizeof *self);
    if (self == NULL)
        return E_OUTOFMEMORY;
    self->IRpcProxyBuffer_iface.lpVtbl = &vtable;
    self->references = 1;
    self->inner = inner;
    self->iid = *iid;
    self->iface = iface;
    self->factory = factory;
    EnterCriticalSection(&lock);
    self->next = proxies;
    proxies = self;
    LeaveCriticalSection(&lock);
    *out = &self->IRpcProxyBuffer_iface;
    return S_OK;
}
