/* cocancel.dll is loaded, used by threads that stay alive, and unloaded: nothing of it is called afterwards.
   SPDX-License-Identifier: MIT OR Apache-2.0 */
#include <stdio.h>
#include <windows.h>

typedef HRESULT(WINAPI *enabling)(LPVOID);
typedef DWORD(__cdecl *telling)(void);

typedef struct user {
    enabling enable;
    HANDLE used, end;
} user;

static DWORD WINAPI use(void *argument) {
    user *self = (user *)argument;
    HRESULT code = self->enable(NULL);
    SetEvent(self->used);
    WaitForSingleObject(self->end, INFINITE);
    return code == S_OK ? 0 : 1;
}

int main(void) {
    int round;
    for (round = 0; round < 20; round++) {
        HMODULE library = LoadLibraryA("cocancel.dll");
        HANDLE threads[4];
        DWORD exit_code;
        user it;
        int n;
        if (!library) return printf("cocancel.dll: error %lu\n", GetLastError()), 1;
        it.enable = (enabling)(void (*)(void))GetProcAddress(library, "CoEnableCallCancellation");
        it.used = CreateEventA(NULL, FALSE, FALSE, NULL);
        it.end = CreateEventA(NULL, TRUE, FALSE, NULL);
        if (!it.enable) return printf("no CoEnableCallCancellation\n"), 1;
        if (((telling)(void (*)(void))GetProcAddress(library, "cocancel_thread_id"))() != GetCurrentThreadId()) return 2;
        for (n = 0; n < 4; n++) {
            threads[n] = CreateThread(NULL, 0, use, &it, 0, NULL);
            WaitForSingleObject(it.used, INFINITE);
        }
        if (!FreeLibrary(library)) return printf("FreeLibrary: error %lu\n", GetLastError()), 1;
        if (GetModuleHandleA("cocancel.dll")) return printf("it is still loaded\n"), 1;
        SetEvent(it.end);
        for (n = 0; n < 4; n++) {
            WaitForSingleObject(threads[n], INFINITE);
            GetExitCodeThread(threads[n], &exit_code);
            if (exit_code) return printf("a thread ended with 0x%lX\n", exit_code), 1;
            CloseHandle(threads[n]);
        }
    }
    return 0;
}
