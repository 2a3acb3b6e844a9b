/* The port of examples/ole32, linked beside the programs of tests/c with the archive that has none. A program has no DllMain: here a constructor
   and a TLS callback stand for it. SPDX-License-Identifier: MIT OR Apache-2.0 */
#include "../../examples/ole32/port.c"

#include <stdlib.h>

__attribute__((constructor)) static void set_up(void) {
    if (FAILED(port_attach(NULL))) abort();
}

static void NTAPI callback(void *module, DWORD reason, void *reserved) {
    (void)module;
    (void)reserved;
    if (reason == DLL_THREAD_DETACH) port_thread_detach();
}

__attribute__((section(".CRT$XLE"), used)) static const PIMAGE_TLS_CALLBACK callbacks[] = {callback};
