/*
 * The server's side: a reader thread for each connection, and a pool that runs the methods.
 *
 * Whatever becomes of a call, one reply goes back: the client's reader waits for it to dispose of an orphaned record.
 *
 * SPDX-License-Identifier: MIT OR Apache-2.0
 */
#define _GNU_SOURCE
#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "rpc.h"
#include "wire.h"

struct client {
    int socket;
    atomic_uint references;
    pthread_mutex_t sending; /* who sends */
    /* not the same: the reader must go on reading while a reply waits for room, or both ends wait for each other */
    pthread_mutex_t mutex;
    struct job *jobs; /* those that a cancel frame may still mean */
};

struct job {
    struct job *next_of_client, *next_in_queue;
    struct client *client; /* a reference */
    cocancel_call call;
    struct wire_frame frame;
};

static const rpc_method *methods;
static uint32_t method_count;
static pthread_mutex_t queue_mutex = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t queue_filled = PTHREAD_COND_INITIALIZER;
static struct job *queue, **queue_end = &queue;

/* Gives back a reference to the client; the last one closes its socket. */
static void release(struct client *client) {
    if (atomic_fetch_sub(&client->references, 1) != 1) return;
    close(client->socket);
    pthread_mutex_destroy(&client->sending);
    pthread_mutex_destroy(&client->mutex);
    free(client);
}

/* No cancel frame means this job any more. */
static void forget(struct job *job) {
    pthread_mutex_lock(&job->client->mutex);
    for (struct job **at = &job->client->jobs; *at != NULL; at = &(*at)->next_of_client) {
        if (*at == job) {
            *at = job->next_of_client;
            break;
        }
    }
    pthread_mutex_unlock(&job->client->mutex);
}

/* Sends the job's reply, in the frame that brought its request. */
static void reply(struct job *job, int32_t code, uint32_t size) {
    job->frame.kind = WIRE_REPLY;
    job->frame.word = (uint32_t)code;
    job->frame.size = size;
    pthread_mutex_lock(&job->client->sending);
    wire_send(job->client->socket, &job->frame); /* a client that is gone needs none */
    pthread_mutex_unlock(&job->client->sending);
}

/* A pool thread comes to a job: runs its method unless the call was cancelled before, and replies in either case. */
static void run(struct job *job) {
    cocancel_call frame;
    unsigned char result[WIRE_PAYLOAD];
    uint32_t size = sizeof result;
    int32_t code = cocancel_enter(NULL, job->call, &frame, NULL);
    if (code == COCANCEL_S_OK) {
        code = job->frame.word < method_count ? methods[job->frame.word](job->frame.payload, job->frame.size, result, &size)
                                              : COCANCEL_E_INVALIDARG;
        cocancel_leave(NULL, frame);
        forget(job);
        cocancel_complete(NULL, job->call, NULL);
    } else {
        /* canceled before it was entered: that was its completion */
        job->frame.refused = 1;
        forget(job);
    }
    if (code < 0) size = 0;
    memcpy(job->frame.payload, result, size);
    reply(job, code, size);
    release(job->client);
    free(job);
}

static void *pool_thread(void *unused) {
    (void)unused;
    pthread_setname_np(pthread_self(), "rpc pool"); /* for traces and debuggers */
    for (;;) {
        pthread_mutex_lock(&queue_mutex);
        while (queue == NULL) pthread_cond_wait(&queue_filled, &queue_mutex);
        struct job *job = queue;
        queue = job->next_in_queue;
        if (queue == NULL) queue_end = &queue;
        pthread_mutex_unlock(&queue_mutex);
        run(job);
    }
    return NULL;
}

/* A request has come: registers the call, and queues it for the pool. */
static void take_request(struct client *client, const struct wire_frame *frame) {
    struct job *job = calloc(1, sizeof *job);
    if (job == NULL) {
        shutdown(client->socket, SHUT_RDWR); /* a client without cancellation would wait for ever: rather fail its connection */
        return;
    }
    job->client = client;
    job->frame = *frame;
    atomic_fetch_add(&client->references, 1);
    cocancel_serve(NULL, NULL, &job->call); /* without a slot it runs all the same */
    pthread_mutex_lock(&client->mutex);
    job->next_of_client = client->jobs;
    client->jobs = job;
    pthread_mutex_unlock(&client->mutex);
    pthread_mutex_lock(&queue_mutex);
    *queue_end = job;
    queue_end = &job->next_in_queue;
    pthread_cond_signal(&queue_filled);
    pthread_mutex_unlock(&queue_mutex);
}

/* A cancel frame has come for the call `id`; 0: for all of the client's. */
static void cancel(struct client *client, uint64_t id, uint32_t remaining_ms) {
    pthread_mutex_lock(&client->mutex);
    for (struct job *job = client->jobs; job != NULL; job = job->next_of_client)
        if (id == 0 || job->frame.id == id) cocancel_cancel_call(NULL, job->call, remaining_ms, COCANCEL_NO_WAIT);
    pthread_mutex_unlock(&client->mutex);
}

/* A client's reader thread. */
static void *serve_client(void *argument) {
    struct client *client = argument;
    struct wire_frame frame;
    pthread_setname_np(pthread_self(), "rpc reader");
    while (wire_receive(client->socket, &frame)) {
        if (frame.kind == WIRE_REQUEST) take_request(client, &frame);
        if (frame.kind == WIRE_CANCEL && frame.id != 0) cancel(client, frame.id, frame.word);
    }
    cancel(client, 0, 0); /* it has gone away, and its calls with it */
    release(client);
    return NULL;
}

/* Starts a thread that nobody joins. 0: it could not. */
static int start(void *(*body)(void *), void *argument) {
    pthread_t thread;
    if (pthread_create(&thread, NULL, body, argument) != 0) return 0;
    pthread_detach(thread);
    return 1;
}

int rpc_serve(const char *path, const rpc_method *served, uint32_t count, uint32_t threads) {
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    methods = served;
    method_count = count;
    if (strlen(path) >= sizeof address.sun_path) return -1;
    strcpy(address.sun_path, path);
    int listener = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (listener < 0 || bind(listener, (struct sockaddr *)&address, sizeof address) != 0 || listen(listener, 64) != 0) return -1;
    for (uint32_t n = 0; n < threads; n++)
        if (!start(pool_thread, NULL)) return -1;
    for (;;) {
        int socket = accept(listener, NULL, NULL);
        if (socket < 0) continue;
        struct client *client = calloc(1, sizeof *client);
        if (client == NULL) {
            close(socket);
            continue;
        }
        client->socket = socket;
        atomic_init(&client->references, 1);
        pthread_mutex_init(&client->sending, NULL);
        pthread_mutex_init(&client->mutex, NULL);
        if (!start(serve_client, client)) release(client);
    }
}
