/*
 * Plays the cancelling channel: each scene at each place where client and server can be. The exit status is 0 if all was as expected.
 *
 *     com-channel [SCENE]      all scenes, or those whose name contains that
 *     com-channel --short      all, with few calls where many are hammered
 *     com-channel --list
 *
 * SPDX-License-Identifier: MIT OR Apache-2.0
 */
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>

#include "demo.h"

static const struct place places[] = {
    {"in process, MTA calls STA", 'M', 'S', IN_PROCESS, 1000},
    {"in process, STA calls MTA", 'S', 'M', IN_PROCESS, 1000},
    {"in process, STA calls STA", 'S', 'S', IN_PROCESS, 10000},
    {"marshalled reference, MTA calls MTA", 'M', 'M', BY_REFERENCE, 10000},
    {"marshalled reference, STA calls STA", 'S', 'S', BY_REFERENCE, 500},
    {"CLSCTX_LOCAL_SERVER, MTA calls MTA", 'M', 'M', BY_CLASS, 1000},
    {"CLSCTX_LOCAL_SERVER, STA calls MTA", 'S', 'M', BY_CLASS, 1000},
};
enum { PLACES = sizeof places / sizeof *places };

static const struct scene *const all[] = {scenes, pump_scenes, client_scenes, many_scenes};
static const char *wanted = "";
static int stages;

const struct place *place;
IHeld *held;
int most_calls = INT_MAX;

static BOOL is_wanted(const struct scene *scene) {
    return strstr(scene->name, wanted) != NULL && (!scene->sta || place->client == 'S') &&
           (!scene->processes || place->how != IN_PROCESS);
}

static DWORD WINAPI serve(void *unused) {
    (void)unused;
    return (DWORD)server_run(place);
}

HANDLE start_process(const char *role) {
    char program[MAX_PATH], command[MAX_PATH + 64];
    STARTUPINFOA startup = {.cb = sizeof startup};
    PROCESS_INFORMATION started;
    GetModuleFileNameA(NULL, program, sizeof program);
    snprintf(command, sizeof command, "\"%s\" %s %lu %d %d", program, role, (unsigned long)GetCurrentProcessId(), stages,
             (int)(place - places));
    if (!CreateProcessA(NULL, command, NULL, NULL, FALSE, 0, NULL, NULL, &startup, &started))
        return NULL;
    CloseHandle(started.hThread);
    return started.hProcess;
}

/* The server: a thread, or a process. */
static HANDLE start_server(void) {
    HANDLE server;
    stage_open(GetCurrentProcessId(), ++stages);
    if (place->how == IN_PROCESS)
        server = CreateThread(NULL, 0, serve, NULL, 0, NULL);
    else
        server = start_process("--serve");
    return server != NULL && stage_wait_ready() ? server : NULL;
}

static void end_server(HANDLE server) {
    SetEvent(stage_quit());
    if (WaitForSingleObject(server, 60000) != WAIT_OBJECT_0)
        expect_true("the server ends", 0);
    CloseHandle(server);
}

static void play_all(const struct scene *list) {
    const struct scene *scene;
    for (scene = list; scene->name != NULL; scene++)
        if (is_wanted(scene)) {
            report("  %s: %s", scene->name, scene->title);
            scene->play();
        }
}

static BOOL any_wanted(const struct scene *list) {
    for (; list->name != NULL; list++)
        if (is_wanted(list))
            return TRUE;
    return FALSE;
}

/* A client in an apartment, with a server. */
static DWORD WINAPI client(void *lists) {
    const struct scene *const *list = lists;
    HANDLE server = start_server();
    if (server == NULL) {
        expect_true("the server starts", 0);
        return 0;
    }
    join_apartment(place->client);
    expect("a reference to the server", server_reach(place, &held), S_OK);
    for (; held != NULL && *list != NULL; list++)
        play_all(*list);
    drain();
    if (held != NULL)
        IHeld_Release(held);
    held = NULL;
    drain_channels(); /* a release is a call, too: its server must be there */
    CoUninitialize();
    end_server(server);
    return 0;
}

static void run_client(const struct scene *const *lists) {
    HANDLE thread = CreateThread(NULL, 0, client, (void *)lists, 0, NULL);
    WaitForSingleObject(thread, INFINITE);
    CloseHandle(thread);
}

static void play_place(void) {
    const struct scene *lists[5] = {NULL}, *scene;
    size_t i, count = 0;
    for (i = 0; i < sizeof all / sizeof *all; i++)
        if (any_wanted(all[i]))
            lists[count++] = all[i];
    if (count == 0 && !any_wanted(last_scenes))
        return;
    report("%s", place->name);
    if (count != 0)
        run_client(lists);
    for (scene = last_scenes; scene->name != NULL; scene++)
        if (is_wanted(scene)) {
            struct scene one[2] = {*scene, {0}};
            const struct scene *alone[2] = {one, NULL};
            run_client(alone);
        }
}

/* A process that the demonstration has started. */
static UINT play_role(char **arguments) {
    DWORD answer;
    HRESULT hr;
    stage_open(strtoul(arguments[1], NULL, 10), atoi(arguments[2]));
    place = &places[atoi(arguments[3]) % PLACES];
    if (strcmp(arguments[0], "--serve") == 0)
        return (UINT)server_run(place);
    join_apartment(place->client);
    CoEnableCallCancellation(NULL);
    hr = server_reach(place, &held);
    return (UINT)(FAILED(hr) ? hr : IHeld_Listen(held, 5, &answer));
}

int main(int count, char **arguments) {
    size_t i;
    struct cancelling_channel_counts counts;
    if (count == 5)
        ExitProcess(play_role(arguments + 1));
    if (count > 1 && strcmp(arguments[1], "--list") == 0) {
        const struct scene *scene;
        for (i = 0; i < sizeof all / sizeof *all; i++)
            for (scene = all[i]; scene->name != NULL; scene++)
                printf("%s: %s\n", scene->name, scene->title);
        for (scene = last_scenes; scene->name != NULL; scene++)
            printf("%s: %s\n", scene->name, scene->title);
        return 0;
    }
    if (count > 1 && strcmp(arguments[1], "--short") == 0)
        most_calls = 300;
    else if (count > 1)
        wanted = arguments[1];
    for (i = 0; i < PLACES; i++) {
        place = &places[i];
        play_place();
    }
    cancelling_channel_count(&counts);
    if (counts.calls != 0 || counts.buffers != 0 || counts.channels != 0)
        report("left: %ld calls, %ld buffers, %ld channels", (long)counts.calls, (long)counts.buffers, (long)counts.channels);
    expect_true("nothing is left in the end", counts.calls == 0 && counts.buffers == 0 && counts.channels == 0);
    report("%ld as expected, %ld not", (long)matched, (long)differed);
    ExitProcess(differed != 0 || matched == 0);
}
