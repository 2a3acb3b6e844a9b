/* A host's own blocking port: the whole of one call's life in each scene, step by step, on a clock that the test sets.
   SPDX-License-Identifier: MIT OR Apache-2.0 */
#include "hand_calls.h"

static void nobody_cancels(void) {
    client it = {0};
    start_client(&it);
    CHECK(cocancel_poll(runtime, it.call, NULL), COCANCEL_RPC_S_CALLPENDING);
    enter(&it);
    end_serving(&it, COCANCEL_S_OK);
    check_client(&it, COCANCEL_S_OK, COCANCEL_S_OK);
    CHECK_TRUE(hand_take_waits(&port) == 1);
    CHECK_LIFE(&port, "begun entered left completed finished");
    CHECK_WAKES(&port, "client retire");
    check_nothing_left();
}

static void server_gives_up(void) {
    client it = {0};
    start_client(&it);
    enter(&it);
    CHECK(cocancel_leave(runtime, it.call), COCANCEL_S_OK);
    CHECK(cocancel_abandon(runtime, it.call, COCANCEL_E_ACCESSDENIED, NULL), COCANCEL_S_OK);
    check_client(&it, COCANCEL_E_ACCESSDENIED, COCANCEL_E_ACCESSDENIED);
    CHECK_LIFE(&port, "begun entered left failed finished");
    CHECK_WAKES(&port, "client retire");
    CHECK_TRUE(hand_take_waits(&port) == 1);
    check_nothing_left();
}

static void at_once(void) {
    client it = {0};
    start_client(&it);
    enter(&it);
    CHECK(cocancel_cancel_thread(runtime, it.id, 0, 0), COCANCEL_S_OK);
    check_client(&it, COCANCEL_RPC_E_CALL_CANCELED, COCANCEL_RPC_E_CALL_CANCELED);
    CHECK(cocancel_test(runtime), COCANCEL_RPC_E_CALL_CANCELED);
    end_serving(&it, COCANCEL_RPC_E_CALL_CANCELED);
    CHECK_LIFE(&port, "begun entered canceled finished left orphaned");
    CHECK_TOLD(&port, "0");
    CHECK_WAKES(&port, "client retire");
    CHECK_TRUE(hand_take_waits(&port) == 1);
    check_nothing_left();
}

/* The canceller waits in another thread, because this one serves the call. */
static void grace_kept(void) {
    client it = {0};
    canceller by = {0};
    start_client(&it);
    enter(&it);
    start_canceller(&by, it.id, 1000);
    CHECK(cocancel_test(runtime), COCANCEL_RPC_E_CALL_CANCELED);
    hand_advance(&port, 999);
    end_serving(&it, COCANCEL_S_OK);
    check_canceller(&by, COCANCEL_RPC_E_CALL_COMPLETE);
    check_client(&it, COCANCEL_S_OK, COCANCEL_S_OK);
    CHECK_LIFE(&port, "begun entered requested left completed finished");
    CHECK_TOLD(&port, "1001");
    CHECK_WAKES(&port, "client client canceller retire retire");
    CHECK_TRUE(hand_take_waits(&port) == 3);
    check_nothing_left();
}

/* `last` is noticed by the other one of the two who sleep, and woken. */
static void grace_runs_out(int32_t last) {
    client it = {0};
    canceller by = {0};
    start_client(&it);
    enter(&it);
    start_canceller(&by, it.id, 1000);
    CHECK_TRUE(hand_take_waits(&port) == 3);
    CHECK_WAKES(&port, "client");
    /* a tick is a floor, so 1000 ms are over for certain after 1001 of them */
    hand_advance(&port, 1000);
    hand_await_asleep(&port, 2);
    hand_hold(&port, last == COCANCEL_CLIENT ? it.id : by.own_id, 1);
    hand_advance(&port, 1);
    check_canceller(&by, COCANCEL_S_OK);
    check_client(&it, COCANCEL_RPC_E_CALL_CANCELED, COCANCEL_RPC_E_CALL_CANCELED);
    CHECK_LIFE(&port, "begun entered requested canceled finished");
    CHECK_TOLD(&port, "1001");
    CHECK_WAKES(&port, last == COCANCEL_CLIENT ? "client" : "canceller");
    end_serving(&it, COCANCEL_RPC_E_CALL_CANCELED);
    CHECK_LIFE(&port, "left orphaned");
    CHECK_WAKES(&port, "retire retire");
    check_nothing_left();
}

