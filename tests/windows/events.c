/* The built-in runtime of Windows: wake contexts that are events, threads that end, the last error.
   SPDX-License-Identifier: MIT OR Apache-2.0 */
#include <windows.h>

#include "check.h"

/* ---- a client that waits for its own event and pumps messages, as a single-threaded apartment does ---- */

typedef struct client {
    HANDLE begun;
    cocancel_call call;
    DWORD id;
    int messages;
    int32_t outcome;
} client;

static DWORD WINAPI pump(void *argument) {
    client *self = (client *)argument;
    cocancel_call_options options = {0};
    HANDLE event = CreateEventW(NULL, FALSE, FALSE, NULL);
    DWORD remaining;
    MSG message;
    options.context = event;
    self->id = GetCurrentThreadId();
    PeekMessageW(&message, NULL, WM_USER, WM_USER, PM_NOREMOVE); /* makes the queue */
    CHECK(cocancel_enable(NULL), COCANCEL_S_OK);
    CHECK(cocancel_begin(NULL, &options, &self->call), COCANCEL_S_OK);
    SetEvent(self->begun);
    for (;;) {
        uint32_t ms;
        self->outcome = cocancel_poll(NULL, self->call, &ms);
        remaining = ms;
        if (self->outcome != COCANCEL_RPC_S_CALLPENDING) break;
        if (MsgWaitForMultipleObjects(1, &event, FALSE, remaining, QS_ALLINPUT) == WAIT_OBJECT_0 + 1)
            while (PeekMessageW(&message, NULL, 0, 0, PM_REMOVE)) self->messages += message.message == WM_USER;
    }
    CHECK(cocancel_finish(NULL, self->call), self->outcome);
    return 0; /* the event is closed by retire only, which this program does without: it ends */
}

static HANDLE start(DWORD(WINAPI *run)(void *), void *argument) {
    HANDLE thread = CreateThread(NULL, 0, run, argument, 0, NULL);
    CHECK_TRUE(thread != NULL);
    return thread;
}

static void join(HANDLE thread) {
    CHECK_TRUE(WaitForSingleObject(thread, INFINITE) == WAIT_OBJECT_0);
    CloseHandle(thread);
}

static void pumping_client(uint32_t timeout_ms, int completes) {
    client it = {0};
    HANDLE thread;
    it.begun = CreateEventW(NULL, FALSE, FALSE, NULL);
    thread = start(pump, &it);
    CHECK_TRUE(WaitForSingleObject(it.begun, INFINITE) == WAIT_OBJECT_0);
    CHECK_TRUE(PostThreadMessageW(it.id, WM_USER, 0, 0));
    if (completes) {
        CHECK(cocancel_complete(NULL, it.call, NULL), COCANCEL_S_OK);
        join(thread);
        CHECK(it.outcome, COCANCEL_S_OK);
    } else {
        CHECK(cocancel_cancel_thread(NULL, it.id, timeout_ms, 0), COCANCEL_S_OK);
        join(thread);
        CHECK(it.outcome, COCANCEL_RPC_E_CALL_CANCELED);
        CHECK(cocancel_complete(NULL, it.call, NULL), COCANCEL_RPC_E_CALL_CANCELED);
    }
    CloseHandle(it.begun);
}

/* ---- threads that end ---- */

static DWORD WINAPI ends_with_a_call(void *argument) {
    CHECK(cocancel_enable(NULL), COCANCEL_S_OK);
    CHECK(cocancel_begin(NULL, NULL, (cocancel_call *)argument), COCANCEL_S_OK);
    return 0;
}

static void thread_ends(void) {
    cocancel_call call = 0;
    int n;
    for (n = 0; n < 1500; n++) { /* more than there are slots for threads */
        join(start(ends_with_a_call, &call));
        CHECK(cocancel_complete(NULL, call, NULL), COCANCEL_RPC_E_CALL_CANCELED);
        if (failures) return;
    }
    CHECK_TRUE(slots_in_use(NULL) == 0);
}

/* ---- many that sleep at once ---- */

enum { CROWD = 600 /* more than there are places to sleep in */ };

static DWORD WINAPI sleeps(void *argument) {
    client *self = (client *)argument;
    CHECK(cocancel_enable(NULL), COCANCEL_S_OK);
    CHECK(cocancel_begin(NULL, NULL, &self->call), COCANCEL_S_OK);
    self->id = GetCurrentThreadId();
    SetEvent(self->begun);
    self->outcome = cocancel_wait(NULL, self->call);
    CHECK(cocancel_finish(NULL, self->call), self->outcome);
    return 0;
}

static void crowd(void) {
    static client all[CROWD];
    static HANDLE threads[CROWD];
    HANDLE begun = CreateEventW(NULL, FALSE, FALSE, NULL);
    int n;
    for (n = 0; n < CROWD; n++) {
        all[n].begun = begun;
        threads[n] = CreateThread(NULL, 65536, sleeps, &all[n], STACK_SIZE_PARAM_IS_A_RESERVATION, NULL);
        CHECK_TRUE(threads[n] != NULL);
        CHECK_TRUE(WaitForSingleObject(begun, INFINITE) == WAIT_OBJECT_0);
    }
    for (n = 0; n < CROWD; n++) {
        if (n % 2) CHECK(cocancel_cancel_thread(NULL, all[n].id, 0, 0), COCANCEL_S_OK);
        else CHECK(cocancel_complete(NULL, all[n].call, NULL), COCANCEL_S_OK);
    }
    for (n = 0; n < CROWD; n++) {
        join(threads[n]);
        CHECK(all[n].outcome, n % 2 ? COCANCEL_RPC_E_CALL_CANCELED : COCANCEL_S_OK);
        if (n % 2) CHECK(cocancel_complete(NULL, all[n].call, NULL), COCANCEL_RPC_E_CALL_CANCELED);
    }
    CHECK_TRUE(slots_in_use(NULL) == 0);
    CloseHandle(begun);
}

/* ---- the last error is the caller's ---- */

static void last_error(void) {
    cocancel_call call;
    SetLastError(4711);
    CHECK(cocancel_enable(NULL), COCANCEL_S_OK);
    CHECK(cocancel_begin(NULL, NULL, &call), COCANCEL_S_OK);
    CHECK(cocancel_cancel_thread(NULL, 0, 0, 0), COCANCEL_S_OK);
    CHECK(cocancel_wait(NULL, call), COCANCEL_RPC_E_CALL_CANCELED);
    CHECK(cocancel_finish(NULL, call), COCANCEL_RPC_E_CALL_CANCELED);
    CHECK(cocancel_complete(NULL, call, NULL), COCANCEL_RPC_E_CALL_CANCELED);
    CHECK(cocancel_disable(NULL), COCANCEL_S_OK);
    CHECK_TRUE(GetLastError() == 4711);
}

int main(void) {
    CHECK_TRUE(cocancel_thread_id() == GetCurrentThreadId());
    last_error();
    pumping_client(0, 0);
    pumping_client(50, 0);
    pumping_client(0, 1);
    thread_ends();
    crowd();
    return failures != 0;
}
