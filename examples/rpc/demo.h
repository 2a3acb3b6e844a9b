/* What the scenes of the demonstration share. SPDX-License-Identifier: MIT OR Apache-2.0 */
#ifndef DEMO_H
#define DEMO_H

#include <pthread.h>
#include <stdint.h>

#include "cocancel.h"
#include "cocancel_com.h"
#include "rpc.h"
#include "stage.h"

/* One scene: a row of the specification, or several that belong together. */
struct scene {
    const char *name;
    const char *title; /* the row, and its source */
    void (*play)(void);
};

/* One file each, ended by a scene without a name. */
extern const struct scene cancelling_scenes[], grace_scenes[], ending_scenes[], enabling_scenes[], finding_scenes[], polling_scenes[],
    serving_scenes[], object_scenes[], limit_scenes[], port_scenes[], input_scenes[];

/* Anew for each scene: the connection to its server process, and the memory shared with that. */
extern rpc_connection *server;
extern struct stage *stage;

/* Kills the scene's server. */
void kill_server(void);

/* ---- what is printed (demo_report.c) ---- */

/* Names the calling thread, for the output and the trace. */
void be(const char *name);

/* Begins a scene's output. */
void report_scene(const struct scene *scene);

/* Says who does what when. */
void say(const char *format, ...) __attribute__((format(printf, 1, 2)));

/* Says what came; and what was expected where that is something else: then the scene fails. */
void expect(const char *what, int32_t came, int32_t expected);
void expect_true(const char *what, int holds);

/* The server's next answer on the stage: the same for a function that was called there. */
void expect_of_server(const char *what, int32_t expected);

/* How many answers were as expected, and how many not. */
extern atomic_uint matched, differed;

/* ---- client threads (demo_client.c) ---- */

struct client {
    const char *name;
    uint32_t method, argument, timeout_ms;
    int enabled;          /* enables call cancellation first */
    int32_t expected;     /* what its call must return; S_OK: also that the result is its argument */
    uint32_t thread;      /* its id */
    uint64_t ended_ms;    /* when its call had returned */
    atomic_int sent;      /* private, as is all that follows */
    pthread_t handle;
};

/* Starts a thread that makes one call; returns when that is sent, or (entered) when its server runs the method. */
void client_start(struct client *client);
void client_start_entered(struct client *client);

/* Waits for its end. */
void client_join(struct client *client);

/* Sends a call of the calling thread; returns when it is sent, or (entered) when its server runs the method. */
rpc_pending send_call(uint32_t method, uint32_t argument, uint32_t flags);
rpc_pending send_call_entered(uint32_t method, uint32_t argument, uint32_t flags);

/* Waits for the call, which must return that; for S_OK also the result must be `argument`. */
void expect_end(const char *what, rpc_pending *call, int32_t expected, uint32_t argument);

/* CoCancelCall, as a span of the trace. */
HRESULT co_cancel_call(DWORD thread, ULONG seconds);

/* The innermost slot that a thread has out. Phase 0: none. */
cocancel_call_info call_of(uint32_t thread);

/* Lets RPC_HOLD and RPC_LISTEN with that argument return. */
void open_gate(uint32_t gate);

/* Gives each thread of the server's pool a call that ends when it is canceled, so that others wait in its queue; and ends those calls. */
void fill_pool(rpc_pending calls[RPC_POOL]);
void free_pool(rpc_pending calls[RPC_POOL]);

/* Waits for something that another thread or the server does, however long that takes. */
#define UNTIL(condition)                 \
    do {                                 \
        while (!(condition)) pause_ms(1); \
    } while (0)

uint64_t now_ms(void);
void pause_ms(uint32_t ms);

/* ---- a custom cancel object (demo_objects.c) ---- */

struct custom {
    const ICancelMethodCallsVtbl *lpVtbl;
    atomic_uint references;
    HRESULT query;  /* what QueryInterface for ICancelMethodCalls answers */
    HRESULT answer; /* what Cancel answers */
    ULONG seconds;  /* what Cancel was given last */
    /* For too-many: AddRef looks the object up again, `left` times at most, until that is refused. */
    uint32_t left, looked_up;
    HRESULT refused;
};

/* One reference; Cancel answers `answer`, TestCancel E_NOTIMPL. */
struct custom custom_object(HRESULT answer);

#endif
