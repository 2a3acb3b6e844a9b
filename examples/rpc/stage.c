/* SPDX-License-Identifier: MIT OR Apache-2.0 */
#define _GNU_SOURCE
#include "stage.h"

#include <pthread.h>
#include <stddef.h>
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>

#include "cocancel.h"

int stage_create(struct stage **stage) {
    int descriptor = memfd_create("stage", 0); /* without MFD_CLOEXEC: the server inherits it */
    if (descriptor < 0) return -1;
    if (ftruncate(descriptor, sizeof **stage) == 0 && (*stage = stage_open(descriptor)) != NULL) return descriptor;
    close(descriptor);
    return -1;
}

struct stage *stage_open(int descriptor) {
    void *memory = mmap(NULL, sizeof(struct stage), PROT_READ | PROT_WRITE, MAP_SHARED, descriptor, 0);
    return memory == MAP_FAILED ? NULL : memory;
}

void stage_close(int descriptor, struct stage *stage) {
    munmap(stage, sizeof *stage);
    close(descriptor);
}

struct stage_step stage_step(uint32_t kind, uint64_t call) {
    struct stage_step step = {.call = call, .kind = kind, .thread = cocancel_thread_id()};
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    step.ns = (uint64_t)now.tv_sec * 1000000000 + (uint64_t)now.tv_nsec;
    pthread_getname_np(pthread_self(), step.name, sizeof step.name);
    return step;
}
