/* The DLL's beginning and end, and that of its threads. SPDX-License-Identifier: MIT OR Apache-2.0 */
#include "internal.h"

static HRESULT *end_told;

void WINAPI ExampleTellEnd(HRESULT *how) {
    end_told = how;
}

/* The client's and the server's thread both ended. */
static void orphaned(void *user, void *record) {
    (void)user;
    if (record) give_back(record);
}

static void unload(void) {
    HRESULT hr;
    /* this thread is in here, and gets no DLL_THREAD_DETACH of its own any more. Its window must not outlive the window procedure: that a program
       gives its apartment up before it unloads the DLL is better */
    ExampleUninitialize();
    apartment_detach();
    hr = port_detach();
    if (end_told) *end_told = hr;
}

BOOL WINAPI DllMain(HINSTANCE module, DWORD reason, void *reserved) {
    switch (reason) {
    case DLL_PROCESS_ATTACH:
        apartment_attach(module);
        return SUCCEEDED(port_attach(orphaned)); /* if not, the system goes on with DLL_PROCESS_DETACH */
    case DLL_THREAD_DETACH:
        apartment_thread_detach();
        call_thread_detach();
        port_thread_exit();
        apartment_thread_detach(); /* a Release that ran in there may have made one: the next thread would have it */
        port_thread_detach();
        break;
    case DLL_PROCESS_DETACH:
        if (!reserved) unload(); /* else the process ends, and its other threads are gone wherever they were */
        break;
    }
    return TRUE;
}
