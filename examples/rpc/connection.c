/*
 * The client's side: begin - send - wait - finish, and the reader thread that completes.
 *
 * A record (the host pointer of a call) is owned by exactly one side at a time, as the library says. A ticket (its wake context) is what
 * the cancel hook may use: it lives until the library retires it, so a canceller never looks at a record.
 *
 * SPDX-License-Identifier: MIT OR Apache-2.0
 */
#define _GNU_SOURCE
#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <sys/un.h>
#include <unistd.h>

#include "rpc.h"
#include "wire.h"

struct record {
    struct record *next; /* in the table */
    struct ticket *ticket;
    uint64_t id;
    cocancel_call call;
    int32_t result; /* the method's HRESULT */
    uint32_t size;
    int tracked; /* 0: it took no slot, so that its client waits for `done`, which is under the connection's mutex */
    int done;
    unsigned char reply[WIRE_PAYLOAD];
};

struct ticket {
    rpc_connection *connection; /* a reference */
    uint64_t id;
    int sent, canceled; /* under the connection's mutex */
};

struct rpc_connection {
    int socket;
    atomic_uint references;
    pthread_mutex_t mutex; /* the table, and who sends */
    pthread_cond_t ended;  /* a call without a slot is done */
    struct record *out;    /* the table: calls that await a reply, orphans included */
    uint64_t last_id;
    int dead;
    pthread_t reader;
};

enum { SEND_SECONDS = 2 };

static atomic_uint records, connections;

uint32_t rpc_records(void) { return atomic_load(&records); }
uint32_t rpc_connections(void) { return atomic_load(&connections); }

/* Gives back a reference to the connection; the last one closes it. */
static void release(rpc_connection *connection) {
    if (atomic_fetch_sub(&connection->references, 1) != 1) return;
    close(connection->socket);
    pthread_cond_destroy(&connection->ended);
    pthread_mutex_destroy(&connection->mutex);
    free(connection);
    atomic_fetch_sub(&connections, 1);
}

/* By whoever owns it. */
static void free_record(struct record *record) {
    free(record);
    atomic_fetch_sub(&records, 1);
}

/* By the library's retire hook, or where the library never got it. */
static void free_ticket(struct ticket *ticket) {
    release(ticket->connection);
    free(ticket);
}

/*
 * Sends, with the connection's mutex held. A server that takes nothing for SEND_SECONDS is given up: part of a frame may have gone, so the
 * connection ends, and the reader fails every call in the table. No canceller is kept longer than that.
 */
static void send_frame(rpc_connection *connection, const struct wire_frame *frame) {
    if (!wire_send(connection->socket, frame)) shutdown(connection->socket, SHUT_RDWR);
}

/* ---- hooks ---- */

/* No canceller uses this ticket any more. */
static void retire(void *user, void *context) {
    (void)user;
    free_ticket(context);
}

/* Tells the server, on the canceller's thread; a request that is not sent yet is withdrawn. */
static void cancel_requested(void *user, cocancel_call call, void *context, uint32_t remaining_ms) {
    struct ticket *ticket = context;
    (void)user;
    (void)call;
    if (ticket == NULL) return; /* a call that is served here */
    pthread_mutex_lock(&ticket->connection->mutex);
    ticket->canceled = 1;
    if (ticket->sent) {
        struct wire_frame frame = {.id = ticket->id, .kind = WIRE_CANCEL, .word = remaining_ms};
        send_frame(ticket->connection, &frame);
    }
    pthread_mutex_unlock(&ticket->connection->mutex);
}

static cocancel_hooks hooks = {.retire = retire, .cancel_requested = cancel_requested};

void rpc_trace(void (*event)(void *user, uint32_t kind, cocancel_call call)) {
    hooks.event = event;
    cocancel_set_hooks(&hooks);
}

/* ---- the server's end of a call, as it is seen from here ---- */

