/* What the scenes of the demonstration share. SPDX-License-Identifier: MIT OR Apache-2.0 */
#ifndef DEMO_H
#define DEMO_H

#include <stdint.h>

#include "cocancel.h"
#include "cocancel_com.h"
#include "rpc.h"

/* One scene: a row of the specification, or several that belong together. */
struct scene {
    const char *name;
    const char *title; /* the row, and its source */
    void (*play)(void);
};

extern const struct scene calling_scenes[], finding_scenes[], object_scenes[];

/* The connection to the server process, anew for each scene. */
extern rpc_connection *server;
extern int server_pid;
extern char server_path[];

/* Says who did what when. */
void say(const char *format, ...) __attribute__((format(printf, 1, 2)));

/* Says what was expected and what came; the scene fails where they differ. */
void expect(const char *what, int32_t got, int32_t expected);
void expect_one_of(const char *what, int32_t got, int32_t one, int32_t other);
void expect_true(const char *what, int holds);

/* ---- a client thread that makes one call ---- */

struct client {
    uint32_t method, argument, timeout_ms;
    int enabled; /* enables call cancellation first */
    uint32_t thread; /* its id, once it has begun */
    int32_t code;    /* what the call returned */
    uint32_t result;
    uint64_t ended_ms;
    unsigned long handle; /* of its thread: private */
};

void client_start(struct client *client);
/* Waits until its call is out (its slot shows in a snapshot as pending, or it has no slot and is about to be). */
void client_is_blocked(struct client *client);
void client_join(struct client *client);

uint64_t now_ms(void);
void pause_ms(uint32_t ms);
uint32_t ask(uint32_t method); /* calls a method without arguments on a connection of its own */

#endif
