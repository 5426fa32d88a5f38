//! Whether ids, roles and a FrameworkInfo are well formed (mesos-v1-http §2.5, §3.2). The texts are Mesos's meaning, not
//! its words, except where clients depend on them.

use std::collections::BTreeSet;

use mesos::v1::{self, framework_info::capability::Type as Capability, scheduler};

/// Why something was refused, in words for the client.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct Refusal(pub String);

/// Refuse with a text.
pub(crate) fn refuse<T>(why: impl Into<String>) -> Result<T, Refusal> {
    Err(Refusal(why.into()))
}

/// The longest id, in bytes.
const MAX_ID: usize = 255;

/// Framework, task, executor, agent and persistence ids: non-empty, at most 255 bytes, usable as a file name.
pub(crate) fn id(text: &str) -> Result<(), Refusal> {
    if text.is_empty() {
        return refuse("ID must not be empty");
    }
    if text.len() > MAX_ID {
        return refuse(format!("ID must not be longer than {MAX_ID} bytes, this one has {}", text.len()));
    }
    if text == "." || text == ".." {
        return refuse(format!("'{text}' is disallowed as an ID"));
    }
    if text.chars().any(|c| c.is_control() || c == '/' || c == '\\') {
        return refuse(format!("'{text}' contains invalid characters"));
    }
    Ok(())
}

/// A role: `*`, or parts separated by `/`.
pub(crate) fn role(role: &str) -> Result<(), Refusal> {
    if role == "*" {
        return Ok(());
    }
    if role.is_empty() {
        return refuse("Role names cannot be the empty string");
    }
    if role.starts_with('/') {
        return refuse(format!("Role '{role}' cannot start with a slash"));
    }
    if role.ends_with('/') {
        return refuse(format!("Role '{role}' cannot end with a slash"));
    }
    for part in role.split('/') {
        if part.is_empty() {
            return refuse(format!("Role '{role}' cannot contain two adjacent slashes"));
        }
        if part == "." || part == ".." || part == "*" {
            return refuse(format!("Role '{role}' cannot include '{part}' as a component"));
        }
        if part.starts_with('-') {
            return refuse(format!("Role component '{part}' is invalid because it starts with a dash"));
        }
        if part.chars().any(|c| c.is_whitespace() || c.is_ascii_control()) {
            return refuse(format!(
                "Role component '{part}' is invalid because it contains backspace or whitespace"
            ));
        }
    }
    Ok(())
}

