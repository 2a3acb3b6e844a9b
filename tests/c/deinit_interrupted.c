/* An interrupt handler cuts into cocancel_deinit wherever that asks for its thread: what it does counts, or deinit ends the runtime.
   SPDX-License-Identifier: MIT OR Apache-2.0 */
#include "check.h"

static COCANCEL_STORAGE(storage, 4, 2);
static cocancel_runtime *runtime;

/* ---- a port whose thread_id is where the interrupt comes ---- */

static uint32_t thread;
static int countdown; /* 0: no interrupt comes */
static void (*handler)(void);

static uint32_t thread_id(void *user) {
    (void)user;
    if (countdown && --countdown == 0) handler();
    return thread;
}

static uint32_t tick(void *user) {
    (void)user;
    return 0;
}

static int32_t set_up(void) {
    static cocancel_port port;
    port.size = sizeof port;
    port.thread_id = thread_id;
    port.tick = tick;
    thread = 1;
    return cocancel_init(COCANCEL_ABI_VERSION, storage, sizeof storage, 4, 2, &port, &runtime);
}

/* The interrupt comes when the thread is asked for that often. Whether it came. */
static int interrupted(int times, void (*by)(void), int32_t *code) {
    int came;
    handler = by;
    countdown = times;
    *code = cocancel_deinit(runtime);
    came = countdown == 0;
    countdown = 0;
    return came;
}

static cocancel_call call;
static int32_t done;

static void completes(void) { done = cocancel_complete(runtime, call, NULL); }
static void serves(void) { done = cocancel_serve(runtime, NULL, &call); }
static void serves_and_completes(void) {
    serves();
    CHECK(done, COCANCEL_S_OK);
    completes();
}

/* ---- it is refused, whatever the handler does ---- */

static int with_a_call(int times) {
    int32_t code;
    int came;
    CHECK(set_up(), COCANCEL_S_OK);
    CHECK(cocancel_enable(runtime), COCANCEL_S_OK);
    CHECK(cocancel_begin(runtime, NULL, &call), COCANCEL_S_OK);
    came = interrupted(times, completes, &code);
    CHECK(code, COCANCEL_E_ACCESSDENIED);
    if (came) CHECK(done, COCANCEL_S_OK);
    else completes();
    CHECK(cocancel_poll(runtime, call, NULL), COCANCEL_S_OK);
    CHECK(cocancel_finish(runtime, call), COCANCEL_S_OK);
    CHECK(cocancel_disable(runtime), COCANCEL_S_OK);
    CHECK(cocancel_deinit(runtime), COCANCEL_S_OK);
    return came;
}

static int with_another_thread(int times) {
    int32_t code;
    int came;
    CHECK(set_up(), COCANCEL_S_OK);
    CHECK(cocancel_enable(runtime), COCANCEL_S_OK);
    thread = 2;
    came = interrupted(times, serves_and_completes, &code);
    CHECK(code, COCANCEL_E_ACCESSDENIED);
    if (came) CHECK(done, COCANCEL_S_OK);
    thread = 1;
    CHECK(cocancel_deinit(runtime), COCANCEL_S_OK);
    return came;
}

/* ---- nothing is in use, until the handler begins a call ---- */

static int with_nothing(int times) {
    int32_t code;
    int came;
    CHECK(set_up(), COCANCEL_S_OK);
    CHECK(cocancel_enable(runtime), COCANCEL_S_OK);
    came = interrupted(times, serves, &code);
    if (!came || done != COCANCEL_S_OK) {
        if (came) CHECK(done, COCANCEL_E_UNEXPECTED);
        CHECK(code, COCANCEL_S_OK);
        return came;
    }
    CHECK(code, COCANCEL_E_ACCESSDENIED);
    CHECK(cocancel_disable(runtime), COCANCEL_S_OK); /* nothing has changed */
    CHECK(cocancel_complete(runtime, call, NULL), COCANCEL_S_OK);
    CHECK(cocancel_deinit(runtime), COCANCEL_S_OK);
    return came;
}

int main(void) {
    static int (*const scenes[])(int) = {with_a_call, with_another_thread, with_nothing};
    size_t n;
    for (n = 0; n < sizeof scenes / sizeof *scenes; n++) {
        int times = 1;
        while (!failures && scenes[n](times)) times++;
        CHECK_TRUE(failures || times > 1);
    }
    return failures != 0;
}
