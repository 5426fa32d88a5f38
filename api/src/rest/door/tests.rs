use expect_test::expect;

use super::*;
use crate::rest::golden;

#[test]
fn door() {
    let message = "/etc/kafka/tokens is wrong: line 3 has a name twice".to_owned();
    golden(
        &Door {
            not_taken_over: vec![NotTakenOver { message, setting: "API_TOKENS_FILE".to_owned() }],
            refused: Refused { wrong_tokens: 7, ..Refused::default() },
        },
        &expect![[
            r#"{"not_taken_over":[{"message":"/etc/kafka/tokens is wrong: line 3 has a name twice","setting":"API_TOKENS_FILE"}],"refused":{"connections_of_one_address":0,"large_bodies":0,"slow_bodies":0,"overloaded":0,"slow_readers":0,"wrong_tokens":7,"wrong_tokens_crowded":0}}"#
        ]],
    );
}
