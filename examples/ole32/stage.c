/* SPDX-License-Identifier: MIT OR Apache-2.0 */
#include "stage.h"

#include <stdio.h>
#include <string.h>

apartment *server;
HANDLE entered, released, pumping;
volatile BOOL server_stops;

static HANDLE server_ready, server_thread;
static int differed;

/* ---- what is seen ---- */

static void compare(const char *what, LONG seen, LONG expected, const char *format) {
    printf("    %s: ", what);
    printf(format, seen);
    if (seen != expected) {
        printf("    DIFFERS: expected ");
        printf(format, expected);
        differed++;
    }
    puts("");
    fflush(stdout);
}

void expect(const char *what, HRESULT seen, HRESULT expected) {
    compare(what, seen, expected, "0x%08lX");
}

void expect_number(const char *what, LONG seen, LONG expected) {
    compare(what, seen, expected, "%ld");
}

void await(HANDLE object) {
    if (WaitForSingleObject(object, 60000) == WAIT_OBJECT_0) return;
    puts("    STUCK");
    fflush(stdout);
    ExitProcess(2);
}

static HANDLE start(LPTHREAD_START_ROUTINE run, void *argument, DWORD *id) {
    HANDLE thread = CreateThread(NULL, 0, run, argument, 0, id);
    if (!thread) ExitProcess(3);
    return thread;
}

void run_thread(LPTHREAD_START_ROUTINE run, void *argument) {
    DWORD id;
    HANDLE thread = start(run, argument, &id);
    await(thread);
    CloseHandle(thread);
}

/* ---- the server ---- */

static DWORD WINAPI serve(void *argument) {
    DWORD model = *(DWORD *)argument;
    MSG message;
    expect("the server's apartment", ExampleInitialize(model, &server), S_OK);
    SetEvent(server_ready);
    while (!server_stops) {
        if (model == COINIT_MULTITHREADED) {
            if (FAILED(ExampleServe())) break;
        } else {
            /* any message loop serves */
            if (GetMessageW(&message, NULL, 0, 0) <= 0) break;
            DispatchMessageW(&message);
        }
    }
    expect("CoTestCancel when nothing is served", CoTestCancel(), RPC_E_CALL_COMPLETE);
    ExampleUninitialize();
    return 0;
}

void server_start(DWORD model) {
    DWORD id;
    server_stops = FALSE;
    server_thread = start(serve, &model, &id);
    await(server_ready); /* so `model` has been read */
}

void server_join(void) {
    await(server_thread);
    CloseHandle(server_thread);
    ExampleRelease(server);
}

/* ---- clients ---- */

HRESULT WINAPI add_one(ULONG argument, ULONG *result) {
    *result = argument + 1;
    return S_OK;
}

static LRESULT CALLBACK window_procedure(HWND window, UINT message, WPARAM wide, LPARAM long_one) {
    if (message != WM_APP) return DefWindowProcW(window, message, wide, long_one);
    ((const client *)long_one)->message();
    return 0;
}

static DWORD WINAPI run_client(void *argument) {
    client *self = (client *)argument;
    HWND window = NULL;
    HRESULT hr = ExampleInitialize(self->model, &self->own);
    if (SUCCEEDED(hr) && self->is_enabled) hr = CoEnableCallCancellation(NULL);
    if (FAILED(hr)) expect("a client's beginning", hr, S_OK);
    ExampleSetFilter(self->filter);
    if (self->message) {
        window = CreateWindowExW(0, L"stage", NULL, 0, 0, 0, 0, 0, HWND_MESSAGE, NULL, GetModuleHandleW(NULL), NULL);
        PostMessageW(window, WM_APP, 0, (LPARAM)self);
    }
    self->hr = ExampleCall(server, self->method, self->argument, &self->result);
    SetEvent(self->returned);
    if (self->calls_again) self->second_hr = ExampleCall(server, add_one, 41, &self->second_result);
    if (window) DestroyWindow(window);
    ExampleUninitialize();
    return 0; /* without CoDisableCallCancellation: the count ends with the thread */
}

void client_start(client *self, DWORD model, BOOL is_enabled, example_method method, ULONG argument) {
    self->model = model;
    self->is_enabled = is_enabled;
    self->method = method;
    self->argument = argument;
    self->returned = CreateEventW(NULL, FALSE, FALSE, NULL);
    self->thread = start(run_client, self, &self->id);
}

void client_returned(client *self) {
    await(self->returned);
}

void client_join(client *self) {
    await(self->thread);
    CloseHandle(self->thread);
    CloseHandle(self->returned);
    if (self->own) ExampleRelease(self->own);
    if (!self->calls_again) return;
    expect("its next call", self->second_hr, S_OK);
    expect_number("the reply, which is its own", (LONG)self->second_result, 42);
}

/* ---- the stage ---- */

void stage_open(void) {
    WNDCLASSW description;
    memset(&description, 0, sizeof description);
    description.lpfnWndProc = window_procedure;
    description.hInstance = GetModuleHandleW(NULL);
    description.lpszClassName = L"stage";
    RegisterClassW(&description);
    entered = CreateEventW(NULL, FALSE, FALSE, NULL);
    released = CreateEventW(NULL, FALSE, FALSE, NULL);
    pumping = CreateEventW(NULL, FALSE, FALSE, NULL);
    server_ready = CreateEventW(NULL, FALSE, FALSE, NULL);
}

int stage_close(void) {
    expect_number("records, apartments and wake contexts that are left", ExampleLive(), 0);
    return differed;
}
