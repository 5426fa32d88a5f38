use expect_test::expect;

use super::*;
use crate::rest::golden;

#[test]
fn door() {
    let message = "/etc/kafka/tokens is wrong: line 3 has a name twice".to_owned();
    golden(
        &Door {
            not_taken_over: vec![NotTakenOver { message, setting: "API_TOKENS_FILE".to_owned() }],
            refused: Refused { wrong_tokens: 7, wrong_tokens_crowded: 0 },
        },
        &expect![[
            r#"{"not_taken_over":[{"message":"/etc/kafka/tokens is wrong: line 3 has a name twice","setting":"API_TOKENS_FILE"}],"refused":{"wrong_tokens":7,"wrong_tokens_crowded":0}}"#
        ]],
    );
}
