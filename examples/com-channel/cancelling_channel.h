/*
 * Cancellable COM calls for applications on a COM runtime whose own CoCancelCall does nothing (Wine): the calls of a wrapped interface can be
 * cancelled by the CoCancelCall, and tested by the CoTestCancel, of the library that this is linked with. Public COM interfaces only; any
 * interface with a proxy and stub factory, also one of the system's. SPDX-License-Identifier: MIT OR Apache-2.0
 *
 * Use: after CoInitializeEx, in every apartment that makes or serves calls, before the first reference is marshalled or unmarshalled there:
 *
 *     cancelling_channel_wrap(&IID_IDispatch, NULL);
 *
 * Then CoEnableCallCancellation, CoCancelCall and CoTestCancel do on those calls what they are documented to do. Client and server may
 * each do without: then the call is an ordinary one for the one, and cannot be tested by the other.
 *
 * Limits:
 *   - Methods of wrapped interfaces only: not QueryInterface and Release across apartments, nor activation (CoCreateInstance).
 *   - A cancellable call is sent by a worker thread in the multithreaded apartment. The server sees that thread's security context. Security
 *     blankets of a proxy (IClientSecurity::SetBlanket) have no effect when its client is in a single-threaded apartment.
 *   - A worker is held until the server answers, even if the client has long been released. There are at most
 *     cancelling_channel_limit_workers; calls beyond that wait for one, can be cancelled while they do, and are then never sent.
 *   - Chains of calls that are nested deeper than there are workers, and all of them pending, wait for each other.
 *   - While a thread in a single-threaded apartment waits, its message filter is wrapped: do not register another one inside a callback.
 *   - The channel uses the hooks of the library's default runtime (cocancel_set_hooks) and one channel hook.
 *   - A thread that calls CoCancelCall with a timeout waits; it does not pump messages.
 *   - A served call hears that its client's process has ended as if it had been cancelled; of more than 64 client processes at once only the
 *     first ones' calls hear anything.
 *   - Processes of one user; not between machines. Calls between 64-bit and 32-bit processes are as they should be on paper, but untried.
 */
#ifndef CANCELLING_CHANNEL_H
#define CANCELLING_CHANNEL_H

#include <objbase.h>

#ifdef __cplusplus
extern "C" {
#endif

/*
 * Makes the calls of interface `iid` cancellable in the calling apartment, from the next reference on. `factory` is the interface's own proxy and
 * stub factory, of which a reference is kept; NULL: the one that COM has registered for it.
 *
 * Returns S_OK, also if it is wrapped already; what CoGetPSClsid and CoGetClassObject say where there is no factory; E_OUTOFMEMORY: 64
 * interfaces are; CO_E_NOTINITIALIZED. It stays until the apartment is left.
 */
HRESULT cancelling_channel_wrap(REFIID iid, IPSFactoryBuffer *factory);

/* How many workers there may be, 256 at first. Any time; those that there are stay. */
void cancelling_channel_limit_workers(LONG workers);

/* What there is at present, and what there has been. */
struct cancelling_channel_counts {
    LONG calls;     /* calls and orphans whose record is not freed */
    LONG buffers;   /* buffers of messages */
    LONG channels;  /* channels of proxies */
    LONG workers;   /* threads */
    LONG watched;   /* calls being served for other processes */
    LONG sent;      /* so far: requests sent */
    LONG unsent;    /* so far: cancelled before they were sent */
    LONG refused;   /* so far: cancelled before they were entered, in this process as the server */
    LONG orphaned;  /* so far: replies that came too late, and were thrown away */
};
void cancelling_channel_count(struct cancelling_channel_counts *counts);

#ifdef __cplusplus
}
#endif
#endif
