//! What can be asked of the model.

use crate::hresult::RPC_C_CANCEL_INFINITE_TIMEOUT;

/// A call's name, chosen by the driver. It stands for the handle.
pub type CallId = u32;
/// A thread's id; 0 means the calling thread.
pub type ThreadId = u32;
/// The name of one `enter`, chosen by the driver.
pub type FrameId = u32;
/// The name of one reference to an object, chosen by the driver.
pub type ReferenceId = u32;
/// A custom object: its index in [`Config::customs`](crate::Config::customs).
pub type CustomId = usize;
/// Milliseconds, or `None` for never.
pub type Timeout = Option<u64>;

/// The timeout that a COM function's `ulSeconds` means.
pub fn seconds(ul_seconds: u32) -> Timeout {
    if ul_seconds == RPC_C_CANCEL_INFINITE_TIMEOUT { None } else { Some(u64::from(ul_seconds) * 1000) }
}

/// Who acts.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Caller {
    /// A thread, by its id (not 0).
    Thread(ThreadId),
    /// An interrupt handler: it has no thread and never waits.
    Interrupt,
}

impl From<ThreadId> for Caller {
    fn from(thread: ThreadId) -> Self {
        Caller::Thread(thread)
    }
}

/// The interface that is asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Iid {
    /// `IUnknown`
    Unknown,
    /// `ICancelMethodCalls`
    CancelMethodCalls,
    /// Any other.
    Other,
}

/// An object that has `ICancelMethodCalls` or is a call context.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Object {
    /// The standard object of a call that has a slot.
    Standard(CallId),
    /// The standard context of a marker that is being served in this frame.
    ServedMarker(FrameId),
    /// One of the driver's own objects.
    Custom(CustomId),
}

/// A COM function called with a bad pointer. It changes nothing.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Malformed {
    /// `CoEnableCallCancellation(not NULL)`
    EnableReserved,
    /// `CoDisableCallCancellation(not NULL)`
    DisableReserved,
    /// `CoGetCancelObject` with `riid`, `ppUnk` or both NULL. At least one is `true`.
    GetCancelObject {
        /// `riid` is NULL.
        riid_null: bool,
        /// `ppUnk` is NULL.
        out_null: bool,
    },
    /// `CoGetCallContext` with `riid`, `ppInterface` or both NULL. At least one is `true`.
    GetCallContext {
        /// `riid` is NULL.
        riid_null: bool,
        /// `ppInterface` is NULL.
        out_null: bool,
    },
    /// `CoSwitchCallContext(..., NULL)`
    SwitchCallContextOldNull,
}

/// A part of an operation that the library performs in several steps.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Part {
    /// [`Op::Tick`] looks at one call.
    Look {
        /// The call.
        call: CallId,
    },
    /// [`Op::Finish`] takes the call off its thread's stack.
    Unlink {
        /// The call.
        call: CallId,
    },
    /// [`Op::Finish`] ends the client's side of a call that is on no stack any more.
    End {
        /// The call.
        call: CallId,
    },
}

/// One operation.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Op {
    /// A part of one, for a checker of concurrent histories.
    Part(Part),
    /// The clock moves on by so many milliseconds. Nobody looks.
    Advance(u64),
    /// Makes the runtime usable after [`Op::Deinit`].
    Init,
    /// Gives the storage back.
    Deinit,
    /// One whole pass over all deadlines.
    Tick,
    /// The calling thread ends.
    ThreadExit,
    /// A bad pointer.
    Malformed(Malformed),

    /// `CoEnableCallCancellation`
    Enable,
    /// `CoDisableCallCancellation`
    Disable,
    /// `CoSetCancelObject(object)`
    SetCancelObject(CustomId),
    /// `CoSetCancelObject(NULL)`
    UnsetCancelObject,

    /// The calling thread begins a call.
    Begin {
        /// The new call.
        call: CallId,
        /// Whether the host brings a wake context, so that a poll announces a waiting client.
        context: bool,
        /// The call's own timeout.
        own_timeout: Timeout,
        /// Take a slot even when the thread is disabled.
        always_slot: bool,
    },
    /// Begins a call that is tied to no thread.
    BeginAsync {
        /// The new call.
        call: CallId,
        /// The call that the object's handle named before.
        previous: Option<CallId>,
        /// As in [`Op::Begin`].
        context: bool,
        /// As in [`Op::Begin`].
        own_timeout: Timeout,
    },
    /// Registers a call whose client is elsewhere.
    Serve {
        /// The new call.
        call: CallId,
    },
    /// The client looks at its call.
    Poll {
        /// The call.
        call: CallId,
    },
    /// The client waits until the call is no longer pending.
    Wait {
        /// The call.
        call: CallId,
    },
    /// The client ends its call.
    Finish {
        /// The call.
        call: CallId,
    },

    /// The calling thread begins to serve a call.
    Enter {
        /// The call.
        call: CallId,
        /// The new frame, if the call may run.
        frame: FrameId,
    },
    /// The calling thread is done with its innermost frame.
    Leave {
        /// The frame.
        frame: FrameId,
    },
    /// The server's side has a result.
    Complete {
        /// The call.
        call: CallId,
    },
    /// The server's side has failed.
    Abandon {
        /// The call.
        call: CallId,
        /// What the client gets.
        hresult: u32,
    },

    /// The host's own cancel, by handle.
    CancelHandle {
        /// The call.
        call: CallId,
        /// The grace time.
        timeout: Timeout,
        /// `false`: the never-waiting form.
        wait: bool,
    },
    /// `ICancelMethodCalls::Cancel`
    CancelObject {
        /// A reference to the object.
        reference: ReferenceId,
        /// The grace time.
        timeout: Timeout,
        /// `false`: the never-waiting form.
        wait: bool,
    },
    /// `CoCancelCall`
    CancelThread {
        /// The thread, 0 for the calling one.
        thread: ThreadId,
        /// The grace time.
        timeout: Timeout,
        /// `false`: the never-waiting form.
        wait: bool,
    },

    /// `CoGetCancelObject`
    GetCancelObject {
        /// The thread, 0 for the calling one.
        thread: ThreadId,
        /// The interface.
        iid: Iid,
        /// The new reference, on success.
        reference: ReferenceId,
    },
    /// The standard object of a call.
    ObjectOf {
        /// The call.
        call: CallId,
        /// The new reference, on success.
        reference: ReferenceId,
    },
    /// `ICancelMethodCalls::TestCancel`
    TestObject {
        /// A reference to the object.
        reference: ReferenceId,
    },
    /// `QueryInterface`; with [`Iid::Unknown`] also what `AddRef` does.
    Query {
        /// A reference to the object.
        reference: ReferenceId,
        /// The interface.
        iid: Iid,
        /// The new reference, on success.
        new: ReferenceId,
    },
    /// `Release`
    Release {
        /// The reference that ends.
        reference: ReferenceId,
    },

    /// `CoTestCancel`
    TestCurrent,
    /// `CoSwitchCallContext`
    SwitchContext {
        /// The new context.
        new: Option<Object>,
    },
    /// `CoGetCallContext`
    GetContext {
        /// The interface.
        iid: Iid,
        /// The new reference, on success.
        reference: ReferenceId,
    },
}
