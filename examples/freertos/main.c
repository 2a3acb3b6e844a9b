/* FreeRTOS with cocancel: two client tasks are blocked in calls to a server task, and are freed by a watchdog task and by a timer's interrupt
   handler. Every outcome is printed and checked; the exit status is how many were not as they should be.
   SPDX-License-Identifier: MIT OR Apache-2.0 */
#include <stddef.h>

#include "FreeRTOS.h"
#include "task.h"

#include "board.h"
#include "cocancel.h"
#include "cocancel_freertos.h"
#include "transport.h"

enum { FIRST, SECOND, SERVER, WATCHDOG, TASKS };
enum { CALLS = 4, STACK = 240, NOTIFICATION = 0 };

static COCANCEL_STORAGE(cocancel_storage, CALLS, TASKS);

/* ---- printing and checking ---- */

static uint32_t wrong;

static void say_number(uint32_t number) {
    char text[11];
    char *at = &text[sizeof text - 1];
    *at = 0;
    do *--at = (char)('0' + number % 10);
    while ((number /= 10) != 0);
    board_say(at);
}

static void scene(const char *what) {
    board_say(what);
    board_say("\n");
}

static void expect(const char *who, int32_t got, int32_t wanted) {
    board_say("  ");
    board_say(who);
    board_say(": ");
    board_say(cocancel_hresult_name(got));
    if (got != wanted) {
        wrong++;
        board_say(", WRONG, expected ");
        board_say(cocancel_hresult_name(wanted));
    }
    board_say("\n");
}

static void expect_number(const char *what, uint32_t got, uint32_t wanted) {
    board_say("  ");
    board_say(what);
    board_say(": ");
    say_number(got);
    if (got != wanted) {
        wrong++;
        board_say(", WRONG, expected ");
        say_number(wanted);
    }
    board_say("\n");
}

/* ---- the tasks ---- */

/* Apart from the rest, so that the linker's map tells what each kind takes. */
static StackType_t task_stacks[TASKS][STACK];
static StaticTask_t task_states[TASKS];
static TaskHandle_t tasks[TASKS];

typedef struct client {
    uint32_t task;
    uint32_t id; /* by which its calls are cancelled */
    /* its order */
    method method;
    int32_t a, b;
    uint32_t timeout_ms;
    /* what became of it */
    int32_t outcome, reply;
    TickType_t ended;
} client;

static client first, second;

static void start(uint32_t task, TaskFunction_t run, const char *name, void *argument, UBaseType_t priority) {
    tasks[task] = xTaskCreateStatic(run, name, STACK, argument, priority, task_stacks[task], &task_states[task]);
}

/* Carries out one order after the other. */
static void run_client(void *argument) {
    client *self = (client *)argument;
    (void)cocancel_enable(NULL);
    for (;;) {
        (void)ulTaskNotifyTakeIndexed(NOTIFICATION, pdTRUE, portMAX_DELAY);
        self->outcome = transport_call(self->method, self->a, self->b, self->timeout_ms, &self->reply);
        self->ended = xTaskGetTickCount();
        xTaskNotifyGiveIndexed(tasks[WATCHDOG], NOTIFICATION);
    }
}

static void start_client(client *it, uint32_t task, const char *name) {
    it->task = task;
    start(task, run_client, name, it, 3);
    it->id = cocancel_freertos_id(tasks[task]);
}

static void start_server(void) { start(SERVER, transport_serve, "server", NULL, 2); }

/* ---- the timer's interrupt handler ---- */

static volatile uint32_t target, target_timeout_ms;
static volatile int32_t handlers_answer;

void interrupt_handler(void) { handlers_answer = cocancel_cancel_thread(NULL, target, target_timeout_ms, 0); }

/* ---- the watchdog, which also directs ---- */

static void rest(uint32_t ms) { vTaskDelay(pdMS_TO_TICKS(ms)); }

static void order(client *it, method method, int32_t a, int32_t b, uint32_t timeout_ms) {
    it->method = method;
    it->a = a;
    it->b = b;
    it->timeout_ms = timeout_ms;
    it->reply = -1;
    xTaskNotifyGiveIndexed(tasks[it->task], NOTIFICATION);
}

static void await(uint32_t clients) {
    while (clients-- != 0) (void)ulTaskNotifyTakeIndexed(NOTIFICATION, pdFALSE, portMAX_DELAY);
}

/* Not before `ms`, and at most two ticks late. */
static void expect_after(const char *who, TickType_t start, TickType_t end, uint32_t ms) {
    expect_number(who, end - start >= ms && end - start <= ms + 2 ? ms : end - start, ms);
}

static void nobody_cancels(void) {
    scene("nobody cancels");
    order(&first, ADD, 2, 3, 0);
    order(&second, ADD, 20, 30, 0);
    await(2);
    expect("first client", first.outcome, COCANCEL_S_OK);
    expect_number("its sum", (uint32_t)first.reply, 5);
    expect("second client", second.outcome, COCANCEL_S_OK);
    expect_number("its sum", (uint32_t)second.reply, 50);
    expect("cancel afterwards", cocancel_cancel_thread(NULL, first.id, 0, 0), COCANCEL_E_NOINTERFACE);
}

static void server_stops_in_time(void) {
    scene("the watchdog gives the server 50 ms; it notices and answers");
    order(&first, WORK, 1000, 0, 0);
    rest(10);
    expect("watchdog", cocancel_cancel_thread(NULL, first.id, 50, 0), COCANCEL_RPC_E_CALL_COMPLETE);
    await(1);
    expect("first client", first.outcome, COCANCEL_S_OK);
    expect_number("the server was asked to stop", (uint32_t)first.reply, 1);
}

