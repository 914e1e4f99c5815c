//! Files as answers: their names, and what a client has of them already or wants a part of. As werkzeug does it.

use std::ops::Range;

use axum::body::{Body, Bytes};
use axum::http::{HeaderMap, HeaderName, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use chrono::NaiveDateTime;
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use unicode_normalization::UnicodeNormalization as _;

use super::page;

/// How long what is named with its version may be kept, in seconds: a year.
const LONG: u32 = 31_536_000;
const DATE: &str = "%a, %d %b %Y %H:%M:%S GMT";
/// What RFC 5987 has to be quoted.
const QUOTED: AsciiSet = NON_ALPHANUMERIC
    .remove(b'!')
    .remove(b'#')
    .remove(b'$')
    .remove(b'&')
    .remove(b'+')
    .remove(b'-')
    .remove(b'.')
    .remove(b'^')
    .remove(b'_')
    .remove(b'`')
    .remove(b'|')
    .remove(b'~');

/// A file that is sent.
#[derive(Clone, Debug)]
pub struct File {
    pub content: Bytes,
    pub mimetype: String,
    /// Without quotes.
    pub etag: String,
    pub modified: Option<NaiveDateTime>,
    pub disposition: Option<String>,
    /// Whether it stays as it is at its path.
    pub immutable: bool,
    /// Whether others than the client may keep it.
    pub public: bool,
    /// Whether parts of it can be asked for.
    pub parts: bool,
}

impl File {
    /// The answer to a request with these headers: the file, a part of it (206), that the client has it (304), that it is
    /// another one (412), or that it has no such part (416).
    #[must_use]
    pub fn respond(self, request: &HeaderMap) -> Response {
        let length = self.content.len();
        let asked = text(request, &header::RANGE).filter(|_| self.parts && length > 0);
        let asked = asked.filter(|_| !request.contains_key(header::IF_RANGE) || !self.is_modified(request, true));
        if let Some(asked) = asked {
            let Some(part) = part(asked, length) else { return no_such_part(length) };
            let told = format!("bytes {}-{}/{length}", part.start, part.end - 1);
            let content = self.content.slice(part);
            let mut response = self.answer(StatusCode::PARTIAL_CONTENT, content);
            set(&mut response, header::CONTENT_RANGE, &told);
            return response;
        }
        if self.is_modified(request, false) {
            let content = self.content.clone();
            return self.answer(StatusCode::OK, content);
        }
        if request.contains_key(header::IF_MATCH) {
            return page::error(
                StatusCode::PRECONDITION_FAILED,
                "The precondition on the request for the URL failed positive evaluation.",
            );
        }
        let mut response = self.answer(StatusCode::NOT_MODIFIED, Bytes::new());
        // A client keeps what it was told of the content.
        for name in [header::CONTENT_TYPE, header::CONTENT_DISPOSITION, header::CONTENT_LENGTH, header::LAST_MODIFIED] {
            response.headers_mut().remove(name);
        }
        response
    }

    fn answer(&self, status: StatusCode, content: Bytes) -> Response {
        let mut response = (status, Body::from(content)).into_response();
        let kind = if self.mimetype.starts_with("text/") && !self.mimetype.contains("charset") {
            format!("{}; charset=utf-8", self.mimetype)
        } else {
            self.mimetype.clone()
        };
        set(&mut response, header::CONTENT_TYPE, &kind);
        let whose = if self.public { "public" } else { "private" };
        let kept = if self.immutable { format!("{whose}, max-age={LONG}, immutable") } else { "no-cache".to_owned() };
        set(&mut response, header::CACHE_CONTROL, &kept);
        if !self.etag.is_empty() {
            set(&mut response, header::ETAG, &format!("\"{}\"", self.etag));
        }
        if let Some(modified) = self.modified {
            set(&mut response, header::LAST_MODIFIED, &modified.format(DATE).to_string());
        }
        if let Some(disposition) = &self.disposition {
            set(&mut response, header::CONTENT_DISPOSITION, disposition);
        }
        if self.parts {
            set(&mut response, header::ACCEPT_RANGES, "bytes");
        }
        protect(&mut response);
        response
    }

    /// Whether the client has another file than this one, or none. `for_part`: `If-Range` decides.
    fn is_modified(&self, request: &HeaderMap, for_part: bool) -> bool {
        let range = text(request, &header::IF_RANGE).filter(|_| for_part);
        let since = range.and_then(date).or_else(|| text(request, &header::IF_MODIFIED_SINCE).and_then(date));
        let mut unmodified = since.zip(self.modified).is_some_and(|(since, modified)| whole(modified) <= since);
        if self.etag.is_empty() {
            return !unmodified;
        }
        if let Some(range) = range.filter(|range| date(range).is_none()) {
            return !has_etag(range, &self.etag, false);
        }
        if let Some(known) = text(request, &header::IF_NONE_MATCH) {
            unmodified = has_etag(known, &self.etag, true);
        }
        if let Some(wanted) = text(request, &header::IF_MATCH) {
            unmodified = !has_etag(wanted, &self.etag, false);
        }
        !unmodified
    }
}

/// Keeps browsers from running what is served, and from guessing what it is.
pub fn protect(response: &mut Response) {
    set(response, HeaderName::from_static("x-content-type-options"), "nosniff");
    set(response, header::CONTENT_SECURITY_POLICY, "default-src 'none'");
}

fn no_such_part(length: usize) -> Response {
    let mut response = page::error(StatusCode::RANGE_NOT_SATISFIABLE, "The server cannot provide the requested range.");
    set(&mut response, header::CONTENT_RANGE, &format!("bytes */{length}"));
    response
}

fn set(response: &mut Response, name: HeaderName, value: &str) {
    // What a header cannot hold is left out; there is none of it but in types that clients made up.
    if let Ok(value) = HeaderValue::from_str(value) {
        response.headers_mut().insert(name, value);
    }
}

fn text<'h>(headers: &'h HeaderMap, name: &HeaderName) -> Option<&'h str> {
    headers.get(name)?.to_str().ok().map(str::trim).filter(|text| !text.is_empty())
}

