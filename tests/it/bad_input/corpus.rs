//! Input as hostile and broken programs send it.

use std::fmt::Write;

use proptest::prelude::*;
use serde_json::{Map, Value, json};

/// An address without a branch.
pub(super) const NOWHERE: &str = "http://127.0.0.1:1/in";

/// Names that are dangerous in SQL, URLs, paths, terminals and C strings if these are built without care.
pub(super) fn names() -> Vec<String> {
    let mut names: Vec<_> = [
        "",
        " ",
        "'",
        "\"",
        "''; DROP TABLE trans_global; --",
        "a'b",
        "a\"b",
        "a\\b",
        "a/b",
        "../../etc/passwd",
        "a%00b",
        "a\0b",
        "a\r\nb: c",
        "a?b&c=d#e",
        "%",
        "%zz",
        "{}",
        "$1",
        "\u{202e}abc",
        "\u{feff}gid",
        "ＡＢＣ",
        "é",
        "e\u{301}",
        "😀",
        "\u{fffd}",
        "FAILURE",
        "ONGOING",
        "null",
        "-1",
    ]
    .map(str::to_owned)
    .into();
    names.extend(["g".repeat(128), "g".repeat(129), "é".repeat(129), "g".repeat(100_000)]);
    names
}

/// Addresses that are invalid, or must not be called.
pub(super) fn urls() -> Vec<String> {
    [
        "",
        " ",
        "in",
        "/in",
        "//host/in",
        "http://",
        "http:///in",
        "http://[::1",
        "http://host:99999/in",
        "http://user:password@127.0.0.1:1/",
        "http://127.0.0.1:1/\r\nHost: other",
        "http://127.0.0.1:1/a b",
        "http://127.0.0.1:1/%00",
        "http://127.0.0.1:1/?gid=other&op=cancel",
        "http://127.0.0.1:1/#fragment",
        "http://169.254.169.254/latest/meta-data",
        "http://[::ffff:169.254.169.254]/",
        "http://0x7f.1:1/",
        "HTTP://127.0.0.1:1/",
        "https://127.0.0.1:1/",
        "ftp://127.0.0.1/",
        "file:///etc/passwd",
        "javascript:alert(1)",
        "grpc://127.0.0.1:1/busi.Busi/TransIn",
        "topic://",
        "topic://no/such",
        "topic://FAILURE",
        "http://ⓔⓧⓐⓜⓟⓛⓔ/",
    ]
    .map(str::to_owned)
    .into()
}

/// Whole bodies, by name.
pub(super) fn bodies() -> Vec<(&'static str, Vec<u8>)> {
    let steps = |count: usize| {
        let mut steps = String::from(r#"{"gid":"many","trans_type":"msg","steps":["#);
        for number in 0..count {
            let comma = if number == 0 { "" } else { "," };
            write!(steps, "{comma}{{}}").expect("a String takes what is written");
        }
        steps + "]}"
    };
    vec![
        ("nothing", vec![]),
        ("blanks", b" \t\r\n".to_vec()),
        ("a NUL", vec![0]),
        ("no JSON", b"gid=a&trans_type=msg".to_vec()),
        ("half an object", br#"{"gid":"#.to_vec()),
        ("half a text", br#"{"gid":"a"#.to_vec()),
        ("two objects", br#"{"gid":"two"}{"gid":"three"}"#.to_vec()),
        ("one key twice", br#"{"gid":"a","gid":"b","trans_type":"msg"}"#.to_vec()),
        ("no UTF-8", b"{\"gid\":\"\xff\xfe\",\"trans_type\":\"msg\"}".to_vec()),
        ("half a surrogate pair", br#"{"gid":"\ud800","trans_type":"msg"}"#.to_vec()),
        ("an escaped NUL", br#"{"gid":"a\u0000b","trans_type":"msg"}"#.to_vec()),
        ("a byte order mark", b"\xef\xbb\xbf{\"gid\":\"bom\"}".to_vec()),
        ("UTF-16", "{\"gid\":\"a\"}".encode_utf16().flat_map(u16::to_le_bytes).collect()),
        ("a number beyond all", br#"{"gid":"n","trans_type":"msg","timeout_to_fail":1e400}"#.to_vec()),
        ("no number", br#"{"gid":"n","trans_type":"msg","timeout_to_fail":NaN}"#.to_vec()),
        ("null", b"null".to_vec()),
        ("true", b"true".to_vec()),
        ("a number", b"7".to_vec()),
        ("a text", br#""gid""#.to_vec()),
        ("a list", b"[]".to_vec()),
        ("lists in lists", [b"[".repeat(200_000), b"]".repeat(200_000)].concat()),
        ("objects in objects", [br#"{"a":"#.repeat(100_000), b"1".to_vec(), b"}".repeat(100_000)].concat()),
        ("deep in a field", format!(r#"{{"gid":"d","steps":{}1{}}}"#, "[".repeat(50_000), "]".repeat(50_000)).into()),
        ("a long text", format!(r#"{{"gid":"{}","trans_type":"msg"}}"#, "g".repeat(4 << 20)).into()),
        ("too many bytes", vec![b' '; (16 << 20) + 1]),
        ("a million steps", steps(1_000_000).into()),
        ("no steps", br#"{"gid":"no-steps","trans_type":"msg","steps":[],"payloads":[]}"#.to_vec()),
    ]
}

/// Values of every type, at the limits of the protocol's types.
fn values() -> impl Strategy<Value = Value> {
    prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        prop::sample::select(vec![
            json!(-1),
            json!(0),
            json!(i64::MIN),
            json!(i64::MAX),
            json!(u64::MAX),
            json!(1.5),
            json!(1e300),
            json!(9_223_372_037_i64),
            json!([]),
            json!({}),
            json!([[]]),
            json!([null]),
            json!({"": ""}),
            json!({"Content-Length": "0"}),
            json!({"x": "a\r\nb: c"}),
            json!("{\"delay\":-1}"),
            json!("{\"delay\":18446744073709551615}"),
            json!("{\"delay\":\"1\"}"),
            json!("{"),
        ]),
        prop::sample::select(names()).prop_map(Value::from),
        prop::sample::select(urls()).prop_map(Value::from),
        ".{0,40}".prop_map(Value::from),
    ]
}

/// A valid message with some parts replaced.
pub(super) fn messages() -> impl Strategy<Value = Value> {
    const FIELDS: [&str; 14] = [
        "gid",
        "trans_type",
        "steps",
        "payloads",
        "query_prepared",
        "custom_data",
        "protocol",
        "rollback_reason",
        "wait_result",
        "timeout_to_fail",
        "request_timeout",
        "retry_interval",
        "branch_headers",
        "concurrent",
    ];
    let steps = prop::collection::vec(
        prop_oneof![prop::sample::select(urls()).prop_map(|url| json!({ "action": url })), values()],
        0..3,
    );
    let changes = prop::collection::btree_map(prop::sample::select(FIELDS.to_vec()), values(), 0..3);
    ("[a-z]{1,8}", prop::option::of(steps), changes).prop_map(|(gid, steps, changes)| {
        let mut message = Map::new();
        message.insert("gid".to_owned(), gid.into());
        message.insert("trans_type".to_owned(), "msg".into());
        message.insert("steps".to_owned(), steps.map_or_else(|| json!([{ "action": NOWHERE }]), Value::from));
        message.insert("payloads".to_owned(), json!(["{}"]));
        message.insert("query_prepared".to_owned(), NOWHERE.into());
        message.extend(changes.into_iter().map(|(field, value)| (field.to_owned(), value)));
        Value::from(message)
    })
}
