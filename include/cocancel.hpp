/*
 * cocancel: guards for C++17 over the native interface of cocancel.h. Header only; throws nothing, and needs neither exceptions nor RTTI.
 *
 * SPDX-License-Identifier: MIT OR Apache-2.0
 *
 * Each guard belongs to the thread that made it, and to the scope: guards are neither copied nor moved, so they end in the reverse order,
 * which is what the library asks of nested calls. A runtime of nullptr is the default one. What the codes mean stands in cocancel.h, at
 * the function that is named here.
 */
#ifndef COCANCEL_HPP
#define COCANCEL_HPP

#include <cstdint>
#include <utility>

#include "cocancel.h"

namespace cocancel {

/* What the functions answer with; negative values are failures. */
using hresult = std::int32_t;

namespace detail {
/* Neither copied nor moved. */
struct bound {
    bound() = default;
    bound(const bound &) = delete;
    bound &operator=(const bound &) = delete;
};
} /* namespace detail */

/* Call cancellation is enabled on this thread as long as this lives: cocancel_enable, cocancel_disable. Not in interrupt handlers. */
class [[nodiscard]] enabled : detail::bound {
public:
    explicit enabled(cocancel_runtime *runtime = nullptr) noexcept
        : runtime_(runtime), status_(cocancel_enable(runtime)) {}

    ~enabled() {
        if (status_ == COCANCEL_S_OK) {
            static_cast<void>(cocancel_disable(runtime_));
        }
    }

    /* What cocancel_enable answered. */
    [[nodiscard]] hresult status() const noexcept { return status_; }
    /* Whether it is enabled by this guard. */
    explicit operator bool() const noexcept { return status_ == COCANCEL_S_OK; }

private:
    cocancel_runtime *const runtime_;
    const hresult status_;
};

/*
 * A call that this thread has out: cocancel_begin, cocancel_finish. Not in interrupt handlers.
 *
 * Its end tells which side owns the host's record. So a call with a record is ended by finish(), and the destructor is for those without: it
 * gives up what is pending, and drops that answer. The server's side still owes its completion, also of a call that was given up.
 */
class [[nodiscard]] call : detail::bound {
public:
    explicit call(const cocancel_call_options &options = {}, cocancel_runtime *runtime = nullptr) noexcept
        : runtime_(runtime), status_(cocancel_begin(runtime, &options, &handle_)) {}

    ~call() {
        if (handle_ != 0) {
            static_cast<void>(cocancel_finish(runtime_, handle_));
        }
    }

    /* What cocancel_begin answered: S_OK, or why the call cannot be cancelled. */
    [[nodiscard]] hresult status() const noexcept { return status_; }
    /* Whether it can be cancelled, waited for, and polled. */
    explicit operator bool() const noexcept { return status_ == COCANCEL_S_OK; }
    /* For the server's side and the host's own cancels. 0: nothing has begun, or it is finished. */
    [[nodiscard]] cocancel_call handle() const noexcept { return handle_; }

    /* cocancel_wait. Blocks. */
    [[nodiscard]] hresult wait() const noexcept { return cocancel_wait(runtime_, handle_); }
    /* cocancel_poll: RPC_S_CALLPENDING with the milliseconds until the next look. Never blocks. */
    [[nodiscard]] hresult poll(std::uint32_t &remaining_ms) const noexcept {
        return cocancel_poll(runtime_, handle_, &remaining_ms);
    }
    /* cocancel_finish: RPC_E_CALL_CANCELED says that the record is the server's side's, never look at it again. */
    [[nodiscard]] hresult finish() noexcept { return cocancel_finish(runtime_, std::exchange(handle_, 0)); }

private:
    cocancel_runtime *const runtime_;
    cocancel_call handle_ = 0;
    const hresult status_;
};

/*
 * A call that this thread is serving: cocancel_enter, cocancel_leave. Not in interrupt handlers. The server's side still has to complete it,
 * before this ends or after; one that was refused is complete.
 */
class [[nodiscard]] serving : detail::bound {
public:
    explicit serving(cocancel_call call, cocancel_runtime *runtime = nullptr) noexcept
        : runtime_(runtime), status_(cocancel_enter(runtime, call, &frame_, &orphan_)) {}

    ~serving() {
        if (status_ == COCANCEL_S_OK) {
            static_cast<void>(cocancel_leave(runtime_, frame_));
        }
    }

    /* What cocancel_enter answered. */
    [[nodiscard]] hresult status() const noexcept { return status_; }
    /* Whether the stub may run. */
    explicit operator bool() const noexcept { return status_ == COCANCEL_S_OK; }
    /* RPC_E_CALL_CANCELED came from status(): the record, which is this side's to dispose of. Else nullptr. */
    [[nodiscard]] void *orphan() const noexcept { return orphan_; }
    /* cocancel_test: RPC_E_CALL_CANCELED once the client has asked to cancel, RPC_S_CALLPENDING before. Loads only. */
    [[nodiscard]] hresult test() const noexcept { return cocancel_test(runtime_); }

private:
    cocancel_runtime *const runtime_;
    cocancel_call frame_ = 0;
    void *orphan_ = nullptr;
    const hresult status_;
};

} /* namespace cocancel */

#endif
