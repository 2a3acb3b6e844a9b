/* What the scenes are played on: one server, clients that are threads, and hand-offs between them by events.
   SPDX-License-Identifier: MIT OR Apache-2.0 */
#ifndef STAGE_H
#define STAGE_H

#include "example_ole32.h"

/* A thread that calls a method of the server, and then perhaps another one, whose reply must be its own. */
typedef struct client {
    DWORD model;
    BOOL is_enabled, calls_again;
    example_method method;
    ULONG argument;
    example_filter filter;
    void (*message)(void); /* runs from a window message, which is there when the call begins */
    /* what comes of it */
    HANDLE thread, returned;
    DWORD id;
    apartment *own;
    HRESULT hr, second_hr;
    ULONG result, second_result;
} client;

extern apartment *server;
/* The method has been entered; it may go on; its client dispatches messages. */
extern HANDLE entered, released, pumping;

void stage_open(void);
/* How many answers were not as expected. */
int stage_close(void);

/* The server in an apartment of that kind; until a method sets `server_stops`, or the thread ends otherwise. */
void server_start(DWORD model);
void server_join(void);
extern volatile BOOL server_stops;

void client_start(client *self, DWORD model, BOOL is_enabled, example_method method, ULONG argument);
/* It is back from its call. */
void client_returned(client *self);
void client_join(client *self);

/* For an event, or a thread's end. Where nothing comes in a minute all is over: something is stuck. */
void await(HANDLE object);
void run_thread(LPTHREAD_START_ROUTINE run, void *argument);

void expect(const char *what, HRESULT seen, HRESULT expected);
void expect_number(const char *what, LONG seen, LONG expected);

HRESULT WINAPI add_one(ULONG argument, ULONG *result);

#endif
