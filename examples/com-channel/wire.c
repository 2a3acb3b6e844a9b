/*
 * How the server learns which call it serves, and that it is cancelled. A call's id travels as an extension of the request, which a channel hook
 * writes and reads. Where client and server are one process the id is the call's handle. Else the server registers the call once more, in its own
 * process, and finds the cancel flag in memory that it shares with the client; an event tells it to look.
 * SPDX-License-Identifier: MIT OR Apache-2.0
 */
#include <stdio.h>

#include "internal.h"

/* {DE6AB8C5-5D43-4F1C-A6E4-3A62C5B5B0C1} */
static const GUID extension = {0xde6ab8c5, 0x5d43, 0x4f1c, {0xa6, 0xe4, 0x3a, 0x62, 0xc5, 0xb5, 0xb0, 0xc1}};

enum { CELLS = 4096, CLIENTS = 64 };

/* One call's, in the client's memory. */
typedef struct cell {
    volatile LONG generation, requested;
    volatile LONG server; /* the process that serves it */
    LONG unused;
} cell;

static DWORD process, start;
static cell *cells; /* this process' own */
static CRITICAL_SECTION lock;
static ticket *unused_tickets;
static DWORD tickets;

/* ---- names ---- */

static void name_of(WCHAR name[64], const WCHAR *what, DWORD id, DWORD start_or_0) {
    _snwprintf(name, 64, L"cocancel.channel.%ls.%lx.%lx", what, (unsigned long)id, (unsigned long)start_or_0);
}

/* ---- the client's side ---- */

static void hook_wake(void *user, void *context) {
    (void)user;
    if (context != NULL)
        SetEvent(((ticket *)context)->event);
}

static void hook_retire(void *user, void *context) {
    (void)user;
    if (context != NULL)
        ticket_give(context);
}

/* The flag, then who serves: the server writes itself down, then looks at the flag. */
static void hook_cancel_requested(void *user, cocancel_call call, void *context, uint32_t remaining_ms) {
    WCHAR name[64];
    HANDLE event;
    LONG server;
    (void)user, (void)call, (void)remaining_ms;
    if (context == NULL)
        return;
    InterlockedExchange(&cells[((ticket *)context)->cell].requested, 1);
    server = cells[((ticket *)context)->cell].server;
    if (server == 0)
        return;
    name_of(name, L"server", server, 0);
    event = OpenEventW(EVENT_MODIFY_STATE, FALSE, name);
    if (event != NULL) {
        SetEvent(event);
        CloseHandle(event);
    }
}

ticket *ticket_take(wire_id *id) {
    ticket *taken;
    cell *cell;
    EnterCriticalSection(&lock);
    taken = unused_tickets;
    if (taken != NULL)
        unused_tickets = taken->next;
    LeaveCriticalSection(&lock);
    if (taken == NULL) {
        taken = HeapAlloc(GetProcessHeap(), HEAP_ZERO_MEMORY, sizeof *taken);
        if (taken == NULL)
            return NULL;
        taken->cell = InterlockedIncrement((volatile LONG *)&tickets) - 1;
        taken->event = taken->cell < CELLS ? CreateEventW(NULL, FALSE, FALSE, NULL) : NULL;
        if (taken->event == NULL) {
            HeapFree(GetProcessHeap(), 0, taken);
            return NULL;
        }
    }
    ResetEvent(taken->event);
    cell = &cells[taken->cell];
    InterlockedExchange(&cell->requested, 0);
    InterlockedExchange(&cell->server, 0);
    id->process = process;
    id->start = start;
    id->cell = taken->cell;
    id->generation = InterlockedIncrement(&cell->generation);
    id->call = 0;
    return taken;
}

void ticket_give(ticket *ticket) {
    EnterCriticalSection(&lock);
    ticket->next = unused_tickets;
    unused_tickets = ticket;
    LeaveCriticalSection(&lock);
}

/* ---- the channel hook ---- */

static __thread const wire_id *outgoing;
static __thread wire_id incoming; /* process 0: none */

void wire_outgoing(const wire_id *id) { outgoing = id; }
void wire_incoming(const wire_id *id) { incoming = *id; }

