//! The codec of XML-RPC, with values of any form, beside Python's.

use std::io::Write as _;
use std::process::{Command, Stdio};

use proptest::prelude::*;
use proptest::strategy::ValueTree as _;
use proptest::test_runner::TestRunner;
use serde_json::{Map, Value, json};
use wiredoo::wire::xmlrpc::{self, Call};

use crate::common::PYTHON;

/// Texts that XML can have; a carriage return becomes a line feed when it is read.
fn text() -> impl Strategy<Value = String> {
    "[ -~\t\n]{0,12}|[\u{a0}-\u{d7ff}\u{e000}-\u{fffd}\u{10000}-\u{10ffff}]{0,6}|[<>&'\"\\]]{0,8}"
}

/// Names of members, none of which is an id.
fn name() -> impl Strategy<Value = String> {
    text().prop_map(|name| format!("_{name}"))
}

fn number() -> impl Strategy<Value = f64> {
    prop_oneof![proptest::num::f64::NORMAL, proptest::num::f64::SUBNORMAL, -1e6..1e6, Just(0.0), Just(-0.0)]
}

fn value() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        any::<bool>().prop_map(Value::from),
        any::<i32>().prop_map(Value::from),
        number().prop_map(Value::from),
        text().prop_map(Value::from),
    ];
    leaf.prop_recursive(5, 64, 6, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..6).prop_map(Value::from),
            prop::collection::vec((name(), inner), 0..6)
                .prop_map(|members| Value::from(members.into_iter().collect::<Map<_, _>>())),
        ]
    })
}

fn call(method: &str, params: &[Value]) -> String {
    let written = params.iter().map(|param| {
        let whole = xmlrpc::response(param).unwrap();
        whole[whole.find("<param>").unwrap()..whole.find("</params>").unwrap()].to_owned()
    });
    let params: String = written.collect();
    format!(
        "<?xml version='1.0'?>\n<methodCall><methodName>{method}</methodName><params>{params}</params></methodCall>"
    )
}

proptest! {
    #[test]
    fn what_is_written_is_read(params in prop::collection::vec(value(), 0..4)) {
        let read = xmlrpc::read(call("a.b_c", &params).as_bytes()).unwrap();
        prop_assert_eq!(read, Call { method: "a.b_c".into(), params });
    }

    #[test]
    fn encodings_do_not_matter(value in value()) {
        let written = xmlrpc::response(&value).unwrap();
        let utf16 = |bytes: fn(u16) -> [u8; 2]| {
            std::iter::once(0xfeff).chain(written.encode_utf16()).flat_map(bytes).collect::<Vec<u8>>()
        };
        let ascii: String = written.chars()
            .map(|c| if c.is_ascii() { c.to_string() } else { format!("&#{};", u32::from(c)) })
            .collect();
        let ascii = ascii.replace("version='1.0'", "version='1.0' encoding='US-ASCII'").into_bytes();
        for body in [utf16(u16::to_le_bytes), utf16(u16::to_be_bytes), ascii] {
            prop_assert_eq!(&xmlrpc::read(&body).unwrap().params, std::slice::from_ref(&value));
        }
    }

    #[test]
    fn nothing_panics(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
        drop(xmlrpc::read(&bytes));
    }

    #[test]
    fn nothing_panics_on_what_is_almost_a_call(
        pieces in prop::collection::vec(prop::sample::select(PIECES), 0..30),
    ) {
        drop(xmlrpc::read(pieces.concat().as_bytes()));
    }

    #[test]
    fn what_is_cut_off_is_refused(params in prop::collection::vec(value(), 0..3), cut in any::<prop::sample::Index>()) {
        let whole = call("m", &params);
        let end = cut.index(whole.len());
        prop_assert!(xmlrpc::read(&whole.as_bytes()[..end]).is_err());
    }

    #[test]
    fn faults_are_documents(message in any::<String>()) {
        let error = wiredoo::error::Error::UserError(message);
        for codes in [xmlrpc::Codes::Numbers, xmlrpc::Codes::Texts] {
            let fault = xmlrpc::fault(&error, codes).replace("<fault>", "<params>").replace("</fault>", "</params>");
            // Of what XML cannot have, only control characters are left out, as in Odoo.
            if !fault.contains(['\u{fffe}', '\u{ffff}']) {
                xmlrpc::read(fault.as_bytes()).unwrap();
            }
        }
    }
}

