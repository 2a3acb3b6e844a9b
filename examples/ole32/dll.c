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
    ExampleUninitialize(); /* this thread is in here, and gets no DLL_THREAD_DETACH of its own any more */
    apartment_detach();
    hr = port_detach();
    if (end_told) *end_told = hr;
}

BOOL WINAPI DllMain(HINSTANCE module, DWORD reason, void *reserved) {
    switch (reason) {
    case DLL_PROCESS_ATTACH:
        return SUCCEEDED(port_attach(orphaned)) && SUCCEEDED(apartment_attach(module));
    case DLL_THREAD_DETACH:
        apartment_thread_detach();
        call_thread_detach();
        port_thread_detach();
        break;
    case DLL_PROCESS_DETACH:
        if (!reserved) unload(); /* else the process ends, and its other threads are gone wherever they were */
        break;
    }
    return TRUE;
}
