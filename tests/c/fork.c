/* A forked child starts with an empty runtime; calls pending in the parent are not the child's. SPDX-License-Identifier: MIT OR Apache-2.0 */
#define _GNU_SOURCE
#include <sys/types.h>
#include <sys/wait.h>
#include <unistd.h>

#include "check.h"
#include "cocancel_com.h"

static int child(uint32_t parent, cocancel_call parents) {
    cocancel_call call;
    CHECK_TRUE(slots_in_use(NULL) == 0);
    CHECK_TRUE(cocancel_thread_id() != parent);
    CHECK(CoCancelCall(parent, 0), E_NOINTERFACE);
    CHECK(CoCancelCall(0, 0), E_NOINTERFACE);
    CHECK(cocancel_complete(NULL, parents, NULL), E_INVALIDARG);
    CHECK(cocancel_finish(NULL, parents), E_INVALIDARG);
    /* the counter is the parent's, too */
    CHECK(CoDisableCallCancellation(NULL), CO_E_CANCEL_DISABLED);
    CHECK(CoEnableCallCancellation(NULL), S_OK);
    CHECK(cocancel_begin(NULL, NULL, &call), S_OK);
    CHECK(CoCancelCall(cocancel_thread_id(), 0), S_OK);
    CHECK(cocancel_wait(NULL, call), RPC_E_CALL_CANCELED);
    CHECK(cocancel_finish(NULL, call), RPC_E_CALL_CANCELED);
    CHECK(cocancel_complete(NULL, call, NULL), RPC_E_CALL_CANCELED);
    CHECK_TRUE(slots_in_use(NULL) == 0);
    return failures != 0;
}

int main(void) {
    cocancel_call call;
    int status = -1;
    pid_t process;
    CHECK(CoEnableCallCancellation(NULL), S_OK);
    CHECK(cocancel_begin(NULL, NULL, &call), S_OK);
    process = fork();
    if (process == 0) {
        /* a child of the child, too */
        pid_t grandchild;
        int first = child((uint32_t)getppid(), call);
        grandchild = fork();
        if (grandchild == 0) _exit(child((uint32_t)getppid(), call));
        if (waitpid(grandchild, &status, 0) != grandchild || status != 0) first = 1;
        fflush(stdout);
        _exit(first);
    }
    CHECK_TRUE(waitpid(process, &status, 0) == process && status == 0);
    /* the parent's call has not noticed */
    CHECK(cocancel_poll(NULL, call, NULL), RPC_S_CALLPENDING);
    CHECK(cocancel_complete(NULL, call, NULL), S_OK);
    CHECK(cocancel_finish(NULL, call), S_OK);
    CHECK_TRUE(slots_in_use(NULL) == 0);
    return failures != 0;
}
