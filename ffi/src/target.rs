//! Which runtime a C function works on.

use cocancel::{Global, Hresult, Life, Runtime};

use crate::port::HostPort;

/// The tables in the host's storage. A board has few threads: scanning them takes less than an index would add to its image.
#[cfg(target_os = "none")]
pub(crate) type Tables = cocancel::Unindexed<'static>;
/// The tables in the host's storage.
#[cfg(not(target_os = "none"))]
pub(crate) type Tables = cocancel::Borrowed<'static>;

/// A runtime with a port of the host's.
pub(crate) type HostRuntime = Runtime<HostPort, Tables>;

/// A runtime in storage of the host's. Opaque.
pub struct cocancel_runtime {
    pub(crate) life: Life,
    pub(crate) runtime: core::mem::MaybeUninit<HostRuntime>,
}

/// The host's runtime that stands in for the default one.
pub(crate) static DEFAULT: Global<cocancel_runtime> = Global::new();

/// The runtime meant by a C caller.
pub(crate) enum Target {
    Host(&'static HostRuntime),
    #[cfg(any(feature = "posix", feature = "windows"))]
    BuiltIn(&'static crate::BuiltIn),
}

impl Target {
    /// The default one.
    #[inline]
    pub(crate) fn default_runtime() -> Result<Self, Hresult> {
        match DEFAULT.get() {
            Some(instance) => instance.live().map(Target::Host),
            #[cfg(any(feature = "posix", feature = "windows"))]
            None => Ok(Target::BuiltIn(crate::builtin::runtime())),
            #[cfg(not(any(feature = "posix", feature = "windows")))]
            None => Err(Hresult::E_UNEXPECTED),
        }
    }

    /// The one that the pointer means; NULL means the default one.
    ///
    /// # Safety
    ///
    /// `runtime` is NULL, misaligned, or points to readable storage that is zero or was given to `cocancel_init`.
    #[inline]
    pub(crate) unsafe fn of(runtime: *const cocancel_runtime) -> Result<Self, Hresult> {
        if runtime.is_null() {
            return Self::default_runtime();
        }
        if !runtime.is_aligned() {
            return Err(Hresult::E_INVALIDARG);
        }
        // SAFETY: the caller's, and aligned; the mark is valid whatever its bytes
        unsafe { &*runtime }.live().map(Target::Host)
    }
}

impl cocancel_runtime {
    pub(crate) fn live(&'static self) -> Result<&'static HostRuntime, Hresult> {
        if !self.life.is_ready() {
            return Err(Hresult::E_UNEXPECTED);
        }
        // SAFETY: marked ready only after it was written
        Ok(unsafe { self.runtime.assume_init_ref() })
    }
}

/// Runs the same operation on whichever runtime is meant.
macro_rules! on {
    ($target:expr, |$runtime:ident| $body:expr) => {
        match $target {
            Ok($crate::target::Target::Host($runtime)) => $body,
            #[cfg(any(feature = "posix", feature = "windows"))]
            Ok($crate::target::Target::BuiltIn($runtime)) => $body,
            Err(code) => return code,
        }
    };
}
pub(crate) use on;
