/* A host's own port for Windows, linked beside the programs of tests/c with the archive that has none: one pointer for each thread, as a
   COM runtime keeps in its thread block, an event for each thread to sleep on, and a detach when a thread ends. It makes its runtime the
   default one before the program starts. SPDX-License-Identifier: MIT OR Apache-2.0 */
#include <pthread.h>
#include <stdlib.h>
#include <windows.h>

#include "cocancel.h"

/* What this host keeps of one thread: the pointer for the library, and what its thread sleeps on. Blocks are never given back to the
   system, but to the next thread: a wake that comes too late wakes that one without reason, which is allowed. */
typedef struct block {
    void *local; /* the host slot */
    HANDLE event;
    struct block *next;
} block;

static DWORD slot;
static pthread_key_t end;
static CRITICAL_SECTION lock;
static block *unused;
static cocancel_runtime *runtime;
static COCANCEL_STORAGE(storage, 1024, 1024);

static block *self(void) {
    block *mine = (block *)TlsGetValue(slot);
    if (mine) return mine;
    EnterCriticalSection(&lock);
    mine = unused;
    if (mine) unused = mine->next;
    LeaveCriticalSection(&lock);
    if (!mine) {
        mine = (block *)calloc(1, sizeof *mine);
        if (!mine) abort();
        mine->event = CreateEventW(NULL, FALSE, FALSE, NULL);
    }
    mine->local = NULL;
    TlsSetValue(slot, mine);
    pthread_setspecific(end, mine);
    return mine;
}

static void thread_detach(void *its_block) {
    block *mine = (block *)its_block;
    cocancel_thread_exit(runtime);
    TlsSetValue(slot, NULL);
    EnterCriticalSection(&lock);
    mine->next = unused;
    unused = mine;
    LeaveCriticalSection(&lock);
}

static uint32_t thread_id(void *user) {
    (void)user;
    return GetCurrentThreadId();
}
static uint32_t tick(void *user) {
    LARGE_INTEGER counter, frequency; /* GetTickCount jumps, and deadlines would be early by that */
    (void)user;
    QueryPerformanceCounter(&counter);
    QueryPerformanceFrequency(&frequency);
    return (uint32_t)(counter.QuadPart / frequency.QuadPart * 1000 + counter.QuadPart % frequency.QuadPart * 1000 / frequency.QuadPart);
}
static void *local(void *user) {
    block *mine = (block *)TlsGetValue(slot);
    (void)user;
    return mine ? mine->local : NULL;
}
static void set_local(void *user, void *value) {
    (void)user;
    self()->local = value;
}
static void *waiter(void *user) {
    (void)user;
    return self();
}
static void wait(void *user, const cocancel_wait_point *point, uint32_t ms) {
    (void)user;
    WaitForSingleObject(((block *)point->context)->event, ms);
}
static void wake(void *user, const cocancel_wait_point *point) {
    (void)user;
    SetEvent(((block *)point->context)->event);
}

__attribute__((constructor)) static void set_up(void) {
    static cocancel_port port;
    slot = TlsAlloc();
    InitializeCriticalSection(&lock);
    if (pthread_key_create(&end, thread_detach) != 0) abort();
    port.size = sizeof port;
    port.thread_id = thread_id;
    port.tick = tick;
    port.local = local;
    port.set_local = set_local;
    port.waiter = waiter;
    port.wait = wait;
    port.wake = wake;
    if (cocancel_init(COCANCEL_ABI_VERSION, storage, sizeof storage, 1024, 1024, &port, &runtime) < 0) abort();
    if (cocancel_set_default(runtime) < 0) abort();
}