static void for_ever_then_at_once(void) {
    client it = {0};
    canceller by = {0};
    start_client(&it);
    enter(&it);
    start_canceller(&by, it.id, COCANCEL_INFINITE);
    hand_advance(&port, 0x3FFFFFFF);
    hand_await_asleep(&port, 2);
    CHECK_WAKES(&port, "");
    CHECK(cocancel_cancel_thread(runtime, it.id, 5, COCANCEL_NO_WAIT), COCANCEL_RPC_E_CALL_CANCELED);
    hand_await_asleep(&port, 2);
    CHECK(cocancel_cancel_thread(runtime, it.id, 0, 0), COCANCEL_RPC_E_CALL_CANCELED);
    check_canceller(&by, COCANCEL_S_OK);
    check_client(&it, COCANCEL_RPC_E_CALL_CANCELED, COCANCEL_RPC_E_CALL_CANCELED);
    CHECK_TRUE(hand_take_waits(&port) == 3);
    end_serving(&it, COCANCEL_RPC_E_CALL_CANCELED);
    CHECK_LIFE(&port, "begun entered requested canceled finished left orphaned");
    CHECK_TOLD(&port, "for-ever");
    CHECK_WAKES(&port, "client client canceller retire retire");
    check_nothing_left();
}

static void shortened(void) {
    client it = {0};
    canceller by = {0};
    start_client(&it);
    enter(&it);
    start_canceller(&by, it.id, 1000);
    /* a later one changes nothing, a sooner one counts, though neither is the elected; the client looks for each */
    CHECK(cocancel_cancel_thread(runtime, it.id, 2000, COCANCEL_NO_WAIT), COCANCEL_RPC_E_CALL_CANCELED);
    hand_await_asleep(&port, 2);
    CHECK(cocancel_cancel_thread(runtime, it.id, 200, COCANCEL_NO_WAIT), COCANCEL_RPC_E_CALL_CANCELED);
    hand_await_asleep(&port, 2);
    CHECK_WAKES(&port, "client client client");
    CHECK_TRUE(hand_take_waits(&port) == 5);
    hand_advance(&port, 200);
    hand_await_asleep(&port, 2);
    hand_advance(&port, 1);
    check_client(&it, COCANCEL_RPC_E_CALL_CANCELED, COCANCEL_RPC_E_CALL_CANCELED);
    check_canceller(&by, COCANCEL_S_OK);
    CHECK_WAKES(&port, "canceller");
    end_serving(&it, COCANCEL_RPC_E_CALL_CANCELED);
    CHECK_LIFE(&port, "begun entered requested canceled finished left orphaned");
    CHECK_TOLD(&port, "1001");
    CHECK_WAKES(&port, "retire retire");
    check_nothing_left();
}

static void own_timeout(void) {
    client it = {0};
    it.options.timeout_ms = 500;
    start_client(&it);
    enter(&it);
    hand_advance(&port, 500);
    hand_await_asleep(&port, 1);
    CHECK(cocancel_test(runtime), COCANCEL_RPC_S_CALLPENDING);
    hand_advance(&port, 1);
    check_client(&it, COCANCEL_RPC_E_CALL_CANCELED, COCANCEL_RPC_E_CALL_CANCELED);
    CHECK(cocancel_test(runtime), COCANCEL_RPC_E_CALL_CANCELED);
    end_serving(&it, COCANCEL_RPC_E_CALL_CANCELED);
    CHECK_LIFE(&port, "begun entered canceled finished left orphaned");
    CHECK_TOLD(&port, "0");
    CHECK_WAKES(&port, "retire");
    CHECK_TRUE(hand_take_waits(&port) == 1);
    check_nothing_left();
}

int main(void) {
    set_up_calls();
    nobody_cancels();
    server_gives_up();
    at_once();
    grace_kept();
    grace_runs_out(COCANCEL_CLIENT);
    grace_runs_out(COCANCEL_CANCELLER);
    for_ever_then_at_once();
    shortened();
    own_timeout();
    CHECK(cocancel_deinit(runtime), COCANCEL_S_OK);
    return failures != 0;
}
