/* Hand-offs between the demonstration and its servers, by named objects. SPDX-License-Identifier: MIT OR Apache-2.0 */
#include <stdio.h>

#include "demo.h"

enum { LONG_TIME = 60000, REFERENCE = 4096 };

static HANDLE entered, released, ready, quit;
static struct {
    DWORD size;
    BYTE bytes[REFERENCE - sizeof(DWORD)];
} *reference;

static void name_of(char name[64], DWORD demonstration, int number, const char *what) {
    snprintf(name, 64, "cocancel.demo.%lu.%d.%s", (unsigned long)demonstration, number, what);
}

void stage_open(DWORD demonstration, int number) {
    char name[64];
    HANDLE section;
    name_of(name, demonstration, number, "entered");
    entered = CreateSemaphoreA(NULL, 0, MAXLONG, name);
    name_of(name, demonstration, number, "released");
    released = CreateSemaphoreA(NULL, 0, MAXLONG, name);
    name_of(name, demonstration, number, "ready");
    ready = CreateEventA(NULL, TRUE, FALSE, name);
    name_of(name, demonstration, number, "quit");
    quit = CreateEventA(NULL, TRUE, FALSE, name);
    name_of(name, demonstration, number, "reference");
    section = CreateFileMappingA(INVALID_HANDLE_VALUE, NULL, PAGE_READWRITE, 0, REFERENCE, name);
    reference = MapViewOfFile(section, FILE_MAP_ALL_ACCESS, 0, 0, REFERENCE);
}

void stage_enter(void) { ReleaseSemaphore(entered, 1, NULL); }
void stage_wait_entered(void) {
    if (WaitForSingleObject(entered, LONG_TIME) != WAIT_OBJECT_0)
        expect_true("the method is entered", 0);
}
BOOL stage_wait_entered_by(HANDLE process) {
    HANDLE either[] = {entered, process};
    DWORD code, seen = WaitForMultipleObjects(2, either, FALSE, LONG_TIME);
    if (seen == WAIT_OBJECT_0)
        return TRUE;
    expect_true("the method is entered", 0);
    if (seen == WAIT_OBJECT_0 + 1 && GetExitCodeProcess(process, &code))
        report("    the process that was to call it has ended with 0x%08lX", (unsigned long)code);
    return FALSE;
}
void stage_release(void) { ReleaseSemaphore(released, 1, NULL); }
BOOL stage_wait_release(DWORD ms) { return WaitForSingleObject(released, ms) == WAIT_OBJECT_0; }
void stage_ready(void) { SetEvent(ready); }
BOOL stage_wait_ready(void) { return WaitForSingleObject(ready, LONG_TIME) == WAIT_OBJECT_0; }
HANDLE stage_quit(void) { return quit; }

void stage_put_reference(IUnknown *object) {
    LARGE_INTEGER zero = {{0}};
    ULONG read = 0;
    IStream *stream;
    CreateStreamOnHGlobal(NULL, TRUE, &stream);
    if (SUCCEEDED(CoMarshalInterface(stream, &IID_IHeld, object, MSHCTX_LOCAL, NULL, MSHLFLAGS_TABLESTRONG))) {
        IStream_Seek(stream, zero, STREAM_SEEK_SET, NULL);
        IStream_Read(stream, reference->bytes, sizeof reference->bytes, &read);
    }
    reference->size = read;
    IStream_Release(stream);
}

HRESULT stage_get_reference(REFIID iid, void **object) {
    LARGE_INTEGER zero = {{0}};
    IStream *stream;
    HRESULT hr;
    CreateStreamOnHGlobal(NULL, TRUE, &stream);
    IStream_Write(stream, reference->bytes, reference->size, NULL);
    IStream_Seek(stream, zero, STREAM_SEEK_SET, NULL);
    hr = CoUnmarshalInterface(stream, iid, object);
    IStream_Release(stream);
    return hr;
}
