/* 32-bit x86: every entry point is called with each stack pointer that a host may have there, which is aligned to four bytes and no more.
   SPDX-License-Identifier: MIT OR Apache-2.0 */
#if !defined(__i386__)
#error "for 32-bit x86"
#endif
#define INITGUID
#include <string.h>
#include <windows.h>

#include "check.h"
#include "cocancel_com.h"

static unsigned shift; /* 0, 4, 8 or 12 bytes off a multiple of 16 */
static int calls;

/* Calls `function` with `count` words, of either convention: the stack pointer is put back from a register. */
__attribute__((noinline)) static uint32_t call(void *function, unsigned count, const uint32_t *words) {
    uint32_t result;
    uint32_t room = shift + ((16 - count * 4) & 15); /* so that the arguments start at the wanted place */
    __asm__ volatile(
        "movl %%esp, %%ebx\n\t"
        "andl $-16, %%esp\n\t"
        "subl %[room], %%esp\n\t"
        "leal (%%esi,%[count],4), %%edi\n"
        "1:\tcmpl %%esi, %%edi\n\t"
        "je 2f\n\t"
        "subl $4, %%edi\n\t"
        "pushl (%%edi)\n\t"
        "jmp 1b\n"
        "2:\tcall *%%eax\n\t"
        "movl %%ebx, %%esp\n\t"
        : "=a"(result), [room] "+c"(room), [count] "+d"(count), "+S"(words)
        : "0"(function)
        : "ebx", "edi", "memory", "cc");
    calls++;
    return result;
}

#define WORD(x) ((uint32_t)(uintptr_t)(x))
#define CALL(function, ...) \
    ((int32_t)call((void *)(uintptr_t)function, sizeof((uint32_t[]){__VA_ARGS__}) / 4, (const uint32_t[]){__VA_ARGS__}))
#define CALL0(function) ((int32_t)call((void *)(uintptr_t)function, 0, NULL))

static COCANCEL_STORAGE(storage, 4, 32);

/* The host's functions are called by the library; it owes them no more alignment than it was given. */
static uint32_t id(void *user) { return WORD(user) ? 1u : 2u; }
static uint32_t tick(void *user) {
    (void)user;
    return 5;
}

static void runtimes(void) {
    static int user;
    cocancel_runtime *runtime = NULL;
    cocancel_port port;
    memset(&port, 0, sizeof port);
    port.size = sizeof port;
    port.thread_id = id;
    port.tick = tick;
    port.hooks.user = &user;
    CHECK_TRUE(CALL(cocancel_storage_size, 4, 32) == (int32_t)sizeof storage);
    CHECK(CALL(cocancel_init, COCANCEL_ABI_VERSION, WORD(storage), sizeof storage, 4, 32, WORD(&port), WORD(&runtime)), S_OK);
    CHECK(CALL(cocancel_set_default, WORD(runtime)), S_OK);
    CHECK_TRUE(CALL0(cocancel_thread_id) == 1);
    CHECK(CALL(cocancel_enable, 0), S_OK);
    CHECK(CALL(cocancel_disable, 0), S_OK);
    CHECK(CALL(cocancel_thread_exit, 0), S_OK);
    CHECK(CALL(cocancel_set_default, 0), S_OK);
    CHECK(CALL(cocancel_deinit, WORD(runtime)), S_OK);
    CHECK_TRUE(CALL0(cocancel_abi_version) == COCANCEL_ABI_VERSION);
    CHECK_TRUE(strcmp((const char *)(uintptr_t)CALL(cocancel_hresult_name, 0), "S_OK") == 0);
    CHECK_TRUE(CALL0(cocancel_version) != 0);
}

