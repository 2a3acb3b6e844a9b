/* The server of the demonstration: its object, and how a client comes to it. SPDX-License-Identifier: MIT OR Apache-2.0 */
#include "demo.h"

/* {7C2B6A3E-8A4E-4C6F-9A3D-0C1D5BE0A7FF}, ...FE: the server's class; the factory of widl's proxies */
static const CLSID server_class = {0x7c2b6a3e, 0x8a4e, 0x4c6f, {0x9a, 0x3d, 0x0c, 0x1d, 0x5b, 0xe0, 0xa7, 0xff}};
static const CLSID plain_class = {0x7c2b6a3e, 0x8a4e, 0x4c6f, {0x9a, 0x3d, 0x0c, 0x1d, 0x5b, 0xe0, 0xa7, 0xfe}};

HRESULT WINAPI Held_DllGetClassObject(REFCLSID clsid, REFIID iid, void **out);

static volatile LONG heard, finished;

static DWORD hold(void) {
    stage_enter();
    stage_wait_release(60000);
    InterlockedIncrement(&finished);
    return 0;
}

/* TRUE: heard that it was cancelled. */
static BOOL heard_it(void) {
    BOOL cancelled = FALSE;
    DWORD i;
    stage_enter();
    for (i = 0; i < 12000 && !cancelled && !stage_wait_release(5); i++)
        cancelled = CoTestCancel() == RPC_E_CALL_CANCELED;
    if (cancelled)
        InterlockedIncrement(&heard);
    InterlockedIncrement(&finished);
    return cancelled;
}

/* ---- one object with four interfaces, for ever ---- */

static struct {
    IHeld held;
    IPlain plain;
    IDispatch dispatch;
    IPersist persist;
} object;

static HRESULT query(REFIID iid, void **out) {
    *out = NULL;
    if (IsEqualIID(iid, &IID_IUnknown) || IsEqualIID(iid, &IID_IHeld))
        *out = &object.held;
    else if (IsEqualIID(iid, &IID_IPlain))
        *out = &object.plain;
    else if (IsEqualIID(iid, &IID_IDispatch))
        *out = &object.dispatch;
    else if (IsEqualIID(iid, &IID_IPersist))
        *out = &object.persist;
    return *out != NULL ? S_OK : E_NOINTERFACE;
}

static HRESULT WINAPI held_QueryInterface(IHeld *iface, REFIID iid, void **out) { return (void)iface, query(iid, out); }
static ULONG WINAPI held_AddRef(IHeld *iface) { return (void)iface, 2; }
static ULONG WINAPI held_Release(IHeld *iface) { return (void)iface, 1; }
static HRESULT WINAPI held_Hold(IHeld *iface, DWORD value, DWORD *answer) {
    (void)iface;
    hold();
    *answer = value;
    return S_OK;
}
static HRESULT WINAPI held_Listen(IHeld *iface, DWORD value, DWORD *answer) {
    (void)iface;
    *answer = heard_it() ? 777 : value;
    return S_OK;
}
static HRESULT WINAPI held_Next(IHeld *iface, DWORD value, DWORD *answer) {
    (void)iface;
    *answer = value + 1;
    return S_OK;
}
static HRESULT WINAPI held_Ask(IHeld *iface, DWORD what, DWORD *answer) {
    (void)iface;
    switch (what) {
    case ASK_THREAD: *answer = GetCurrentThreadId(); break;
    case ASK_TEST: *answer = CoTestCancel(); break;
    case ASK_HEARD: *answer = heard; break;
    case ASK_FINISHED: *answer = finished; break;
    case ASK_DIE: TerminateProcess(GetCurrentProcess(), 3); break;
    default: return E_INVALIDARG;
    }
    return S_OK;
}
static HRESULT WINAPI held_Relay(IHeld *iface, IHeld *back, DWORD value, DWORD *answer) {
    (void)iface;
    return IHeld_Hold(back, value, answer);
}
static HRESULT WINAPI held_Sum(IHeld *iface, DWORD count, BYTE *bytes, DWORD *answer) {
    DWORD i;
    (void)iface;
    for (*answer = 0, i = 0; i < count; i++)
        *answer += bytes[i];
    return S_OK;
}
static IHeldVtbl held_vtable = {held_QueryInterface, held_AddRef, held_Release, held_Hold, held_Listen,
                                held_Next,           held_Ask,    held_Relay,   held_Sum};

