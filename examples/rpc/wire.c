/* SPDX-License-Identifier: MIT OR Apache-2.0 */
#define _GNU_SOURCE
#include "wire.h"

#include <errno.h>
#include <stddef.h>
#include <sys/socket.h>

int wire_send(int socket, const struct wire_frame *frame) {
    const unsigned char *at = (const unsigned char *)frame;
    size_t left = offsetof(struct wire_frame, payload) + frame->size;
    while (left > 0) {
        ssize_t sent = send(socket, at, left, MSG_NOSIGNAL);
        if (sent < 0 && errno == EINTR) continue;
        if (sent <= 0) return 0;
        at += sent;
        left -= (size_t)sent;
    }
    return 1;
}

/* Receives so many bytes; 0 at the end of the stream. */
static int receive(int socket, void *to, size_t left) {
    unsigned char *at = to;
    while (left > 0) {
        ssize_t got = recv(socket, at, left, 0);
        if (got < 0 && errno == EINTR) continue;
        if (got <= 0) return 0;
        at += got;
        left -= (size_t)got;
    }
    return 1;
}

int wire_receive(int socket, struct wire_frame *frame) {
    if (!receive(socket, frame, offsetof(struct wire_frame, payload))) return 0;
    return frame->size <= WIRE_PAYLOAD && receive(socket, frame->payload, frame->size);
}
