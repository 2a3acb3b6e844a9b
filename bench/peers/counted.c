/* Does one operation a number of times: `counted OPERATION TIMES`. What it executes is counted (`cargo xtask counts`): the difference
 * between two numbers of times is the operation's, with the few instructions of its loop here. */

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cocancel.h"
#include "cocancel_com.h"

static cocancel_call served;

static void expect(int32_t got, int32_t expected) {
    if (got != expected) {
        fprintf(stderr, "%s in place of %s\n", cocancel_hresult_name(got), cocancel_hresult_name(expected));
        exit(1);
    }
}

static cocancel_call begin(int32_t expected) {
    cocancel_call call = 0;
    expect(cocancel_begin(NULL, NULL, &call), expected);
    return call;
}

static void enable(void) { expect(CoEnableCallCancellation(NULL), S_OK); }

static void serve(void) {
    cocancel_call frame;
    expect(cocancel_serve(NULL, NULL, &served), S_OK);
    expect(cocancel_enter(NULL, served, &frame, NULL), S_OK);
}

static void pending(void) {
    enable();
    begin(S_OK);
}

static void nothing(void) {}

static void loop_alone(void) {}

static void enable_and_disable(void) {
    enable();
    expect(CoDisableCallCancellation(NULL), S_OK);
}

static void whole_call(int32_t expected) {
    cocancel_call call = begin(expected);
    expect(cocancel_complete(NULL, call, NULL), S_OK);
    expect(cocancel_finish(NULL, call), S_OK);
}

static void disabled_call(void) { whole_call(CO_E_CANCEL_DISABLED); }
static void enabled_call(void) { whole_call(S_OK); }

/* Cancelled at once, then its server comes to its end, then the client. */
static void canceled_call(void) {
    cocancel_call call = begin(S_OK);
    expect(cocancel_cancel_thread(NULL, cocancel_thread_id(), 0, 0), S_OK);
    expect(cocancel_complete(NULL, call, NULL), RPC_E_CALL_CANCELED);
    expect(cocancel_finish(NULL, call), RPC_E_CALL_CANCELED);
}

static void served_call(void) {
    cocancel_call call = begin(S_OK), frame;
    expect(cocancel_enter(NULL, call, &frame, NULL), S_OK);
    expect(cocancel_leave(NULL, frame), S_OK);
    expect(cocancel_complete(NULL, call, NULL), S_OK);
    expect(cocancel_finish(NULL, call), S_OK);
}

static void test(void) { expect(CoTestCancel(), RPC_S_CALLPENDING); }
static void native_test(void) { expect(cocancel_test(NULL), RPC_S_CALLPENDING); }
static void unknown_thread(void) { expect(CoCancelCall(1, 0), E_NOINTERFACE); }
static void no_call(void) { expect(CoCancelCall(cocancel_thread_id(), 0), E_NOINTERFACE); }
static void idle_tick(void) { (void)cocancel_tick(NULL, 8); }

static void object(void) {
    void *object;
    expect(CoGetCancelObject(0, &IID_ICancelMethodCalls, &object), S_OK);
    ICancelMethodCalls *methods = object;
    methods->lpVtbl->Release(methods);
}

static const struct {
    const char *name;
    void (*before)(void);
    void (*each)(void);
} operations[] = {
    {"loop", nothing, loop_alone},
    {"call-disabled", nothing, disabled_call},
    {"call-enabled", enable, enabled_call},
    {"call-served", enable, served_call},
    {"call-canceled", enable, canceled_call},
    {"enable-disable", enable, enable_and_disable},
    {"CoTestCancel", serve, test},
    {"cocancel_test", serve, native_test},
    {"cancel-unknown-thread", enable, unknown_thread},
    {"cancel-nothing", enable, no_call},
    {"object-release", pending, object},
    {"tick-idle", enable, idle_tick},
};

int main(int argc, char **argv) {
    for (size_t n = 0; n < sizeof operations / sizeof *operations; n++) {
        if (argc == 1) {
            puts(operations[n].name);
        } else if (argc == 3 && strcmp(operations[n].name, argv[1]) == 0) {
            unsigned long times = strtoul(argv[2], NULL, 10);
            operations[n].before();
            while (times-- > 0) operations[n].each();
            return 0;
        }
    }
    return argc == 1 ? 0 : 2;
}
