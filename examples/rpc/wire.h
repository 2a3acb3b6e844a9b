/* Frames on the socket, the same in both directions. SPDX-License-Identifier: MIT OR Apache-2.0 */
#ifndef WIRE_H
#define WIRE_H

#include <stdint.h>

enum { WIRE_REQUEST = 1, WIRE_REPLY = 2, WIRE_CANCEL = 3, WIRE_PAYLOAD = 1024 };

struct wire_frame {
    uint64_t id;     /* of the call, unique on its connection: a late reply never answers the next call */
    uint32_t kind;   /* WIRE_... */
    uint32_t word;   /* request: method; reply: HRESULT; cancel: milliseconds left to the server */
    uint32_t size;   /* bytes of payload in use */
    uint32_t refused; /* reply: 1 if the call was canceled before it was entered, so that no method answered */
    unsigned char payload[WIRE_PAYLOAD];
};

/* Sends head and payload whole; 0 if the peer is gone. The caller keeps senders of one socket apart. */
int wire_send(int socket, const struct wire_frame *frame);

/* Receives one frame; 0 at the end of the stream or for a frame that makes no sense. */
int wire_receive(int socket, struct wire_frame *frame);

#endif
