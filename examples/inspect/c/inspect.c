/* SPDX-License-Identifier: MIT OR Apache-2.0 */
#include "inspect.h"

#if UINTPTR_MAX > 0xFFFFFFFFu
/* When the calls began, as in src/table.rs: the handle's lower half above the tick, so that one word says it all. A debugger finds it by this
   name (cocancel.py). Calls in slots beyond it may hide each other's ages. */
#define ROOM 4096
extern uint64_t COCANCEL_INSPECT_BEGUN[ROOM];
uint64_t COCANCEL_INSPECT_BEGUN[ROOM];

static uint64_t *place(cocancel_call call) { return &COCANCEL_INSPECT_BEGUN[(call >> 16) % ROOM]; }

void cocancel_inspect_event(uint32_t kind, cocancel_call call, uint32_t now) {
    if (kind == COCANCEL_EVENT_BEGUN) __atomic_store_n(place(call), (uint64_t)(uint32_t)call << 32 | now, __ATOMIC_RELAXED);
}

/* Milliseconds since it began; COCANCEL_INFINITE: nobody recorded that. */
static uint32_t age(cocancel_call call, uint32_t now) {
    uint64_t word = __atomic_load_n(place(call), __ATOMIC_RELAXED);
    return word >> 32 == (uint32_t)call ? now - (uint32_t)word : COCANCEL_INFINITE;
}
#else
void cocancel_inspect_event(uint32_t kind, cocancel_call call, uint32_t now) { (void)kind, (void)call, (void)now; }

static uint32_t age(cocancel_call call, uint32_t now) { return (void)call, (void)now, COCANCEL_INFINITE; }
#endif

/* A line that is being put together. The longest is shorter than this. */
typedef struct text {
    char line[160];
    size_t length;
} text;

static void put(text *t, char c) {
    if (t->length + 1 < sizeof t->line) t->line[t->length++] = c;
}

static void fill(text *t, size_t width, size_t length) {
    for (; length < width; length++) put(t, ' ');
}

/* At the left of so many columns. */
static void left(text *t, const char *s, size_t width) {
    size_t length = 0;
    for (; s[length] != 0; length++) put(t, s[length]);
    fill(t, width, length);
}

/* At the right. */
static void right(text *t, const char *s, size_t width) {
    size_t length = 0;
    while (s[length] != 0) length++;
    fill(t, width, length);
    left(t, s, 0);
}

/* At the right, in that base. Gives the digits' first one, in a buffer of the caller's. */
static char *digits(char *end, uint64_t value, unsigned base) {
    *end = 0;
    do *--end = "0123456789abcdef"[value % base];
    while ((value /= base) != 0);
    return end;
}

static void number(text *t, uint32_t value, size_t width) {
    char room[12];
    right(t, digits(room + sizeof room - 1, value, 10), width);
}

static void handle(text *t, cocancel_call call, size_t width) {
    char room[24], *start = digits(room + sizeof room - 1, call, 16);
    *--start = 'x';
    *--start = '0';
    right(t, start, width);
}

static void seconds(text *t, uint32_t ms, const char *none) {
    unsigned n;
    if (ms == COCANCEL_INFINITE) {
        right(t, none, 15);
        return;
    }
    number(t, ms / 1000, 9);
    put(t, '.');
    for (n = 100; n > 0; n /= 10) put(t, (char)('0' + ms / n % 10));
    left(t, " s", 0);
}

/* What its phase means to whoever waits for it. */
static const char *phase(const cocancel_call_info *call) {
    switch (call->phase) {
    case COCANCEL_PHASE_PENDING: return call->flags & COCANCEL_IS_REQUESTED ? "canceling" : "pending";
    case COCANCEL_PHASE_COMPLETED: return "completed";
    case COCANCEL_PHASE_FAILED: return "failed";
    /* released, and its reply is still out */
    case COCANCEL_PHASE_CANCELED: return call->flags & COCANCEL_IS_SERVER ? "orphan" : "canceled";
    case COCANCEL_PHASE_CUSTOM: return "custom";
    case COCANCEL_PHASE_CLAIMED: return "claimed";
    default: return "-";
    }
}

/* Who keeps the slot: the client, the server's side (one pin for completing and serving together), a registration, and whoever works on it
   or refers to it just now. */
static void holders(text *t, const cocancel_call_info *call) {
    uint32_t others = call->pins, flags = call->flags;
    number(t, call->pins, 0);
    put(t, ':');
#define HOLDER(holds, name)             \
    if (holds) {                        \
        left(t, " " name, 0);           \
        others -= others > 0 ? 1u : 0u; \
    }
    HOLDER(flags & COCANCEL_IS_CLIENT, "client")
    if (flags & COCANCEL_IS_SERVING) {
        HOLDER(1, "server(serving)")
    } else {
        HOLDER(flags & COCANCEL_IS_SERVER, "server")
    }
    HOLDER(call->phase == COCANCEL_PHASE_CUSTOM, "registration")
#undef HOLDER
    if (others > 0) {
        put(t, ' ');
        number(t, others, 0);
        left(t, others == 1 ? " other" : " others", 0);
    }
}

static void end(text *t, cocancel_inspect_line *line, void *to) {
    t->line[t->length++] = '\n';
    t->line[t->length] = 0;
    line(to, t->line, t->length);
    t->length = 0;
}

int32_t cocancel_inspect_print(cocancel_runtime *runtime, uint32_t now, cocancel_call_info *room, size_t capacity, cocancel_inspect_line *line,
                               void *to) {
    text t;
    size_t count = capacity, shown;
    int32_t answer = cocancel_snapshot(runtime, room, &count);
    if (answer != COCANCEL_S_OK) return answer;
    t.length = 0;
    left(&t, "cocancel: tick ", 0);
    number(&t, now, 0);
    end(&t, line, to);
    left(&t, "      call     thread             age            left phase     cancel   held by", 0);
    end(&t, line, to);
    for (shown = 0; shown < count && shown < capacity; shown++) {
        const cocancel_call_info *call = &room[shown];
        handle(&t, call->call, 10);
        put(&t, ' ');
        if (call->thread != 0) {
            number(&t, call->thread, 10);
        } else {
            right(&t, "-", 10);
        }
        put(&t, ' ');
        seconds(&t, age(call->call, now), "-");
        put(&t, ' ');
        seconds(&t, call->remaining_ms, "no deadline");
        put(&t, ' ');
        left(&t, phase(call), 10);
        left(&t, call->flags & COCANCEL_IS_DISABLED ? "disabled" : "enabled", 9);
        holders(&t, call);
        end(&t, line, to);
    }
    number(&t, (uint32_t)count, 0);
    left(&t, " in use", 0);
    if (shown < count) {
        left(&t, ", of which are shown ", 0);
        number(&t, (uint32_t)shown, 0);
    }
    end(&t, line, to);
    return (int32_t)count;
}
