/* Cancellers. SPDX-License-Identifier: MIT OR Apache-2.0 */
#include "demo.h"

static DWORD WINAPI run(void *argument) {
    struct canceller *self = argument;
    stage_wait_entered();
    self->result = CoCancelCall(self->thread, self->seconds);
    if (self->release)
        stage_release();
    return 0;
}

void cancel_when_entered(struct canceller *self, ULONG seconds) {
    self->thread = GetCurrentThreadId();
    self->seconds = seconds;
    self->handle = CreateThread(NULL, 0, run, self, 0, NULL);
}

void canceller_join(struct canceller *self) {
    WaitForSingleObject(self->handle, INFINITE);
    CloseHandle(self->handle);
}

static BOOL wait_until(BOOL (*holds)(const struct cancelling_channel_counts *), int hundredths) {
    struct cancelling_channel_counts counts;
    MSG message;
    for (; hundredths > 0; hundredths--) {
        cancelling_channel_count(&counts);
        if (holds(&counts))
            return TRUE;
        while (PeekMessageW(&message, NULL, 0, 0, PM_REMOVE))
            DispatchMessageW(&message);
        Sleep(10);
    }
    return FALSE;
}

static BOOL no_calls(const struct cancelling_channel_counts *counts) { return counts->calls == 0; }
static BOOL no_channels(const struct cancelling_channel_counts *counts) { return counts->channels == 0 && counts->buffers == 0; }

void drain(void) {
    if (!wait_until(no_calls, 6000))
        expect_true("every orphan comes back", 0);
}

BOOL drain_channels(void) { return wait_until(no_channels, 1000); }

BOOL is_allowed(HRESULT hr) {
    return hr == S_OK || hr == E_NOINTERFACE || hr == RPC_E_CALL_CANCELED || hr == RPC_E_CALL_COMPLETE;
}
