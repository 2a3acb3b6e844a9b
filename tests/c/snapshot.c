/* What the snapshot shows of a call, from its beginning to its end. SPDX-License-Identifier: MIT OR Apache-2.0 */
#include "check.h"

enum { ROOM = 8, CLIENT = COCANCEL_IS_CLIENT, SERVER = COCANCEL_IS_SERVER, REQUESTED = COCANCEL_IS_REQUESTED, SERVING = COCANCEL_IS_SERVING };

static cocancel_call_info shown(cocancel_call call) {
    static cocancel_call_info nothing; /* all zero */
    cocancel_call_info all[ROOM];
    size_t count = ROOM, n;
    CHECK(cocancel_snapshot(NULL, all, &count), COCANCEL_S_OK);
    for (n = 0; n < count && n < ROOM; n++)
        if (all[n].call == call) return all[n];
    return nothing;
}

static void check_shown(int line, cocancel_call call, uint32_t phase, uint32_t flags, uint32_t pins) {
    cocancel_call_info info = shown(call);
    if (info.phase == phase && info.flags == flags && info.pins == pins) return;
    failures++;
    printf("%d: phase %u, flags %u, pins %u\n", line, (unsigned)info.phase, (unsigned)info.flags, (unsigned)info.pins);
}
#define CHECK_SHOWN(call, phase, flags, pins) check_shown(__LINE__, call, phase, flags, pins)

static cocancel_call begin(void) {
    cocancel_call call = 0;
    CHECK(cocancel_begin_async(NULL, NULL, &call), COCANCEL_S_OK);
    CHECK_SHOWN(call, COCANCEL_PHASE_PENDING, CLIENT | SERVER, 2);
    CHECK_TRUE(shown(call).thread == 0 && shown(call).remaining_ms == COCANCEL_INFINITE);
    return call;
}

static void completed(void) {
    cocancel_call call = begin(), frame;
    CHECK(cocancel_enter(NULL, call, &frame, NULL), COCANCEL_S_OK);
    CHECK_SHOWN(call, COCANCEL_PHASE_PENDING, CLIENT | SERVER | SERVING, 2);
    CHECK(cocancel_cancel_call(NULL, call, COCANCEL_INFINITE, COCANCEL_NO_WAIT), COCANCEL_S_OK);
    CHECK_SHOWN(call, COCANCEL_PHASE_PENDING, CLIENT | SERVER | SERVING | REQUESTED, 2);
    CHECK(cocancel_complete(NULL, call, NULL), COCANCEL_S_OK);
    CHECK_SHOWN(call, COCANCEL_PHASE_COMPLETED, CLIENT | SERVING | REQUESTED, 2);
    CHECK(cocancel_leave(NULL, frame), COCANCEL_S_OK);
    CHECK_SHOWN(call, COCANCEL_PHASE_COMPLETED, CLIENT | REQUESTED, 1);
    CHECK(cocancel_finish(NULL, call), COCANCEL_S_OK);
    CHECK_SHOWN(call, 0, 0, 0);
}

static void failed(void) {
    cocancel_call call = begin();
    CHECK(cocancel_abandon(NULL, call, COCANCEL_RPC_E_SERVER_DIED, NULL), COCANCEL_S_OK);
    CHECK_SHOWN(call, COCANCEL_PHASE_FAILED, CLIENT, 1);
    CHECK(cocancel_finish(NULL, call), COCANCEL_RPC_E_SERVER_DIED);
    CHECK_SHOWN(call, 0, 0, 0);
}

static void canceled(void) {
    cocancel_call call = begin();
    CHECK(cocancel_cancel_call(NULL, call, 0, 0), COCANCEL_S_OK);
    CHECK_SHOWN(call, COCANCEL_PHASE_CANCELED, CLIENT | SERVER | REQUESTED, 2);
    CHECK(cocancel_finish(NULL, call), COCANCEL_RPC_E_CALL_CANCELED);
    /* an orphan */
    CHECK_SHOWN(call, COCANCEL_PHASE_CANCELED, SERVER | REQUESTED, 1);
    CHECK(cocancel_complete(NULL, call, NULL), COCANCEL_RPC_E_CALL_CANCELED);
    CHECK_SHOWN(call, 0, 0, 0);
}

static void disabled(void) {
    cocancel_call_options options = {0};
    cocancel_call call = 0;
    options.flags = COCANCEL_ALWAYS_SLOT;
    options.timeout_ms = 3600000;
    CHECK(cocancel_begin(NULL, &options, &call), COCANCEL_S_OK);
    CHECK_SHOWN(call, COCANCEL_PHASE_PENDING, CLIENT | SERVER | COCANCEL_IS_DISABLED, 2);
    CHECK_TRUE(shown(call).thread == cocancel_thread_id() && shown(call).remaining_ms - 1 <= 3600000);
    CHECK(cocancel_finish(NULL, call), COCANCEL_RPC_E_CALL_CANCELED);
    CHECK(cocancel_complete(NULL, call, NULL), COCANCEL_RPC_E_CALL_CANCELED);
    CHECK_SHOWN(call, 0, 0, 0);
}

int main(void) {
    completed();
    failed();
    canceled();
    disabled();
    return failures != 0;
}
