/* What the methods of the demonstration's server share. SPDX-License-Identifier: MIT OR Apache-2.0 */
#ifndef SERVER_METHODS_H
#define SERVER_METHODS_H

#include <stdint.h>

/* The demonstration's, or one of the server's own. */
extern struct stage *stage;

/* The argument of a method; 0 if there is none. */
uint32_t number(const void *arguments, uint32_t size);

/* Puts the result of a method; returns S_OK. */
int32_t answer(uint32_t value, void *result, uint32_t *size);

/* Returns when CoTestCancel says so, and counts it. */
void until_canceled(void);

/* RPC_INSIDE. */
int32_t inside(const void *arguments, uint32_t argument_size, void *result, uint32_t *size);

#endif
