/* Threads with fibers: one that deletes the fiber on which it first used the library stays attached; one that ends is detached.
   SPDX-License-Identifier: MIT OR Apache-2.0 */
#include <windows.h>

#include "check.h"

/* ---- what a thread does with its fibers ---- */

typedef struct strand {
    void (*run)(struct strand *self);
    LPVOID first, second;
    cocancel_call call;
} strand;

static DWORD WINAPI run(void *argument) {
    strand *self = (strand *)argument;
    self->run(self);
    return 0;
}

/* Runs it on a thread of its own, and waits for the thread's end. */
static strand on_a_thread(void (*function)(strand *self)) {
    strand self = {0};
    HANDLE thread;
    self.run = function;
    thread = CreateThread(NULL, 0, run, &self, 0, NULL);
    CHECK_TRUE(thread != NULL && WaitForSingleObject(thread, INFINITE) == WAIT_OBJECT_0);
    CloseHandle(thread);
    return self;
}

static void use(strand *self) {
    CHECK(cocancel_enable(NULL), COCANCEL_S_OK);
    CHECK(cocancel_begin(NULL, NULL, &self->call), COCANCEL_S_OK);
}

static VOID CALLBACK uses_and_goes_back(LPVOID argument) {
    strand *self = (strand *)argument;
    use(self);
    SwitchToFiber(self->first);
}

static VOID CALLBACK uses_and_ends(LPVOID argument) { use((strand *)argument); }

/* On a second fiber, from the thread's own. */
static void in_a_fiber(strand *self, LPFIBER_START_ROUTINE function) {
    self->first = ConvertThreadToFiber(NULL);
    self->second = CreateFiber(0, function, self);
    CHECK_TRUE(self->first != NULL && self->second != NULL);
    SwitchToFiber(self->second);
}

/* ---- the thread goes on ---- */

static void deletes_the_fiber(strand *self) {
    in_a_fiber(self, uses_and_goes_back);
    DeleteFiber(self->second);
    CHECK(cocancel_poll(NULL, self->call, NULL), COCANCEL_RPC_S_CALLPENDING);
    CHECK(cocancel_complete(NULL, self->call, NULL), COCANCEL_S_OK);
    CHECK(cocancel_finish(NULL, self->call), COCANCEL_S_OK);
    CHECK(cocancel_disable(NULL), COCANCEL_S_OK);
    CHECK(cocancel_thread_exit(NULL), COCANCEL_S_OK);
}

static VOID CALLBACK deletes_the_first(LPVOID argument) {
    strand *self = (strand *)argument;
    DeleteFiber(self->first);
    CHECK(cocancel_complete(NULL, self->call, NULL), COCANCEL_S_OK);
    CHECK(cocancel_finish(NULL, self->call), COCANCEL_S_OK);
    CHECK(cocancel_disable(NULL), COCANCEL_S_OK);
    CHECK(cocancel_thread_exit(NULL), COCANCEL_S_OK);
}

static void becomes_a_fiber_and_deletes_it_on_another(strand *self) {
    use(self);
    in_a_fiber(self, deletes_the_first);
}

/* ---- the thread ends ---- */

static void ends_on_the_fiber(strand *self) { in_a_fiber(self, uses_and_ends); }

static void ends_as_a_fiber(strand *self) {
    use(self);
    CHECK_TRUE(ConvertThreadToFiber(NULL) != NULL);
}

static void ends_as_a_fiber_no_more(strand *self) {
    CHECK_TRUE(ConvertThreadToFiber(NULL) != NULL);
    use(self);
    CHECK_TRUE(ConvertFiberToThread());
}

/* ---- the thread is on another fiber when it ends, or when the module is unloaded ---- */

static void ends_elsewhere(strand *self) {
    in_a_fiber(self, uses_and_goes_back);
    CHECK_TRUE(cocancel_dll_main(NULL, DLL_THREAD_DETACH, NULL) == TRUE);
}

static void unloads_elsewhere(strand *self) {
    in_a_fiber(self, uses_and_goes_back);
    CHECK_TRUE(cocancel_dll_main(NULL, DLL_PROCESS_DETACH, NULL) == TRUE);
}

int main(void) {
    static void (*const ends[])(strand *) = {ends_on_the_fiber, ends_as_a_fiber, ends_as_a_fiber_no_more, ends_elsewhere, unloads_elsewhere};
    size_t n;
    on_a_thread(deletes_the_fiber);
    on_a_thread(becomes_a_fiber_and_deletes_it_on_another);
    CHECK_TRUE(slots_in_use(NULL) == 0);
    for (n = 0; n < sizeof ends / sizeof *ends; n++) {
        strand ended = on_a_thread(ends[n]);
        CHECK(cocancel_complete(NULL, ended.call, NULL), COCANCEL_RPC_E_CALL_CANCELED);
        CHECK_TRUE(slots_in_use(NULL) == 0);
    }
    return failures != 0;
}