static HRESULT WINAPI QueryInterface(IChannelHook *iface, REFIID iid, void **out) {
    BOOL known = IsEqualIID(iid, &IID_IUnknown) || IsEqualIID(iid, &IID_IChannelHook);
    *out = known ? iface : NULL;
    return known ? S_OK : E_NOINTERFACE;
}
static ULONG WINAPI AddRef(IChannelHook *iface) { return (void)iface, 2; }
static ULONG WINAPI Release(IChannelHook *iface) { return (void)iface, 1; }
static void WINAPI ClientGetSize(IChannelHook *iface, REFGUID ext, REFIID iid, ULONG *size) {
    (void)iface, (void)ext, (void)iid;
    *size = outgoing != NULL ? sizeof *outgoing : 0;
}
static void WINAPI ClientFillBuffer(IChannelHook *iface, REFGUID ext, REFIID iid, ULONG *size, void *buffer) {
    (void)iface, (void)ext, (void)iid;
    *size = outgoing != NULL ? sizeof *outgoing : 0;
    if (outgoing != NULL)
        memcpy(buffer, outgoing, sizeof *outgoing);
}
static void WINAPI ClientNotify(IChannelHook *iface, REFGUID ext, REFIID iid, ULONG size, void *buffer, DWORD rep, HRESULT hr) {
    (void)iface, (void)ext, (void)iid, (void)size, (void)buffer, (void)rep, (void)hr;
}
static void WINAPI ServerNotify(IChannelHook *iface, REFGUID ext, REFIID iid, ULONG size, void *buffer, DWORD rep) {
    (void)iface, (void)ext, (void)iid, (void)rep;
    memset(&incoming, 0, sizeof incoming);
    if (size >= sizeof incoming && buffer != NULL)
        memcpy(&incoming, buffer, sizeof incoming);
}
static void WINAPI ServerGetSize(IChannelHook *iface, REFGUID ext, REFIID iid, HRESULT hr, ULONG *size) {
    (void)iface, (void)ext, (void)iid, (void)hr;
    *size = 0;
}
static void WINAPI ServerFillBuffer(IChannelHook *iface, REFGUID ext, REFIID iid, ULONG *size, void *buffer, HRESULT hr) {
    (void)iface, (void)ext, (void)iid, (void)buffer, (void)hr;
    *size = 0;
}
static IChannelHookVtbl hook_vtable = {QueryInterface, AddRef,       Release,       ClientGetSize,   ClientFillBuffer,
                                       ClientNotify,   ServerNotify, ServerGetSize, ServerFillBuffer};
static IChannelHook hook = {&hook_vtable};

/* ---- the server's side ---- */

static struct client {
    DWORD process, start;
    cell *cells;
    HANDLE handle, wait; /* for its end; NULL: it is not noticed */
} clients[CLIENTS]; /* those whose memory is mapped */
static DWORD oldest;
static served *watched;
static HANDLE look;

/* A client's process has ended: nobody waits for what it called. It may have made room for another meanwhile, which has not. */
static void CALLBACK on_end(void *context, BOOLEAN timed_out) {
    const struct client *client = context;
    const served *served;
    (void)timed_out;
    EnterCriticalSection(&lock);
    if (client->handle != NULL && WaitForSingleObject(client->handle, 0) == WAIT_OBJECT_0)
        for (served = watched; served != NULL; served = served->next)
            if (served->client == client)
                cocancel_cancel_call(NULL, served->call, 0, COCANCEL_NO_WAIT);
    LeaveCriticalSection(&lock);
}

static void notice_end(struct client *client) {
    client->wait = NULL;
    client->handle = OpenProcess(SYNCHRONIZE, FALSE, client->process);
    if (client->handle != NULL)
        RegisterWaitForSingleObject(&client->wait, client->handle, on_end, client, INFINITE, WT_EXECUTEONLYONCE);
}

/* With the lock held, so it does not wait for an `on_end` that runs. */
static void forget(struct client *client) {
    UnmapViewOfFile(client->cells);
    if (client->wait != NULL)
        UnregisterWait(client->wait);
    if (client->handle != NULL)
        CloseHandle(client->handle);
    client->cells = NULL;
    client->handle = client->wait = NULL;
}

