//! The two encodings of Mesos bodies and streams.

use prost_reflect::ReflectMessage;

use crate::{json, protobuf};

/// How a body or a stream is encoded.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Encoding {
    /// Mesos's own JSON, see [`json`].
    Json,
    /// Protocol buffers.
    Protobuf,
}

/// Why bytes are no message.
#[derive(Debug, thiserror::Error)]
pub enum DecodeError {
    /// The JSON is broken or does not fit.
    #[error("the JSON does not fit")]
    Json(#[from] json::Error),
    /// The bytes are no protocol buffer of this type.
    #[error("the bytes are no protocol buffer of this type")]
    Protobuf(#[from] prost::DecodeError),
    /// Required fields are missing.
    #[error("required fields are missing")]
    Required(#[from] json::Problems),
}

impl Encoding {
    /// The media type.
    pub fn media_type(self) -> &'static str {
        match self {
            Encoding::Json => "application/json",
            Encoding::Protobuf => "application/x-protobuf",
        }
    }

    /// The encoding of a `Content-Type`. Mesos compares the whole text: parameters and capitals are not understood.
    pub fn of_content_type(text: &str) -> Option<Self> {
        [Encoding::Json, Encoding::Protobuf].into_iter().find(|encoding| encoding.media_type() == text)
    }

    /// The encoding Mesos answers in for an `Accept`: JSON if it is acceptable at all or nothing is said, else
    /// protobuf if that is, else none (406). A quality of 0 excludes; other qualities do not order.
    pub fn of_accept(text: Option<&str>) -> Option<Self> {
        let text = text.map(str::trim).filter(|text| !text.is_empty()).unwrap_or("*/*");
        [Encoding::Json, Encoding::Protobuf].into_iter().find(|encoding| accepts(text, encoding.media_type()))
    }

    /// Encodes a message.
    pub fn encode(self, message: &impl ReflectMessage) -> Vec<u8> {
        match self {
            Encoding::Json => json::to_string(message).into_bytes(),
            Encoding::Protobuf => message.encode_to_vec(),
        }
    }

    /// Decodes a message and checks that all its required fields are there.
    ///
    /// # Errors
    /// When the bytes do not decode, or a required field is missing.
    pub fn decode<T: ReflectMessage + Default>(self, bytes: &[u8]) -> Result<T, DecodeError> {
        match self {
            Encoding::Json => Ok(json::from_slice(bytes)?),
            Encoding::Protobuf => {
                let message = T::decode(bytes)?;
                protobuf::check_required(message.descriptor().full_name(), bytes)?;
                Ok(message)
            }
        }
    }
}

/// Whether an `Accept` text admits a media type: the most exact of its entries that matches decides.
fn accepts(text: &str, media_type: &str) -> bool {
    let group = media_type.split('/').next().unwrap_or_default();
    let mut best: Option<(u8, bool)> = None;
    for entry in text.split(',') {
        let mut parts = entry.split(';').map(str::trim);
        let range = parts.next().unwrap_or_default();
        let rank = match range {
            "*/*" => 0,
            range if range.strip_suffix("/*") == Some(group) => 1,
            range if range == media_type => 2,
            _ => continue,
        };
        let refused = parts
            .filter_map(|part| part.strip_prefix("q="))
            .any(|quality| quality.parse::<f64>().is_ok_and(|quality| quality <= 0.0));
        if best.is_none_or(|(other, _)| other <= rank) {
            best = Some((rank, !refused));
        }
    }
    best.is_some_and(|(_, accepted)| accepted)
}
