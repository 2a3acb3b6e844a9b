// The guards of cocancel.hpp: what they begin they end, in each way out of a scope.
#include <cocancel.hpp>
#include <cocancel.hpp>

#include <cstdio>
#include <thread>
#include <type_traits>

namespace {

int failures = 0;

void check(bool holds, int line, const char *what) {
    if (!holds) {
        std::fprintf(stderr, "line %d: not so: %s\n", line, what);
        ++failures;
    }
}
#define CHECK(condition) check(static_cast<bool>(condition), __LINE__, #condition)

static_assert(!std::is_copy_constructible_v<cocancel::enabled> && !std::is_move_constructible_v<cocancel::enabled>);
static_assert(!std::is_copy_constructible_v<cocancel::call> && !std::is_move_constructible_v<cocancel::call>);
static_assert(!std::is_copy_constructible_v<cocancel::serving> && !std::is_move_constructible_v<cocancel::serving>);
static_assert(std::is_nothrow_default_constructible_v<cocancel::enabled> && std::is_nothrow_destructible_v<cocancel::call>);

std::size_t slots_in_use() {
    std::size_t count = 0;
    CHECK(cocancel_snapshot(nullptr, nullptr, &count) == COCANCEL_S_OK);
    return count;
}

bool is_enabled() {
    const cocancel::call probe;
    // Nobody serves it: that end is played here.
    CHECK(cocancel_complete(nullptr, probe.handle(), nullptr) == COCANCEL_S_OK);
    return static_cast<bool>(probe);
}

void scopes_enable_and_disable() {
    CHECK(!is_enabled());
    {
        const cocancel::enabled outer;
        CHECK(outer && outer.status() == COCANCEL_S_OK);
        {
            const cocancel::enabled inner;
            CHECK(is_enabled());
        }
        CHECK(is_enabled());
    }
    CHECK(!is_enabled());
    CHECK(cocancel_disable(nullptr) == COCANCEL_CO_E_CANCEL_DISABLED);
}

void a_disabled_thread_has_a_call_all_the_same() {
    cocancel::call call;
    CHECK(!call && call.status() == COCANCEL_CO_E_CANCEL_DISABLED && call.handle() != 0);
    CHECK(call.finish() == COCANCEL_S_OK);
    CHECK(call.handle() == 0);
}

void a_canceled_call_tells_who_owns_the_record() {
    const cocancel::enabled enabled;
    int record = 0;
    cocancel_call_options options = {};
    options.host = &record;
    cocancel::call call(options);
    CHECK(call);
    std::uint32_t remaining = 0;
    CHECK(call.poll(remaining) == COCANCEL_RPC_S_CALLPENDING);
    const std::uint32_t client = cocancel_thread_id();
    std::thread canceller([client] { CHECK(cocancel_cancel_thread(nullptr, client, 0, 0) == COCANCEL_S_OK); });
    CHECK(call.wait() == COCANCEL_RPC_E_CALL_CANCELED);
    canceller.join();
    const cocancel_call handle = call.handle();
    CHECK(call.finish() == COCANCEL_RPC_E_CALL_CANCELED);
    std::thread server([handle, &record] {
        const cocancel::serving serving(handle);
        CHECK(!serving && serving.status() == COCANCEL_RPC_E_CALL_CANCELED);
        CHECK(serving.orphan() == &record);
    });
    server.join();
}

void a_served_call_is_left_and_may_be_completed_after() {
    const cocancel::enabled enabled;
    cocancel::call call;
    const cocancel_call handle = call.handle();
    std::thread server([handle] {
        CHECK(cocancel_test(nullptr) == COCANCEL_RPC_E_CALL_COMPLETE);
        {
            const cocancel::serving serving(handle);
            CHECK(serving && serving.orphan() == nullptr);
            CHECK(serving.test() == COCANCEL_RPC_S_CALLPENDING);
        }
        CHECK(cocancel_test(nullptr) == COCANCEL_RPC_E_CALL_COMPLETE);
        CHECK(cocancel_complete(nullptr, handle, nullptr) == COCANCEL_S_OK);
    });
    CHECK(call.wait() == COCANCEL_S_OK);
    server.join();
    CHECK(call.finish() == COCANCEL_S_OK);
}

void a_scope_that_ends_early_gives_its_call_up() {
    const cocancel::enabled enabled;
    cocancel_call handle = 0;
    {
        const cocancel::call call;
        handle = call.handle();
        CHECK(slots_in_use() == 1);
    }
    // The server's side still owes its end; then nothing is left.
    void *orphan = nullptr;
    CHECK(cocancel_complete(nullptr, handle, &orphan) == COCANCEL_RPC_E_CALL_CANCELED);
    CHECK(slots_in_use() == 0);
}

} // namespace

int main() {
    scopes_enable_and_disable();
    a_disabled_thread_has_a_call_all_the_same();
    a_canceled_call_tells_who_owns_the_record();
    a_served_call_is_left_and_may_be_completed_after();
    a_scope_that_ends_early_gives_its_call_up();
    CHECK(slots_in_use() == 0);
    return failures == 0 ? 0 : 1;
}
