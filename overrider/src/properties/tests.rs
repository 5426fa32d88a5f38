#![allow(clippy::unwrap_used)] // a failed unwrap is a failed test

use proptest::prelude::*;

use super::*;

fn check(text: &str, expect: &[(&str, &str)]) {
    let parsed = Properties::parse(text.as_bytes()).unwrap();
    let expect: BTreeMap<_, _> = expect.iter().map(|&(k, v)| (k.to_owned(), v.to_owned())).collect();
    assert_eq!(parsed.to_map(), expect, "{text:?}");
    assert_eq!(parsed.to_bytes(), text.as_bytes(), "{text:?} is not kept");
}

#[test]
fn separators() {
    check("a=1\nb:2\nc 3\nd\t4\n", &[("a", "1"), ("b", "2"), ("c", "3"), ("d", "4")]);
    check("a = 1\nb : 2\nc  =  = 3\n", &[("a", "1"), ("b", "2"), ("c", "= 3")]);
    check(
        "a==1\nb:=2\nkey\nempty=\n=anonymous",
        &[("a", "=1"), ("b", "=2"), ("key", ""), ("empty", ""), ("", "anonymous")],
    );
    check("trailing=blanks stay  \n", &[("trailing", "blanks stay  ")]);
}

#[test]
fn comments_blank_lines_and_line_ends() {
    check("# a=1\n  ! b=2\n\n \t \nc=3", &[("c", "3")]);
    check("a=1\r\nb=2\rc=3\n", &[("a", "1"), ("b", "2"), ("c", "3")]);
    check("# no continuation in a comment \\\na=1\n", &[("a", "1")]);
}

#[test]
fn continuation_lines() {
    check("a=1,\\\n   2,\\\r\n\t3\nb=4\n", &[("a", "1,2,3"), ("b", "4")]);
    check("a=not\\\\\nb=joined\n", &[("a", "not\\"), ("b", "joined")]);
    check("a=1\\\n# part of a\n", &[("a", "1# part of a")]);
    check("a=open at the end\\", &[("a", "open at the end")]);
    check("a=1\\\n\nb=2\n", &[("a", "1"), ("b", "2")]);
}

#[test]
fn escapes() {
    check("a\\ b\\=c\\:d=\\t\\n\\r\\f\\q\\\\\n", &[("a b=c:d", "\t\n\r\u{c}q\\")]);
    check("smile=\\uD83D\\ude00 \\u00e9\n", &[("smile", "😀 é")]);
    let latin1 = Properties::parse(b"name=caf\xe9\n").unwrap();
    assert_eq!(latin1.get("name"), Some("café"));
    assert_eq!(latin1.to_bytes(), b"name=caf\xe9\n");
}

#[test]
fn all_unreadable_entries_are_reported_at_once() {
    let error = Properties::parse(b"a=1\n# x\nb=\\u12\nc=2\\\n 3\nd=\\uD800\ne=\\u+123").unwrap_err();
    assert_eq!(
        error.to_string(),
        "line 3: \\u needs four hexadecimal digits; line 6: a \\u escape is one half of a surrogate pair; \
         line 7: \\u needs four hexadecimal digits"
    );
}

#[test]
fn the_last_duplicate_counts_and_is_the_one_changed() {
    let mut parsed = Properties::parse(b"a=1\nb=2\na=3\n").unwrap();
    assert_eq!(parsed.get("a"), Some("3"));
    parsed.set("a", "4");
    assert_eq!(parsed.to_bytes(), b"a=1\nb=2\na=4\n");
    parsed.remove("a");
    assert_eq!(parsed.to_bytes(), b"b=2\n");
}

#[test]
fn a_change_touches_nothing_else() {
    let mut parsed = Properties::parse(b"# broker\n  port : 1\n\nhost\\\n  =x\n# end").unwrap();
    parsed.set("host", "x");
    assert_eq!(
        parsed.to_bytes(),
        b"# broker\n  port : 1\n\nhost\\\n  =x\n# end",
        "an equal value keeps its bytes"
    );
    parsed.set("port", "2");
    parsed.set("new key", " v\\");
    assert_eq!(
        String::from_utf8(parsed.to_bytes()).unwrap(),
        "# broker\nport=2\n\nhost\\\n  =x\n# end\nnew\\ key=\\ v\\\\\n"
    );
}

#[test]
fn nothing_is_appended_to_an_open_line() {
    for open in ["a=1", "a=1\\", "a=1\\\n", "a=1\\\r\n"] {
        let mut parsed = Properties::parse(open.as_bytes()).unwrap();
        parsed.set("b", "2");
        let again = Properties::parse(&parsed.to_bytes()).unwrap();
        assert_eq!((again.get("a"), again.get("b")), (Some("1"), Some("2")), "{open:?}");
    }
}

proptest! {
    #[test]
    fn any_bytes(bytes in proptest::collection::vec(line_byte(), 0..80)) {
        fuzz(&bytes);
    }

    #[test]
    fn what_is_set_is_read_back(bytes in proptest::collection::vec(line_byte(), 0..40), key in ".*", value in ".*") {
        if let Ok(mut parsed) = Properties::parse(&bytes) {
            let mut expect = parsed.to_map();
            expect.insert(key.clone(), value.clone());
            parsed.set(&key, &value);
            let again = Properties::parse(&parsed.to_bytes()).unwrap();
            prop_assert_eq!(again.to_map(), expect);
            prop_assert_eq!(again.to_bytes(), parsed.to_bytes());
        }
    }
}

/// Bytes that mean something to the format, and some that do not.
fn line_byte() -> impl Strategy<Value = u8> {
    prop_oneof![proptest::sample::select(b"\\\\\\\n\n\r \t\x0c=:#!u0dDab\xe9".to_vec()), any::<u8>(),]
}