/* A client's process whose memory is mapped, with the lock held. It may go when nobody is watched. */
static struct client *find_client(const wire_id *id) {
    WCHAR name[64];
    HANDLE section;
    DWORD i;
    for (i = 0; i < CLIENTS; i++)
        if (clients[i].cells != NULL && clients[i].process == id->process && clients[i].start == id->start)
            return &clients[i];
    i = oldest;
    if (clients[i].cells != NULL && watched != NULL)
        return NULL; /* more clients at once than there is room for: this one's calls are served, but not cancelled */
    name_of(name, L"client", id->process, id->start);
    section = OpenFileMappingW(FILE_MAP_ALL_ACCESS, FALSE, name);
    if (section == NULL)
        return NULL;
    if (clients[i].cells != NULL)
        forget(&clients[i]);
    clients[i].cells = MapViewOfFile(section, FILE_MAP_ALL_ACCESS, 0, 0, CELLS * sizeof(cell));
    clients[i].process = id->process;
    clients[i].start = id->start;
    CloseHandle(section);
    if (clients[i].cells == NULL)
        return NULL;
    notice_end(&clients[i]);
    oldest = (oldest + 1) % CLIENTS;
    return &clients[i];
}

/* Cancels those whose flag is set. */
static DWORD WINAPI watcher(void *unused) {
    (void)unused;
    for (;;) {
        served *served;
        WaitForSingleObject(look, INFINITE);
        EnterCriticalSection(&lock);
        for (served = watched; served != NULL; served = served->next)
            if (*served->requested)
                cocancel_cancel_call(NULL, served->call, 0, COCANCEL_NO_WAIT);
        LeaveCriticalSection(&lock);
    }
    return 0;
}

static void start_watcher(void) {
    WCHAR name[64];
    HANDLE thread;
    if (look != NULL)
        return;
    name_of(name, L"server", process, 0);
    look = CreateEventW(NULL, FALSE, FALSE, name);
    thread = CreateThread(NULL, 0, watcher, NULL, 0, NULL);
    if (thread != NULL)
        CloseHandle(thread);
}

static void watch(served *served, const wire_id *id) {
    struct client *client;
    EnterCriticalSection(&lock);
    start_watcher();
    client = id->cell < CELLS ? find_client(id) : NULL;
    if (client != NULL && client->cells[id->cell].generation == (LONG)id->generation) {
        cell *cell = &client->cells[id->cell];
        served->client = client;
        InterlockedExchange(&cell->server, process);
        served->requested = &cell->requested;
        served->next = watched;
        watched = served;
        COUNT_UP(watched);
        if (*served->requested)
            cocancel_cancel_call(NULL, served->call, 0, COCANCEL_NO_WAIT);
    }
    LeaveCriticalSection(&lock);
}

static void unwatch(served *served) {
    struct served **place;
    if (served->requested == NULL)
        return;
    EnterCriticalSection(&lock);
    for (place = &watched; *place != served; place = &(*place)->next)
        ;
    *place = served->next;
    COUNT_DOWN(watched);
    LeaveCriticalSection(&lock);
}

HRESULT serve_enter(served *served) {
    wire_id id = incoming;
    cocancel_call_options options = {0};
    HRESULT hr;
    memset(&incoming, 0, sizeof incoming);
    memset(served, 0, sizeof *served);
    if (id.process == process && id.start == start) {
        served->call = (cocancel_call)id.call;
        return cocancel_enter(NULL, served->call, &served->frame, NULL);
    }
    /* of another process, or of a client without this channel */
    served->own = 1;
    cocancel_serve(NULL, &options, &served->call);
    if (id.process != 0)
        watch(served, &id);
    hr = cocancel_enter(NULL, served->call, &served->frame, NULL);
    if (hr != S_OK)
        unwatch(served);
    return hr;
}

void serve_leave(served *served) {
    unwatch(served);
    cocancel_leave(NULL, served->frame);
    if (served->own)
        cocancel_complete(NULL, served->call, NULL);
}

/* ---- */

HRESULT wire_start(void) {
    static const cocancel_hooks hooks = {
        .wake = hook_wake, .retire = hook_retire, .cancel_requested = hook_cancel_requested};
    WCHAR name[64];
    HANDLE section;
    FILETIME began, other;
    InitializeCriticalSection(&lock);
    process = GetCurrentProcessId();
    GetProcessTimes(GetCurrentProcess(), &began, &other, &other, &other);
    start = began.dwLowDateTime;
    name_of(name, L"client", process, start);
    /* stays until the process ends */
    section = CreateFileMappingW(INVALID_HANDLE_VALUE, NULL, PAGE_READWRITE, 0, CELLS * sizeof(cell), name);
    if (section == NULL)
        return HRESULT_FROM_WIN32(GetLastError());
    cells = MapViewOfFile(section, FILE_MAP_ALL_ACCESS, 0, 0, CELLS * sizeof(cell));
    if (cells == NULL)
        return E_OUTOFMEMORY;
    cocancel_set_hooks(&hooks);
    return CoRegisterChannelHook(&extension, &hook);
}
