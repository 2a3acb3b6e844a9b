/* The table of examples/inspect/c: a slot that a killed thread left claimed, which no program can bring about by itself.
   SPDX-License-Identifier: MIT OR Apache-2.0 */
/* what inspect.c calls is the function below */
#define cocancel_snapshot stand_in
#include "../../examples/inspect/c/inspect.c"

#include <string.h>

#include "check.h"

int32_t stand_in(cocancel_runtime *runtime, cocancel_call_info *calls, size_t *count) {
    static const cocancel_call_info none;
    (void)runtime;
    *calls = none;
    calls->call = 0x10001;
    calls->phase = COCANCEL_PHASE_CLAIMED;
    calls->remaining_ms = COCANCEL_INFINITE;
    *count = 1;
    return COCANCEL_S_OK;
}

/* The table, as far as there is room. */
static char table[400];

static void append(void *to, const char *line, size_t length) {
    (void)to;
    if (strlen(table) + length < sizeof table) strcat(table, line);
}

int main(void) {
    cocancel_call_info room;
    CHECK_TRUE(cocancel_inspect_print(NULL, 1, &room, 1, append, NULL) == 1);
    CHECK_TRUE(strstr(table, "\n   0x10001          -               -     no deadline claimed   enabled  0:\n1 in use\n") != NULL);
    return failures != 0;
}
