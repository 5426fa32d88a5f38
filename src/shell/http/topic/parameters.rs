//! The parameters of `POST /v1/topics` (S-104): all that is wrong with them is said at once.

use std::{collections::BTreeMap, fmt::Display, str::FromStr};

use kafka::topic::{MAX_PARTITIONS, NewTopic, TopicName};

use super::{super::query::pairs, ApiError};

/// Highest replication factor that Kafka's protocol can carry.
const MAX_REPLICATION: u16 = i16::MAX.unsigned_abs();
const KNOWN: [&str; 3] = ["name", "partitions", "replication"];

/// The topic that a query string asks for.
pub(super) fn new_topic(query: &str) -> Result<NewTopic, ApiError> {
    let mut errors = Vec::new();
    let given = pairs(query, &KNOWN, &mut errors)?;
    let name = match given.get("name") {
        Some(text) => text.parse::<TopicName>().map_err(|error| errors.push(error.to_string())).ok(),
        None => {
            errors.push("the parameter name is missing: POST /v1/topics?name=<topic>".to_owned());
            None
        }
    };
    let partitions = number(&given, "partitions", MAX_PARTITIONS, &mut errors);
    let replication = number(&given, "replication", MAX_REPLICATION, &mut errors);
    match name {
        Some(name) if errors.is_empty() => Ok(NewTopic { partitions, replication, ..NewTopic::new(name) }),
        _ => Err(ApiError::parameter(errors.join("; "))),
    }
}

pub(super) fn number<T>(
    given: &BTreeMap<String, String>,
    key: &str,
    most: T,
    errors: &mut Vec<String>,
) -> Option<T>
where
    T: FromStr + Ord + From<u8> + Display,
{
    let text = given.get(key)?;
    let number = text.parse::<T>().ok().filter(|number| *number >= T::from(1) && *number <= most);
    if number.is_none() {
        errors.push(format!("{key} is {text:?}; a whole number from 1 to {most} is expected"));
    }
    number
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test that cannot go on should stop")]

    use expect_test::{Expect, expect};

    use super::*;

    fn check(query: &str, expect: Expect) {
        let text = match new_topic(query) {
            Ok(topic) => format!("{} {:?} {:?}", topic.name, topic.partitions, topic.replication),
            Err(error) => format!("{}: {}", error.code, error.message.replace("; ", ";\n")),
        };
        expect.assert_eq(&text);
    }

    // S-104, D41: what is not given stays open.
    #[test]
    fn good_ones() {
        check("name=topic1&partitions=3&replication=2", expect!["topic1 Some(3) Some(2)"]);
        check("replication=3&name=topic1", expect!["topic1 None Some(3)"]);
        check("name=a%2Eb", expect!["a.b None None"]);
    }

    // D16: every mistake at once.
    #[test]
    fn bad_ones() {
        check("", expect!["InvalidParameter: the parameter name is missing: POST /v1/topics?name=<topic>"]);
        check(
            "name=a%20b&partitions=0&replication=x&partition=3&name=c",
            expect![[r#"
                InvalidParameter: there is no parameter "partition";
                there are name, partitions, replication;
                the parameter name is given more than once;
                Topic name is invalid: 'a b' contains one or more characters other than ASCII alphanumerics, '.', '_' and '-';
                partitions is "0";
                a whole number from 1 to 10000 is expected;
                replication is "x";
                a whole number from 1 to 32767 is expected"#]],
        );
        check(
            "name=t&partitions=-1&replication=99999",
            expect![[r#"
                InvalidParameter: partitions is "-1";
                a whole number from 1 to 10000 is expected;
                replication is "99999";
                a whole number from 1 to 32767 is expected"#]],
        );
    }
}
