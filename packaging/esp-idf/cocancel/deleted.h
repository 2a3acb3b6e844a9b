/* Put before the kernel's sources: a deleted task is taken out of the library. SPDX-License-Identifier: MIT OR Apache-2.0 */
void cocancel_freertos_deleted(void *task);
#define traceTASK_DELETE(task) cocancel_freertos_deleted(task)
