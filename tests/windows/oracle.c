/* What the system's combase does for real, called side by side with this library: the same sequences, the same answers. Where they
   differ on purpose the difference stands in a table, with its reason, and must be there.
   SPDX-License-Identifier: MIT OR Apache-2.0 */
#define COBJMACROS
#define INITGUID
#include <windows.h>

#include <objbase.h>

#include "check.h"

/* One implementation. */
typedef struct side {
    HRESULT(WINAPI *enable)(LPVOID);
    HRESULT(WINAPI *disable)(LPVOID);
    HRESULT(WINAPI *get)(REFIID, void **);
    HRESULT(WINAPI *change)(IUnknown *, IUnknown **);
} side;

static const side ours = {CoEnableCallCancellation, CoDisableCallCancellation, CoGetCallContext, CoSwitchCallContext};
static side theirs;

/* ---- call contexts to install ---- */

typedef struct context {
    IUnknown base;
    LONG references;
} context;

static HRESULT STDMETHODCALLTYPE query(IUnknown *This, REFIID riid, void **out) {
    *out = NULL;
    if (!IsEqualIID(riid, &IID_IUnknown)) return E_NOINTERFACE;
    *out = This;
    IUnknown_AddRef(This);
    return S_OK;
}
static ULONG STDMETHODCALLTYPE add_ref(IUnknown *This) { return (ULONG)InterlockedIncrement(&((context *)This)->references); }
static ULONG STDMETHODCALLTYPE release(IUnknown *This) { return (ULONG)InterlockedDecrement(&((context *)This)->references); }
static IUnknownVtbl methods = {query, add_ref, release};
static context contexts[3] = {{{&methods}, 1}, {{&methods}, 1}, {{&methods}, 1}};

/* ---- one step on one side ---- */

enum step { ENABLE, DISABLE, GET_UNKNOWN, GET_OTHER, SWITCH_0, SWITCH_1, SWITCH_2, SWITCH_NULL, STEPS };

typedef struct answer {
    HRESULT code;
    void *out;
    LONG references; /* of all contexts, while the step's own reference is held */
} answer;

static LONG all_references(void) { return contexts[0].references + contexts[1].references + contexts[2].references; }

static answer run(const side *it, enum step step) {
    answer got = {E_FAIL, NULL, 0};
    IUnknown *old = NULL;
    switch (step) {
    case ENABLE: got.code = it->enable(NULL); break;
    case DISABLE: got.code = it->disable(NULL); break;
    case GET_UNKNOWN: got.code = it->get(&IID_IUnknown, &got.out); break;
    case GET_OTHER: got.code = it->get(&IID_IMarshal, &got.out); break;
    case SWITCH_NULL: got.code = it->change(NULL, &old); got.out = old; break;
    default: got.code = it->change(&contexts[step - SWITCH_0].base, &old); got.out = old; break;
    }
    got.references = all_references();
    if (step == GET_UNKNOWN && got.code == S_OK) IUnknown_Release((IUnknown *)got.out);
    return got;
}

static int compare(enum step step, int number) {
    static const char *const names[] = {"Enable", "Disable", "Get IUnknown", "Get another", "Switch 0", "Switch 1", "Switch 2", "Switch NULL"};
    answer us = run(&ours, step), them = run(&theirs, step);
    if (us.code == them.code && us.out == them.out && us.references == them.references) return 1;
    failures++;
    printf("step %d, %s: ours 0x%08lX %p %ld, theirs 0x%08lX %p %ld\n", number, names[step], us.code, us.out, us.references, them.code,
           them.out, them.references);
    return 0;
}

static void sequence(const enum step *steps, size_t count) {
    size_t n;
    for (n = 0; n < count; n++) compare(steps[n], (int)n);
}

static void sequences(void) {
    static const enum step balanced[] = {DISABLE, ENABLE, DISABLE, DISABLE, ENABLE, ENABLE, DISABLE, DISABLE, DISABLE};
    static const enum step switched[] = {GET_UNKNOWN, GET_OTHER, SWITCH_NULL, SWITCH_0,    GET_UNKNOWN, GET_OTHER,
                                         SWITCH_1,    SWITCH_1,  GET_UNKNOWN, SWITCH_NULL, SWITCH_NULL, GET_UNKNOWN};
    sequence(balanced, sizeof balanced / sizeof *balanced);
    sequence(switched, sizeof switched / sizeof *switched);
}

