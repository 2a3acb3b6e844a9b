//! HRESULT values, as every function of this library answers with them.

use core::ffi::CStr;
use core::fmt;

/// A COM result code. Negative values (bit 31 set) are failures.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
#[repr(transparent)]
pub struct Hresult(pub i32);

/// Declares the codes once: constant, value, meaning here; and the table that [`Hresult::name`] reads.
macro_rules! codes {
    ($($(#[$doc:meta])* $name:ident = $value:literal;)*) => {
        impl Hresult {
            $($(#[$doc])* pub const $name: Hresult = Hresult($value as u32 as i32);)*

            /// The name of a code that this library can answer with, else `None`.
            #[must_use]
            pub const fn name(self) -> Option<&'static str> {
                match self.0 as u32 {
                    $($value => Some(stringify!($name)),)*
                    _ => None,
                }
            }
        }

        /// A table, not a `match`: in an image it takes half the room.
        const C_NAMES: &[(Hresult, &CStr)] = &[$((Hresult($value as u32 as i32), c_name(concat!(stringify!($name), "\0")))),*];

        #[cfg(test)]
        pub(crate) const ALL: &[(&str, u32)] = &[$((stringify!($name), $value)),*];
    };
}

codes! {
    /// Done.
    S_OK = 0x0000_0000;
    /// The port cannot do this (waiting, where nothing can wait).
    E_NOTIMPL = 0x8000_4001;
    /// No cancel object belongs to that thread, or the object does not know that interface.
    E_NOINTERFACE = 0x8000_4002;
    /// An out pointer is NULL.
    E_POINTER = 0x8000_4003;
    /// The enable counter is at its maximum.
    E_FAIL = 0x8000_4005;
    /// Out of order: not initialised, nothing to unregister, completed twice, not the innermost.
    E_UNEXPECTED = 0x8000_FFFF;
    /// Refused while something still needs it: the topmost call is pending, the runtime is in use.
    E_ACCESSDENIED = 0x8007_0005;
    /// A table is full, or an object has too many pins.
    E_OUTOFMEMORY = 0x8007_000E;
    /// An argument cannot be right: a reserved pointer not NULL, a stale or forged handle.
    E_INVALIDARG = 0x8007_0057;
    /// The call was cancelled.
    RPC_E_CALL_CANCELED = 0x8001_0002;
    /// The server's thread ended in the middle of the call.
    RPC_E_SERVER_DIED = 0x8001_0007;
    /// The call is pending and nobody asked to cancel it. A **failure** code in spite of its `S_`.
    RPC_S_CALLPENDING = 0x8001_0115;
    /// The call is complete, or no call is being served.
    RPC_E_CALL_COMPLETE = 0x8001_0117;
    /// Call cancellation is not enabled for that call, or there is no enable to balance.
    CO_E_CANCEL_DISABLED = 0x8001_0140;
}

const fn c_name(name: &str) -> &CStr {
    match CStr::from_bytes_with_nul(name.as_bytes()) {
        Ok(name) => name,
        Err(_) => c"unknown",
    }
}

impl Hresult {
    /// Its [`name`](Self::name) as a C string; "unknown" for a code that this library does not answer with.
    #[must_use]
    pub fn c_name(self) -> &'static CStr {
        C_NAMES.iter().find(|(code, _)| *code == self).map_or(c"unknown", |(_, name)| name)
    }

    /// Whether this is a failure code (bit 31 set).
    #[must_use]
    pub const fn is_err(self) -> bool {
        self.0 < 0
    }

    /// `Ok` for a success code, else itself as the error.
    pub const fn ok(self) -> Result<(), Hresult> {
        if self.is_err() { Err(self) } else { Ok(()) }
    }
}

impl From<Result<(), Hresult>> for Hresult {
    fn from(result: Result<(), Hresult>) -> Self {
        match result {
            Ok(()) => Self::S_OK,
            Err(code) => code,
        }
    }
}

impl fmt::Debug for Hresult {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.name() {
            Some(name) => f.write_str(name),
            None => write!(f, "{:#010X}", self.0 as u32),
        }
    }
}

impl fmt::Display for Hresult {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(self, f)
    }
}

impl core::error::Error for Hresult {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_and_kinds() {
        let unknown = Hresult(0x8123_4567_u32 as i32);
        assert_eq!(
            std::format!("{} {:?} {unknown}", Hresult::S_OK, Hresult::RPC_S_CALLPENDING),
            "S_OK RPC_S_CALLPENDING 0x81234567"
        );
        assert_eq!((Hresult::E_FAIL.c_name(), unknown.c_name()), (c"E_FAIL", c"unknown"));
        assert_eq!(c_name("no end"), c"unknown");
        assert!(Hresult::RPC_S_CALLPENDING.is_err() && !Hresult::S_OK.is_err() && !Hresult(1).is_err());
        assert_eq!((Hresult::S_OK.ok(), Hresult(1).ok(), Hresult::E_FAIL.ok()), (Ok(()), Ok(()), Err(Hresult::E_FAIL)));
        assert_eq!([Ok(()), Err(Hresult::E_FAIL)].map(Hresult::from), [Hresult::S_OK, Hresult::E_FAIL]);
    }

    /// mingw-w64's winerror.h is the independent oracle for the values.
    #[test]
    fn values_are_those_of_winerror_h() {
        let path = "/usr/share/mingw-w64/include/winerror.h";
        let Ok(header) = std::fs::read_to_string(path) else {
            assert!(std::env::var_os("CI").is_none(), "{path}: install mingw-w64-common");
            std::eprintln!("not checked: {path} is missing (package mingw-w64-common)");
            return;
        };
        for (name, value) in ALL {
            let line = header
                .lines()
                .find(|line| line.split_whitespace().nth(1) == Some(name))
                .unwrap_or_else(|| panic!("{name} is not in {path}"));
            let text = line.split(['(', ')']).rfind(|part| part.contains("0x") || part.trim() == "0");
            let text = text.map_or("0", |part| part.trim().trim_start_matches("0x").trim_end_matches('L'));
            assert_eq!(u32::from_str_radix(text, 16).ok(), Some(*value), "{name}: {line}");
        }
    }
}
