/* A kernel of one file on the archive for x86_64, with the FPU off: calls are served in a loop, and cancelled from the timer's interrupt
   handler. Prints on the serial port and ends the emulator. SPDX-License-Identifier: MIT OR Apache-2.0 */
#include <stddef.h>
#include <stdint.h>

#include "cocancel.h"

/* ---- the machine ---- */

static inline void out(uint16_t port, uint8_t value) { __asm__ volatile("outb %0, %1" : : "a"(value), "Nd"(port)); }
static inline uint8_t in(uint16_t port) {
    uint8_t value;
    __asm__ volatile("inb %1, %0" : "=a"(value) : "Nd"(port));
    return value;
}

static void print(const char *text) {
    for (; *text; text++) {
        while (!(in(0x3FD) & 0x20)) continue;
        out(0x3F8, (uint8_t)*text);
    }
}

static void print_number(uint64_t number) {
    char digits[21], *at = digits + 20;
    *at = 0;
    do *--at = (char)('0' + number % 10);
    while (number /= 10);
    print(at);
}

/* The emulator ends with 2 * status + 1. */
static void end(uint8_t status) {
    out(0xF4, status);
    for (;;) __asm__ volatile("hlt");
}

enum { GOOD = 16, BAD = 17 };

static void check(int line, int holds) {
    if (holds) return;
    print("kernel.c:");
    print_number((uint64_t)line);
    print(": not so\n");
    end(BAD);
}
#define CHECK(condition) check(__LINE__, condition)

/* ---- what boot.S has ---- */

extern const uint64_t exceptions[21];
extern volatile uint32_t trap_number;
extern volatile uint64_t trap_address;
void timer_entry(void);
void try_sse(void);
void try_x87(void);

void unexpected_trap(void) {
    print("exception ");
    print_number(trap_number);
    print(" at ");
    print_number(trap_address);
    print("\n");
    end(BAD);
}

typedef struct gate {
    uint16_t low, selector, type, middle;
    uint32_t high, unused;
} gate;

static gate gates[256] __attribute__((aligned(16)));

static void set_gate(unsigned number, uint64_t address) {
    gate it = {(uint16_t)address, 8, 0x8E00, (uint16_t)(address >> 16), (uint32_t)(address >> 32), 0};
    gates[number] = it;
}

enum { TIMER = 0x20, HERTZ = 1000 };

static void set_up_interrupts(void) {
    struct __attribute__((packed)) {
        uint16_t limit;
        uint64_t base;
    } pointer = {sizeof gates - 1, (uint64_t)(uintptr_t)gates};
    const uint16_t divisor = 1193182 / HERTZ;
    unsigned n;
    for (n = 0; n < 21; n++) set_gate(n, exceptions[n]);
    set_gate(TIMER, (uint64_t)(uintptr_t)timer_entry);
    __asm__ volatile("lidt %0" : : "m"(pointer));
    /* the interrupt controllers: from TIMER on, the timer alone */
    out(0x20, 0x11), out(0xA0, 0x11), out(0x21, TIMER), out(0xA1, TIMER + 8), out(0x21, 4), out(0xA1, 2), out(0x21, 1), out(0xA1, 1);
    out(0x21, 0xFE), out(0xA1, 0xFF);
    out(0x43, 0x34), out(0x40, (uint8_t)divisor), out(0x40, (uint8_t)(divisor >> 8));
}

/* ---- the host's port: one thread, the superloop, and an interrupt handler ---- */

enum { SUPERLOOP = 1 };

static volatile uint32_t now, handling;
static void *local_word;
static cocancel_runtime *runtime;
static COCANCEL_STORAGE(storage, 8, 1);

static uint32_t thread_id(void *user) { return user || handling ? 0 : SUPERLOOP; }
static uint32_t tick(void *user) { return user ? 0 : now; }
static void *local(void *user) { return user ? NULL : local_word; }
static void set_local(void *user, void *value) {
    (void)user;
    local_word = value;
}
static uint32_t in_interrupt(void *user) { return user ? 0 : handling; }

static void set_up_runtime(void) {
    static cocancel_port port;
    port.size = sizeof port;
    port.thread_id = thread_id;
    port.tick = tick;
    port.local = local;
    port.set_local = set_local;
    port.in_interrupt = in_interrupt;
    CHECK(cocancel_init(COCANCEL_ABI_VERSION, storage, sizeof storage, 8, 1, &port, &runtime) == COCANCEL_S_OK);
    CHECK(cocancel_enable(runtime) == COCANCEL_S_OK);
}

