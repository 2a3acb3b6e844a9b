/*
 * rpc-demo [--list] [--scene NAME] [--trace FILE]: plays the rows of the specification on a real transport, against a real server
 * process. Exit status 0: all as expected.
 *
 * SPDX-License-Identifier: MIT OR Apache-2.0
 */
#define _GNU_SOURCE
#include "demo.h"

#include <pthread.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "demo_trace.h"

rpc_connection *server;
int server_pid;
char server_path[108];

static pthread_mutex_t output = PTHREAD_MUTEX_INITIALIZER;
static uint64_t scene_began;
static unsigned matched, differed;

uint64_t now_ms(void) {
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t)now.tv_sec * 1000 + (uint64_t)now.tv_nsec / 1000000;
}

void pause_ms(uint32_t ms) { usleep(ms * 1000); }

void say(const char *format, ...) {
    va_list arguments;
    char name[16] = "";
    pthread_getname_np(pthread_self(), name, sizeof name);
    pthread_mutex_lock(&output);
    printf("  %5llu ms  %-10s ", (unsigned long long)(now_ms() - scene_began), name);
    va_start(arguments, format);
    vprintf(format, arguments);
    va_end(arguments);
    printf("\n");
    pthread_mutex_unlock(&output);
}

static void judge(int holds) {
    pthread_mutex_lock(&output);
    if (holds) matched++;
    else differed++;
    pthread_mutex_unlock(&output);
}

void expect(const char *what, int32_t got, int32_t expected) {
    judge(got == expected);
    if (got == expected) say("%s -> %s", what, cocancel_hresult_name(got));
    else say("%s -> 0x%08X %s, EXPECTED 0x%08X %s", what, (unsigned)got, cocancel_hresult_name(got), (unsigned)expected, cocancel_hresult_name(expected));
}

void expect_one_of(const char *what, int32_t got, int32_t one, int32_t other) { expect(what, got, got == other ? other : one); }

void expect_true(const char *what, int holds) {
    judge(holds);
    say("%s: %s", what, holds ? "yes" : "NO, EXPECTED yes");
}

/* ---- clients ---- */

static void *client_body(void *argument) {
    struct client *client = argument;
    uint32_t size = sizeof client->result;
    pthread_setname_np(pthread_self(), "client");
    if (client->enabled) CoEnableCallCancellation(NULL);
    __atomic_store_n(&client->thread, cocancel_thread_id(), __ATOMIC_RELEASE);
    client->code = rpc_call(server, client->method, &client->argument, sizeof client->argument, client->timeout_ms, &client->result, &size);
    client->ended_ms = now_ms();
    say("my call returned %s", cocancel_hresult_name(client->code));
    return NULL;
}

void client_start(struct client *client) {
    pthread_t thread;
    if (pthread_create(&thread, NULL, client_body, client) != 0) abort();
    client->handle = (unsigned long)thread;
}

void client_is_blocked(struct client *client) {
    cocancel_call_info calls[64];
    for (;;) {
        uint32_t thread = __atomic_load_n(&client->thread, __ATOMIC_ACQUIRE);
        size_t count = sizeof calls / sizeof *calls, n;
        cocancel_snapshot(NULL, calls, &count);
        if (thread != 0 && !client->enabled) {
            /* it has no slot; its thread is found all the same, and says that it is disabled */
            if (cocancel_cancel_thread(NULL, thread, 0, 0) == CO_E_CANCEL_DISABLED) return;
        }
        for (n = 0; n < count && n < sizeof calls / sizeof *calls; n++)
            if (thread != 0 && calls[n].thread == thread && calls[n].phase == COCANCEL_PHASE_PENDING) return;
        pause_ms(1);
    }
}

void client_join(struct client *client) { pthread_join((pthread_t)client->handle, NULL); }

uint32_t ask(uint32_t method) {
    rpc_connection *own = rpc_connect_when_up(server_path);
    uint32_t value = 0, size = sizeof value;
    if (own == NULL) return 0;
    rpc_call(own, method, NULL, 0, 0, &value, &size);
    rpc_disconnect(own);
    return value;
}

/* ---- playing ---- */

static const char *program(char *path, size_t room) {
    ssize_t length = readlink("/proc/self/exe", path, room - 12);
    char *slash;
    if (length <= 0) abort();
    path[length] = 0;
    slash = strrchr(path, '/');
    strcpy(slash + 1, "rpc-server");
    return path;
}

static void hung(void *unused) {
    (void)unused;
    printf("a scene hangs\n");
    fflush(stdout);
    _exit(1);
}

static void *watchdog(void *unused) {
    sleep(120);
    hung(NULL);
    return unused;
}

static int play(const struct scene *scene) {
    char path[512];
    size_t left = 0;
    unsigned differed_before = differed;
    scene_began = now_ms();
    printf("\n%s: %s\n", scene->name, scene->title);
    server_pid = rpc_spawn(program(path, sizeof path), server_path, sizeof server_path);
    server = rpc_connect_when_up(server_path);
    if (server == NULL) {
        printf("  no server\n");
        return 0;
    }
    scene->play();
    rpc_kill(server_pid, server_path);
    rpc_disconnect(server);
    cocancel_snapshot(NULL, NULL, &left);
    if (left != 0 || rpc_records() != 0) expect_true("nothing leaked", 0);
    return differed == differed_before;
}

int main(int count, char **arguments) {
    const struct scene *const groups[] = {calling_scenes, finding_scenes, object_scenes};
    const char *only = NULL, *trace = NULL;
    unsigned played = 0, good = 0;
    pthread_t watching;
    size_t group;
    int n, list = 0;
    for (n = 1; n < count; n++) {
        if (strcmp(arguments[n], "--list") == 0) list = 1;
        else if (strcmp(arguments[n], "--scene") == 0 && n + 1 < count) only = arguments[++n];
        else if (strcmp(arguments[n], "--trace") == 0 && n + 1 < count) trace = arguments[++n];
        else {
            fprintf(stderr, "usage: rpc-demo [--list] [--scene NAME] [--trace FILE]\n");
            return 2;
        }
    }
    if (trace != NULL && !trace_begin(trace)) {
        perror(trace);
        return 2;
    }
    pthread_setname_np(pthread_self(), "canceller");
    pthread_create(&watching, NULL, watchdog, NULL);
    for (group = 0; group < sizeof groups / sizeof *groups; group++) {
        const struct scene *scene;
        for (scene = groups[group]; scene->name != NULL; scene++) {
            if (only != NULL && strcmp(only, scene->name) != 0) continue;
            if (list) {
                printf("%-24s %s\n", scene->name, scene->title);
                continue;
            }
            played++;
            good += (unsigned)play(scene);
        }
    }
    if (trace != NULL) trace_end();
    if (list) return 0;
    printf("\n%u scenes, %u as expected; %u answers as expected, %u not\n", played, good, matched, differed);
    return played != 0 && good == played && differed == 0 ? 0 : 1;
}