const PIECES: &[&str] = &[
    "<?xml version='1.0'?>",
    "<?xml version='1.0' encoding='latin-1'?>",
    "<methodCall>",
    "</methodCall>",
    "<methodName>",
    "</methodName>",
    "<params>",
    "</params>",
    "<param>",
    "</param>",
    "<value>",
    "</value>",
    "<value/>",
    "<array>",
    "</array>",
    "<array/>",
    "<struct>",
    "</struct>",
    "<name>",
    "</name>",
    "<int>",
    "</int>",
    "<double>",
    "</double>",
    "<base64>",
    "</base64>",
    "<dateTime.iso8601>",
    "</dateTime.iso8601>",
    "<nil/>",
    "<boolean>1</boolean>",
    "<!--",
    "-->",
    "<![CDATA[",
    "]]>",
    "<!DOCTYPE x>",
    "<?x",
    "?>",
    "&amp;",
    "&#x41;",
    "&",
    "1",
    "20200101T00:00:00",
    "\u{e9}",
    "YQ==",
    "x:",
    "<",
    ">",
    " ",
];

/// Runs a script of Python with lines for its input, and answers with the lines of its output; nothing where there is no
/// Python for tests.
fn python(script: &str, lines: &[Value]) -> Option<Vec<Value>> {
    let python = std::env::var_os(PYTHON)?;
    let mut child = Command::new(python)
        .arg("-c")
        .arg(script)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::inherit())
        .spawn()
        .unwrap();
    let mut stdin = child.stdin.take().unwrap();
    let input: Vec<String> = lines.iter().map(|line| format!("{line}\n")).collect();
    let writing = std::thread::spawn(move || stdin.write_all(input.concat().as_bytes()));
    let output = child.wait_with_output().unwrap();
    writing.join().unwrap().unwrap();
    assert!(output.status.success());
    let output = String::from_utf8(output.stdout).unwrap();
    Some(output.lines().map(|line| serde_json::from_str(line).unwrap()).collect())
}

#[test]
fn python_and_we_read_each_others_values() {
    let mut runner = TestRunner::default();
    let values: Vec<Value> = (0..500).map(|_| value().new_tree(&mut runner).unwrap().current()).collect();
    let lines: Vec<Value> = values.iter().map(|value| json!([value, xmlrpc::response(value).unwrap()])).collect();
    let script = "
import json, sys
import xmlrpc.client as x
same = lambda a, b: type(a) is type(b) and (
    len(a) == len(b) and all(map(same, a, b)) if isinstance(a, list) else
    list(a) == list(b) and all(same(a[k], b[k]) for k in a) if isinstance(a, dict) else
    repr(a) == repr(b) if isinstance(a, float) else a == b)
for line in sys.stdin:
    value, ours = json.loads(line)
    (read,), method = x.loads(ours)
    assert method is None and same(read, value), (ours, read, value)
    theirs = x.dumps((value,), methodresponse=True)
    assert theirs.split() == ours.split(), (ours, theirs)
    print(json.dumps(x.dumps((value, [value]), 'execute', allow_none=True)))
";
    let Some(theirs) = python(script, &lines) else { return };
    assert_eq!(theirs.len(), values.len());
    for (value, theirs) in values.iter().zip(&theirs) {
        let theirs = theirs.as_str().unwrap();
        let call = xmlrpc::read(theirs.as_bytes()).unwrap_or_else(|error| panic!("{error}: {theirs}"));
        assert_eq!(call, Call { method: "execute".into(), params: vec![value.clone(), json!([value])] });
    }
}