fn date(text: &str) -> Option<NaiveDateTime> {
    NaiveDateTime::parse_from_str(text, DATE).ok()
}

/// Without the parts of a second, which dates in headers do not have.
fn whole(time: NaiveDateTime) -> NaiveDateTime {
    chrono::Timelike::with_nanosecond(&time, 0).unwrap_or(time)
}

/// Whether a list of etags has this one; weak ones count where `weak`.
fn has_etag(list: &str, etag: &str, weak: bool) -> bool {
    list.split(',').map(str::trim).any(|item| {
        let (is_weak, item) = match item.strip_prefix("W/").or_else(|| item.strip_prefix("w/")) {
            Some(item) => (true, item),
            None => (false, item),
        };
        item == "*" || (weak || !is_weak) && item.trim_matches('"') == etag
    })
}

/// The part of a content of that length that a header `Range` asks for; nothing where it cannot be had. Several parts
/// cannot, nor a last part that is longer than the content.
fn part(asked: &str, length: usize) -> Option<Range<usize>> {
    let (unit, part) = asked.split_once('=')?;
    if !unit.trim().eq_ignore_ascii_case("bytes") {
        return None;
    }
    let number = |digits: &str| -> Option<usize> {
        let digits = digits.trim();
        (!digits.is_empty() && digits.bytes().all(|byte| byte.is_ascii_digit())).then(|| digits.parse().ok())?
    };
    let (first, last) = part.trim().split_once('-')?;
    let range = match (first.trim(), last.trim()) {
        ("", last) => length.checked_sub(number(last)?)?..length,
        (first, "") => number(first)?..length,
        (first, last) => {
            let (first, last) = (number(first)?, number(last)?);
            if first > last {
                return None;
            }
            first..last.saturating_add(1).min(length)
        }
    };
    (range.start < range.end).then_some(range)
}

/// The header `Content-Disposition` of a file that is shown or, as an attachment, kept. A name that is not ASCII comes
/// twice: without what ASCII lacks, and as RFC 5987 has it.
#[must_use]
pub fn disposition(name: &str, attachment: bool) -> String {
    let kind = if attachment { "attachment" } else { "inline" };
    let ascii: String = name.nfkd().filter(|c| (' '..='~').contains(c)).collect();
    let is_token =
        !ascii.is_empty() && ascii.bytes().all(|b| b.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&b));
    let plain =
        if is_token { ascii.clone() } else { format!("\"{}\"", ascii.replace('\\', "\\\\").replace('"', "\\\"")) };
    if ascii == name {
        return format!("{kind}; filename={plain}");
    }
    format!("{kind}; filename={plain}; filename*=UTF-8''{}", utf8_percent_encode(name, &QUOTED))
}

