/* Runs the clauses.
   SPDX-License-Identifier: MIT OR Apache-2.0 */
#include <string.h>

#include "conformance.h"

const conformance_host *under_test;
static unsigned broken;
static int is_broken;

static void say_line(int line) {
    char text[12];
    char *at = &text[sizeof text - 1];
    *at = 0;
    do *--at = (char)('0' + line % 10);
    while ((line /= 10) != 0);
    under_test->say(at);
}

void conformance_require(int holds, const char *text, int line) {
    if (holds) return;
    under_test->say("\n    line ");
    say_line(line);
    under_test->say(": not so: ");
    under_test->say(text);
    is_broken = 1;
}

void await_word(const shared_word *from) {
    while (get(from) == 0) under_test->sleep(1);
}

uint32_t tick_now(void) { return under_test->port.tick(under_test->port.hooks.user); }

static int is_asked_for(const clause *it) {
    char **name = under_test->only;
    if (name == NULL || it == runtime_clauses) return 1;
    while (*name != NULL && strcmp(*name, it->name) != 0) name++;
    return *name != NULL;
}

static void run(const clause *clauses) {
    for (; clauses->run != NULL; clauses++) {
        if (!is_asked_for(clauses)) continue;
        is_broken = 0;
        under_test->say(clauses->name);
        under_test->say(": ");
        clauses->run();
        under_test->say(is_broken ? "\n    BROKEN\n" : "kept\n");
        broken += is_broken != 0;
        if (is_broken && clauses == runtime_clauses) break; /* without a runtime the rest would say nothing */
    }
}

unsigned conformance_run(const conformance_host *host) {
    under_test = host;
    broken = 0;
    run(port_clauses);
    run(runtime_clauses);
    return broken;
}
