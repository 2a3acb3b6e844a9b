/* What the files of the cancelling channel share. SPDX-License-Identifier: MIT OR Apache-2.0 */
#ifndef INTERNAL_H
#define INTERNAL_H

#define COBJMACROS
#include <windows.h>
#include <objbase.h>

#include "cancelling_channel.h"
#include "cocancel.h"

extern struct cancelling_channel_counts counts;
#define COUNT_UP(what) ((void)InterlockedIncrement(&counts.what))
#define COUNT_DOWN(what) ((void)InterlockedDecrement(&counts.what))

/* ---- wire.c: how a server knows which call it serves ---- */

/* What travels with a request. */
typedef struct wire_id {
    DWORD process, start; /* the client's process, and when it began: ids come again */
    DWORD cell, generation;
    ULONGLONG call; /* its cocancel_call, good in that process only */
} wire_id;

/* A client's means of one call: an event to sleep on, a cell that the server's process can read. Pooled, never freed. */
typedef struct ticket {
    struct ticket *next;
    HANDLE event;
    DWORD cell;
} ticket;

HRESULT wire_start(void);          /* once: hooks, the channel hook */
ticket *ticket_take(wire_id *id);  /* NULL: none left. Fills in all but the call */
void ticket_give(ticket *ticket);  /* one that no call had; else the retire hook does it */
void wire_outgoing(const wire_id *id); /* the calling thread is about to send, NULL: has sent */
void wire_incoming(const wire_id *id); /* the calling thread will serve that call next */

/* A call being served. */
typedef struct served {
    struct served *next;
    cocancel_call call, frame;
    volatile LONG *requested; /* another process' flag; NULL: the call is of this process */
    const struct client *client; /* that process */
    int own;                  /* registered here, so completed here */
} served;
HRESULT serve_enter(served *served); /* what wire_incoming said, then forgotten. Not S_OK: do not run the method */
void serve_leave(served *served);

/* ---- worker.c ---- */

typedef struct channel channel;

/* A call's record: its client's until the hand-off, then the worker's; in the end of whoever the library says. */
typedef struct record {
    struct record *next;
    void (*run)(struct record *record); /* on a worker */
    channel *channel;
    IUnknown *keep;  /* the proxy of an MTA's client: without it the server may forget the call */
    IStream *stream; /* an STA's proxy on its way to the workers, NULL: they have it */
    cocancel_call call;
    wire_id id;
    IID iid;
    RPCOLEMESSAGE message; /* request, then reply; its buffer is of buffer_new */
    ULONG status;
    struct target *target; /* to be dropped */
} record;

void worker_start(void);         /* once */
HRESULT worker_run(record *job); /* calls job->run on a worker */
HRESULT send_with(IRpcChannelBuffer *inner, record *record); /* takes the request, brings the reply */
void record_free(record *record);
void call_run(record *record); /* a call's job */

/* ---- target.c: where the workers send the calls of an STA's proxy ---- */

struct target;
HRESULT target_resolve(record *record); /* on a worker; consumes the stream */
HRESULT target_send(record *record);
void target_drop(struct target *target); /* any thread */

/* ---- channel.c ---- */

struct channel {
    IRpcChannelBuffer IRpcChannelBuffer_iface;
    LONG references;
    IRpcChannelBuffer *inner;
    BOOL sta;
    IID iid;
    IUnknown *proxy; /* the interface that the client has; not counted */
    IPSFactoryBuffer *factory;
    struct target *volatile target;
};
channel *channel_new(IRpcChannelBuffer *inner, REFIID iid, IUnknown *proxy, IPSFactoryBuffer *factory);
void *buffer_new(REFIID iid, ULONG size); /* 16-byte aligned */
const IID *buffer_iid(void *buffer);
void buffer_free(void *buffer);

/* ---- factory.c, proxy.c, stub.c ---- */

void factory_join(void); /* the calling apartment gets all interfaces that are wrapped anywhere */
HRESULT proxy_wrap(IRpcProxyBuffer *inner, REFIID iid, IUnknown *iface, IPSFactoryBuffer *factory, IRpcProxyBuffer **proxy);
IRpcChannelBuffer *proxy_channel(IUnknown *iface); /* the inner channel of that proxy; NULL: it is none */
void proxy_start(void);
HRESULT stub_wrap(IRpcStubBuffer *inner, REFIID iid, IRpcStubBuffer **stub);

/* The reply of a call that was cancelled before its method ran. */
extern const GUID refused_reply;

/* ---- filter.c ---- */

/* The message filter of a waiting STA thread, so that it can cancel. */
typedef struct filter {
    IMessageFilter IMessageFilter_iface;
    LONG references;
    IMessageFilter *theirs;
    cocancel_call call;
} filter;
void filter_put(filter *filter, cocancel_call call);
void filter_take(filter *filter);

#endif