/* The call's server side is done with `failure`, or with the reply in the record. The record is no longer in the table. */
static void end(struct record *record, int32_t failure) {
    void *orphan = NULL;
    if (!record->tracked) {
        rpc_connection *connection = record->ticket->connection;
        pthread_mutex_lock(&connection->mutex);
        if (failure < 0) record->result = failure;
        record->done = 1;
        pthread_cond_broadcast(&connection->ended);
        pthread_mutex_unlock(&connection->mutex);
    } else if (failure == COCANCEL_RPC_E_CALL_CANCELED) {
        /* refused before it was entered: that ends the call as canceled, not as completed with a failure */
        cocancel_cancel_call(NULL, record->call, 0, COCANCEL_NO_WAIT);
        cocancel_complete(NULL, record->call, &orphan);
    } else if (failure < 0) {
        cocancel_abandon(NULL, record->call, failure, &orphan);
    } else {
        cocancel_complete(NULL, record->call, &orphan);
    }
    if (orphan != NULL) free_record(orphan);
}

/* Takes a call's record off the table; with the connection's mutex held. */
static struct record *take(rpc_connection *connection, uint64_t id) {
    for (struct record **at = &connection->out; *at != NULL; at = &(*at)->next) {
        struct record *record = *at;
        if (record->id == id) {
            *at = record->next;
            return record;
        }
    }
    return NULL;
}

/* The reader thread: ends the calls whose replies come, and at the end of the stream all that are left. */
static void *read_replies(void *argument) {
    rpc_connection *connection = argument;
    struct wire_frame frame;
    pthread_setname_np(pthread_self(), "rpc reader"); /* for traces and debuggers */
    while (wire_receive(connection->socket, &frame)) {
        if (frame.kind != WIRE_REPLY) continue;
        pthread_mutex_lock(&connection->mutex);
        struct record *record = take(connection, frame.id);
        pthread_mutex_unlock(&connection->mutex);
        if (record == NULL) continue;
        record->result = (int32_t)frame.word;
        record->size = frame.size;
        memcpy(record->reply, frame.payload, frame.size);
        end(record, frame.refused ? COCANCEL_RPC_E_CALL_CANCELED : COCANCEL_S_OK);
    }
    /* the server is gone: its clients get a failure */
    for (;;) {
        pthread_mutex_lock(&connection->mutex);
        connection->dead = 1;
        struct record *record = connection->out;
        if (record != NULL) connection->out = record->next;
        pthread_mutex_unlock(&connection->mutex);
        if (record == NULL) break;
        end(record, COCANCEL_RPC_E_SERVER_DIED);
    }
    release(connection);
    return NULL;
}

/* ---- the client ---- */

rpc_connection *rpc_connect(const char *path) {
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    if (strlen(path) >= sizeof address.sun_path) return NULL;
    strcpy(address.sun_path, path);
    int end = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (end < 0) return NULL;
    if (connect(end, (struct sockaddr *)&address, sizeof address) != 0) {
        close(end);
        return NULL;
    }
    rpc_connection *connection = calloc(1, sizeof *connection);
    if (connection == NULL) {
        close(end);
        return NULL;
    }
    struct timeval patience = {.tv_sec = SEND_SECONDS};
    setsockopt(end, SOL_SOCKET, SO_SNDTIMEO, &patience, sizeof patience);
    atomic_fetch_add(&connections, 1);
    connection->socket = end;
    atomic_init(&connection->references, 2); /* the caller's and the reader's */
    pthread_mutex_init(&connection->mutex, NULL);
    pthread_cond_init(&connection->ended, NULL);
    cocancel_set_hooks(&hooks);
    if (pthread_create(&connection->reader, NULL, read_replies, connection) != 0) {
        release(connection);
        release(connection);
        return NULL;
    }
    return connection;
}

void rpc_disconnect(rpc_connection *connection) {
    shutdown(connection->socket, SHUT_RDWR);
    pthread_join(connection->reader, NULL);
    release(connection);
}

/* A record with its ticket; NULL: no memory. */
static struct record *new_record(rpc_connection *connection) {
    struct record *record = calloc(1, sizeof *record);
    struct ticket *ticket = calloc(1, sizeof *ticket);
    if (record == NULL || ticket == NULL) {
        free(record);
        free(ticket);
        return NULL;
    }
    atomic_fetch_add(&records, 1);
    atomic_fetch_add(&connection->references, 1);
    ticket->connection = connection;
    record->ticket = ticket;
    return record;
}

