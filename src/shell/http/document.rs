//! The OpenAPI document (`GET /v1/openapi.json`), derived from the routes themselves: each is added by `routes!`, which
//! takes only handlers that `utoipa::path` describes.
//!
//! A route names the refusals of its own by [`refusals!`]; those that any route can give are added there.

use std::{collections::BTreeMap, sync::LazyLock};

use api::rest::{ErrorBody, ErrorCode};
use axum::{http::header::CONTENT_TYPE, response::IntoResponse};
use serde_json::{Value, json};
use utoipa::{
    OpenApi,
    openapi::{
        ContentBuilder, HeaderBuilder, ObjectBuilder, OpenApi as Document, Ref, RefOr, Response,
        ResponseBuilder,
        example::ExampleBuilder,
        schema::{SchemaType, Type},
    },
};

use super::{ApiError, every_route, topic::report};

mod security;

/// What any route may answer instead. One that changes something says `OutcomeUnknown` where another says `Timeout`.
const ANY: [ErrorCode; 4] =
    [ErrorCode::RequestTimeout, ErrorCode::RequestTooLarge, ErrorCode::InternalError, ErrorCode::Timeout];
const JSON: &str = "application/json";

/// Declares sets of refusals for the `responses(…)` of routes: a name, and the codes besides [`ANY`].
macro_rules! refusals {
    ($($(#[doc = $doc:literal])+ $name:ident = [$($code:ident),* $(,)?];)+) => {
        $(
            $(#[doc = $doc])+
            pub(super) struct $name;

            impl utoipa::IntoResponses for $name {
                fn responses()
                -> std::collections::BTreeMap<String, utoipa::openapi::RefOr<utoipa::openapi::Response>> {
                    crate::shell::http::document::responses(&[$(api::rest::ErrorCode::$code),*])
                }
            }
        )+
    };
}
pub(super) use refusals;

refusals! {
    /// Routes that take nothing and refuse nothing of their own.
    Plain = [];
    /// Routes that read what the scheduler knows.
    Read = [NotRegistered];
}

#[derive(OpenApi)]
#[openapi(
    info(
        title = "Kafka on Mesos",
        description = "The REST API of kafka-scheduler. Whatever is not fulfilled is answered with an ErrorBody; its \
                       request_id is also the header x-request-id and in the scheduler's log. On DC/OS all paths are \
                       below /service/<name>.",
    ),
    // Told apart from topics by their handler, since topics may have their names.
    paths(report::under_replicated_partitions, report::unavailable_partitions),
    components(schemas(ErrorBody)),
    tags(
        (name = "connection", description = "How clients reach the brokers"),
        (name = "brokers", description = "The brokers the service runs"),
        (name = "plan", description = "What is being done to the brokers"),
        (name = "topics", description = "Topics, in the words of kafka-topics.sh"),
        (name = "jobs", description = "Work that takes longer than a request may"),
        (name = "reassignments", description = "Partitions on their way to other brokers"),
        (name = "groups", description = "Consumer groups"),
        (name = "service", description = "The service itself"),
    ),
)]
struct Head;

/// The document without its routes, to be given to their router.
pub(super) fn head() -> Document {
    Head::openapi()
}

/// The document of every route.
#[utoipa::path(
    get, path = "/v1/openapi.json", tag = "service",
    responses((status = 200, description = "This document", body = Object), Plain),
)]
pub(super) async fn show() -> impl IntoResponse {
    static TEXT: LazyLock<Result<String, serde_json::Error>> =
        LazyLock::new(|| serde_json::to_string(&document()));
    match &*TEXT {
        Ok(text) => Ok(([(CONTENT_TYPE, JSON)], text.as_str())),
        Err(error) => Err(ApiError::caused(ErrorCode::InternalError, error)),
    }
}

/// The whole document.
pub(super) fn document() -> Document {
    let mut document = every_route().into_openapi();
    let single = ErrorCode::ALL.iter().map(|code| (code.to_string(), response(&[*code])));
    document.components.get_or_insert_default().responses.extend(single);
    for item in document.paths.paths.values_mut() {
        let operations = [&mut item.get, &mut item.put, &mut item.post, &mut item.patch, &mut item.delete];
        for operation in operations.into_iter().filter_map(Option::as_mut) {
            // Handlers have short names, each in a module of its own; here they share one space.
            if let (Some(id), Some(tag)) =
                (&mut operation.operation_id, operation.tags.iter().flatten().next())
            {
                *id = format!("{tag}_{id}");
            }
        }
    }
    security::add(&mut document);
    document
}

/// The answers to what is refused with `codes`, or with those of [`ANY`]: by status, with an example of each code.
pub(super) fn responses(codes: &[ErrorCode]) -> BTreeMap<String, RefOr<Response>> {
    let mut by_status = BTreeMap::<u16, Vec<ErrorCode>>::new();
    let changes = codes.contains(&ErrorCode::OutcomeUnknown);
    let any = ANY.iter().filter(|code| !(changes && **code == ErrorCode::Timeout));
    // Who asks Kafka may be refused before the question.
    let at_the_door = codes.contains(&ErrorCode::KafkaRefused).then_some(&ErrorCode::KafkaLoginRefused);
    for code in codes.iter().chain(at_the_door).chain(any) {
        by_status.entry(code.status()).or_default().push(*code);
    }
    let shared = |codes: &[ErrorCode]| match codes {
        [code] => Ref::from_response_name(code.as_str()).into(),
        _ => response(codes),
    };
    by_status.into_iter().map(|(status, codes)| (status.to_string(), shared(&codes))).collect()
}

fn response(codes: &[ErrorCode]) -> RefOr<Response> {
    let described: Vec<_> = codes.iter().map(|code| format!("`{code}`: {}", code.meaning())).collect();
    let examples =
        codes.iter().map(|code| (code.as_str(), ExampleBuilder::new().value(Some(example(*code))).build()));
    let content = ContentBuilder::new()
        .schema(Some(Ref::from_schema_name("ErrorBody")))
        .examples_from_iter(examples)
        .build();
    let mut response = ResponseBuilder::new().description(described.join("\n")).content(JSON, content);
    if codes.iter().any(|code| ApiError::new(*code, "").retry_after().is_some()) {
        let seconds = ObjectBuilder::new().schema_type(SchemaType::Type(Type::Integer));
        let header =
            HeaderBuilder::new().schema(Some(seconds)).description(Some("When to ask again, in seconds"));
        response = response.header("Retry-After", header.build());
    }
    response.build().into()
}

fn example(code: ErrorCode) -> Value {
    json!({"error_code": code, "message": code.meaning(), "request_id": "a5b6b8e0-6ad8-4a51-a83d-65a0b0a4d5f1"})
}

#[cfg(test)]
pub(super) mod tests;
