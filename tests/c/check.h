/* What the C tests check with. SPDX-License-Identifier: MIT OR Apache-2.0 */
#ifndef CHECK_H
#define CHECK_H

#include <stdint.h>
#include <stdio.h>

#include "cocancel.h"

static int failures;

static inline void check_code(const char *file, int line, const char *what, int32_t got, int32_t expected) {
    if (got == expected) return;
    failures++;
    printf("%s:%d: %s: got %s (0x%08lX), expected %s\n", file, line, what, cocancel_hresult_name(got), (unsigned long)(uint32_t)got,
           cocancel_hresult_name(expected));
}

static inline void check_true(const char *file, int line, const char *what, int holds) {
    if (holds) return;
    failures++;
    printf("%s:%d: not so: %s\n", file, line, what);
}

/* The expression gives that HRESULT. */
#define CHECK(expression, expected) check_code(__FILE__, __LINE__, #expression, (expression), (expected))
#define CHECK_TRUE(condition) check_true(__FILE__, __LINE__, #condition, (condition))

/* Nothing is left in the runtime. */
static inline size_t slots_in_use(cocancel_runtime *runtime) {
    size_t count = 0;
    CHECK(cocancel_snapshot(runtime, NULL, &count), COCANCEL_S_OK);
    return count;
}

#endif