/* Begins the library's part. 0: refused with `*code`, and the record is gone. */
static int begin(struct record *record, uint32_t timeout_ms, uint32_t flags, int32_t *code) {
    cocancel_call_options options = {.host = record, .context = record->ticket, .timeout_ms = timeout_ms};
    if (flags & RPC_ALWAYS_SLOT) options.flags |= COCANCEL_ALWAYS_SLOT;
    *code = flags & RPC_ASYNC ? cocancel_begin_async(NULL, &options, &record->call) : cocancel_begin(NULL, &options, &record->call);
    record->tracked = *code == COCANCEL_S_OK;
    if (record->tracked || *code == COCANCEL_CO_E_CANCEL_DISABLED || *code == COCANCEL_E_OUTOFMEMORY) return 1;
    free_ticket(record->ticket);
    free_record(record);
    return 0;
}

int32_t rpc_send(rpc_connection *connection, uint32_t method, const void *arguments, uint32_t size, uint32_t timeout_ms,
                 uint32_t flags, rpc_pending *pending) {
    int32_t code;
    if (size > WIRE_PAYLOAD) return COCANCEL_E_INVALIDARG;
    struct record *record = new_record(connection);
    if (record == NULL) return COCANCEL_E_OUTOFMEMORY;
    if (!begin(record, timeout_ms, flags, &code)) return code;
    *pending = (rpc_pending){.call = record->call, .record = record};

    struct wire_frame frame = {.kind = WIRE_REQUEST, .word = method, .size = size};
    if (size != 0) memcpy(frame.payload, arguments, size);
    pthread_mutex_lock(&connection->mutex);
    /* the record may be gone as soon as it is in the table and canceled: all that is needed of it is read before */
    struct ticket *ticket = record->ticket;
    frame.id = record->id = ticket->id = ++connection->last_id;
    int32_t failure = connection->dead ? COCANCEL_RPC_E_SERVER_DIED : ticket->canceled ? COCANCEL_RPC_E_CALL_CANCELED : COCANCEL_S_OK;
    if (failure == COCANCEL_S_OK) {
        record->next = connection->out;
        connection->out = record;
        ticket->sent = 1;
        send_frame(connection, &frame);
    }
    pthread_mutex_unlock(&connection->mutex);
    if (failure != COCANCEL_S_OK) end(record, failure);
    return COCANCEL_S_OK;
}

/* The client owns the record: copies its result out, and frees it. */
static int32_t take_reply(struct record *record, void *result, uint32_t *size) {
    int32_t code = record->result;
    if (size != NULL) {
        uint32_t room = *size;
        *size = record->size;
        if (result != NULL) memcpy(result, record->reply, record->size < room ? record->size : room);
    }
    free_record(record);
    return code;
}

int32_t rpc_wait(rpc_pending *pending, void *result, uint32_t *size) {
    struct record *record = pending->record;
    cocancel_call call = pending->call;
    int32_t waited = cocancel_wait(NULL, call);
    if (waited == COCANCEL_CO_E_CANCEL_DISABLED || waited == COCANCEL_E_OUTOFMEMORY) {
        /* it took no slot, cannot be canceled, and is ours to wait for */
        rpc_connection *connection = record->ticket->connection;
        pthread_mutex_lock(&connection->mutex);
        while (!record->done) pthread_cond_wait(&connection->ended, &connection->mutex);
        pthread_mutex_unlock(&connection->mutex);
        cocancel_finish(NULL, call);
        free_ticket(record->ticket);
        return take_reply(record, result, size);
    }
    int32_t finished = cocancel_finish(NULL, call);
    if (finished == COCANCEL_RPC_E_CALL_CANCELED) return finished; /* never look at the record again */
    if (finished == COCANCEL_E_INVALIDARG || finished == COCANCEL_E_UNEXPECTED) return finished; /* not this thread's: it is still out */
    if (finished != COCANCEL_S_OK) record->result = finished;
    return take_reply(record, result, size);
}

int32_t rpc_call(rpc_connection *connection, uint32_t method, const void *arguments, uint32_t size, uint32_t timeout_ms,
                 void *result, uint32_t *result_size) {
    rpc_pending pending;
    int32_t code = rpc_send(connection, method, arguments, size, timeout_ms, 0, &pending);
    return code == COCANCEL_S_OK ? rpc_wait(&pending, result, result_size) : code;
}