#[test]
fn types_that_only_python_writes() {
    let script = "
import datetime, json, sys
import xmlrpc.client as x
for line in sys.stdin:
    values = (None, x.DateTime(datetime.datetime(2020, 2, 29, 1, 2, 3)), datetime.datetime(1999, 12, 31, 23, 59, 59),
              x.Binary(bytes(range(256))), bytearray(b'ab'), (1, 'two'), {'a': None, 'b': [True, 2.5]}, -2**31)
    for encoding in 'utf-8', 'iso-8859-1', 'us-ascii', 'utf-16', 'cp1252':
        document = x.dumps(values + ('\\xe9',), 'm\\u00e9'[:1], encoding=encoding, allow_none=True)
        errors = 'xmlcharrefreplace'
        print(json.dumps(document.encode(encoding, errors).hex()))
";
    let Some(documents) = python(script, &[json!(0)]) else { return };
    let all: Vec<u8> = (0..=255).collect();
    let base64 = base64::Engine::encode(&base64::engine::general_purpose::STANDARD, all);
    for document in &documents {
        let bytes = hex::decode(document.as_str().unwrap()).unwrap();
        let call = xmlrpc::read(&bytes).unwrap();
        let expected = json!([null, "2020-02-29 01:02:03", "1999-12-31 23:59:59", base64, "YWI=", [1, "two"],
            {"a": null, "b": [true, 2.5]}, i32::MIN, "\u{e9}"]);
        assert_eq!((call.method, Value::from(call.params)), (json!("m"), expected));
    }
    assert_eq!(documents.len(), 5);
}

#[test]
fn what_python_refuses_we_refuse_in_its_words() {
    let wrapped = |value: &str| format!("<methodCall><params><param>{value}</param></params></methodCall>");
    let documents: Vec<Value> = [
        "",
        " ",
        "x",
        "<a",
        "<a>",
        "<a></b>",
        "<a/><b/>",
        "<a/>x",
        "</a>",
        "<a b></a>",
        "<a b='<'/>",
        "<a b='1' b='1'/>",
        "<a>&x;</a>",
        "<a>&#0;</a>",
        "<a>&#xZ;</a>",
        "<a>& </a>",
        "<a>]]></a>",
        "<a>\u{1}</a>",
        "<a><!-- -- --></a>",
        "<1/>",
        " <?xml version='1.0'?><a/>",
        "<a/>",
        "<methodCall/>",
    ]
    .iter()
    .map(ToString::to_string)
    .chain(
        [
            "<value><int>x</int></value>",
            "<value><int> 12 </int></value>",
            "<value><int>1_000</int></value>",
            "<value><i8>99999999999</i8></value>",
            "<value><double> 1e3 </double></value>",
            "<value><double>.</double></value>",
            "<value><boolean>true</boolean></value>",
            "<value><foo/></value>",
            "<value><struct><member><value>1</value></member></struct></value>",
            "<value><base64>YWI</base64></value>",
            "<value><base64>Y</base64></value>",
            "<value><base64>YWI=YWI=</base64></value>",
            "<value><base64> Y W=I=x</base64></value>",
            "<value> <string>x</string> </value>",
            "<value>x<string>y</string>z</value>",
            "<value/>",
            "<value><string/></value>",
            "<value><array/></value>",
            "<value><ex:nil/></value>",
            "<value><![CDATA[<&>]]>&lt;\r\n</value>",
        ]
        .iter()
        .map(|value| wrapped(value)),
    )
    .map(Value::from)
    .collect();
    let script = "
import json, sys
import xmlrpc.client as x
plain = lambda v: list(map(plain, v)) if isinstance(v, (list, tuple)) else (
    {k: plain(v[k]) for k in v} if isinstance(v, dict) else __import__('base64').b64encode(v.data).decode()
    if isinstance(v, x.Binary) else v)
for line in sys.stdin:
    try:
        print(json.dumps({'value': plain(x.loads(json.loads(line))[0])}))
    except Exception as error:
        name = type(error).__module__ + '.' + type(error).__name__
        print(json.dumps({'error': [name, str(error)]}))
";
    let Some(theirs) = python(script, &documents) else { return };
    // Where in a tag or reference expat finds fault with it is not always told alike.
    let without_column = |message: &str| message.split(", column").next().unwrap_or_default().to_owned();
    for (document, mut theirs) in documents.iter().zip(theirs) {
        if let Some(message) = theirs["error"][1].as_str().map(without_column) {
            theirs["error"][1] = message.into();
        }
        let ours = match xmlrpc::read(document.as_str().unwrap().as_bytes()) {
            Ok(call) => json!({"value": call.params}),
            Err(error) => json!({"error": [error.name(), without_column(&error.to_string())]}),
        };
        assert_eq!(ours, theirs, "{document}");
    }
}