/// Whether a FrameworkInfo declares a capability.
pub(crate) fn capable(info: &v1::FrameworkInfo, capability: Capability) -> bool {
    info.capabilities.iter().any(|c| c.r#type() == capability)
}

/// The roles a framework subscribes to: `roles` with MULTI_ROLE, else its single `role`, `*` by default.
pub(crate) fn roles(info: &v1::FrameworkInfo) -> Vec<String> {
    if capable(info, Capability::MultiRole) {
        info.roles.clone()
    } else {
        vec![info.role.clone().unwrap_or_else(|| "*".to_owned())]
    }
}

/// A FrameworkInfo as such.
pub(crate) fn framework_info(info: &v1::FrameworkInfo) -> Result<(), Refusal> {
    if let Some(framework) = info.id.as_ref().filter(|id| !id.value.is_empty()) {
        id(&framework.value)?;
    }
    if capable(info, Capability::MultiRole) {
        if info.role.is_some() {
            return refuse("'FrameworkInfo.role' must not be set when the framework is MULTI_ROLE capable");
        }
        let mut seen = BTreeSet::new();
        for it in &info.roles {
            if !seen.insert(it) {
                return refuse(format!("'FrameworkInfo.roles' contains duplicate items: {{ {it} }}"));
            }
            role(it).map_err(|why| Refusal(format!("'FrameworkInfo.roles' contains invalid role: {why}")))?;
        }
    } else {
        if !info.roles.is_empty() {
            return refuse(
                "'FrameworkInfo.roles' must not be set when the framework is not MULTI_ROLE capable",
            );
        }
        if let Some(it) = &info.role {
            role(it).map_err(|why| Refusal(format!("'FrameworkInfo.role' is not a valid role: {why}")))?;
        }
    }
    // Mesos counts durations in nanoseconds of an i64; a negative one passes and means: at once.
    let limit = i64::MAX as f64 / 1e9;
    let timeout = info.failover_timeout();
    if timeout.is_nan() || timeout.abs() > limit {
        return refuse(format!("The framework failover_timeout ({timeout:e}) is invalid"));
    }
    for (it, filters) in &info.offer_filters {
        let _ = filters;
        if !roles(info).contains(it) {
            return refuse(format!(
                "'FrameworkInfo.offer_filters' names role '{it}', which is not among the roles"
            ));
        }
    }
    Ok(())
}

/// What goes with a FrameworkInfo in SUBSCRIBE and UPDATE_FRAMEWORK.
pub(crate) fn subscription(
    info: &v1::FrameworkInfo,
    suppressed: &[String],
    constraints: Option<&scheduler::OfferConstraints>,
) -> Result<(), Refusal> {
    framework_info(info)?;
    let roles = roles(info);
    for it in suppressed {
        if !roles.contains(it) {
            return refuse(format!("Suppressed role '{it}' is not contained in the set of roles"));
        }
    }
    let Some(constraints) = constraints else { return Ok(()) };
    for (it, of_role) in &constraints.role_constraints {
        if !roles.contains(it) {
            return refuse(format!(
                "Offer constraints specify role '{it}', which is not contained in the set of roles"
            ));
        }
        if of_role.groups.is_empty()
            || of_role.groups.iter().any(|group| group.attribute_constraints.is_empty())
        {
            return refuse(format!("Offer constraints of role '{it}' contain an empty group or none"));
        }
        for constraint in of_role.groups.iter().flat_map(|group| &group.attribute_constraints) {
            super::constraint::check(constraint)?;
        }
    }
    Ok(())
}

/// 16 bytes that are an RFC 4122 uuid: variant bits `10`, version 1 to 5.
pub fn is_uuid(bytes: &[u8]) -> bool {
    bytes.len() == 16 && bytes[8] >> 6 == 0b10 && (1..=5).contains(&(bytes[6] >> 4))
}

/// Step 8 of §1.4: what makes a call invalid before the master looks at its sender.
///
/// # Errors
/// The text after `Failed to validate scheduler::Call: `.
pub fn call(call: &scheduler::Call) -> Result<(), Refusal> {
    use scheduler::call::Type;
    let Some(kind) = call.r#type.and_then(|number| Type::try_from(number).ok()) else {
        return refuse("Expecting 'type' to be present");
    };
    let expect = |present: bool, what: &str| {
        if present { Ok(()) } else { refuse(format!("Expecting '{what}' to be present")) }
    };
    if kind == Type::Subscribe {
        let Some(subscribe) = &call.subscribe else { return refuse("Expecting 'subscribe' to be present") };
        if subscribe.framework_info.id != call.framework_id {
            return refuse("'framework_id' differs from 'subscribe.framework_info.id'");
        }
        return Ok(());
    }
    expect(call.framework_id.is_some(), "framework_id")?;
    match kind {
        Type::Unknown | Type::Subscribe | Type::Teardown | Type::Revive | Type::Suppress => Ok(()),
        Type::Accept => expect(call.accept.is_some(), "accept"),
        Type::Decline => expect(call.decline.is_some(), "decline"),
        Type::AcceptInverseOffers => expect(call.accept_inverse_offers.is_some(), "accept_inverse_offers"),
        Type::DeclineInverseOffers => expect(call.decline_inverse_offers.is_some(), "decline_inverse_offers"),
        Type::Kill => expect(call.kill.is_some(), "kill"),
        Type::Shutdown => expect(call.shutdown.is_some(), "shutdown"),
        Type::Reconcile => expect(call.reconcile.is_some(), "reconcile"),
        Type::ReconcileOperations => expect(call.reconcile_operations.is_some(), "reconcile_operations"),
        Type::Message => expect(call.message.is_some(), "message"),
        Type::Request => expect(call.request.is_some(), "request"),
        Type::Acknowledge => {
            let Some(acknowledge) = &call.acknowledge else {
                return refuse("Expecting 'acknowledge' to be present");
            };
            if is_uuid(&acknowledge.uuid) { Ok(()) } else { refuse("Not a valid UUID") }
        }
        Type::AcknowledgeOperationStatus => {
            let Some(acknowledge) = &call.acknowledge_operation_status else {
                return refuse("Expecting 'acknowledge_operation_status' to be present");
            };
            if is_uuid(&acknowledge.uuid) { Ok(()) } else { refuse("Not a valid UUID") }
        }
        Type::UpdateFramework => {
            let Some(update) = &call.update_framework else {
                return refuse("Expecting 'update_framework' to be present");
            };
            if update.framework_info.id == call.framework_id {
                Ok(())
            } else {
                refuse("'framework_id' differs from 'update_framework.framework_info.id'")
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn roles_follow_the_syntax() {
        let check = |text: &str, fine: bool| assert_eq!(role(text).is_ok(), fine, "{text:?}");
        for fine in ["*", "a", "a/b", "kafka-role", "a.b", "a*"] {
            check(fine, true);
        }
        for wrong in
            ["", "/a", "a/", "a//b", "a/*", ".", "..", "a/..", "-a", "a/-b", "a b", "a\tb", "a\u{7f}"]
        {
            check(wrong, false);
        }
    }

    #[test]
    fn ids_are_file_names() {
        let check = |text: &str, fine: bool| assert_eq!(id(text).is_ok(), fine, "{text:?}");
        check("broker-0__x", true);
        check(&"x".repeat(255), true);
        for wrong in ["", ".", "..", "a/b", "a\\b", "a\nb", &"x".repeat(256)] {
            check(wrong, false);
        }
    }

    #[test]
    fn a_uuid_has_its_variant_and_version() {
        let mut bytes = *uuid::Uuid::new_v4().as_bytes();
        assert!(is_uuid(&bytes));
        assert!(!is_uuid(&bytes[..15]));
        bytes[8] &= 0x3f;
        assert!(!is_uuid(&bytes));
    }
}