/* The same steps in any order: a generator that gives the same numbers everywhere. */
static void random_steps(unsigned count, uint32_t seed) {
    unsigned n;
    for (n = 0; n < count; n++) {
        seed = seed * 1664525u + 1013904223u;
        if (!compare((enum step)((seed >> 16) % STEPS), (int)n)) return;
    }
    while (run(&ours, DISABLE).code == S_OK) CHECK(run(&theirs, DISABLE).code, S_OK);
    CHECK(run(&theirs, DISABLE).code, CO_E_CANCEL_DISABLED);
    compare(SWITCH_NULL, -1);
}

static DWORD WINAPI another_thread(void *seed) {
    sequences();
    random_steps(1000, *(const uint32_t *)seed);
    return 0;
}

/* ---- where they differ, and why ---- */

static void differ(const char *what, const char *why, HRESULT us, HRESULT we_expect, HRESULT them, HRESULT they_expect) {
    printf("differs: %s: ours 0x%08lX, theirs 0x%08lX: %s\n", what, us, them, why);
    CHECK(us, we_expect);
    CHECK(them, they_expect);
}

static void differences(void);

static FARPROC named(HMODULE module, const char *name) {
    FARPROC found = GetProcAddress(module, name);
    if (!found) {
        printf("combase has no %s\n", name);
        failures++;
    }
    return found;
}

int main(void) {
    HMODULE module = LoadLibraryA("combase.dll");
    int round;
    if (!module) module = LoadLibraryA("ole32.dll");
    CHECK_TRUE(module != NULL);
    theirs.enable = (HRESULT(WINAPI *)(LPVOID))(void (*)(void))named(module, "CoEnableCallCancellation");
    theirs.disable = (HRESULT(WINAPI *)(LPVOID))(void (*)(void))named(module, "CoDisableCallCancellation");
    theirs.get = (HRESULT(WINAPI *)(REFIID, void **))(void (*)(void))named(module, "CoGetCallContext");
    theirs.change = (HRESULT(WINAPI *)(IUnknown *, IUnknown **))(void (*)(void))named(module, "CoSwitchCallContext");
    if (failures) return 1;
    CHECK_TRUE(theirs.enable != ours.enable && theirs.get != ours.get);
    /* before CoInitialize, during and after it */
    for (round = 0; round < 3; round++) {
        uint32_t seed = 100 + (uint32_t)round;
        HANDLE thread;
        HRESULT(WINAPI * initialize)(LPVOID, DWORD) = (HRESULT(WINAPI *)(LPVOID, DWORD))(void (*)(void))named(module, "CoInitializeEx");
        void(WINAPI * uninitialize)(void) = (void(WINAPI *)(void))(void (*)(void))named(module, "CoUninitialize");
        if (round == 1) CHECK(initialize(NULL, COINIT_MULTITHREADED), S_OK);
        sequences();
        random_steps(20000, (uint32_t)round);
        thread = CreateThread(NULL, 0, another_thread, &seed, 0, NULL);
        CHECK_TRUE(thread && WaitForSingleObject(thread, INFINITE) == WAIT_OBJECT_0);
        CloseHandle(thread);
        if (round == 1) uninitialize();
    }
    differences();
    CHECK_TRUE(all_references() == 3);
    return failures != 0;
}

static void differences(void) {
    int reserved;
    differ("Enable with a reserved argument", "the reference page lists E_INVALIDARG", ours.enable(&reserved), E_INVALIDARG,
           theirs.enable(&reserved), S_OK);
    CHECK(theirs.disable(NULL), S_OK);
    differ("Disable with a reserved argument", "the reference page lists E_INVALIDARG", ours.disable(&reserved), E_INVALIDARG,
           theirs.disable(&reserved), CO_E_CANCEL_DISABLED);
    CHECK(theirs.disable(NULL), CO_E_CANCEL_DISABLED);
    /* theirs looks at the context first; a NULL pointer is bad input whether there is one or not */
    differ("Get without an out pointer, no context", "our decision: arguments are checked first", ours.get(&IID_IUnknown, NULL), E_POINTER,
           theirs.get(&IID_IUnknown, NULL), RPC_E_CALL_COMPLETE);
}
