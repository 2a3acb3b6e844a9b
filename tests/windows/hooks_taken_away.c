/* Hooks are set and taken away while a polling client's event is to be set: whether they are there or not, none of them wakes, so it is.
   SPDX-License-Identifier: MIT OR Apache-2.0 */
#include <windows.h>

#include "check.h"

enum { CALLS = 20000 };

static DWORD WINAPI set_and_take_away(void *stop) {
    static const cocancel_hooks without_wake = {0};
    while (WaitForSingleObject((HANDLE)stop, 0) == WAIT_TIMEOUT) {
        int n;
        for (n = 0; n < 1000; n++) {
            CHECK(cocancel_set_hooks(&without_wake), COCANCEL_S_OK);
            CHECK(cocancel_set_hooks(NULL), COCANCEL_S_OK);
        }
    }
    return 0;
}

int main(void) {
    HANDLE event = CreateEventW(NULL, FALSE, FALSE, NULL), stop = CreateEventW(NULL, TRUE, FALSE, NULL);
    HANDLE setter = CreateThread(NULL, 0, set_and_take_away, stop, 0, NULL);
    cocancel_call_options options = {0};
    int n;
    options.context = event;
    CHECK(cocancel_enable(NULL), COCANCEL_S_OK);
    for (n = 0; n < CALLS && !failures; n++) {
        cocancel_call call;
        CHECK(cocancel_begin(NULL, &options, &call), COCANCEL_S_OK);
        CHECK(cocancel_poll(NULL, call, NULL), COCANCEL_RPC_S_CALLPENDING);
        CHECK(cocancel_complete(NULL, call, NULL), COCANCEL_S_OK);
        CHECK_TRUE(WaitForSingleObject(event, 0) == WAIT_OBJECT_0);
        CHECK(cocancel_finish(NULL, call), COCANCEL_S_OK);
    }
    CHECK_TRUE(SetEvent(stop) && WaitForSingleObject(setter, INFINITE) == WAIT_OBJECT_0);
    return failures != 0;
}
