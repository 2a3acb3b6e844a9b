//! What the harness embedded-test leaves in an ELF file for whoever runs its tests, as `probe-rs run` reads it, too.
//!
//! Each test is a symbol in the section `.embedded_test`. Its name is JSON; there stands the address of the test's function, which
//! the program gets back as its command line, `run_addr ADDRESS`.

use anyhow::{Context, Result, ensure};
use object::{Object, ObjectSection, ObjectSymbol};
use serde::Deserialize;

const SECTION: &str = ".embedded_test";
/// The version of all this.
const VERSION: (&str, u32) = ("EMBEDDED_TEST_VERSION", 1);

/// A test.
#[derive(Debug, PartialEq, Eq, Deserialize)]
pub struct Test {
    /// Its function's name.
    pub name: String,
    /// It is not to be run.
    pub ignored: bool,
    /// It passes by failing.
    pub should_panic: bool,
    /// After so many seconds it has failed.
    #[serde(default = "a_minute")]
    pub timeout: u64,
    /// Of its function.
    #[serde(skip)]
    pub address: u32,
}

fn a_minute() -> u64 {
    60
}

/// All tests of a file for a 32-bit little-endian target, in the order of their names.
pub fn tests(file: &[u8]) -> Result<Vec<Test>> {
    let file = object::File::parse(file)?;
    let section = file.section_by_name(SECTION).with_context(|| format!("no section {SECTION}"))?;
    let word = |address: u64| -> Result<u32> {
        let bytes = section.data_range(address, 4)?.context("a symbol outside its section")?;
        Ok(u32::from_le_bytes(bytes.try_into()?))
    };
    let symbols = || file.symbols().filter_map(|symbol| Some((symbol.name().ok()?.to_owned(), symbol.address())));
    let (_, version) = symbols().find(|(name, _)| name == VERSION.0).context("no version")?;
    ensure!(word(version)? == VERSION.1, "version {} of the harness' protocol", word(version)?);
    let mut tests = Vec::new();
    for (name, address) in symbols().filter(|(name, _)| name.starts_with('{')) {
        let test: Test = serde_json::from_str(&name).with_context(|| name.clone())?;
        tests.push(Test { address: word(address)?, ..test });
    }
    tests.sort_by(|a, b| a.name.cmp(&b.name));
    Ok(tests)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_test_is_described_by_its_symbol() {
        let symbol = r#"{"disambiguator":1,"name":"waits","ignored":false,"should_panic":true}"#;
        let test: Test = serde_json::from_str(symbol).unwrap();
        let expected = Test { name: "waits".into(), ignored: false, should_panic: true, timeout: 60, address: 0 };
        assert_eq!(test, expected);
    }

    #[test]
    fn a_file_without_tests_is_refused() {
        let own = std::fs::read(std::env::current_exe().unwrap()).unwrap();
        assert!(tests(&own).is_err());
        assert!(tests(b"").is_err());
    }
}
