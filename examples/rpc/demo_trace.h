/*
 * The calls' lives in the JSON trace format of Chrome, which https://ui.perfetto.dev opens: a track for each thread of this process and of
 * the servers, on it the calls from begin to finish and the spans, their steps, and an arrow from who cancels to the call.
 *
 * SPDX-License-Identifier: MIT OR Apache-2.0
 */
#ifndef DEMO_TRACE_H
#define DEMO_TRACE_H

struct stage;

/* From now on steps are kept in memory; without it the other functions do nothing. */
void trace_begin(void);

/* A span of the calling thread, from here to the matching end. They nest. */
void trace_span_begin(const char *name);
void trace_span_end(void);

/* A server process has ended: takes over the steps that it left on the stage. */
void trace_server(int pid, const char *name, struct stage *stage);

/* Writes the file. 0: it could not. */
int trace_write(const char *file);

#endif
