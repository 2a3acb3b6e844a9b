/* GLib's GCancellable. */

#include <gio/gio.h>
#include <stdint.h>

uint64_t peer_g_is_cancelled(uint64_t n) {
    GCancellable *cancellable = g_cancellable_new();
    uint64_t cancelled = 0;
    g_cancellable_push_current(cancellable);
    for (uint64_t i = 0; i < n; i++) {
        cancelled += (uint64_t)g_cancellable_is_cancelled(g_cancellable_get_current());
    }
    g_cancellable_pop_current(cancellable);
    g_object_unref(cancellable);
    return cancelled;
}

void peer_g_push_pop(uint64_t n) {
    GCancellable *cancellable = g_cancellable_new();
    for (uint64_t i = 0; i < n; i++) {
        g_cancellable_push_current(cancellable);
        g_cancellable_pop_current(cancellable);
    }
    g_object_unref(cancellable);
}

/* Returns nanoseconds, rounded from GLib's clock of microseconds: n should be large. */
uint64_t peer_g_cancel(uint64_t n) {
    GCancellable **all = g_new(GCancellable *, n);
    for (uint64_t i = 0; i < n; i++) {
        all[i] = g_cancellable_new();
    }
    gint64 start = g_get_monotonic_time();
    for (uint64_t i = 0; i < n; i++) {
        g_cancellable_cancel(all[i]);
    }
    gint64 end = g_get_monotonic_time();
    for (uint64_t i = 0; i < n; i++) {
        g_object_unref(all[i]);
    }
    g_free(all);
    return (uint64_t)(end - start) * 1000;
}
