//! Symbols of object files, archives and programs.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

use anyhow::{Context, Result};
use object::read::archive::ArchiveFile;
use object::{Object, ObjectSymbol};

/// The names that a program or library has, its dynamic ones included; defined or not.
pub fn of_file(path: &Path) -> Result<BTreeSet<String>> {
    let bytes = fs::read(path).with_context(|| path.display().to_string())?;
    let file = object::File::parse(&*bytes).with_context(|| path.display().to_string())?;
    let symbols = file.symbols().chain(file.dynamic_symbols());
    Ok(symbols.filter_map(|s| s.name().ok().map(plain)).collect())
}

/// The global functions that an archive's members define.
pub fn exported_by(archive: &Path) -> Result<BTreeSet<String>> {
    let bytes = fs::read(archive).with_context(|| archive.display().to_string())?;
    let members = ArchiveFile::parse(&*bytes)?;
    let mut names = BTreeSet::new();
    for member in members.members() {
        // Members that are no object files, such as an index, hold no symbols.
        let Ok(file) = object::File::parse(member?.data(&*bytes)?) else {
            continue;
        };
        let defined =
            file.symbols().filter(|s| s.is_definition() && s.is_global() && s.kind() == object::SymbolKind::Text);
        names.extend(defined.filter_map(|s| s.name().ok().map(plain)));
    }
    Ok(names)
}

/// A name as it stands in the source, without Rust's hash.
fn plain(name: &str) -> String {
    format!("{:#}", rustc_demangle::demangle(name))
}
