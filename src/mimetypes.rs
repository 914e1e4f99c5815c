//! Types of files, by their names and by how their contents begin.

use std::io::{Cursor, Read as _};

/// What is said of contents of which nothing is known.
pub const UNKNOWN: &str = "application/octet-stream";
/// As much of a content is looked at.
const START: usize = 1024;

/// Types by the endings of names.
const TYPES: [(&str, &str); 46] = [
    ("avi", "video/x-msvideo"),
    ("bmp", "image/bmp"),
    ("bz2", "application/x-bzip2"),
    ("css", "text/css"),
    ("csv", "text/csv"),
    ("doc", "application/msword"),
    ("docx", "application/vnd.openxmlformats-officedocument.wordprocessingml.document"),
    ("eml", "message/rfc822"),
    ("gif", "image/gif"),
    ("gz", "application/gzip"),
    ("htm", "text/html"),
    ("html", "text/html"),
    ("ico", "image/vnd.microsoft.icon"),
    ("ics", "text/calendar"),
    ("jpe", "image/jpeg"),
    ("jpeg", "image/jpeg"),
    ("jpg", "image/jpeg"),
    ("js", "text/javascript"),
    ("json", "application/json"),
    ("md", "text/markdown"),
    ("mp3", "audio/mpeg"),
    ("mp4", "video/mp4"),
    ("mpeg", "video/mpeg"),
    ("odp", "application/vnd.oasis.opendocument.presentation"),
    ("ods", "application/vnd.oasis.opendocument.spreadsheet"),
    ("odt", "application/vnd.oasis.opendocument.text"),
    ("pdf", "application/pdf"),
    ("png", "image/png"),
    ("ppt", "application/vnd.ms-powerpoint"),
    ("pptx", "application/vnd.openxmlformats-officedocument.presentationml.presentation"),
    ("ps", "application/postscript"),
    ("py", "text/x-python"),
    ("rtf", "application/rtf"),
    ("svg", "image/svg+xml"),
    ("tar", "application/x-tar"),
    ("tif", "image/tiff"),
    ("tiff", "image/tiff"),
    ("tsv", "text/tab-separated-values"),
    ("txt", "text/plain"),
    ("vcf", "text/vcard"),
    ("wav", "audio/x-wav"),
    ("webp", "image/webp"),
    ("xls", "application/vnd.ms-excel"),
    ("xlsx", "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"),
    ("xml", "text/xml"),
    ("zip", "application/zip"),
];
/// Types by how contents begin.
const SIGNATURES: [(&[u8], &str); 12] = [
    (b"%PDF", "application/pdf"),
    (b"\xff\xd8\xff", "image/jpeg"),
    (b"\x89PNG\r\n\x1a\n", "image/png"),
    (b"GIF87a", "image/gif"),
    (b"GIF89a", "image/gif"),
    (b"BM", "image/bmp"),
    (b"\0\0\x01\0", "image/x-icon"),
    (b"<svg", "image/svg+xml"),
    (b"<?xml", "text/xml"),
    (b"PK\x03\x04", "application/zip"),
    (b"\x1f\x8b", "application/gzip"),
    (b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1", "application/CDFV2"),
];

/// The type that a name says.
#[must_use]
pub fn by_name(name: &str) -> Option<&'static str> {
    let (_, ending) = name.rsplit_once('.')?;
    let ending = ending.to_lowercase();
    TYPES.iter().find(|(known, _)| *known == ending).map(|(_, kind)| *kind)
}

/// The ending that names of files of this type have.
#[must_use]
pub fn ending(kind: &str) -> Option<&'static str> {
    let usual = match kind {
        "image/jpeg" => Some("jpg"),
        "text/html" => Some("html"),
        _ => None,
    };
    usual.or_else(|| TYPES.iter().find(|(_, known)| *known == kind).map(|(ending, _)| *ending))
}

/// The type that a content has, by how it begins; [`UNKNOWN`] where that says nothing.
#[must_use]
pub fn by_content(content: &[u8]) -> &'static str {
    match SIGNATURES.iter().find(|(signature, _)| content.starts_with(signature)).map(|(_, kind)| *kind) {
        Some("application/zip") => return office(content).unwrap_or("application/zip"),
        Some("text/xml") if has_svg(content) => return "image/svg+xml",
        Some(kind) => return kind,
        None => {}
    }
    if content.starts_with(b"RIFF") && content.get(8..12) == Some(b"WEBP") {
        return "image/webp";
    }
    let is_text = std::str::from_utf8(content)
        .is_ok_and(|text| !text.chars().any(|c| c.is_control() && !matches!(c, '\n' | '\r' | '\t' | '\x0c')));
    if is_text { "text/plain" } else { UNKNOWN }
}

/// Whether an XML document begins as an image.
fn has_svg(content: &[u8]) -> bool {
    let start = String::from_utf8_lossy(&content[..content.len().min(START)]).to_lowercase();
    start.contains("<svg")
}

/// The type of a document that is a zip: Open Document says it in its first entry, Office Open XML by its folders.
fn office(content: &[u8]) -> Option<&'static str> {
    let mut zip = zip::ZipArchive::new(Cursor::new(content)).ok()?;
    if let Ok(entry) = zip.by_name("mimetype") {
        let mut told = String::new();
        entry.take(START as u64).read_to_string(&mut told).ok()?;
        return TYPES.iter().map(|(_, kind)| *kind).find(|kind| *kind == told.trim());
    }
    let has = |folder: &str| zip.file_names().flatten().any(|name| name.starts_with(folder));
    if !has("[Content_Types].xml") {
        return None;
    }
    [("word/", "docx"), ("xl/", "xlsx"), ("ppt/", "pptx")]
        .iter()
        .find(|(folder, _)| has(folder))
        .and_then(|(_, ending)| by_name(&format!(".{ending}")))
}

#[cfg(test)]
mod tests {
    use std::io::Write as _;

    use super::*;

    fn zipped(files: &[(&str, &str)]) -> Vec<u8> {
        let mut zip = zip::ZipWriter::new(Cursor::new(Vec::new()));
        for (name, content) in files {
            zip.start_file(*name, zip::write::SimpleFileOptions::default()).unwrap();
            zip.write_all(content.as_bytes()).unwrap();
        }
        zip.finish().unwrap().into_inner()
    }

    #[test]
    fn types_by_content() {
        let odt = "application/vnd.oasis.opendocument.text";
        for (content, kind) in [
            (b"%PDF-1.4".to_vec(), "application/pdf"),
            (b"<?xml version='1.0'?>\n<svg/>".to_vec(), "image/svg+xml"),
            (b"<?xml version='1.0'?><a/>".to_vec(), "text/xml"),
            (b"RIFF....WEBPVP8 ".to_vec(), "image/webp"),
            (zipped(&[("a", "")]), "application/zip"),
            (zipped(&[("mimetype", odt)]), odt),
            (
                zipped(&[("[Content_Types].xml", ""), ("xl/workbook.xml", "")]),
                "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
            ),
            (b"PK\x03\x04 broken".to_vec(), "application/zip"),
            (b"words\n".to_vec(), "text/plain"),
            (b"\0\x01".to_vec(), UNKNOWN),
        ] {
            assert_eq!(by_content(&content), kind);
        }
    }

    #[test]
    fn endings() {
        assert_eq!(by_name("a.b.PNG"), Some("image/png"));
        assert_eq!(by_name("png"), None);
        assert_eq!(ending("text/plain"), Some("txt"));
        assert_eq!(ending("image/jpeg"), Some("jpg"));
        assert_eq!(ending("x/y"), None);
    }
}
