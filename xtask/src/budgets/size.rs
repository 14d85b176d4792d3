//! Bytes of code in an archive, or in an object.

use anyhow::Result;
use object::read::archive::ArchiveFile;
use object::{Object, ObjectSection, SectionKind};

use super::Row;

/// Code and read-only data of our own member: what a program is linked with that calls every function.
pub(super) fn archive(bytes: &[u8]) -> Result<Row> {
    let mut ours = Vec::new();
    if bytes.starts_with(&object::archive::MAGIC) {
        for member in ArchiveFile::parse(bytes)?.members() {
            let member = member?;
            if member.name().starts_with(b"microusc_memory") {
                ours.push(member.data(bytes)?);
            }
        }
    } else {
        ours.push(bytes);
    }
    let mut row = Row::from([("bytes of code".to_owned(), 0), ("bytes of data".to_owned(), 0)]);
    for data in ours {
        let Ok(object) = object::File::parse(data) else { continue };
        for section in object.sections() {
            let what = match section.kind() {
                SectionKind::Text => "bytes of code",
                SectionKind::ReadOnlyData | SectionKind::ReadOnlyString => "bytes of data",
                _ => continue,
            };
            *row.entry(what.to_owned()).or_default() += section.size();
        }
    }
    Ok(row)
}
