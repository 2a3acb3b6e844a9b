/* What the demonstration prints. SPDX-License-Identifier: MIT OR Apache-2.0 */
#define _GNU_SOURCE
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "demo.h"

enum { WIDTH = 66 }; /* of the column of what is done */

atomic_uint matched, differed;

static pthread_mutex_t output = PTHREAD_MUTEX_INITIALIZER;
static uint64_t scene_began;
static unsigned answers_read;

uint64_t now_ms(void) {
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t)now.tv_sec * 1000 + (uint64_t)now.tv_nsec / 1000000;
}

void pause_ms(uint32_t ms) { usleep(ms * 1000); }

void be(const char *name) { pthread_setname_np(pthread_self(), name); }

void report_scene(const struct scene *scene) {
    scene_began = now_ms();
    answers_read = 0;
    printf("\n%s: %s\n", scene->name, scene->title);
}

/* One line, whole. Without `came` nothing came back. */
static void line(const char *who, const char *what, const char *came, const char *verdict) {
    int dots = came == NULL ? 0 : WIDTH - (int)strlen(what) - 1;
    pthread_mutex_lock(&output);
    printf("%6llu ms  %-10s %s", (unsigned long long)(now_ms() - scene_began), who, what);
    if (came != NULL) {
        putchar(' ');
        while (dots-- > 0) putchar('.');
        printf(" %-20s %s", came, verdict);
    }
    putchar('\n');
    pthread_mutex_unlock(&output);
}

static const char *self(char name[16]) {
    pthread_getname_np(pthread_self(), name, 16);
    return name;
}

void say(const char *format, ...) {
    char name[16], what[256];
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(what, sizeof what, format, arguments);
    va_end(arguments);
    line(self(name), what, NULL, NULL);
}

/* A code as people know it; the number where the library has no name for it. */
static const char *code_name(int32_t code, char room[16]) {
    const char *name = cocancel_hresult_name(code);
    if (strcmp(name, "unknown") != 0) return name;
    snprintf(room, 16, "0x%08X", (unsigned)code);
    return room;
}

static void judge(const char *who, const char *what, int32_t came, int32_t expected) {
    char came_room[16], expected_room[16], verdict[80] = "ok";
    atomic_fetch_add(came == expected ? &matched : &differed, 1);
    if (came != expected) snprintf(verdict, sizeof verdict, "<<< EXPECTED %s", code_name(expected, expected_room));
    line(who, what, code_name(came, came_room), verdict);
}

void expect(const char *what, int32_t came, int32_t expected) {
    char name[16];
    judge(self(name), what, came, expected);
}

void expect_true(const char *what, int holds) {
    char name[16];
    atomic_fetch_add(holds ? &matched : &differed, 1);
    line(self(name), what, holds ? "yes" : "no", holds ? "ok" : "<<< EXPECTED yes");
}

void expect_of_server(const char *what, int32_t expected) {
    unsigned at = answers_read++;
    struct stage_answer *answer = &stage->answer[at];
    if (at >= atomic_load(&stage->answers) || at >= STAGE_ANSWERS || strcmp(answer->what, what) != 0)
        expect_true("the server's method came to that step", 0);
    else
        judge("server", answer->what, answer->code, expected);
}
