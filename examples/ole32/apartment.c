/* Apartments: each has a queue, which is closed when its thread gives the apartment up. SPDX-License-Identifier: MIT OR Apache-2.0 */
#include "internal.h"

enum { WM_CALL = WM_USER };

static HINSTANCE own_module;
static BOOL is_registered; /* the window class */
static const WCHAR class_name[] = {'e', 'x', 'a', 'm', 'p', 'l', 'e', '_', 'o', 'l', 'e', '3', '2', 0};

/* ---- the queue ---- */

BOOL apartment_push(apartment *self, call *call) {
    BOOL is_told = FALSE;
    call->next = NULL;
    EnterCriticalSection(&self->lock);
    /* told first: who comes for it then waits for the lock, and a call that nobody can be told of is not left lying there */
    if (!self->closed) is_told = self->window ? PostMessageW(self->window, WM_CALL, 0, 0) : ReleaseSemaphore(self->arrived, 1, NULL);
    if (is_told) {
        *self->last = call;
        self->last = &call->next;
    }
    LeaveCriticalSection(&self->lock);
    return is_told;
}

static call *pop(apartment *self) {
    call *call;
    EnterCriticalSection(&self->lock);
    call = self->first;
    if (call) self->first = call->next;
    if (!self->first) self->last = &self->first;
    LeaveCriticalSection(&self->lock);
    return call;
}

static void serve_next(void) {
    block *mine = port_known();
    call *call = mine && mine->apartment ? pop(mine->apartment) : NULL;
    if (call) call_serve(mine, call);
}

HRESULT WINAPI ExampleServe(void) {
    block *mine = port_known();
    if (!mine || !mine->apartment || !mine->apartment->arrived) return CO_E_NOTINITIALIZED;
    WaitForSingleObject(mine->apartment->arrived, INFINITE);
    serve_next();
    return S_OK;
}

static LRESULT CALLBACK window_procedure(HWND window, UINT message, WPARAM wide, LPARAM long_one) {
    if (message != WM_CALL) return DefWindowProcW(window, message, wide, long_one);
    serve_next();
    return 0;
}

/* Not when the DLL is loaded: DllMain must not call user32, which may not have had its own beginning by then. */
static HWND create_window(void) {
    port_lock();
    if (!is_registered) {
        WNDCLASSW description;
        memset(&description, 0, sizeof description);
        description.lpfnWndProc = window_procedure;
        description.hInstance = own_module;
        description.lpszClassName = class_name;
        is_registered = RegisterClassW(&description) != 0;
    }
    port_unlock();
    return CreateWindowExW(0, class_name, NULL, 0, 0, 0, 0, 0, HWND_MESSAGE, NULL, own_module, NULL);
}

void apartment_attach(HINSTANCE module) {
    own_module = module;
}

/* Here user32 has to be called from DllMain: the system keeps the classes of a DLL that is unloaded, so the next load would be refused its own. This
   DLL imports user32, which is there as long as it is. */
void apartment_detach(void) {
    if (is_registered) UnregisterClassW(class_name, own_module);
}

/* ---- from the beginning to the end ---- */

static apartment *create(DWORD model) {
    apartment *self = (apartment *)allocate(sizeof *self);
    if (!self) return NULL;
    self->references = 1;
    self->model = model;
    self->last = &self->first;
    InitializeCriticalSection(&self->lock);
    if (model == COINIT_MULTITHREADED) {
        self->arrived = CreateSemaphoreW(NULL, 0, MAXLONG, NULL);
    } else {
        self->sleeper = sleeper_create();
        self->window = create_window();
    }
    return self;
}

void WINAPI ExampleRelease(apartment *self) {
    if (InterlockedDecrement(&self->references) != 0) return;
    if (self->arrived) CloseHandle(self->arrived);
    /* calls of this apartment may be held by their servers still: the last of them to be retired closes the event */
    if (self->sleeper) sleeper_release(self->sleeper);
    DeleteCriticalSection(&self->lock);
    give_back(self);
}

/* Nothing comes in from here on; what had come fails, and its clients get their records back. */
static void close_queue(apartment *self) {
    call *call;
    EnterCriticalSection(&self->lock);
    self->closed = TRUE;
    LeaveCriticalSection(&self->lock);
    while ((call = pop(self)) != NULL) call_end(call, COCANCEL_RPC_E_SERVER_DIED);
}

static void end(block *mine) {
    apartment *self = mine->apartment;
    close_queue(self);
    mine->apartment = NULL;
    ExampleRelease(self);
}

HRESULT WINAPI ExampleInitialize(DWORD model, apartment **own) {
    block *mine = port_self();
    if (!mine) return E_OUTOFMEMORY;
    if (mine->apartment) return E_UNEXPECTED;
    mine->apartment = create(model);
    if (!mine->apartment) return E_OUTOFMEMORY;
    if (!mine->apartment->arrived && !(mine->apartment->sleeper && mine->apartment->window)) {
        ExampleUninitialize();
        return E_OUTOFMEMORY;
    }
    if (own) {
        InterlockedIncrement(&mine->apartment->references);
        *own = mine->apartment;
    }
    return S_OK;
}

/* The enable count is the thread's and stays. */
void WINAPI ExampleUninitialize(void) {
    block *mine = port_known();
    HWND window;
    if (!mine || !mine->apartment) return;
    window = mine->apartment->window;
    end(mine);
    if (window) DestroyWindow(window);
}

void apartment_thread_detach(void) {
    block *mine = port_known();
    if (mine && mine->apartment) end(mine); /* its window goes with the thread */
}

HRESULT WINAPI ExampleSetFilter(example_filter filter) {
    block *mine = port_known();
    if (!mine || !mine->apartment) return CO_E_NOTINITIALIZED;
    mine->apartment->filter = filter;
    return S_OK;
}
