/* What CoTestCancel is measured against: the same loads in a function that cannot be inlined, as it stands in another file. */

#include <stdatomic.h>
#include <stdint.h>

_Thread_local _Atomic uint32_t *c_load_word;

int32_t c_load(void) {
    uint32_t word = atomic_load_explicit(c_load_word, memory_order_acquire);
    return (int32_t)(word & 1 ? 0x80010002u : 0x80010115u);
}
