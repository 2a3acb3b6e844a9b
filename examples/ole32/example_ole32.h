/* What example_ole32.dll has besides COM's eight functions: the little that a program needs of a COM runtime in order to call.
   SPDX-License-Identifier: MIT OR Apache-2.0 */
#ifndef EXAMPLE_OLE32_H
#define EXAMPLE_OLE32_H

#include <windows.h>

#include <objbase.h>

/* An apartment of one thread, which calls can be made to. */
typedef struct apartment apartment;

/* What a stub runs in the server's apartment. */
typedef HRESULT(WINAPI *example_method)(ULONG argument, ULONG *result);

/* IMessageFilter::MessagePending: a PENDINGMSG. */
typedef DWORD(WINAPI *example_filter)(void);

/* The calling thread gets an apartment, COINIT_APARTMENTTHREADED (it dispatches messages, then and whenever it waits) or COINIT_MULTITHREADED (it
   serves by ExampleServe, and blocks when it waits). `*own` gets a reference; it may be NULL. */
HRESULT WINAPI ExampleInitialize(DWORD model, apartment **own);

/* The thread gives its apartment up. Calls that are still in its queue fail with RPC_E_SERVER_DIED. */
void WINAPI ExampleUninitialize(void);

void WINAPI ExampleRelease(apartment *server);

/* The calling thread, which has an apartment, calls a method in another. RPC_E_CALL_CANCELED: somebody cancelled the call. */
HRESULT WINAPI ExampleCall(apartment *server, example_method method, ULONG argument, ULONG *result);

/* Serves the next call to the calling thread's multithreaded apartment. */
HRESULT WINAPI ExampleServe(void);

/* Is asked about each window message that comes while the calling thread waits in an apartment of its own. NULL: none. */
HRESULT WINAPI ExampleSetFilter(example_filter filter);

/* How many records, apartments and their wake contexts there are. */
LONG WINAPI ExampleLive(void);

/* `*how` gets to know how the DLL has come to its end when it is unloaded: cocancel_deinit's answer. */
void WINAPI ExampleTellEnd(HRESULT *how);

#endif
