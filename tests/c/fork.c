/* A forked child starts with an empty runtime; calls pending in the parent are not the child's. SPDX-License-Identifier: MIT OR Apache-2.0 */
#define _GNU_SOURCE
#include <sys/mman.h>
#include <sys/resource.h>
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
    /* a guard of the parent's, or its server's side: no call of the child's, which has the same slot */
    CHECK(cocancel_complete(NULL, parents, NULL), E_INVALIDARG);
    CHECK(cocancel_finish(NULL, parents), E_INVALIDARG);
    CHECK(cocancel_poll(NULL, call, NULL), RPC_S_CALLPENDING);
    CHECK(CoCancelCall(cocancel_thread_id(), 0), S_OK);
    CHECK(cocancel_wait(NULL, call), RPC_E_CALL_CANCELED);
    CHECK(cocancel_finish(NULL, call), RPC_E_CALL_CANCELED);
    CHECK(cocancel_complete(NULL, call, NULL), RPC_E_CALL_CANCELED);
    CHECK_TRUE(slots_in_use(NULL) == 0);
    return failures != 0;
}

/* So are they in tables of another size. */
static int child_of_another_size(uint32_t parent, cocancel_call parents) {
    CHECK(cocancel_set_capacity(7, 3), COCANCEL_S_OK);
    return child(parent, parents);
}

/* Where there is no memory for tables of its own, a child goes on in its copy of the parent's, where their calls keep their slots. */
static int child_without_memory(cocancel_call parents) {
    struct rlimit none = {0, 0}, before;
    cocancel_call call;
    CHECK_TRUE(getrlimit(RLIMIT_AS, &before) == 0);
    none.rlim_max = before.rlim_max;
    CHECK_TRUE(setrlimit(RLIMIT_AS, &none) == 0);
    if (mmap(NULL, 1, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0) != MAP_FAILED) {
        printf("an emulator that keeps to no limits: nothing tested without memory\n");
        return 0;
    }
    CHECK(CoEnableCallCancellation(NULL), S_OK);
    CHECK_TRUE(setrlimit(RLIMIT_AS, &before) == 0);
    CHECK_TRUE(slots_in_use(NULL) == 1);
    CHECK(cocancel_begin(NULL, NULL, &call), S_OK);
    CHECK(cocancel_finish(NULL, parents), E_INVALIDARG);
    CHECK(CoCancelCall(cocancel_thread_id(), 0), S_OK);
    CHECK(cocancel_finish(NULL, call), RPC_E_CALL_CANCELED);
    CHECK(cocancel_complete(NULL, call, NULL), RPC_E_CALL_CANCELED);
    CHECK_TRUE(slots_in_use(NULL) == 1);
    return failures != 0;
}

static int ends_well(pid_t process) {
    int status = -1;
    return waitpid(process, &status, 0) == process && status == 0;
}

int main(void) {
    cocancel_call call;
    pid_t process;
    CHECK(CoEnableCallCancellation(NULL), S_OK);
    CHECK(cocancel_begin(NULL, NULL, &call), S_OK);
    fflush(stdout);
    process = fork();
    if (process == 0) {
        /* children of the child, too: one whose parent has not used it yet, and one whose parent has */
        pid_t grandchild = fork();
        int well;
        if (grandchild == 0) _exit(child((uint32_t)getppid(), call));
        well = ends_well(grandchild) && child((uint32_t)getppid(), call) == 0;
        grandchild = fork();
        if (grandchild == 0) _exit(child((uint32_t)getppid(), call));
        well = ends_well(grandchild) && well;
        fflush(stdout);
        _exit(!well);
    }
    CHECK_TRUE(ends_well(process));
    process = fork();
    if (process == 0) {
        int failed = child_of_another_size((uint32_t)getppid(), call);
        fflush(stdout);
        _exit(failed);
    }
    CHECK_TRUE(ends_well(process));
    process = fork();
    if (process == 0) {
        int failed = child_without_memory(call);
        fflush(stdout);
        _exit(failed);
    }
    CHECK_TRUE(ends_well(process));
    /* the parent's call has not noticed */
    CHECK(cocancel_poll(NULL, call, NULL), RPC_S_CALLPENDING);
    CHECK(cocancel_complete(NULL, call, NULL), S_OK);
    CHECK(cocancel_finish(NULL, call), S_OK);
    CHECK_TRUE(slots_in_use(NULL) == 0);
    return failures != 0;
}
