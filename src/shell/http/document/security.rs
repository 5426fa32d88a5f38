//! What the document says of who may ask (D39).

use api::rest::ErrorCode;
use utoipa::openapi::{
    OpenApi as Document, Ref,
    path::Operation,
    security::{ApiKey, ApiKeyValue, Http, HttpAuthScheme, SecurityRequirement, SecurityScheme},
};

use super::super::gate;

/// Adds the ways to say who asks, and to each route that asks it the refusals that come of it.
pub(super) fn add(document: &mut Document) {
    let components = document.components.get_or_insert_default();
    let token = ApiKey::Header(ApiKeyValue::with_description(
        "Authorization",
        "The same token as `token=<token>`, as the DC/OS router has it",
    ));
    let bearer = Http::builder()
        .scheme(HttpAuthScheme::Bearer)
        .description(Some("A static token, or a JSON Web Token with `sub`, `role` and `exp`"))
        .build();
    components.add_security_scheme("bearer", SecurityScheme::Http(bearer));
    components.add_security_scheme("token", SecurityScheme::ApiKey(token));
    for (path, item) in &mut document.paths.paths {
        if gate::OPEN.contains(&path.as_str()) {
            continue;
        }
        for operation in item.get.iter_mut() {
            guard(operation, &[ErrorCode::Unauthorized, ErrorCode::TooManyFailures]);
        }
        for operation in
            [&mut item.put, &mut item.post, &mut item.delete, &mut item.patch].into_iter().flatten()
        {
            guard(operation, &[ErrorCode::Unauthorized, ErrorCode::Forbidden, ErrorCode::TooManyFailures]);
        }
    }
}

fn guard(operation: &mut Operation, codes: &[ErrorCode]) {
    let none: [&str; 0] = [];
    // The last: no token at all, where none is asked for.
    operation.security = Some(vec![
        SecurityRequirement::new("bearer", none),
        SecurityRequirement::new("token", none),
        SecurityRequirement::default(),
    ]);
    let answers =
        codes.iter().map(|code| (code.status().to_string(), Ref::from_response_name(code.as_str()).into()));
    operation.responses.responses.extend(answers);
}
