//! The HRESULT values against mingw-w64's own headers (Debian: mingw-w64-common), an independent source.

use std::path::Path;

use cocancel_model::hresult;

const INCLUDE: &str = "/usr/share/mingw-w64/include";

/// The text of a header. Without it the test fails where `CI=true`, and says so elsewhere.
fn header(name: &str) -> Option<String> {
    let path = Path::new(INCLUDE).join(name);
    match std::fs::read_to_string(&path) {
        Ok(text) => Some(text),
        Err(error) => {
            let note = format!("{}: {error}; install mingw-w64-common", path.display());
            assert_ne!(std::env::var("CI").as_deref(), Ok("true"), "{note}");
            println!("not checked: {note}");
            None
        }
    }
}

/// The value of `#define NAME ... 0x1234 ...`, whatever macro is around the number.
fn defined(text: &str, name: &str) -> Option<u32> {
    let body = text.lines().find_map(|line| {
        let rest = line.trim().strip_prefix("#define")?.trim_start().strip_prefix(name)?;
        rest.starts_with(char::is_whitespace).then_some(rest)
    })?;
    let digits = body.split("0x").nth(1)?;
    let end = digits.find(|c: char| !c.is_ascii_hexdigit()).unwrap_or(digits.len());
    u32::from_str_radix(&digits[..end], 16).ok()
}

#[test]
fn hresults_are_those_of_the_windows_headers() {
    let Some(text) = header("winerror.h") else {
        return;
    };
    let ours = [
        ("S_OK", hresult::S_OK),
        ("E_NOTIMPL", hresult::E_NOTIMPL),
        ("E_NOINTERFACE", hresult::E_NOINTERFACE),
        ("E_POINTER", hresult::E_POINTER),
        ("E_FAIL", hresult::E_FAIL),
        ("E_UNEXPECTED", hresult::E_UNEXPECTED),
        ("E_ACCESSDENIED", hresult::E_ACCESSDENIED),
        ("E_OUTOFMEMORY", hresult::E_OUTOFMEMORY),
        ("E_INVALIDARG", hresult::E_INVALIDARG),
        ("RPC_E_CALL_CANCELED", hresult::RPC_E_CALL_CANCELED),
        ("RPC_E_SERVER_DIED", hresult::RPC_E_SERVER_DIED),
        ("RPC_S_CALLPENDING", hresult::RPC_S_CALLPENDING),
        ("RPC_E_CALL_COMPLETE", hresult::RPC_E_CALL_COMPLETE),
        ("CO_E_CANCEL_DISABLED", hresult::CO_E_CANCEL_DISABLED),
    ];
    for (name, value) in ours {
        assert_eq!(defined(&text, name), Some(value), "{name} (ours: {value:#010x})");
    }
}

#[test]
fn the_infinite_timeout_is_that_of_the_windows_headers() {
    let Some(text) = header("rpcdce.h") else {
        return;
    };
    let line = text.lines().find(|line| line.contains("define RPC_C_CANCEL_INFINITE_TIMEOUT"));
    let value = line.and_then(|line| line.split_whitespace().last());
    assert_eq!(value.map(|v| v.trim_matches(['(', ')'])), Some("-1"));
    assert_eq!(hresult::RPC_C_CANCEL_INFINITE_TIMEOUT, -1_i32 as u32);
}

#[test]
fn pending_is_a_failure_in_spite_of_its_name() {
    assert!(hresult::failed(hresult::RPC_S_CALLPENDING));
    assert!(!hresult::failed(hresult::S_OK));
}
