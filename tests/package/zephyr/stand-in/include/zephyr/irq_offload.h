/* A stand-in, as kernel.h. SPDX-License-Identifier: MIT OR Apache-2.0 */
#ifndef STAND_IN_IRQ_OFFLOAD_H
#define STAND_IN_IRQ_OFFLOAD_H
typedef void (*irq_offload_routine_t)(const void *parameter);
void irq_offload(irq_offload_routine_t routine, const void *parameter);
#endif