/* ---- the timer's interrupt handler cancels ---- */

static volatile uint32_t cancel_at, by_thread, timeout_ms, cancels;
static volatile cocancel_call target;

void timer(void) {
    handling = 1;
    now++;
    if (cancel_at && now == cancel_at) {
        const int32_t code = by_thread ? cocancel_cancel_thread(runtime, SUPERLOOP, timeout_ms, 0)
                                       : cocancel_cancel_call(runtime, target, timeout_ms, 0);
        CHECK(code == COCANCEL_S_OK);
        CHECK(cocancel_cancel_thread(runtime, 0, 0, 0) == COCANCEL_E_NOINTERFACE); /* there is no thread here */
        cancel_at = 0;
        cancels++;
    }
    cocancel_tick(runtime, 4);
    handling = 0;
    out(0x20, 0x20);
}

static void sleep(void) { __asm__ volatile("sti\n\thlt" : : : "memory"); }

/* ---- the calls ---- */

static char record;

/* The server sees the request, however long it works. */
static void cancelled(int thread, uint32_t grace_ms) {
    cocancel_call call, frame;
    void *orphan = NULL;
    uint32_t asked;
    cocancel_call_options options = {0};
    options.host = &record;
    CHECK(cocancel_begin(runtime, &options, &call) == COCANCEL_S_OK);
    CHECK(cocancel_enter(runtime, call, &frame, NULL) == COCANCEL_S_OK);
    target = call, by_thread = (uint32_t)thread, timeout_ms = grace_ms;
    asked = now + 2;
    cancel_at = asked;
    while (cocancel_test(runtime) == COCANCEL_RPC_S_CALLPENDING) continue;
    CHECK(cocancel_test(runtime) == COCANCEL_RPC_E_CALL_CANCELED);
    while (cocancel_poll(runtime, call, NULL) == COCANCEL_RPC_S_CALLPENDING) sleep();
    CHECK(now - asked >= grace_ms);
    CHECK(cocancel_leave(runtime, frame) == COCANCEL_S_OK);
    CHECK(cocancel_complete(runtime, call, &orphan) == COCANCEL_RPC_E_CALL_CANCELED && orphan == &record);
    CHECK(cocancel_finish(runtime, call) == COCANCEL_RPC_E_CALL_CANCELED);
}

static void completed(void) {
    cocancel_call call, frame;
    void *orphan = NULL;
    CHECK(cocancel_begin(runtime, NULL, &call) == COCANCEL_S_OK);
    CHECK(cocancel_enter(runtime, call, &frame, NULL) == COCANCEL_S_OK);
    CHECK(cocancel_test(runtime) == COCANCEL_RPC_S_CALLPENDING);
    CHECK(cocancel_leave(runtime, frame) == COCANCEL_S_OK);
    CHECK(cocancel_complete(runtime, call, &orphan) == COCANCEL_S_OK && !orphan);
    CHECK(cocancel_poll(runtime, call, NULL) == COCANCEL_S_OK);
    CHECK(cocancel_finish(runtime, call) == COCANCEL_S_OK);
}

void kernel(void) {
    enum { ROUNDS = 50 };
    uint32_t n;
    size_t left = 0;
    set_up_interrupts();
    /* 6: invalid opcode, 7: no FPU. If these do not trap, nothing else here shows anything */
    trap_number = 0;
    try_sse();
    CHECK(trap_number == 6);
    try_x87();
    CHECK(trap_number == 7);
    print("SSE and x87 trap\n");
    set_up_runtime();
    __asm__ volatile("sti");
    for (n = 0; n < ROUNDS; n++) {
        completed();
        cancelled(n % 2, n % 3 * 5);
    }
    print_number(cancels);
    print(" calls cancelled from the timer's interrupt handler\n");
    CHECK(cancels == ROUNDS);
    CHECK(cocancel_snapshot(runtime, NULL, &left) == COCANCEL_S_OK && left == 0);
    __asm__ volatile("cli");
    CHECK(cocancel_disable(runtime) == COCANCEL_S_OK);
    CHECK(cocancel_deinit(runtime) == COCANCEL_S_OK);
    print("done\n");
    end(GOOD);
}
