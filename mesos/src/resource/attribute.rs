//! Agent attributes as an operator writes them: `rack:abc;zone:west;level:10;keys:[1000-1500]`.
//!
//! Numbers become SCALAR, brackets RANGES, everything else TEXT; Mesos knows no sets here.
use super::parse::{self, ParseError};
use super::{Scalar, Value};
use crate::v1;
use crate::v1::value::Type;

/// Reads attributes, in the order of the text.
///
/// # Errors
/// All mistakes at once, in the order of the text.
pub fn attributes(text: &str) -> Result<Vec<v1::Attribute>, Vec<ParseError>> {
    let (mut good, mut bad) = (Vec::new(), Vec::new());
    for piece in text.split(';').map(str::trim).filter(|piece| !piece.is_empty()) {
        match one(piece) {
            Ok(attribute) => good.push(attribute),
            Err(error) => bad.push(error),
        }
    }
    if bad.is_empty() { Ok(good) } else { Err(bad) }
}

fn one(piece: &str) -> Result<v1::Attribute, ParseError> {
    let shape = || ParseError::Shape(piece.to_owned());
    let (name, text) = piece.split_once(':').ok_or_else(shape)?;
    let (name, text) = (name.trim(), text.trim());
    if name.is_empty() || text.is_empty() {
        return Err(shape());
    }
    let mut attribute =
        v1::Attribute { name: name.to_owned(), r#type: Type::Text.into(), ..Default::default() };
    if text.starts_with('[') {
        let Some(Value::Ranges(ranges)) = parse::value(text) else {
            return Err(ParseError::Value(piece.to_owned()));
        };
        attribute.r#type = Type::Ranges.into();
        attribute.ranges = Some((&ranges).into());
    } else if let Some(number) = parse::number(text) {
        attribute.r#type = Type::Scalar.into();
        attribute.scalar = Some(v1::value::Scalar { value: Scalar::from_f64(number).to_f64() });
    } else {
        attribute.text = Some(v1::value::Text { value: text.to_owned() });
    }
    Ok(attribute)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a panic is how a test fails")]
    use super::*;

    #[test]
    fn each_kind_is_told_by_its_text() {
        let all = attributes("rack:abc;level:10;keys:[1000-1500];zone:{a};when:12:30").unwrap();
        let kinds: Vec<_> = all.iter().map(|a| (a.name.as_str(), a.r#type())).collect();
        assert_eq!(
            kinds,
            [
                ("rack", Type::Text),
                ("level", Type::Scalar),
                ("keys", Type::Ranges),
                ("zone", Type::Text),
                ("when", Type::Text)
            ]
        );
        assert_eq!(all[4].text.as_ref().unwrap().value, "12:30");
        assert_eq!(attributes("a;b:;c:[1").unwrap_err().len(), 3);
    }
}