static HRESULT WINAPI plain_QueryInterface(IPlain *iface, REFIID iid, void **out) { return (void)iface, query(iid, out); }
static ULONG WINAPI plain_AddRef(IPlain *iface) { return (void)iface, 2; }
static ULONG WINAPI plain_Release(IPlain *iface) { return (void)iface, 1; }
static HRESULT WINAPI plain_Next(IPlain *iface, DWORD value, DWORD *answer) {
    (void)iface;
    *answer = value + 1;
    return S_OK;
}
static IPlainVtbl plain_vtable = {plain_QueryInterface, plain_AddRef, plain_Release, plain_Next};

static HRESULT WINAPI dispatch_QueryInterface(IDispatch *iface, REFIID iid, void **out) { return (void)iface, query(iid, out); }
static ULONG WINAPI dispatch_AddRef(IDispatch *iface) { return (void)iface, 2; }
static ULONG WINAPI dispatch_Release(IDispatch *iface) { return (void)iface, 1; }
static HRESULT WINAPI dispatch_GetTypeInfoCount(IDispatch *iface, UINT *count) {
    (void)iface;
    *count = hold();
    return S_OK;
}
static HRESULT WINAPI dispatch_GetTypeInfo(IDispatch *iface, UINT index, LCID locale, ITypeInfo **info) {
    (void)iface, (void)index, (void)locale, (void)info;
    return E_NOTIMPL;
}
static HRESULT WINAPI dispatch_GetIDsOfNames(IDispatch *iface, REFIID iid, LPOLESTR *names, UINT count, LCID locale, DISPID *ids) {
    (void)iface, (void)iid, (void)names, (void)count, (void)locale, (void)ids;
    return E_NOTIMPL;
}
/* Method 1 listens, every other gives its number back. */
static HRESULT WINAPI dispatch_Invoke(IDispatch *iface, DISPID method, REFIID iid, LCID locale, WORD flags, DISPPARAMS *arguments,
                                      VARIANT *result, EXCEPINFO *exception, UINT *wrong) {
    (void)iface, (void)iid, (void)locale, (void)flags, (void)arguments, (void)exception, (void)wrong;
    if (result != NULL) {
        V_VT(result) = VT_I4;
        V_I4(result) = method == 1 && heard_it() ? 777 : method;
    }
    return S_OK;
}
static IDispatchVtbl dispatch_vtable = {dispatch_QueryInterface, dispatch_AddRef,      dispatch_Release,      dispatch_GetTypeInfoCount,
                                        dispatch_GetTypeInfo,    dispatch_GetIDsOfNames, dispatch_Invoke};

static HRESULT WINAPI persist_QueryInterface(IPersist *iface, REFIID iid, void **out) { return (void)iface, query(iid, out); }
static ULONG WINAPI persist_AddRef(IPersist *iface) { return (void)iface, 2; }
static ULONG WINAPI persist_Release(IPersist *iface) { return (void)iface, 1; }
static HRESULT WINAPI persist_GetClassID(IPersist *iface, CLSID *clsid) {
    (void)iface;
    hold();
    *clsid = server_class;
    return S_OK;
}
static IPersistVtbl persist_vtable = {persist_QueryInterface, persist_AddRef, persist_Release, persist_GetClassID};

IHeld *server_object(void) {
    object.held.lpVtbl = &held_vtable;
    object.plain.lpVtbl = &plain_vtable;
    object.dispatch.lpVtbl = &dispatch_vtable;
    object.persist.lpVtbl = &persist_vtable;
    return &object.held;
}

/* ---- its class ---- */

