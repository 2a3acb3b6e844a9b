/* The calls' lives in the JSON trace format of Chrome and Perfetto. SPDX-License-Identifier: MIT OR Apache-2.0 */
#ifndef DEMO_TRACE_H
#define DEMO_TRACE_H

int trace_begin(const char *file); /* 0: cannot write it */
void trace_end(void);

#endif
