//! docs/scale.md: its explanations are written by hand, its figures by this program, between marks.

use std::error::Error;
use std::fs;
use std::path::Path;

/// Puts `text` between `<!-- written: NAME -->` and the next `<!-- end -->`.
fn replaced(page: &str, name: &str, text: &str) -> Option<String> {
    let mark = format!("<!-- written: {name} -->\n");
    let start = page.find(&mark)? + mark.len();
    let end = start + page[start..].find("<!-- end -->")?;
    Some(format!("{}\n{}\n\n{}", &page[..start], text.trim_end(), &page[end..]))
}

/// Writes all parts.
pub fn write(docs: &Path, parts: &[(&str, String)]) -> Result<(), Box<dyn Error>> {
    let path = docs.join("scale.md");
    let mut page = fs::read_to_string(&path)?;
    for (name, text) in parts {
        page = replaced(&page, name, text).ok_or_else(|| format!("{} has no place for `{name}`", path.display()))?;
    }
    fs::write(path, page)?;
    Ok(())
}
