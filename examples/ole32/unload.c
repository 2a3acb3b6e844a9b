/* example_ole32.dll is loaded, used, unloaded, and loaded again: it leaves nothing behind that the next one would meet.
   SPDX-License-Identifier: MIT OR Apache-2.0 */
#include <stdio.h>

#include "example_ole32.h"

typedef HRESULT(WINAPI *enabling)(LPVOID);
typedef HRESULT(WINAPI *initializing)(DWORD, apartment **);
typedef HRESULT(WINAPI *calling)(apartment *, example_method, ULONG, ULONG *);
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

int main(void) {
    int round;
    for (round = 0; round < 20; round++) {
        HRESULT how = E_PENDING;
        HANDLE thread;
        DWORD line;
        library = LoadLibraryW(L"example_ole32.dll");
        if (!library) return printf("LoadLibrary: error %lu\n", GetLastError()), 1;
        FIND(telling_end, "ExampleTellEnd")(&how);
        thread = CreateThread(NULL, 0, use_and_end, NULL, 0, NULL);
        WaitForSingleObject(thread, INFINITE);
        GetExitCodeThread(thread, &line);
        CloseHandle(thread);
        if (!line) line = (DWORD)use(COINIT_APARTMENTTHREADED);
        if (line) return printf("line %lu is not as expected\n", line), 1;
        if (!FreeLibrary(library)) return printf("FreeLibrary: error %lu\n", GetLastError()), 1;
        if (GetModuleHandleW(L"example_ole32.dll")) return printf("it is still loaded\n"), 1;
        if (how != S_OK) return printf("cocancel_deinit: 0x%08lX\n", how), 1;
    }
    puts("all as expected");
    return 0;
}