/// The header of a file that is kept, as Odoo writes it by itself: with the quoted name only.
#[must_use]
pub fn attachment(name: &str) -> String {
    format!("attachment; filename*=UTF-8''{}", utf8_percent_encode(name, &QUOTED))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parts() {
        for (asked, range) in [
            ("bytes=0-3", Some(0..4)),
            ("bytes=4-", Some(4..10)),
            ("bytes=-3", Some(7..10)),
            ("bytes=-10", Some(0..10)),
            ("bytes=8-99", Some(8..10)),
            ("BYTES = 1-1", Some(1..2)),
            ("bytes=0-18446744073709551615", Some(0..10)),
            ("bytes=10-", None),
            ("bytes=-0", None),
            ("bytes=-11", None),
            ("bytes=3-1", None),
            ("bytes=0-1,3-4", None),
            ("bytes=a-b", None),
            ("bytes=+1-2", None),
            ("bytes=--1", None),
            ("bytes=-", None),
            ("bytes=", None),
            ("bytes", None),
            ("", None),
            ("lines=0-1", None),
            ("bytes=99999999999999999999999-", None),
        ] {
            assert_eq!(part(asked, 10), range, "{asked}");
        }
    }

    #[test]
    fn etags() {
        for (list, weak, has) in [
            ("\"a\"", false, true),
            ("a", false, true),
            ("\"b\", \"a\"", false, true),
            ("W/\"a\"", false, false),
            ("W/\"a\"", true, true),
            ("*", false, true),
            ("\"b\"", true, false),
            ("", true, false),
        ] {
            assert_eq!(has_etag(list, "a", weak), has, "{list}");
        }
    }

    #[test]
    fn names() {
        assert_eq!(disposition("a.txt", false), "inline; filename=a.txt");
        assert_eq!(disposition("a b.txt", true), "attachment; filename=\"a b.txt\"");
        assert_eq!(disposition("a\"b", true), "attachment; filename=\"a\\\"b\"");
        assert_eq!(disposition("ü.txt", true), "attachment; filename=u.txt; filename*=UTF-8''%C3%BC.txt");
        assert_eq!(disposition("a\r\nb", false), "inline; filename=ab; filename*=UTF-8''a%0D%0Ab");
        assert_eq!(disposition("", false), "inline; filename=\"\"");
        assert_eq!(attachment("a b.txt"), "attachment; filename*=UTF-8''a%20b.txt");
    }

    fn file() -> File {
        File {
            content: Bytes::from_static(b"0123456789"),
            mimetype: "text/plain".to_owned(),
            etag: "a".to_owned(),
            modified: date("Sun, 06 Nov 1994 08:49:37 GMT"),
            disposition: None,
            immutable: false,
            public: false,
            parts: true,
        }
    }

    #[test]
    fn what_a_client_has_already() {
        for (headers, status) in [
            (vec![], 200),
            (vec![("if-none-match", "\"a\"")], 304),
            (vec![("if-none-match", "W/\"a\"")], 304),
            (vec![("if-none-match", "\"b\"")], 200),
            (vec![("if-none-match", "\"b\""), ("if-modified-since", "Sun, 06 Nov 1994 08:49:37 GMT")], 200),
            (vec![("if-modified-since", "Sun, 06 Nov 1994 08:49:37 GMT")], 304),
            (vec![("if-modified-since", "Sun, 06 Nov 1994 08:49:36 GMT")], 200),
            (vec![("if-modified-since", "yesterday")], 200),
            (vec![("if-match", "\"a\"")], 200),
            (vec![("if-match", "\"b\"")], 412),
            (vec![("range", "bytes=1-2")], 206),
            (vec![("range", "bytes=1-2"), ("if-range", "\"a\"")], 206),
            (vec![("range", "bytes=1-2"), ("if-range", "\"b\"")], 200),
            (vec![("range", "bytes=1-2"), ("if-range", "Sun, 06 Nov 1994 08:49:37 GMT")], 206),
            (vec![("range", "bytes=1-2"), ("if-range", "Sun, 06 Nov 1994 08:49:00 GMT")], 200),
            (vec![("range", "bytes=99-")], 416),
        ] {
            let mut request = HeaderMap::new();
            for (name, value) in &headers {
                request.insert(*name, HeaderValue::from_static(value));
            }
            assert_eq!(file().respond(&request).status(), status, "{headers:?}");
        }
    }
}
