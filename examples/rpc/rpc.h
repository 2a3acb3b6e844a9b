/*
 * A small remote-call transport over Unix-domain sockets, with call cancellation by cocancel.
 *
 * One connection carries the calls of many client threads at once; the server runs each on a thread of its pool. It is written
 * as the author of a COM runtime would write it: begin - hand-off - wait - finish at the client, serve - enter - stub - leave - complete
 * at the server, and every record freed exactly once, by whichever side the library says owns it.
 *
 * SPDX-License-Identifier: MIT OR Apache-2.0
 */
#ifndef RPC_H
#define RPC_H

#include <stddef.h>
#include <stdint.h>

#include "cocancel.h"

/* ---- client ---- */

/* A connection to a server; its reader thread takes the replies. */
typedef struct rpc_connection rpc_connection;

/* Connects to the server at `path`; NULL if it cannot. */
rpc_connection *rpc_connect(const char *path);

/* Closes it. Calls still out fail with RPC_E_SERVER_DIED. Waits for the reader thread. */
void rpc_disconnect(rpc_connection *connection);

/* A call that is out. Lives with its client until rpc_wait says that it has ended. */
typedef struct rpc_pending {
    cocancel_call call;
    void *record; /* private */
} rpc_pending;

#define RPC_ASYNC 1       /* on no thread's stack: found by its handle only */
#define RPC_ALWAYS_SLOT 2 /* the host may cancel it though the thread is disabled */

/*
 * Begins a call of `method` with `size` bytes of arguments and sends it. `timeout_ms` is the call's own timeout, 0 for none.
 * Returns COCANCEL_S_OK: it is out, and must be ended by rpc_wait. Else an HRESULT, and nothing is out.
 */
int32_t rpc_send(rpc_connection *connection, uint32_t method, const void *arguments, uint32_t size, uint32_t timeout_ms,
                 uint32_t flags, rpc_pending *pending);

/*
 * Waits for the end of the call and finishes it. COCANCEL_S_OK: `result` has the reply (at most `*size` bytes; `*size` gets its length).
 * COCANCEL_RPC_E_CALL_CANCELED, COCANCEL_RPC_E_SERVER_DIED, or the failure that the method returned.
 */
int32_t rpc_wait(rpc_pending *pending, void *result, uint32_t *size);

/* rpc_send and rpc_wait. */
int32_t rpc_call(rpc_connection *connection, uint32_t method, const void *arguments, uint32_t size, uint32_t timeout_ms,
                 void *result, uint32_t *result_size);

/* How many call records exist in this process: 0 when nothing leaked. */
uint32_t rpc_records(void);

/* How many connections exist. A call's ticket keeps its connection, so after rpc_disconnect 0 says that no ticket leaked either. */
uint32_t rpc_connections(void);

/* ---- server ---- */

/* A method: runs on a pool thread as the call's server; CoTestCancel works in it. Returns the call's HRESULT. */
typedef int32_t (*rpc_method)(const void *arguments, uint32_t size, void *result, uint32_t *result_size);

/*
 * Serves `count` methods at `path` with `threads` pool threads; returns only if the socket fails. A client that goes away takes its calls
 * with it: they are cancelled, and their replies dropped.
 */
int rpc_serve(const char *path, const rpc_method *methods, uint32_t count, uint32_t threads);

/* ---- the demonstration's server (server.c): arguments and results are uint32_t ---- */

#define RPC_ECHO 0   /* returns its argument at once */
#define RPC_SLEEP 1  /* sleeps for so many ms, deaf to cancellation, then returns its argument */
#define RPC_WORK 2   /* works for so many ms in steps of 1 ms, looks at CoTestCancel after each; canceled: returns the steps done so far, at once */
#define RPC_FAIL 3   /* returns its argument as the failure */
#define RPC_HOLD 4   /* deaf to cancellation; returns its argument when the gate of that number is opened (stage.h) */
#define RPC_LISTEN 5 /* runs until it is canceled, then as RPC_HOLD */
#define RPC_INSIDE 6 /* tries what a method can call (server_inside.c); 0: until it is canceled; INSIDE_CANCELS_ITSELF */
#define INSIDE_CANCELS_ITSELF 1
#define RPC_METHODS 7

#define RPC_POOL 16 /* its threads */

/*
 * Starts a server process of `program` at a fresh path, with a stage's descriptor or -1; returns its pid, and the path in `path`.
 */
int rpc_spawn(const char *program, int stage, char *path, size_t room);

/* Connects to a server that is just coming up; NULL if it does not. */
rpc_connection *rpc_connect_when_up(const char *path);

/* Kills a server process at once, without a word to its clients, and clears up behind it. */
void rpc_kill(int server, const char *path);

/* Has `event` called for every step in a call's life, for traces. To be set before the calls begin. */
void rpc_trace(void (*event)(void *user, uint32_t kind, cocancel_call call));

#endif
