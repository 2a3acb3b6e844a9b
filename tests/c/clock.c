/* Deadlines across the wraps of the 32-bit tick, on a clock that the test sets. SPDX-License-Identifier: MIT OR Apache-2.0 */
#include "cocancel_com.h"
#include "hand_port.h"

static hand_port port;
static cocancel_runtime *runtime;
static COCANCEL_STORAGE(storage, 2, 1);

/* Deadlines less than 2^28 ms away are exact, the others late by no more than this. */
enum { COARSE = 8192 };

static void start(uint32_t clock) {
    static cocancel_port functions; /* the library keeps a pointer to it */
    functions = hand_polling(&port);
    hand_set_clock(&port, clock);
    CHECK(cocancel_init(COCANCEL_ABI_VERSION, storage, sizeof storage, 2, 1, &functions, &runtime), COCANCEL_S_OK);
    CHECK(cocancel_enable(runtime), COCANCEL_S_OK);
}

static void end(cocancel_call call, int32_t outcome) {
    CHECK(cocancel_finish(runtime, call), outcome);
    CHECK(cocancel_complete(runtime, call, NULL), COCANCEL_RPC_E_CALL_CANCELED);
    CHECK(cocancel_deinit(runtime), COCANCEL_S_OK);
    *port.life = *port.told = 0;
}

/* An own timeout, and a request: neither early nor late. */
static void exact(uint32_t clock, uint32_t ms) {
    int by_request;
    for (by_request = 0; by_request < 2; by_request++) {
        cocancel_call_options options = {0};
        cocancel_call call;
        uint32_t remaining = 0;
        start(clock);
        options.timeout_ms = by_request ? 0 : ms;
        CHECK(cocancel_begin(runtime, &options, &call), COCANCEL_S_OK);
        if (by_request) CHECK(cocancel_cancel_call(runtime, call, ms, 0), COCANCEL_S_OK);
        CHECK(cocancel_poll(runtime, call, &remaining), COCANCEL_RPC_S_CALLPENDING);
        CHECK_TRUE(remaining == ms + 1);
        CHECK_TRUE(cocancel_tick(runtime, 100) == ms + 1);
        hand_set_clock(&port, clock + ms / 2);
        CHECK_TRUE(cocancel_tick(runtime, 100) == ms - ms / 2 + 1);
        hand_set_clock(&port, clock + ms);
        CHECK(cocancel_poll(runtime, call, &remaining), COCANCEL_RPC_S_CALLPENDING);
        CHECK_TRUE(remaining == 1 && cocancel_tick(runtime, 100) == 1);
        hand_set_clock(&port, clock + ms + 1);
        if (by_request) CHECK_TRUE(cocancel_tick(runtime, 100) == COCANCEL_INFINITE);
        CHECK(cocancel_poll(runtime, call, NULL), COCANCEL_RPC_E_CALL_CANCELED);
        end(call, COCANCEL_RPC_E_CALL_CANCELED);
    }
}

/* Timeouts that the tick cannot express are not cut short. Somebody looks as often as the library asks for. */
static void far_away(uint32_t clock, uint32_t timeout, uint32_t unit_ms) {
    uint64_t wanted = (uint64_t)timeout * unit_ms, elapsed = 0;
    cocancel_call call;
    start(clock);
    CHECK(cocancel_set_default(runtime), COCANCEL_S_OK);
    CHECK(cocancel_begin(NULL, NULL, &call), COCANCEL_S_OK);
    if (unit_ms == 1) CHECK(cocancel_cancel_thread(NULL, 0, timeout, 0), COCANCEL_S_OK);
    else CHECK(CoCancelCall(0, timeout), S_OK);
    for (;;) {
        uint32_t remaining = 0;
        int32_t seen = cocancel_poll(NULL, call, &remaining);
        if (seen == COCANCEL_RPC_E_CALL_CANCELED) break;
        CHECK(seen, COCANCEL_RPC_S_CALLPENDING);
        CHECK_TRUE(remaining > 0 && remaining <= 0x40000000);
        CHECK_TRUE(elapsed <= wanted + COARSE);
        if (failures || remaining == 0) break;
        elapsed += remaining;
        hand_advance(&port, remaining);
    }
    CHECK_TRUE(elapsed > wanted);
    CHECK(CoCancelCall(0, 0), RPC_E_CALL_CANCELED);
    CHECK(cocancel_set_default(NULL), COCANCEL_S_OK);
    end(call, COCANCEL_RPC_E_CALL_CANCELED);
}

/* Never is never, however often the tick wraps. */
static void for_ever(void) {
    cocancel_call call;
    uint32_t remaining, n;
    start(0xFFFFFFFFu);
    CHECK(cocancel_begin(runtime, NULL, &call), COCANCEL_S_OK);
    CHECK(cocancel_cancel_call(runtime, call, COCANCEL_INFINITE, 0), COCANCEL_S_OK);
    for (n = 0; n < 10000; n++) {
        CHECK(cocancel_poll(runtime, call, &remaining), COCANCEL_RPC_S_CALLPENDING);
        CHECK_TRUE(remaining == COCANCEL_INFINITE && cocancel_tick(runtime, 100) == COCANCEL_INFINITE);
        hand_advance(&port, 0x40000000);
    }
    end(call, COCANCEL_RPC_E_CALL_CANCELED);
}

int main(void) {
    static const uint32_t starts[] = {0, 1, 0x7FFFFF00, 0x7FFFFFFE, 0x7FFFFFFF, 0x80000000u, 0xFFFFFF00u, 0xFFFFFFFEu, 0xFFFFFFFFu};
    static const uint32_t near_by[] = {1, 2, 255, 256, 1000, 0x0FFFFFFE};
    static const uint32_t far_off[] = {0x0FFFFFFF, 0x10000000, 0x1FFFFFFF, 0x20000000, 0x3FFFFFFF, 0x7FFFFFFF, 0x80000000u, 0xFFFFFFFEu};
    size_t s, n;
    hand_set_up(&port, 0);
    for (s = 0; s < sizeof starts / sizeof *starts; s++) {
        for (n = 0; n < sizeof near_by / sizeof *near_by; n++) exact(starts[s], near_by[n]);
        for (n = 0; n < sizeof far_off / sizeof *far_off; n++) far_away(starts[s], far_off[n], 1);
        far_away(starts[s], 5000000, 1000);
        far_away(starts[s], 0xFFFFFFFEu, 1000); /* 136 years */
    }
    for_ever();
    return failures != 0;
}