static HRESULT WINAPI class_QueryInterface(IClassFactory *iface, REFIID iid, void **out) {
    BOOL known = IsEqualIID(iid, &IID_IUnknown) || IsEqualIID(iid, &IID_IClassFactory);
    *out = known ? iface : NULL;
    return known ? S_OK : E_NOINTERFACE;
}
static ULONG WINAPI class_AddRef(IClassFactory *iface) { return (void)iface, 2; }
static ULONG WINAPI class_Release(IClassFactory *iface) { return (void)iface, 1; }
static HRESULT WINAPI class_CreateInstance(IClassFactory *iface, IUnknown *outer, REFIID iid, void **out) {
    (void)iface, (void)outer;
    return query(iid, out);
}
static HRESULT WINAPI class_LockServer(IClassFactory *iface, BOOL lock) { return (void)iface, (void)lock, S_OK; }
static IClassFactoryVtbl class_vtable = {class_QueryInterface, class_AddRef, class_Release, class_CreateInstance, class_LockServer};
static IClassFactory class = {&class_vtable};

/* One for each place: that of a server whose process was killed leads nowhere. */
static CLSID class_at(const struct place *place) {
    CLSID clsid = server_class;
    clsid.Data4[5] = (BYTE)place->client;
    clsid.Data4[6] = (BYTE)place->server;
    return clsid;
}

/* ---- apartments ---- */

void join_apartment(char apartment) {
    IPSFactoryBuffer *proxies;
    DWORD cookie;
    HRESULT hr = CoInitializeEx(NULL, apartment == 'S' ? COINIT_APARTMENTTHREADED : COINIT_MULTITHREADED);
    if (SUCCEEDED(hr))
        hr = Held_DllGetClassObject(&plain_class, &IID_IPSFactoryBuffer, (void **)&proxies);
    /* what is special is here: */
    if (SUCCEEDED(hr))
        hr = cancelling_channel_wrap(&IID_IHeld, proxies);
    if (SUCCEEDED(hr))
        hr = cancelling_channel_wrap(&IID_IDispatch, NULL);
    if (SUCCEEDED(hr))
        hr = cancelling_channel_wrap(&IID_IPersist, NULL);
    /* IPlain as usual */
    if (SUCCEEDED(hr))
        hr = CoRegisterClassObject(&plain_class, (IUnknown *)proxies, CLSCTX_INPROC_SERVER, REGCLS_MULTIPLEUSE, &cookie);
    if (SUCCEEDED(hr))
        hr = CoRegisterPSClsid(&IID_IPlain, &plain_class);
    if (FAILED(hr))
        expect("joining an apartment", hr, S_OK);
}

HRESULT server_run(const struct place *place) {
    HANDLE quit = stage_quit();
    IHeld *object = server_object();
    CLSID clsid = class_at(place);
    DWORD cookie;
    MSG message;
    HRESULT hr = S_OK;
    join_apartment(place->server);
    if (place->how == BY_CLASS)
        hr = CoRegisterClassObject(&clsid, (IUnknown *)&class, CLSCTX_LOCAL_SERVER, REGCLS_MULTIPLEUSE, &cookie);
    else
        stage_put_reference((IUnknown *)object);
    stage_ready();
    if (place->server == 'M')
        WaitForSingleObject(quit, INFINITE);
    else
        while (MsgWaitForMultipleObjects(1, &quit, FALSE, INFINITE, QS_ALLINPUT) != WAIT_OBJECT_0)
            while (PeekMessageW(&message, NULL, 0, 0, PM_REMOVE))
                DispatchMessageW(&message);
    return hr;
}

HRESULT server_reach(const struct place *place, IHeld **held) {
    CLSID clsid = class_at(place);
    IClassFactory *factory;
    HRESULT hr;
    *held = NULL;
    if (place->how != BY_CLASS)
        return stage_get_reference(&IID_IHeld, (void **)held);
    hr = CoGetClassObject(&clsid, CLSCTX_LOCAL_SERVER, NULL, &IID_IClassFactory, (void **)&factory);
    if (SUCCEEDED(hr)) {
        hr = IClassFactory_CreateInstance(factory, NULL, &IID_IHeld, (void **)held);
        IClassFactory_Release(factory);
    }
    return hr;
}
