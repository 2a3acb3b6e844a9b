//! The HRESULT values that the operations answer, as `u32`.

/// Success.
pub const S_OK: u32 = 0x0000_0000;
/// The port cannot do this.
pub const E_NOTIMPL: u32 = 0x8000_4001;
/// No such interface, no such thread, or no registered cancel object on it.
pub const E_NOINTERFACE: u32 = 0x8000_4002;
/// A pointer was NULL (only `CoGetCallContext`'s out pointer; elsewhere it is [`E_INVALIDARG`]).
pub const E_POINTER: u32 = 0x8000_4003;
/// Unspecified failure.
pub const E_FAIL: u32 = 0x8000_4005;
/// Not possible in this state.
pub const E_UNEXPECTED: u32 = 0x8000_FFFF;
/// Refused while a call is pending.
pub const E_ACCESSDENIED: u32 = 0x8007_0005;
/// No slot left.
pub const E_OUTOFMEMORY: u32 = 0x8007_000E;
/// A bad argument, or a handle that is stale or forged.
pub const E_INVALIDARG: u32 = 0x8007_0057;
/// The call was canceled.
pub const RPC_E_CALL_CANCELED: u32 = 0x8001_0002;
/// The server's thread ended while it served the call.
pub const RPC_E_SERVER_DIED: u32 = 0x8001_0007;
/// The call is pending and nobody asked to cancel it. A *failure* HRESULT in spite of its `S_`.
pub const RPC_S_CALLPENDING: u32 = 0x8001_0115;
/// The call is complete, or no call is being served.
pub const RPC_E_CALL_COMPLETE: u32 = 0x8001_0117;
/// Cancellation is disabled for this call, or there is no enable to balance.
pub const CO_E_CANCEL_DISABLED: u32 = 0x8001_0140;

/// The timeout in seconds that never expires.
pub const RPC_C_CANCEL_INFINITE_TIMEOUT: u32 = 0xFFFF_FFFF;

/// Whether `hresult` is a failure: the top bit is set.
pub fn failed(hresult: u32) -> bool {
    hresult & 0x8000_0000 != 0
}
