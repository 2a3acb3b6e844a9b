/* A stand-in: FreeRTOS.h. SPDX-License-Identifier: MIT OR Apache-2.0 */
#include "freertos/FreeRTOS.h"
