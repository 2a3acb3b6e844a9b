//! The COM functions and objects, over a runtime that lives for ever.
//!
//! Each function here has the semantics of the Win32 function of that name and answers with its HRESULT; the crate `cocancel-ffi` gives
//! them their C names. They take `&'static self`, because a COM object that was handed out refers to its runtime.
//!
//! | module | what |
//! |---|---|
//! | [`guid`] | GUIDs and the two interface ids |
//! | [`object`] | the standard cancel object: a call slot as a COM object |
//! | `custom` | calling foreign objects |
//! | [`functions`] | CoCancelCall, CoGetCancelObject, CoSetCancelObject |
//! | [`context`] | CoTestCancel, CoGetCallContext, CoSwitchCallContext |

pub mod context;
pub(crate) mod custom;
pub mod functions;
pub mod guid;
pub mod object;

pub use guid::Guid;
