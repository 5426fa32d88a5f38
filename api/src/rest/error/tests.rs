use std::fmt::Write as _;

use expect_test::expect;

use super::*;
use crate::rest::golden;

// D16
#[test]
fn body() {
    golden(
        &ErrorBody {
            error_code: ErrorCode::TopicNotFound,
            message: "topic \"x\" does not exist".to_owned(),
            request_id: "5f0c".to_owned(),
        },
        &expect![[
            r#"{"error_code":"TopicNotFound","message":"topic \"x\" does not exist","request_id":"5f0c"}"#
        ]],
    );
}

// D48: the closed list. What changes here changes the API.
#[test]
fn codes() {
    let mut list = String::new();
    for code in ErrorCode::ALL {
        assert_eq!(serde_json::to_value(code).unwrap(), code.as_str());
        assert_eq!(code.as_str().parse(), Ok(*code));
        writeln!(list, "{} {code}", code.status()).unwrap();
    }
    expect![[r#"
        400 InvalidParameter
        400 HttpsRequired
        401 Unauthorized
        403 Forbidden
        404 BrokerNotFound
        404 GroupNotFound
        404 RouteNotFound
        404 JobNotFound
        404 TopicNotFound
        405 MethodNotAllowed
        408 RequestTimeout
        409 JobCancelled
        409 TopicAlreadyExists
        409 TopicDeletionDisabled
        409 ThrottleConflict
        413 RequestTooLarge
        429 TooManyFailures
        500 InternalError
        501 NotSupported
        502 KafkaRefused
        502 KafkaLoginRefused
        503 KafkaUnavailable
        503 NotRegistered
        503 Overloaded
        504 OutcomeUnknown
        504 Timeout
    "#]]
    .assert_eq(&list);
    assert!("Moon".parse::<ErrorCode>().is_err());
}

// D48: the list in the docs is this one, in this order.
#[test]
fn docs_list_every_code() {
    let readme = include_str!("../../../README.md");
    let rows = readme.lines().skip_while(|line| !line.starts_with("| Status | `error_code` |")).skip(2);
    let found: Vec<_> = rows
        .take_while(|line| line.starts_with('|'))
        .map(|row| row.split('|').map(str::trim).skip(1).take(2).collect::<Vec<_>>().join(" "))
        .collect();
    let listed = ErrorCode::ALL.iter().map(|code| format!("{} `{code}`", code.status()));
    assert_eq!(found, listed.collect::<Vec<_>>());
}
