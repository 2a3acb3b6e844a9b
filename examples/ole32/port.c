/* The port: one pointer for each thread, a clock, events to sleep on. All of it is in NT 5.2. SPDX-License-Identifier: MIT OR Apache-2.0 */
#include "internal.h"

enum { CALLS = 1024, THREADS = 1024 };

static DWORD slot = TLS_OUT_OF_INDEXES;
static CRITICAL_SECTION lock;
static block *all, *unused;
static LONG live;
static LARGE_INTEGER frequency;
static cocancel_port port;
static cocancel_runtime *runtime;
static COCANCEL_STORAGE(storage, CALLS, THREADS);

/* ---- memory, counted ---- */

void *allocate(SIZE_T size) {
    void *memory = HeapAlloc(GetProcessHeap(), HEAP_ZERO_MEMORY, size);
    if (memory) InterlockedIncrement(&live);
    return memory;
}

void give_back(void *memory) {
    HeapFree(GetProcessHeap(), 0, memory);
    InterlockedDecrement(&live);
}

LONG WINAPI ExampleLive(void) {
    return InterlockedExchangeAdd(&live, 0);
}

void port_lock(void) {
    EnterCriticalSection(&lock);
}

void port_unlock(void) {
    LeaveCriticalSection(&lock);
}

/* ---- threads ---- */

/* The eight functions leave their caller's last error alone, and TlsGetValue does not. */
block *port_known(void) {
    DWORD error = GetLastError();
    block *mine = (block *)TlsGetValue(slot);
    SetLastError(error);
    return mine;
}

static block *make(void) {
    block *mine;
    EnterCriticalSection(&lock);
    mine = unused;
    if (mine) unused = mine->unused;
    LeaveCriticalSection(&lock);
    if (!mine) {
        mine = (block *)HeapAlloc(GetProcessHeap(), HEAP_ZERO_MEMORY, sizeof *mine);
        if (!mine) return NULL;
        mine->sleeper.references = OF_A_THREAD;
        mine->sleeper.event = CreateEventW(NULL, FALSE, FALSE, NULL);
        if (!mine->sleeper.event) {
            HeapFree(GetProcessHeap(), 0, mine);
            return NULL;
        }
        EnterCriticalSection(&lock);
        mine->next = all;
        all = mine;
        LeaveCriticalSection(&lock);
    }
    TlsSetValue(slot, mine);
    return mine;
}

block *port_self(void) {
    block *mine = port_known();
    if (!mine) {
        DWORD error = GetLastError();
        mine = make();
        SetLastError(error);
    }
    return mine;
}

void port_thread_exit(void) {
    if (port_known()) cocancel_thread_exit(runtime);
}

/* The block goes to the next thread and not to the system: a wake for this one may be on its way still, and there is harmless. */
void port_thread_detach(void) {
    block *mine = port_known();
    if (!mine) return;
    cocancel_thread_exit(runtime);
    TlsSetValue(slot, NULL);
    mine->local = NULL;
    EnterCriticalSection(&lock);
    mine->unused = unused;
    unused = mine;
    LeaveCriticalSection(&lock);
}

/* ---- what a pumping apartment sleeps on ---- */

sleeper *sleeper_create(void) {
    sleeper *self = (sleeper *)allocate(sizeof *self);
    if (!self) return NULL;
    self->references = 1;
    self->event = CreateEventW(NULL, FALSE, FALSE, NULL);
    if (self->event) return self;
    give_back(self);
    return NULL;
}

sleeper *sleeper_reference(sleeper *self) {
    InterlockedIncrement(&self->references);
    return self;
}

void sleeper_release(sleeper *self) {
    if (InterlockedDecrement(&self->references) != 0) return;
    CloseHandle(self->event);
    give_back(self);
}

/* ---- what the library asks for ---- */

static uint32_t thread_id(void *user) {
    (void)user;
    return GetCurrentThreadId();
}

/* Not GetTickCount: it jumps by ten milliseconds and more, and deadlines would be early by that. On some old machines with several processors the
   counter steps back from one to the other: there a host gives the larger of this and what it gave last, or GetTickCount with its error. */
static uint32_t tick(void *user) {
    LARGE_INTEGER now;
    (void)user;
    QueryPerformanceCounter(&now);
    return (uint32_t)(now.QuadPart / frequency.QuadPart * 1000 + now.QuadPart % frequency.QuadPart * 1000 / frequency.QuadPart);
}

static void *local(void *user) {
    block *mine = port_known();
    (void)user;
    return mine ? mine->local : NULL;
}

static void set_local(void *user, void *value) {
    block *mine = port_self();
    (void)user;
    if (mine) mine->local = value;
}

/* A thread's own, when it blocks: in cocancel_wait, or as a canceller that waits for the server. */
static void *waiter(void *user) {
    block *mine = port_self();
    (void)user;
    return mine ? &mine->sleeper : NULL;
}

static void wait(void *user, const cocancel_wait_point *point, uint32_t ms) {
    const sleeper *context = (const sleeper *)point->context;
    (void)user;
    if (context) WaitForSingleObject(context->event, ms);
    else Sleep(1); /* no memory for a block: it looks again and again */
}

static void wake(void *user, const cocancel_wait_point *point) {
    const sleeper *context = (const sleeper *)point->context;
    (void)user;
    if (context) SetEvent(context->event);
}

static void retire(void *user, void *context) {
    (void)user;
    if (((sleeper *)context)->references != OF_A_THREAD) sleeper_release((sleeper *)context);
}

/* ---- the beginning and the end ---- */

static HRESULT begin(void (*orphaned)(void *user, void *record)) {
    HRESULT hr;
    QueryPerformanceFrequency(&frequency);
    port.size = sizeof port;
    port.thread_id = thread_id;
    port.tick = tick;
    port.local = local;
    port.set_local = set_local;
    port.waiter = waiter;
    port.wait = wait;
    port.wake = wake;
    port.hooks.retire = retire;
    port.hooks.orphaned = orphaned;
    hr = cocancel_init(COCANCEL_ABI_VERSION, storage, sizeof storage, CALLS, THREADS, &port, &runtime);
    return SUCCEEDED(hr) ? cocancel_set_default(runtime) : hr;
}

static void give_up(void) {
    DeleteCriticalSection(&lock);
    TlsFree(slot);
    slot = TLS_OUT_OF_INDEXES;
}

HRESULT port_attach(void (*orphaned)(void *user, void *record)) {
    HRESULT hr;
    slot = TlsAlloc();
    if (slot == TLS_OUT_OF_INDEXES) return E_OUTOFMEMORY;
    InitializeCriticalSection(&lock);
    hr = begin(orphaned);
    if (FAILED(hr)) give_up();
    return hr;
}

/* Where a call is still out, or a thread attached, somebody may yet look at a block: then they stay. The index and the lock go all the same, for only
   the DLL's code uses them, which goes now. */
HRESULT port_detach(void) {
    HRESULT hr;
    block *each;
    if (slot == TLS_OUT_OF_INDEXES) return E_UNEXPECTED; /* port_attach failed */
    cocancel_set_default(NULL);
    hr = cocancel_deinit(runtime);
    while (SUCCEEDED(hr) && (each = all) != NULL) {
        all = each->next;
        CloseHandle(each->sleeper.event);
        HeapFree(GetProcessHeap(), 0, each);
    }
    give_up();
    return hr;
}