static void calls_and_objects(void) {
    cocancel_call_options options = {0};
    cocancel_call call_1 = 0, call_2 = 0, frame = 0;
    cocancel_call_info info[4];
    ICancelMethodCalls *object = NULL;
    void *orphan = NULL, *old = NULL;
    size_t count = 4;
    uint32_t ms = 0;
    options.timeout_ms = 1000000;
    CHECK(CALL(CoEnableCallCancellation, 0), S_OK);
    CHECK(CALL(cocancel_begin, 0, WORD(&options), WORD(&call_1)), S_OK);
    CHECK(CALL(cocancel_enter, 0, call_1, WORD(&frame), WORD(&orphan)), S_OK);
    CHECK(CALL0(CoTestCancel), RPC_S_CALLPENDING);
    CHECK(CALL(cocancel_test, 0), RPC_S_CALLPENDING);
    CHECK(CALL(cocancel_test_call, 0, call_1), RPC_S_CALLPENDING);
    CHECK(CALL(CoGetCallContext, WORD(&IID_IUnknown), WORD(&old)), S_OK);
    CHECK_TRUE(CALL(((IUnknown *)old)->lpVtbl->Release, WORD(old)) >= 0);
    CHECK(CALL(CoSwitchCallContext, 0, WORD(&old)), S_OK);
    CHECK(CALL0(CoTestCancel), RPC_E_CALL_COMPLETE);
    CHECK(CALL(cocancel_leave, 0, frame), S_OK);
    CHECK(CALL(CoGetCancelObject, 0, WORD(&IID_ICancelMethodCalls), WORD(&object)), S_OK);
    CHECK(CALL(object->lpVtbl->QueryInterface, WORD(object), WORD(&IID_IUnknown), WORD(&old)), S_OK);
    CHECK_TRUE(CALL(object->lpVtbl->AddRef, WORD(object)) == 3);
    CHECK_TRUE(CALL(object->lpVtbl->Release, WORD(object)) == 2);
    CHECK_TRUE(CALL(object->lpVtbl->Release, WORD(object)) == 1);
    CHECK(CALL(object->lpVtbl->TestCancel, WORD(object)), RPC_S_CALLPENDING);
    CHECK(CALL(object->lpVtbl->Cancel, WORD(object), 1000), S_OK);
    CHECK_TRUE(CALL(cocancel_tick, 0, 1000000) > 0);
    CHECK(CALL(cocancel_poll, 0, call_1, WORD(&ms)), RPC_S_CALLPENDING);
    CHECK(CALL(CoCancelCall, 0, 0), RPC_E_CALL_CANCELED);
    CHECK(CALL(cocancel_cancel_thread, 0, 0, 0, 0), RPC_E_CALL_CANCELED);
    CHECK(CALL(cocancel_cancel_call, 0, call_1, 0, 0), RPC_E_CALL_CANCELED);
    CHECK(CALL(cocancel_snapshot, 0, WORD(info), WORD(&count)), S_OK);
    CHECK_TRUE(count == 1);
    CHECK(CALL(cocancel_wait, 0, call_1), RPC_E_CALL_CANCELED);
    CHECK(CALL(cocancel_finish, 0, call_1), RPC_E_CALL_CANCELED);
    CHECK(CALL(cocancel_complete, 0, call_1, WORD(&orphan)), RPC_E_CALL_CANCELED);
    CHECK(CALL(CoSetCancelObject, WORD(object)), S_OK);
    CHECK(CALL(CoSetCancelObject, 0), S_OK);
    CHECK_TRUE(CALL(object->lpVtbl->Release, WORD(object)) == 0);
    CHECK(CALL(CoDisableCallCancellation, 0), S_OK);
    CHECK(CALL(cocancel_serve, 0, 0, WORD(&call_1)), S_OK);
    CHECK(CALL(cocancel_object_of, 0, call_1, WORD(&IID_IUnknown), WORD(&old)), S_OK);
    CHECK_TRUE(CALL(((IUnknown *)old)->lpVtbl->Release, WORD(old)) == 0);
    CHECK(CALL(cocancel_abandon, 0, call_1, WORD(E_FAIL), WORD(&orphan)), S_OK);
    CHECK(CALL(cocancel_begin_async, 0, 0, WORD(&call_2)), S_OK);
    CHECK(CALL(cocancel_complete, 0, call_2, 0), S_OK);
    CHECK(CALL(cocancel_finish, 0, call_2), S_OK);
    CHECK_TRUE(slots_in_use(NULL) == 0);
}

/* A client that sleeps, and its canceller that waits: the system's functions are called on such a stack, too. */
static cocancel_call slept;
static HANDLE begun;

static DWORD WINAPI sleeper(void *unused) {
    (void)unused;
    CHECK(CALL(CoEnableCallCancellation, 0), S_OK);
    CHECK(CALL(cocancel_begin, 0, 0, WORD(&slept)), S_OK);
    SetEvent(begun);
    CHECK(CALL(cocancel_wait, 0, slept), RPC_E_CALL_CANCELED);
    CHECK(CALL(cocancel_finish, 0, slept), RPC_E_CALL_CANCELED);
    return 0;
}

static void waits(void) {
    DWORD its_id = 0;
    HANDLE thread;
    begun = CreateEventA(NULL, FALSE, FALSE, NULL);
    thread = CreateThread(NULL, 0, sleeper, NULL, 0, &its_id);
    WaitForSingleObject(begun, INFINITE);
    CHECK(CALL(CoCancelCall, its_id, 1), S_OK);
    WaitForSingleObject(thread, INFINITE);
    CHECK(CALL(cocancel_complete, 0, slept, 0), RPC_E_CALL_CANCELED);
    CloseHandle(thread);
    CloseHandle(begun);
}

int main(void) {
    for (shift = 0; shift < 16; shift += 4) {
        runtimes();
        calls_and_objects();
        waits();
    }
    CHECK(CALL(cocancel_set_hooks, 0), S_OK);
    CHECK(CALL(cocancel_set_capacity, 0, 0), E_INVALIDARG);
    CHECK_TRUE(calls > 200);
    return failures != 0;
}