static void grace_runs_out(void) {
    TickType_t start;
    scene("the watchdog gives the server 20 ms; it never looks");
    order(&first, STUCK, 100, 0, 0);
    rest(10);
    start = xTaskGetTickCount();
    expect("watchdog", cocancel_cancel_thread(NULL, first.id, 20, 0), COCANCEL_S_OK);
    await(1);
    expect("first client", first.outcome, COCANCEL_RPC_E_CALL_CANCELED);
    expect_after("free after ms", start, first.ended, 20);
    expect_number("records out", transport_records_out(), 1);
    rest(100);
    expect_number("records out when the server is done", transport_records_out(), 0);
}

static void interrupted_at_once(void) {
    TickType_t start = xTaskGetTickCount();
    scene("a timer's interrupt handler cancels at once");
    order(&second, STUCK, 100, 0, 0);
    target = second.id;
    target_timeout_ms = 0;
    board_start_timer(15);
    await(1);
    expect("handler", handlers_answer, COCANCEL_S_OK);
    expect("second client", second.outcome, COCANCEL_RPC_E_CALL_CANCELED);
    expect_after("free after ms", start, second.ended, 15);
    rest(100);
}

static void interrupted_with_grace(void) {
    TickType_t start = xTaskGetTickCount();
    scene("a timer's interrupt handler gives the server 10 ms; the client keeps the time by itself");
    order(&second, STUCK, 100, 0, 0);
    target_timeout_ms = 10;
    board_start_timer(15);
    await(1);
    expect("handler", handlers_answer, COCANCEL_S_OK);
    expect("second client", second.outcome, COCANCEL_RPC_E_CALL_CANCELED);
    expect_after("free after ms", start, second.ended, 25);
    rest(100);
}

static void own_timeout(void) {
    TickType_t start = xTaskGetTickCount();
    scene("the call's own timeout of 30 ms");
    order(&second, STUCK, 100, 0, 30);
    await(1);
    expect("second client", second.outcome, COCANCEL_RPC_E_CALL_CANCELED);
    expect_after("free after ms", start, second.ended, 30);
    rest(100);
}

static void never_entered(void) {
    uint32_t run = transport_stubs_run();
    scene("two clients, one server: the call that still waits in the queue is cancelled and never runs");
    order(&first, STUCK, 50, 0, 0);
    order(&second, ADD, 1, 1, 0);
    rest(10);
    expect("watchdog", cocancel_cancel_thread(NULL, second.id, 0, 0), COCANCEL_S_OK);
    await(1);
    expect("second client", second.outcome, COCANCEL_RPC_E_CALL_CANCELED);
    await(1);
    expect("first client", first.outcome, COCANCEL_S_OK);
    rest(10);
    expect_number("stubs run", transport_stubs_run() - run, 1);
    expect_number("records out", transport_records_out(), 0);
}

static void client_is_deleted(void) {
    uint32_t id = first.id, orphans = transport_orphans();
    scene("a client's task is deleted in the middle of its call");
    order(&first, STUCK, 50, 0, 0);
    rest(10);
    vTaskDelete(tasks[FIRST]);
    expect("cancel", cocancel_cancel_thread(NULL, id, 0, 0), COCANCEL_E_NOINTERFACE);
    rest(50);
    expect_number("orphans for the server", transport_orphans() - orphans, 1);
    start_client(&first, FIRST, "first");
    expect_number("its successor has another id", first.id != id && first.id != second.id, 1);
    order(&first, ADD, 4, 5, 0);
    await(1);
    expect("its successor", first.outcome, COCANCEL_S_OK);
}

static void server_is_deleted(void) {
    scene("the server's task is deleted while it serves a call");
    order(&second, STUCK, 50, 0, 0);
    rest(10);
    vTaskDelete(tasks[SERVER]);
    await(1);
    expect("second client", second.outcome, COCANCEL_RPC_E_SERVER_DIED);
    start_server();
    order(&second, ADD, 6, 7, 0);
    await(1);
    expect("with the next server", second.outcome, COCANCEL_S_OK);
}

static void nothing_is_left(void) {
    size_t calls = 0;
    scene("the end");
    rest(2); /* the last reply woke its client, and this task, before the server could let go of the call */
    expect("snapshot", cocancel_snapshot(NULL, NULL, &calls), COCANCEL_S_OK);
    expect_number("calls left", calls, 0);
    expect_number("records out", transport_records_out(), 0);
    expect_number("wrong", wrong, 0);
}

static void run_watchdog(void *unused) {
    (void)unused;
    nobody_cancels();
    server_stops_in_time();
    grace_runs_out();
    interrupted_at_once();
    interrupted_with_grace();
    own_timeout();
    never_entered();
    client_is_deleted();
    server_is_deleted();
    nothing_is_left();
    board_exit(wrong);
}

int main(void) {
    static const cocancel_hooks hooks = {.orphaned = transport_orphaned};
    int32_t set_up = cocancel_freertos_init(cocancel_storage, sizeof cocancel_storage, CALLS, TASKS, &hooks);
    if (set_up != COCANCEL_S_OK) board_fail(cocancel_hresult_name(set_up));
    transport_init();
    start_client(&first, FIRST, "first");
    start_client(&second, SECOND, "second");
    start_server();
    start(WATCHDOG, run_watchdog, "watchdog", NULL, 4);
    vTaskStartScheduler();
    board_fail("the scheduler did not start");
}
