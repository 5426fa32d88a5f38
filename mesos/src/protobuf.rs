//! The protobuf encoding, with the check the generated code does not make: required fields are there.
//!
//! The check reads the bytes against plain tables rather than by reflection, so that an executor stays small and a
//! large OFFERS event is not decoded twice.

use prost::bytes::Buf;
use prost::encoding::{DecodeContext, WireType, decode_key, decode_varint, skip_field};
use prost::{DecodeError as Malformed, Message, Name};

use crate::DecodeError;
use crate::json::{Problem, Problems};

/// What the check needs to know of a message.
struct Shape {
    name: &'static str,
    /// Numbers and names of required fields.
    required: &'static [(u32, &'static str)],
    /// Fields that hold messages.
    inner: &'static [Inner],
}

/// A field that holds messages.
struct Inner {
    number: u32,
    name: &'static str,
    repeated: bool,
    /// Index of the shape of the messages.
    shape: usize,
}

/// All messages, sorted by name.
static SHAPES: &[Shape] = include!(concat!(env!("OUT_DIR"), "/shapes.rs"));

/// Decodes a message and checks that all its required fields are there.
///
/// # Errors
/// When the bytes do not decode, or a required field is missing.
pub fn decode<T: Message + Name + Default>(bytes: &[u8]) -> Result<T, DecodeError> {
    let message = T::decode(bytes)?;
    check_required(&T::full_name(), bytes)?;
    Ok(message)
}

/// Entry point for a fuzzer: whatever the bytes, decoding ends; what decodes is encoded, decodes again and is the same.
///
/// # Panics
/// When that does not hold.
pub fn fuzz(bytes: &[u8]) {
    let Ok(call) = decode::<crate::v1::scheduler::Call>(bytes) else { return };
    // As bytes: a NaN in a scalar equals nothing.
    let again = decode::<crate::v1::scheduler::Call>(&call.encode_to_vec()).map(|call| call.encode_to_vec());
    assert_eq!(again.ok(), Some(call.encode_to_vec()), "what was encoded does not decode the same");
}

/// Checks bytes that decode as the named message.
pub(crate) fn check_required(name: &str, bytes: &[u8]) -> Result<(), DecodeError> {
    let mut problems = Vec::new();
    if let Ok(index) = SHAPES.binary_search_by(|shape| shape.name.cmp(name)) {
        check(&SHAPES[index], bytes, "", &mut problems)?;
    }
    if problems.is_empty() { Ok(()) } else { Err(Problems(problems).into()) }
}

fn check(shape: &Shape, bytes: &[u8], path: &str, problems: &mut Vec<Problem>) -> Result<(), Malformed> {
    // Fields seen, with the bytes of those that hold messages.
    let mut seen: Vec<(u32, &[u8])> = Vec::new();
    let mut rest = bytes;
    while rest.has_remaining() {
        let (number, wire_type) = decode_key(&mut rest)?;
        let inside = if wire_type == WireType::LengthDelimited
            && shape.inner.iter().any(|inner| inner.number == number)
        {
            let length = usize::try_from(decode_varint(&mut rest)?).unwrap_or(usize::MAX);
            // Decoding went well before, so this is never short.
            let (inside, after) = rest.split_at_checked(length).unwrap_or((rest, &[]));
            rest = after;
            inside
        } else {
            skip_field(wire_type, number, &mut rest, DecodeContext::default())?;
            &[]
        };
        seen.push((number, inside));
    }
    for (number, name) in shape.required {
        if !seen.iter().any(|(found, _)| found == number) {
            problems.push(Problem { path: join(path, name), what: "the field is required".to_owned() });
        }
    }
    for inner in shape.inner {
        let found: Vec<&[u8]> =
            seen.iter().filter(|(number, _)| *number == inner.number).map(|(_, inside)| *inside).collect();
        let name = join(path, inner.name);
        match found.as_slice() {
            [] => {}
            found if inner.repeated => {
                for (index, inside) in found.iter().enumerate() {
                    check(&SHAPES[inner.shape], inside, &format!("{name}[{index}]"), problems)?;
                }
            }
            [inside] => check(&SHAPES[inner.shape], inside, &name, problems)?,
            // Parts of one message are the same as their bytes one after the other.
            parts => check(&SHAPES[inner.shape], &parts.concat(), &name, problems)?,
        }
    }
    Ok(())
}

fn join(path: &str, name: &str) -> String {
    if path.is_empty() { name.to_owned() } else { format!("{path}.{name}") }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

    use super::*;
    use crate::v1::scheduler::{Call, call};
    use crate::v1::{FrameworkId, FrameworkInfo, TaskInfo};

    fn missing<T: Message + Name + Default + std::fmt::Debug>(bytes: &[u8]) -> String {
        match decode::<T>(bytes).unwrap_err() {
            DecodeError::Required(problems) => problems.to_string(),
            other => panic!("{other}"),
        }
    }

    #[test]
    fn every_missing_field_is_named_with_its_path() {
        assert_eq!(
            missing::<TaskInfo>(&[]),
            "name: the field is required; task_id: the field is required; agent_id: the field is required"
        );
        // reconcile { tasks {} tasks { task_id { value: "" } } }
        let bytes = [0x4a, 0x08, 0x0a, 0x00, 0x0a, 0x04, 0x0a, 0x02, 0x0a, 0x00];
        assert_eq!(missing::<Call>(&bytes), "reconcile.tasks[0].task_id: the field is required");
    }

    #[test]
    fn a_message_in_parts_counts_as_whole() {
        let part = |user: &str, name: &str| FrameworkInfo {
            user: user.into(),
            name: name.into(),
            ..Default::default()
        };
        let body = |info| Call {
            subscribe: Some(call::Subscribe { framework_info: info, ..Default::default() }),
            ..Default::default()
        };
        let whole = body(part("u", "n")).encode_to_vec();
        // The same, with user and name in two pieces: subscribe { framework_info { 1: "u" } } and { 2: "n" }.
        let parts = [0x1a, 5, 0x0a, 3, 0x0a, 1, b'u', 0x1a, 5, 0x0a, 3, 0x12, 1, b'n'];
        assert_eq!(decode::<Call>(&parts).unwrap(), decode::<Call>(&whole).unwrap());
        assert_eq!(missing::<Call>(&parts[..7]), "subscribe.framework_info.name: the field is required");
    }

    #[test]
    fn what_does_not_decode_is_no_question_of_fields() {
        assert!(matches!(decode::<FrameworkId>(&[0x0a, 5]), Err(DecodeError::Protobuf(_))));
        assert!(SHAPES.is_sorted_by_key(|shape| shape.name));
    }

    proptest::proptest! {
        #[test]
        fn arbitrary_bytes_do_no_harm(bytes in proptest::collection::vec(proptest::prelude::any::<u8>(), 0..60)) {
            fuzz(&bytes);
            // Inside a SUBSCRIBE, where more of them decode.
            let body = [&[0x1a, bytes.len() as u8][..], &bytes].concat();
            fuzz(&[&[0x08, 0x01][..], &body].concat());
        }
    }
}
