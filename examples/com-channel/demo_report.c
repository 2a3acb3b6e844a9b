/* What the demonstration prints. SPDX-License-Identifier: MIT OR Apache-2.0 */
#include <stdarg.h>
#include <stdio.h>

#include "demo.h"

volatile LONG matched, differed;

void report(const char *format, ...) {
    va_list arguments;
    va_start(arguments, format);
    vprintf(format, arguments);
    va_end(arguments);
    printf("\n");
    fflush(stdout);
}

static const char *name_of(HRESULT hr, char buffer[16]) {
    const char *name = cocancel_hresult_name(hr);
    if (strcmp(name, "unknown") != 0)
        return name;
    snprintf(buffer, 16, "0x%08lX", (unsigned long)hr);
    return buffer;
}

static void judge(int holds, const char *what, const char *seen, const char *expected) {
    InterlockedIncrement(holds ? &matched : &differed);
    if (holds)
        report("    %s: %s", what, seen);
    else
        report("    DIFFERS %s: seen %s, expected %s", what, seen, expected);
}

void expect(const char *what, HRESULT seen, HRESULT expected) {
    char a[16], b[16];
    judge(seen == expected, what, name_of(seen, a), name_of(expected, b));
}

void expect_number(const char *what, unsigned long seen, unsigned long expected) {
    char a[16], b[16];
    snprintf(a, sizeof a, "%lu", seen);
    snprintf(b, sizeof b, "%lu", expected);
    judge(seen == expected, what, a, b);
}

void expect_true(const char *what, int holds) { judge(holds, what, holds ? "yes" : "no", "yes"); }
