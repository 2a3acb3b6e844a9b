/* What the files of the demonstration share. No scene depends on how fast the machine is: a method that "hangs" returns when the scene says so.
   SPDX-License-Identifier: MIT OR Apache-2.0 */
#ifndef DEMO_H
#define DEMO_H

#define COBJMACROS
#include <windows.h>
#include <objbase.h>
#include <oaidl.h>

#include "cancelling_channel.h"
#include "cocancel.h"
#include "cocancel_com.h"
#include "held.h"

enum how { IN_PROCESS, BY_REFERENCE, BY_CLASS };

/* Where client and server are. */
struct place {
    const char *name;
    char client, server; /* 'M' or 'S': their apartments */
    enum how how;
    int calls; /* of the scene that hammers */
};

struct scene {
    const char *name, *title;
    void (*play)(void);
    int sta;       /* its client waits in an STA */
    int processes; /* between processes */
};
/* Ended by one without a name. The last ones each end with their server. */
extern const struct scene scenes[], pump_scenes[], client_scenes[], many_scenes[], last_scenes[];

/* The scene's place, and the proxy of the server there. */
extern const struct place *place;
extern IHeld *held;

extern int most_calls; /* to hammer, at any place */

/* ---- demo_report.c ---- */
void report(const char *format, ...) __attribute__((format(gnu_printf, 1, 2)));
void expect(const char *what, HRESULT seen, HRESULT expected);
void expect_number(const char *what, unsigned long seen, unsigned long expected);
void expect_true(const char *what, int holds);
extern volatile LONG matched, differed;

/* ---- demo_stage.c: hand-offs between client and server, also across processes ---- */
void stage_open(DWORD demonstration, int number);
void stage_enter(void);        /* a method has been entered */
void stage_wait_entered(void); /* until one has */
BOOL stage_wait_entered_by(HANDLE process); /* FALSE: it ended, or hung, without entering one */
void stage_release(void);      /* lets one Hold return */
BOOL stage_wait_release(DWORD ms);
void stage_put_reference(IUnknown *object);
HRESULT stage_get_reference(REFIID iid, void **object);
void stage_ready(void);
BOOL stage_wait_ready(void);
HANDLE stage_quit(void); /* set: the server ends */

/* ---- demo_server.c ---- */
enum { ASK_THREAD, ASK_TEST, ASK_HEARD, ASK_FINISHED, ASK_DIE };
extern IHeld *server_object(void);
void join_apartment(char apartment); /* and wraps the interfaces there */
HRESULT server_run(const struct place *place); /* until stage_quit */
HRESULT server_reach(const struct place *place, IHeld **held);

/* ---- demo.c ---- */
HANDLE start_process(const char *role); /* of this program, at this place: "--serve", or "--call", which calls Listen once and ends with its result. NULL: none */

/* ---- demo_cancel.c: cancellers ---- */
struct canceller {
    DWORD thread; /* whose call; 0: the starter's */
    ULONG seconds;
    int release; /* lets the method return afterwards */
    HRESULT result;
    HANDLE handle;
};
/* On a thread of its own: waits until a method is entered, then cancels. */
void cancel_when_entered(struct canceller *canceller, ULONG seconds);
void canceller_join(struct canceller *canceller);
void drain(void); /* until every orphan has come back */
BOOL drain_channels(void); /* until every proxy has gone. FALSE: some do not go */
BOOL is_allowed(HRESULT hr); /* what CoCancelCall may answer to a poller */

#endif
