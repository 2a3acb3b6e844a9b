/* What a stranger builds for a board against what is released for it: a port of its own, and a call from its beginning to its end. */
#include <cocancel.h>
#if !defined(COCANCEL_NATIVE_ONLY)
#include <cocancel_com.h>
#endif

static volatile uint32_t ticks;

static uint32_t thread_id(void *user) {
    (void)user;
    return 1;
}

static uint32_t tick(void *user) {
    (void)user;
    return ticks;
}

void program(void);

void program(void) {
    static const cocancel_port port = {.size = sizeof port, .thread_id = thread_id, .tick = tick};
    static COCANCEL_STORAGE(storage, 8, 4);
    cocancel_runtime *runtime = NULL;
    cocancel_call call = 0;
    if (cocancel_init(COCANCEL_ABI_VERSION, storage, sizeof storage, 8, 4, &port, &runtime) != COCANCEL_S_OK) return;
    (void)cocancel_enable(runtime);
    if (cocancel_begin(runtime, NULL, &call) != COCANCEL_S_OK) return;
#if !defined(COCANCEL_NATIVE_ONLY)
    (void)cocancel_set_default(runtime);
    (void)CoCancelCall(thread_id(NULL), 0);
#else
    (void)cocancel_cancel_thread(runtime, thread_id(NULL), 0, COCANCEL_NO_WAIT);
#endif
    (void)cocancel_finish(runtime, call);
}
