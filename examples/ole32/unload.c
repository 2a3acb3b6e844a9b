/* example_ole32.dll is loaded, used, unloaded, and loaded again: it leaves nothing behind that the next one would meet.
   SPDX-License-Identifier: MIT OR Apache-2.0 */
#include <stdio.h>

#include "example_ole32.h"

typedef HRESULT(WINAPI *enabling)(LPVOID);
typedef HRESULT(WINAPI *initializing)(DWORD, apartment **);
typedef HRESULT(WINAPI *calling)(apartment *, example_method, ULONG, ULONG *);
typedef HRESULT(WINAPI *registering)(IUnknown *);
typedef void(WINAPI *releasing)(apartment *);
typedef void(WINAPI *telling_end)(HRESULT *);
typedef void(WINAPI *uninitializing)(void);

static HMODULE library;

#define FIND(type, name) ((type)(void (*)(void))GetProcAddress(library, name))

static HRESULT WINAPI add_one(ULONG argument, ULONG *result) {
    *result = argument + 1;
    return S_OK;
}

/* A call of the thread to its own apartment, which it serves while it waits. Where the answer is wrong, its line. */
static int use(DWORD model) {
    apartment *own;
    ULONG result = 0;
    if (FIND(enabling, "CoEnableCallCancellation")(NULL) != S_OK) return __LINE__;
    if (FIND(initializing, "ExampleInitialize")(model, &own) != S_OK) return __LINE__;
    if (model == COINIT_APARTMENTTHREADED) {
        if (FIND(calling, "ExampleCall")(own, add_one, 41, &result) != S_OK) return __LINE__;
        if (result != 42) return __LINE__;
    }
    FIND(releasing, "ExampleRelease")(own);
    FIND(uninitializing, "ExampleUninitialize")();
    return 0;
}

static DWORD WINAPI use_and_end(void *unused) {
    (void)unused;
    return (DWORD)use(COINIT_MULTITHREADED);
}

/* ---- a cancel object that makes an apartment when its thread's end releases it ---- */

static HRESULT WINAPI query(ICancelMethodCalls *self, REFIID id, void **object) {
    (void)id;
    *object = self;
    return S_OK;
}

static ULONG WINAPI add_reference(ICancelMethodCalls *self) {
    (void)self;
    return 2;
}

static ULONG WINAPI release(ICancelMethodCalls *self) {
    (void)self;
    FIND(initializing, "ExampleInitialize")(COINIT_MULTITHREADED, NULL);
    return 1;
}

static HRESULT WINAPI cancel(ICancelMethodCalls *self, ULONG seconds) {
    (void)self;
    (void)seconds;
    return S_OK;
}

static HRESULT WINAPI test_cancel(ICancelMethodCalls *self) {
    (void)self;
    return RPC_S_CALLPENDING;
}

static DWORD WINAPI register_and_end(void *unused) {
    static ICancelMethodCallsVtbl functions = {query, add_reference, release, cancel, test_cancel};
    static ICancelMethodCalls object = {&functions};
    (void)unused;
    return FIND(registering, "CoSetCancelObject")((IUnknown *)&object) == S_OK ? 0 : __LINE__;
}

/* ---- an unloading that comes too early: a thread has not ended ---- */

static HANDLE enabled, may_end;

static DWORD WINAPI enable_and_stay(void *unused) {
    (void)unused;
    FIND(enabling, "CoEnableCallCancellation")(NULL);
    SetEvent(enabled);
    WaitForSingleObject(may_end, INFINITE);
    return 0;
}

static DWORD next_index(void) {
    DWORD index = TlsAlloc();
    TlsFree(index);
    return index;
}

static int unload_early(void) {
    HRESULT how = E_PENDING;
    HANDLE thread;
    DWORD index = next_index();
    library = LoadLibraryW(L"example_ole32.dll");
    FIND(telling_end, "ExampleTellEnd")(&how);
    enabled = CreateEventW(NULL, FALSE, FALSE, NULL);
    may_end = CreateEventW(NULL, FALSE, FALSE, NULL);
    thread = CreateThread(NULL, 0, enable_and_stay, NULL, 0, NULL);
    WaitForSingleObject(enabled, INFINITE);
    FreeLibrary(library);
    SetEvent(may_end);
    WaitForSingleObject(thread, INFINITE);
    CloseHandle(thread);
    if (how != E_ACCESSDENIED) return printf("cocancel_deinit, too early: 0x%08lX\n", how), 1;
    if (next_index() != index) return printf("a TLS index is left\n"), 1;
    return 0;
}

static DWORD run_thread(LPTHREAD_START_ROUTINE run) {
    DWORD line;
    HANDLE thread = CreateThread(NULL, 0, run, NULL, 0, NULL);
    WaitForSingleObject(thread, INFINITE);
    GetExitCodeThread(thread, &line);
    CloseHandle(thread);
    return line;
}

int main(void) {
    int round;
    for (round = 0; round < 20; round++) {
        HRESULT how = E_PENDING;
        DWORD line;
        library = LoadLibraryW(L"example_ole32.dll");
        if (!library) return printf("LoadLibrary: error %lu\n", GetLastError()), 1;
        FIND(telling_end, "ExampleTellEnd")(&how);
        line = run_thread(register_and_end);
        if (!line) line = run_thread(use_and_end);
        if (!line) line = (DWORD)use(COINIT_APARTMENTTHREADED);
        if (line) return printf("line %lu is not as expected\n", line), 1;
        if (!FreeLibrary(library)) return printf("FreeLibrary: error %lu\n", GetLastError()), 1;
        if (GetModuleHandleW(L"example_ole32.dll")) return printf("it is still loaded\n"), 1;
        if (how != S_OK) return printf("cocancel_deinit: 0x%08lX\n", how), 1;
    }
    if (unload_early() != 0) return 1;
    puts("all as expected");
    return 0;
}
