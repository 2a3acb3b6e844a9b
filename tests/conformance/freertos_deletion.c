/* A task is deleted by another one at each moment of what it does in the library, to the cycle of a timer. Nobody else may be harmed: a task that
   has come to the library since keeps its call, the dead task's id names nobody, and calls go on. What the dead task was doing at that
   instant may be left behind, and no more. The exit status is how often something was wrong.
   SPDX-License-Identifier: MIT OR Apache-2.0 */
#include <stddef.h>
#include <string.h>

#include "board.h"
#include "cocancel.h"
#include "cocancel_freertos.h"

enum { CALLS = 6, TASKS = 4, STACK = 192, FIRST_CYCLE = 60, LAST_CYCLE = 60000 };

static COCANCEL_STORAGE(storage, CALLS, TASKS);

typedef struct task {
    StaticTask_t state;
    StackType_t stack[STACK];
    TaskHandle_t handle;
} task;

static task victim, killer;

/* ---- what the victim does, over and over ---- */

static void completes(void) {
    cocancel_call call;
    (void)cocancel_begin(NULL, NULL, &call);
    (void)cocancel_complete(NULL, call, NULL);
    (void)cocancel_wait(NULL, call);
    (void)cocancel_finish(NULL, call);
}

static void is_cancelled(void) {
    cocancel_call call;
    (void)cocancel_begin(NULL, NULL, &call);
    (void)cocancel_cancel_call(NULL, call, 0, 0);
    (void)cocancel_complete(NULL, call, NULL);
    (void)cocancel_finish(NULL, call);
}

static void serves(void) {
    cocancel_call outer, inner, frame;
    (void)cocancel_begin(NULL, NULL, &outer);
    (void)cocancel_begin(NULL, NULL, &inner);
    (void)cocancel_enter(NULL, inner, &frame, NULL);
    (void)cocancel_test(NULL);
    (void)cocancel_leave(NULL, frame);
    (void)cocancel_complete(NULL, inner, NULL);
    (void)cocancel_finish(NULL, inner);
    (void)cocancel_complete(NULL, outer, NULL);
    (void)cocancel_finish(NULL, outer);
}

static void comes_and_goes(void) {
    completes();
    (void)cocancel_thread_exit(NULL);
    (void)cocancel_enable(NULL);
}

static void (*const lives[])(void) = {completes, is_cancelled, serves, comes_and_goes};
static void (*volatile life)(void);
static volatile uint32_t rounds;

static void run_victim(void *unused) {
    (void)unused;
    (void)cocancel_enable(NULL);
    for (;;) {
        life();
        rounds++;
    }
}

void interrupt_handler(void) {
    BaseType_t woken = pdFALSE;
    vTaskNotifyGiveFromISR(killer.handle, &woken);
    portYIELD_FROM_ISR(woken);
}

/* ---- the killer ---- */

static uint32_t wrong, moments;

static void require(int holds, const char *what) {
    if (holds) return;
    if (wrong++ < 20) {
        board_say(what);
        board_say("\n");
    }
}

static size_t calls_left(void) {
    size_t calls = 0;
    require(cocancel_snapshot(NULL, NULL, &calls) == COCANCEL_S_OK, "no snapshot");
    return calls;
}

static void delete_at(uint32_t cycle) {
    cocancel_call own;
    uint32_t id, n;
    /* afresh, whatever the last one left behind */
    (void)cocancel_set_default(NULL);
    memset(storage, 0, sizeof storage);
    require(cocancel_freertos_init(storage, sizeof storage, CALLS, TASKS, NULL) == COCANCEL_S_OK, "no set-up");
    rounds = 0;
    victim.handle = xTaskCreateStatic(run_victim, "victim", STACK, NULL, 3, victim.stack, &victim.state);
    id = cocancel_freertos_id(victim.handle);
    board_start_timer_cycles(cycle);
    (void)ulTaskNotifyTake(pdTRUE, portMAX_DELAY);
    /* this task comes to the library while the victim is in the middle of it */
    require(cocancel_enable(NULL) == COCANCEL_S_OK, "no slot for a thread");
    require(cocancel_begin(NULL, NULL, &own) == COCANCEL_S_OK, "no slot for a call");
    vTaskDelete(victim.handle);
    moments++;
    require(cocancel_cancel_thread(NULL, id, 0, 0) == COCANCEL_E_NOINTERFACE, "the dead task is still named");
    require(cocancel_poll(NULL, own, NULL) == COCANCEL_RPC_S_CALLPENDING, "another task's call is gone");
    require(cocancel_complete(NULL, own, NULL) == COCANCEL_S_OK, "another task's call cannot be completed");
    require(cocancel_finish(NULL, own) == COCANCEL_S_OK, "another task's call cannot be finished");
    /* of the calls that were out, each with a side that nobody ends any more; `serves` has two */
    require(calls_left() <= (life == serves ? 2u : 1u), "too much is left");
    for (n = 0; n < 2 * CALLS; n++) {
        require(cocancel_begin(NULL, NULL, &own) == COCANCEL_S_OK, "no next call");
        require(cocancel_complete(NULL, own, NULL) == COCANCEL_S_OK, "no next reply");
        require(cocancel_finish(NULL, own) == COCANCEL_S_OK, "no next end");
    }
    cocancel_freertos_exit();
}

static void run_killer(void *unused) {
    unsigned n;
    (void)unused;
    for (n = 0; n < sizeof lives / sizeof *lives; n++) {
        uint32_t cycle = FIRST_CYCLE;
        life = lives[n];
        /* until the whole life is behind it twice: the first time is not like the next */
        do delete_at(cycle++);
        while (rounds < 2 && cycle < LAST_CYCLE);
        require(rounds >= 2, "the timer came too early");
    }
    require(moments > 1000, "hardly a moment was tried");
    board_exit(wrong);
}

int main(void) {
    killer.handle = xTaskCreateStatic(run_killer, "killer", STACK, NULL, 4, killer.stack, &killer.state);
    vTaskStartScheduler();
    board_fail("the scheduler did not start");
}
