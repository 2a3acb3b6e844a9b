// Peers from the C++ standard library and POSIX. Each function does its operation n times and is timed by its caller, except
// where it must prepare one object for each time: those return the nanoseconds of their own.

#include <atomic>
#include <chrono>
#include <cstdint>
#include <memory>
#include <mutex>
#include <pthread.h>
#include <stop_token>
#include <unordered_map>
#include <vector>

namespace {
// What the operation works on may have changed: nothing is carried over from one time round to the next.
template <class T> inline void barrier(const T &object) { asm volatile("" : : "r"(&object) : "memory"); }

struct Registry {
    std::mutex mutex;
    std::unordered_map<std::uint32_t, std::uint32_t> calls;
    // the same as objects that outlive their entry
    std::unordered_map<std::uint32_t, std::shared_ptr<std::atomic<std::uint32_t>>> objects;
};

pthread_mutex_t plain = PTHREAD_MUTEX_INITIALIZER;
} // namespace

extern "C" {

std::uint64_t peer_stop_requested(std::uint64_t n) {
    std::stop_source source;
    std::stop_token token = source.get_token();
    for (std::uint64_t i = 0; i < n; i++) {
        barrier(token);
        if (token.stop_requested()) {
            return i;
        }
    }
    return n;
}

void peer_stop_callback(std::uint64_t n) {
    std::stop_source source;
    std::stop_token token = source.get_token();
    for (std::uint64_t i = 0; i < n; i++) {
        std::stop_callback callback(token, [] {});
        barrier(callback);
    }
}

std::uint64_t peer_request_stop(std::uint64_t n) {
    std::vector<std::stop_source> sources(n);
    auto start = std::chrono::steady_clock::now();
    for (auto &source : sources) {
        source.request_stop();
    }
    return std::chrono::nanoseconds(std::chrono::steady_clock::now() - start).count();
}

void peer_testcancel(std::uint64_t n) {
    for (std::uint64_t i = 0; i < n; i++) {
        pthread_testcancel();
    }
}

void peer_mutex_pair(std::uint64_t n) {
    for (std::uint64_t i = 0; i < n; i++) {
        pthread_mutex_lock(&plain);
        pthread_mutex_unlock(&plain);
    }
}

void *peer_registry(std::uint32_t first, std::uint32_t threads) {
    auto *registry = new Registry;
    for (std::uint32_t i = 0; i < threads; i++) {
        registry->calls.emplace(first + i, 0);
    }
    for (std::uint32_t i = 0; i < threads; i++) {
        registry->objects.emplace(first + i, std::make_shared<std::atomic<std::uint32_t>>(0));
    }
    return registry;
}

void peer_registry_free(void *registry) { delete static_cast<Registry *>(registry); }

// How many of the ids were found.
std::uint64_t peer_registry_find(void *opaque, const std::uint32_t *ids, std::uint64_t n) {
    auto &registry = *static_cast<Registry *>(opaque);
    std::uint64_t found = 0;
    for (std::uint64_t i = 0; i < n; i++) {
        std::lock_guard lock(registry.mutex);
        auto call = registry.calls.find(ids[i]);
        if (call != registry.calls.end()) {
            barrier(call->second);
            found += 1 + (call->second & 2);
        }
    }
    return found;
}

// Takes a reference to the object and drops it.
std::uint64_t peer_registry_take(void *opaque, const std::uint32_t *ids, std::uint64_t n) {
    auto &registry = *static_cast<Registry *>(opaque);
    std::uint64_t found = 0;
    for (std::uint64_t i = 0; i < n; i++) {
        std::shared_ptr<std::atomic<std::uint32_t>> taken;
        {
            std::lock_guard lock(registry.mutex);
            auto object = registry.objects.find(ids[i]);
            if (object != registry.objects.end()) {
                taken = object->second;
            }
        }
        if (taken) {
            found += 1 + (taken->load(std::memory_order_acquire) & 2);
        }
    }
    return found;
}

// Finds it and marks it as cancelled, under the mutex.
std::uint64_t peer_registry_cancel(void *opaque, const std::uint32_t *ids, std::uint64_t n) {
    auto &registry = *static_cast<Registry *>(opaque);
    std::uint64_t found = 0;
    for (std::uint64_t i = 0; i < n; i++) {
        std::lock_guard lock(registry.mutex);
        auto call = registry.calls.find(ids[i]);
        if (call != registry.calls.end()) {
            call->second = 1;
            barrier(call->second);
            found++;
        }
    }
    return found;
}

// What a call's begin and finish are without a home slot: in and out of the registry.
void peer_registry_bracket(void *opaque, std::uint32_t id, std::uint64_t n) {
    auto &registry = *static_cast<Registry *>(opaque);
    for (std::uint64_t i = 0; i < n; i++) {
        {
            std::lock_guard lock(registry.mutex);
            registry.calls.emplace(id, 0);
        }
        std::lock_guard lock(registry.mutex);
        registry.calls.erase(id);
    }
}
}
