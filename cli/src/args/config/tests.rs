use super::super::{Command, Topic, tests::parse};

fn change(line: &str) -> Result<String, String> {
    match parse(line).unwrap().command {
        Some(Command::Topic(Topic::Config(config))) => match config.change() {
            Ok(change) => Ok(serde_json::to_string(&change).unwrap()),
            Err(mistakes) => Err(mistakes.to_string()),
        },
        other => panic!("{other:?}"),
    }
}

#[test]
fn changes() {
    assert_eq!(change("topic config t").as_deref(), Ok("null"));
    assert_eq!(
        change("topic config t --set=a=1 --set b=x=y --set c= --delete=d --unset=e").as_deref(),
        Ok(r#"{"set":{"a":"1","b":"x=y","c":""},"unset":["d","e"]}"#)
    );
}

// D16, on this side too: every mistake at once.
#[test]
fn mistakes() {
    assert_eq!(
        change("topic config t --set a --set =1 --set b=1 --set b=2").unwrap_err(),
        r#"--set is "a"; NAME=VALUE is expected; --set is "=1"; NAME=VALUE is expected; --set=b is given more than once"#
    );
}
