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
        404 BrokerNotFound
        404 RouteNotFound
        404 TopicNotFound
        405 MethodNotAllowed
        409 TopicAlreadyExists
        413 RequestTooLarge
        500 InternalError
        502 KafkaRefused
        503 KafkaUnavailable
        503 NotRegistered
        503 Overloaded
        504 Timeout
    "#]]
    .assert_eq(&list);
    assert!("Moon".parse::<ErrorCode>().is_err());
}
