//! Resources as an operator writes them: `cpus:4;mem:8192;ports:[31000-32000];disk(role):1000`, or a JSON array of
//! `Resource`.
use super::{Invalid, Ranges, Resources, Scalar, Value, format, validate};
use crate::v1;

/// Why a text of resources or attributes is wrong. Each names the piece of text.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ParseError {
    /// Not `name:value`.
    #[error("`{0}` is not of the form name:value")]
    Shape(String),
    /// A bracket, number or list that cannot be read.
    #[error("`{0}` is no value: expected a number, [begin-end,…] or {{item,…}}")]
    Value(String),
    /// An unclosed role.
    #[error("`{0}` is not of the form name(role)")]
    Role(String),
    /// A resource that breaks a rule.
    #[error("`{text}` is no valid resource")]
    Invalid {
        /// The piece of text.
        text: String,
        /// The rule.
        #[source]
        source: Invalid,
    },
    /// Text that looks like JSON and is not the JSON of resources.
    #[error("this is not a JSON array of Resource objects: {0}")]
    Json(String),
}

/// Reads either form.
///
/// # Errors
/// All mistakes at once, in the order of the text.
pub fn resources(text: &str) -> Result<Resources, Vec<ParseError>> {
    if text.trim_start().starts_with(['[', '{']) {
        return json(text);
    }
    let (mut good, mut bad) = (Resources::new(), Vec::new());
    for piece in text.split(';').map(str::trim).filter(|piece| !piece.is_empty()) {
        match one(piece) {
            Ok(resource) => good.add(resource),
            Err(error) => bad.push(error),
        }
    }
    if bad.is_empty() { Ok(good) } else { Err(bad) }
}

fn one(piece: &str) -> Result<v1::Resource, ParseError> {
    let (left, right) = piece.split_once(':').ok_or_else(|| ParseError::Shape(piece.to_owned()))?;
    let (name, role) = match left.split_once('(') {
        None => (left.trim(), None),
        Some((name, rest)) => {
            let role = rest.trim().strip_suffix(')').ok_or_else(|| ParseError::Role(piece.to_owned()))?;
            (name.trim(), Some(role.trim()).filter(|role| *role != format::ANY_ROLE))
        }
    };
    let mut resource = v1::Resource { name: name.to_owned(), ..Default::default() };
    value(right.trim()).ok_or_else(|| ParseError::Value(piece.to_owned()))?.put(&mut resource);
    resource.reservations.extend(role.map(super::reservation::fixed));
    validate::one(resource).map_err(|source| ParseError::Invalid { text: piece.to_owned(), source })
}

/// A number, `[begin-end,…]` or `{item,…}`.
pub(super) fn value(text: &str) -> Option<Value> {
    if text.starts_with('[') {
        return ranges(text).map(Value::Ranges);
    }
    if let Some(inner) = text.strip_prefix('{') {
        let items = inner.strip_suffix('}')?.split(',').map(str::trim);
        return items
            .map(|item| (!item.is_empty()).then(|| item.to_owned()))
            .collect::<Option<_>>()
            .map(Value::Set);
    }
    number(text).map(|number| Value::Scalar(Scalar::from_f64(number)))
}

/// A finite number.
pub(super) fn number(text: &str) -> Option<f64> {
    text.parse().ok().filter(|number: &f64| number.is_finite())
}

fn ranges(text: &str) -> Option<Ranges> {
    let inner = text.strip_prefix('[')?.strip_suffix(']')?;
    let intervals = inner
        .split(',')
        .map(|part| {
            let (begin, end) = part.split_once('-')?;
            let (begin, end) = (begin.trim().parse().ok()?, end.trim().parse().ok()?);
            (begin <= end).then_some((begin, end))
        })
        .collect::<Option<Vec<(u64, u64)>>>()?;
    Some(Ranges::from_intervals(intervals))
}

fn json(text: &str) -> Result<Resources, Vec<ParseError>> {
    let wrong = |what: String| vec![ParseError::Json(what)];
    let list: Vec<serde_json::Value> = serde_json::from_str(text).map_err(|e| wrong(e.to_string()))?;
    let (mut good, mut bad) = (Resources::new(), Vec::new());
    for item in list {
        let text = item.to_string();
        match crate::json::from_str::<v1::Resource>(&text) {
            Err(error) => bad.push(ParseError::Json(format!("{error} in {text}"))),
            Ok(resource) => match validate::one(resource) {
                Ok(resource) => good.add(resource),
                Err(source) => bad.push(ParseError::Invalid { text, source }),
            },
        }
    }
    if bad.is_empty() { Ok(good) } else { Err(bad) }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a panic is how a test fails")]
    use super::*;

    #[test]
    fn text_form() {
        let check =
            |text: &str, expect: &str| assert_eq!(resources(text).unwrap().to_string(), expect, "{text}");
        check(
            "cpus:4;mem:8192;ports:[31000-32000];disk(role):1000",
            "cpus:4; mem:8192; ports:[31000-32000]; disk(role):1000",
        );
        check(" cpus : 0.5 ; cpus(*):0.25; ", "cpus:0.75");
        check("ports:[1-2, 5-6,3-3];bugs:{a,b}", "ports:[1-3, 5-6]; bugs:{a, b}");
        check("", "nothing");
    }

    #[test]
    fn json_form() {
        let text = r#"[{"name":"cpus","type":"SCALAR","scalar":{"value":4}},
            {"name":"disk","type":"SCALAR","scalar":{"value":64},"disk":{"source":{"type":"MOUNT","mount":{"root":"/m"}}}}]"#;
        assert_eq!(resources(text).unwrap().to_string(), "cpus:4; disk[MOUNT]:64");
        assert!(matches!(resources("[1]").unwrap_err()[..], [ParseError::Json(_)]));
        assert!(matches!(resources("[").unwrap_err()[..], [ParseError::Json(_)]));
    }

    #[test]
    fn every_mistake_is_told_at_once() {
        let errors = resources("cpus;mem:x;ports:[5-1];disk(a:1;gpus:0.5;cpus:1").unwrap_err();
        let texts: Vec<_> = errors.iter().map(ToString::to_string).collect();
        assert_eq!(
            texts,
            [
                "`cpus` is not of the form name:value",
                "`mem:x` is no value: expected a number, [begin-end,…] or {item,…}",
                "`ports:[5-1]` is no value: expected a number, [begin-end,…] or {item,…}",
                "`disk(a:1` is not of the form name(role)",
                "`gpus:0.5` is no valid resource",
            ]
        );
    }
}
