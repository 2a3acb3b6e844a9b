/* The proxy and stub factory of all wrapped interfaces, and where it is registered. SPDX-License-Identifier: MIT OR Apache-2.0 */
#include "internal.h"

/* {0F0B36A0-9D8C-4B8E-8E9D-6F0B8E5A7C2D}: the class under which COM finds the factory, in this process only */
static const CLSID class_id = {0x0f0b36a0, 0x9d8c, 0x4b8e, {0x8e, 0x9d, 0x6f, 0x0b, 0x8e, 0x5a, 0x7c, 0x2d}};

enum { INTERFACES = 64 };

/* Entries are only added. */
static struct {
    IID iid;
    IPSFactoryBuffer *inner;
} wrapped[INTERFACES];
static volatile LONG wrapped_count;
static CRITICAL_SECTION lock;
static INIT_ONCE once = INIT_ONCE_STATIC_INIT;
static HRESULT started;

static IPSFactoryBuffer *inner_of(REFIID iid) {
    LONG i, count = wrapped_count;
    for (i = 0; i < count; i++)
        if (IsEqualIID(&wrapped[i].iid, iid))
            return wrapped[i].inner;
    return NULL;
}

static HRESULT WINAPI QueryInterface(IPSFactoryBuffer *iface, REFIID iid, void **out) {
    BOOL known = IsEqualIID(iid, &IID_IUnknown) || IsEqualIID(iid, &IID_IPSFactoryBuffer);
    *out = known ? iface : NULL;
    return known ? S_OK : E_NOINTERFACE;
}
static ULONG WINAPI AddRef(IPSFactoryBuffer *iface) { return (void)iface, 2; }
static ULONG WINAPI Release(IPSFactoryBuffer *iface) { return (void)iface, 1; }

static HRESULT WINAPI CreateProxy(IPSFactoryBuffer *iface, IUnknown *outer, REFIID iid, IRpcProxyBuffer **proxy, void **out) {
    IPSFactoryBuffer *inner = inner_of(iid);
    IRpcProxyBuffer *made;
    HRESULT hr = inner != NULL ? IPSFactoryBuffer_CreateProxy(inner, outer, iid, &made, out) : E_NOINTERFACE;
    if (FAILED(hr))
        return hr;
    hr = proxy_wrap(made, iid, *out, iface, proxy);
    if (FAILED(hr)) {
        IUnknown_Release((IUnknown *)*out);
        IRpcProxyBuffer_Release(made);
        *out = NULL;
    }
    return hr;
}

static HRESULT WINAPI CreateStub(IPSFactoryBuffer *iface, REFIID iid, IUnknown *server, IRpcStubBuffer **stub) {
    IPSFactoryBuffer *inner = inner_of(iid);
    IRpcStubBuffer *made;
    HRESULT hr = inner != NULL ? IPSFactoryBuffer_CreateStub(inner, iid, server, &made) : E_NOINTERFACE;
    (void)iface;
    if (FAILED(hr))
        return hr;
    hr = stub_wrap(made, iid, stub);
    if (FAILED(hr))
        IRpcStubBuffer_Release(made);
    return hr;
}

static IPSFactoryBufferVtbl vtable = {QueryInterface, AddRef, Release, CreateProxy, CreateStub};
static IPSFactoryBuffer factory = {&vtable};

/* Class objects are registered by apartment. Which apartment a thread is in can change, so this is asked of COM each time a client wraps; the
   workers, which never leave theirs, remember how much they have done. */
static HRESULT join_apartment(void) {
    IUnknown *found;
    DWORD cookie;
    HRESULT hr = CoGetClassObject(&class_id, CLSCTX_INPROC_SERVER, NULL, &IID_IPSFactoryBuffer, (void **)&found);
    if (hr == S_OK) {
        IUnknown_Release(found);
        return S_OK;
    }
    return CoRegisterClassObject(&class_id, (IUnknown *)&factory, CLSCTX_INPROC_SERVER, REGCLS_MULTIPLEUSE, &cookie);
}

static HRESULT join(void) {
    HRESULT hr = join_apartment();
    LONG i, count = wrapped_count;
    for (i = 0; SUCCEEDED(hr) && i < count; i++)
        hr = CoRegisterPSClsid(&wrapped[i].iid, &class_id);
    return hr;
}

void factory_join(void) {
    static __thread LONG joined;
    LONG count = wrapped_count;
    if (joined != count && SUCCEEDED(join()))
        joined = count;
}

static BOOL CALLBACK start(INIT_ONCE *once, void *unused, void **context) {
    (void)once, (void)unused, (void)context;
    InitializeCriticalSection(&lock);
    worker_start();
    proxy_start();
    started = wire_start();
    return TRUE;
}

/* With the lock held. */
static HRESULT add(REFIID iid, IPSFactoryBuffer *inner) {
    CLSID clsid;
    HRESULT hr = S_OK;
    if (inner_of(iid) != NULL)
        return S_OK;
    if (wrapped_count == INTERFACES)
        return E_OUTOFMEMORY;
    if (inner != NULL) {
        IPSFactoryBuffer_AddRef(inner);
    } else {
        hr = CoGetPSClsid(iid, &clsid);
        if (SUCCEEDED(hr))
            hr = CoGetClassObject(&clsid, CLSCTX_INPROC_SERVER, NULL, &IID_IPSFactoryBuffer, (void **)&inner);
    }
    if (FAILED(hr))
        return hr;
    wrapped[wrapped_count].iid = *iid;
    wrapped[wrapped_count].inner = inner;
    InterlockedIncrement(&wrapped_count);
    return S_OK;
}

HRESULT cancelling_channel_wrap(REFIID iid, IPSFactoryBuffer *inner) {
    HRESULT hr;
    InitOnceExecuteOnce(&once, start, NULL, NULL);
    if (FAILED(started))
        return started;
    EnterCriticalSection(&lock);
    hr = add(iid, inner);
    LeaveCriticalSection(&lock);
    return SUCCEEDED(hr) ? join() : hr;
}
