/*
 * rpc-demo [--list] [--scene NAME] [--trace FILE]: plays the rows of the specification on a real transport, against a real server
 * process. Exit status 0: all as expected.
 *
 * SPDX-License-Identifier: MIT OR Apache-2.0
 */
#define _GNU_SOURCE
#include "demo.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "demo_trace.h"

enum { HANGS_AFTER_SECONDS = 120 }; /* a scene; they take milliseconds, or seconds where a timeout is played */

static const struct scene *const groups[] = {cancelling_scenes, grace_scenes,   ending_scenes, enabling_scenes, finding_scenes, polling_scenes,
                                             serving_scenes,    object_scenes, limit_scenes,  port_scenes,     input_scenes};

static int server_pid; /* 0: killed */
static char server_path[108];
rpc_connection *server;
struct stage *stage;

/* The server's program, beside this one. */
static const char *program(void) {
    static char path[512];
    ssize_t length = readlink("/proc/self/exe", path, sizeof path - sizeof "rpc-server");
    if (length <= 0) abort();
    path[length] = 0;
    strcpy(strrchr(path, '/') + 1, "rpc-server");
    return path;
}

void kill_server(void) {
    if (server_pid > 0) rpc_kill(server_pid, server_path);
    server_pid = 0;
}

static void hangs(int signal) {
    static const char what[] = "<<< the scene hangs; the last line says where\n";
    (void)signal;
    kill_server(); /* only what a signal handler may do */
    if (write(STDOUT_FILENO, what, sizeof what - 1) < 0) _exit(2);
    _exit(1);
}

/* Plays one scene against a server of its own; whether all was as expected. */
static int play(const struct scene *scene) {
    unsigned differed_before = atomic_load(&differed);
    size_t left = 0;
    int process, descriptor = stage_create(&stage);
    if (descriptor < 0) abort();
    alarm(HANGS_AFTER_SECONDS);
    report_scene(scene);
    process = server_pid = rpc_spawn(program(), descriptor, server_path, sizeof server_path);
    server = rpc_connect_when_up(server_path);
    if (server == NULL) {
        printf("  no server\n");
        return 0;
    }
    trace_span_begin(scene->name);
    scene->play();
    kill_server();
    rpc_disconnect(server);
    trace_span_end();
    trace_server(process, scene->name, stage);
    cocancel_snapshot(NULL, NULL, &left);
    expect_true("nothing is left behind: no slot, no record, no connection", left == 0 && rpc_records() == 0 && rpc_connections() == 0);
    stage_close(descriptor, stage);
    return atomic_load(&differed) == differed_before;
}

static int usage(void) {
    fprintf(stderr, "usage: rpc-demo [--list] [--scene NAME] [--trace FILE]\n");
    return 2;
}

int main(int count, char **arguments) {
    const char *only = NULL, *trace = NULL, *failed[128];
    unsigned played = 0, failures = 0, n;
    int at, list = 0;
    for (at = 1; at < count; at++) {
        if (strcmp(arguments[at], "--list") == 0) list = 1;
        else if (strcmp(arguments[at], "--scene") == 0 && at + 1 < count) only = arguments[++at];
        else if (strcmp(arguments[at], "--trace") == 0 && at + 1 < count) trace = arguments[++at];
        else return usage();
    }
    if (trace != NULL && !list) trace_begin();
    setvbuf(stdout, NULL, _IOLBF, 0); /* also into a file: the last line says what hangs */
    signal(SIGALRM, hangs);
    be("main");
    if (!list)
        printf("Call cancellation between two processes: this one holds the clients and cancellers, a thread each; every scene starts a server.\n"
               "A line: when, which thread, what it does or calls, what came back, and \"ok\" where that is what is specified.\n"
               "The server's methods: ECHO(n) returns n at once. HOLD(n), which is deaf to cancellation, returns it when the scene opens gate n.\n"
               "LISTEN(n) runs until it is cancelled, and then waits for gate n.\n"
               "Where a row comes from: [seed] the public CoCancelCall page, [doc] the page of that function, [win] seen on Windows, [wil] relied\n"
               "on by WIL's com_timeout, [dce] DCE RPC, [old] the 1998 pre-release page, [ours] our decision.\n");
    for (n = 0; n < sizeof groups / sizeof *groups; n++) {
        const struct scene *scene;
        for (scene = groups[n]; scene->name != NULL; scene++) {
            if (only != NULL && strcmp(only, scene->name) != 0) continue;
            if (list) {
                printf("%-24s %s\n", scene->name, scene->title);
                continue;
            }
            played++;
            if (!play(scene) && failures < sizeof failed / sizeof *failed) failed[failures++] = scene->name;
        }
    }
    if (list) return 0;
    printf("\nScenes: %u, of which %u as expected. Answers: %u as expected, %u not.\n", played, played - failures, matched, differed);
    for (n = 0; n < failures; n++) printf("not as expected: %s; alone: %s --scene %s\n", failed[n], arguments[0], failed[n]);
    if (played == 0) printf("no scene is named %s; --list names them\n", only);
    if (trace != NULL && !trace_write(trace)) {
        perror(trace);
        return 2;
    }
    if (trace != NULL) printf("%s: to be opened in https://ui.perfetto.dev or chrome://tracing\n", trace);
    return played != 0 && failures == 0 && differed == 0 ? 0 : 1;
}
