/* What the files of example_ole32.dll share. SPDX-License-Identifier: MIT OR Apache-2.0 */
#ifndef INTERNAL_H
#define INTERNAL_H

#include "cocancel.h"
#include "example_ole32.h"

/* ---- port.c: threads, and what they sleep on ---- */

/* The only kind of wake context, for `wake` and `retire` get those of blocked threads and those of pumping apartments alike. A thread's is lent without
   hearing for how long, so it lasts until the DLL goes; an apartment's is counted, once for each of its calls. */
typedef struct sleeper {
    HANDLE event;    /* resets itself, so a wake that comes before the sleep is kept */
    LONG references; /* the tag: OF_A_THREAD, or the count */
} sleeper;

enum { OF_A_THREAD = -1 };

/* What this runtime keeps of a thread. */
typedef struct block {
    sleeper sleeper;
    void *local;          /* the library's */
    apartment *apartment; /* NULL: none */
    struct call *serving;    /* innermost first */
    struct waiting *waiting; /* its own, innermost first */
    struct block *next;   /* of all */
    struct block *unused; /* the next one that no thread has */
} block;

/* Before all else, and when no other thread is in here any more. `orphaned` gets records whose client's and server's thread both ended. */
HRESULT port_attach(void (*orphaned)(void *user, void *record));
HRESULT port_detach(void);
/* On a thread that ends: what it has in the library; and the block, too. */
void port_thread_exit(void);
void port_thread_detach(void);

block *port_self(void);
/* As port_self, but makes none. */
block *port_known(void);

sleeper *sleeper_create(void);
sleeper *sleeper_reference(sleeper *self);
void sleeper_release(sleeper *self);

/* What changes rarely, in any file. */
void port_lock(void);
void port_unlock(void);

void *allocate(SIZE_T size);
void give_back(void *memory);

/* ---- apartment.c: queues ---- */

/* A call's record. From the hand-off on the server works on it, and the client looks at nothing of it. Whose it is at the end, the library says: the
   client's, unless cocancel_finish tells it RPC_E_CALL_CANCELED. Then enter, complete or abandon tells that to the server's side, which frees it. */
typedef struct call {
    struct call *next; /* in the server's queue; then the one that the same thread was serving before */
    example_method method;
    ULONG argument, result;
    HRESULT hr; /* the method's own */
    cocancel_call handle;
    HANDLE done; /* NULL: the library tracks it. Else it took no slot, and the client waits for this */
} call;

struct apartment {
    LONG references; /* its thread's, one for each call that its thread waits for, and those of who may call it */
    DWORD model;
    CRITICAL_SECTION lock;
    call *first, **last;
    BOOL closed;
    HANDLE arrived;   /* multithreaded: counts the calls in the queue */
    HWND window;      /* single-threaded: gets a message for each of them, so that whatever dispatches messages serves */
    sleeper *sleeper; /* single-threaded: what it waits on besides messages */
    example_filter filter;
};

void apartment_attach(HINSTANCE module);
void apartment_detach(void);
/* FALSE: it is closed. */
BOOL apartment_push(apartment *self, call *call);
/* What is left of the ending thread's apartment. */
void apartment_thread_detach(void);

/* ---- channel.c: calls ---- */

/* The server's side of a call that came out of a queue; and of one that no thread will serve. */
void call_serve(block *mine, call *call);
void call_end(call *call, HRESULT failure);
/* What is left of the ending thread's calls. */
void call_thread_detach(void);

#endif
