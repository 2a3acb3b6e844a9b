/* Worker threads, in the multithreaded apartment: they send the calls that can be cancelled. SPDX-License-Identifier: MIT OR Apache-2.0 */
#include "internal.h"

static CRITICAL_SECTION lock;
static record *first, **last = &first; /* the queue */
static HANDLE work;                    /* a semaphore: jobs in the queue */
static LONG idle, limit = 256;

void cancelling_channel_limit_workers(LONG workers) { InterlockedExchange(&limit, workers < 1 ? 1 : workers); }

void worker_start(void) {
    InitializeCriticalSection(&lock);
    work = CreateSemaphoreW(NULL, 0, MAXLONG, NULL);
}

static DWORD WINAPI worker(void *unused) {
    (void)unused;
    CoInitializeEx(NULL, COINIT_MULTITHREADED);
    for (;;) {
        record *job;
        WaitForSingleObject(work, INFINITE);
        EnterCriticalSection(&lock);
        idle--;
        job = first;
        first = job->next;
        if (first == NULL)
            last = &first;
        LeaveCriticalSection(&lock);
        factory_join();
        job->run(job);
        EnterCriticalSection(&lock);
        idle++;
        LeaveCriticalSection(&lock);
    }
    return 0;
}

/* Counted as idle from the start. */
static BOOL add_worker(void) {
    HANDLE thread = CreateThread(NULL, 0, worker, NULL, 0, NULL);
    if (thread == NULL)
        return FALSE;
    CloseHandle(thread);
    COUNT_UP(workers);
    idle++;
    return TRUE;
}

HRESULT worker_run(record *job) {
    HRESULT hr = S_OK;
    LONG queued = 1;
    record *waiting;
    job->next = NULL;
    EnterCriticalSection(&lock);
    for (waiting = first; waiting != NULL; waiting = waiting->next)
        queued++;
    if (idle < queued && counts.workers < limit && !add_worker() && counts.workers == 0)
        hr = E_OUTOFMEMORY;
    if (SUCCEEDED(hr)) {
        *last = job;
        last = &job->next;
    }
    LeaveCriticalSection(&lock);
    if (SUCCEEDED(hr))
        ReleaseSemaphore(work, 1, NULL);
    return hr;
}

void record_free(record *record) {
    buffer_free(record->message.Buffer);
    if (record->stream != NULL) {
        CoReleaseMarshalData(record->stream);
        IStream_Release(record->stream);
    }
    IRpcChannelBuffer_Release(&record->channel->IRpcChannelBuffer_iface);
    if (record->keep != NULL)
        IUnknown_Release(record->keep);
    HeapFree(GetProcessHeap(), 0, record);
    COUNT_DOWN(calls);
}

/* Frees the buffer of a request whose sending failed. Seen on Wine 8: between processes it still holds a connection, in process it is gone. */
static void free_failed(IRpcChannelBuffer *inner, RPCOLEMESSAGE *message) {
    DWORD context = MSHCTX_INPROC;
    void *more;
    IRpcChannelBuffer_GetDestCtx(inner, &context, &more);
    if (context != MSHCTX_INPROC)
        IRpcChannelBuffer_FreeBuffer(inner, message);
}

HRESULT send_with(IRpcChannelBuffer *inner, record *record) {
    RPCOLEMESSAGE message = record->message;
    HRESULT hr = IRpcChannelBuffer_GetBuffer(inner, &message, &record->iid);
    if (SUCCEEDED(hr)) {
        memcpy(message.Buffer, record->message.Buffer, record->message.cbBuffer);
        message.cbBuffer = record->message.cbBuffer;
        COUNT_UP(sent);
        hr = IRpcChannelBuffer_SendReceive(inner, &message, &record->status);
        if (FAILED(hr))
            free_failed(inner, &message);
    }
    buffer_free(record->message.Buffer);
    record->message.Buffer = NULL;
    if (FAILED(hr))
        return hr;
    record->message.dataRepresentation = message.dataRepresentation;
    record->message.cbBuffer = message.cbBuffer;
    record->message.rpcFlags = message.rpcFlags;
    record->message.Buffer = buffer_new(&record->iid, message.cbBuffer);
    if (record->message.Buffer != NULL)
        memcpy(record->message.Buffer, message.Buffer, message.cbBuffer);
    IRpcChannelBuffer_FreeBuffer(inner, &message);
    return record->message.Buffer != NULL ? S_OK : E_OUTOFMEMORY;
}

static BOOL was_refused(const record *record) {
    const RPCOLEMESSAGE *reply = &record->message;
    return reply->Buffer != NULL && reply->cbBuffer == sizeof(GUID) && memcmp(reply->Buffer, &refused_reply, sizeof(GUID)) == 0;
}

void call_run(record *record) {
    HRESULT hr = S_OK;
    BOOL refused = cocancel_test_call(NULL, record->call) == RPC_E_CALL_CANCELED;
    if (refused) {
        COUNT_UP(unsent);
    } else {
        if (record->channel->sta)
            hr = target_resolve(record);
        if (SUCCEEDED(hr))
            hr = target_send(record);
        refused = SUCCEEDED(hr) && was_refused(record);
    }
    if (refused) /* also during a grace time: there is nothing left to wait for */
        cocancel_cancel_call(NULL, record->call, 0, COCANCEL_NO_WAIT);
    hr = FAILED(hr) ? cocancel_abandon(NULL, record->call, hr, NULL) : cocancel_complete(NULL, record->call, NULL);
    if (hr == S_OK)
        return; /* delivered: the client's */
    /* orphaned; or refused by cocancel_enter in this process, which was the completion: then it is over already */
    COUNT_UP(orphaned);
    record_free(record);
}
