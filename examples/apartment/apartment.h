/* A tiny COM runtime: apartments of one thread with a message queue, calls between them. SPDX-License-Identifier: MIT OR Apache-2.0 */
#ifndef APARTMENT_H
#define APARTMENT_H

#include <stdint.h>

#include "cocancel.h"

typedef struct apartment apartment;

/* What a stub runs. */
typedef int32_t (*method)(uint32_t argument, uint32_t *result);

/* A window message, so to speak. */
typedef void (*message)(void *argument);

/* IMessageFilter::MessagePending: what to do about a message that came while a call is pending. */
enum { FILTER_DISPATCH, FILTER_CANCEL_CALL };
typedef int (*message_filter)(void);

/* Once a process, before the rest. */
void apartment_start(void);

/* The calling thread gets an apartment, as by CoInitialize, or gives it up, as by CoUninitialize: calls that are still in its queue fail. */
apartment *apartment_enter(void);
void apartment_leave(void);
apartment *apartment_reference(apartment *apartment);
void apartment_release(apartment *apartment);
void apartment_set_filter(message_filter filter);

/* Dispatches what comes, until apartment_quit. */
void apartment_run(void);
void apartment_quit(apartment *apartment);

/* Any thread. */
void apartment_post(apartment *apartment, message message, void *argument);

/* Calls a method in another apartment, from a thread that has one, which pumps while it waits. RPC_E_CALL_CANCELED: cancelled. */
int32_t apartment_call(apartment *server, method method, uint32_t argument, uint32_t *result);

/* How many calls and apartments there are. */
long apartment_live(void);

#endif
