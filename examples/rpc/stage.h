/*
 * The stage: memory that the demonstration and its server share besides the socket. Through it a scene hands over to a method and back,
 * so that no scene depends on how fast the machine is; the transport knows nothing of it.
 *
 * SPDX-License-Identifier: MIT OR Apache-2.0
 */
#ifndef STAGE_H
#define STAGE_H

#include <stdatomic.h>
#include <stdint.h>

enum { STAGE_GATES = 8, STAGE_ANSWERS = 64, STAGE_STEPS = 1024 };

/* One thing that happened, for a trace. */
struct stage_step {
    uint64_t ns;     /* CLOCK_MONOTONIC, the same in all processes */
    uint64_t call;   /* the handle in its process, 0: none */
    uint32_t kind;   /* COCANCEL_EVENT_..., or the trace's own */
    uint32_t thread; /* as cocancel_thread_id */
    char name[16];   /* of the thread */
    char text[40];   /* of the trace's own kinds */
};

/* What a function answered to a method. */
struct stage_answer {
    char what[60];
    int32_t code;
};

struct stage {
    atomic_uint entered;            /* how many methods were entered so far */
    atomic_uint heard;              /* how many calls of RPC_WORK and RPC_LISTEN have seen that they were canceled */
    atomic_uint reached;            /* how many cancellations have reached the server */
    atomic_uint gates[STAGE_GATES]; /* RPC_HOLD and RPC_LISTEN return when theirs is not 0 */
    atomic_uint answers;
    struct stage_answer answer[STAGE_ANSWERS];
    atomic_uint steps;
    struct stage_step step[STAGE_STEPS];
};

/* A new stage, all zero: the descriptor to hand to a server, or -1. */
int stage_create(struct stage **stage);

/* The stage behind a descriptor; NULL if there is none. */
struct stage *stage_open(int descriptor);

/* Takes it away again. */
void stage_close(int descriptor, struct stage *stage);

/* A step of the calling thread, now. */
struct stage_step stage_step(uint32_t kind, uint64_t call);

#endif
