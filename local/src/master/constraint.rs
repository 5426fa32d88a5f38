//! Offer constraints: which agents a framework wants to hear of (mesos-v1-http §2.3).

use mesos::v1::{
    self,
    scheduler::{
        AttributeConstraint,
        attribute_constraint::{
            predicate::Predicate,
            selector::{PseudoattributeType, Selector},
        },
        offer_constraints::RoleConstraints,
    },
};

use super::validate::{Refusal, refuse};

/// Whether we can judge a constraint.
pub(crate) fn check(constraint: &AttributeConstraint) -> Result<(), Refusal> {
    match &constraint.selector.selector {
        None => return refuse("An attribute constraint's selector selects nothing"),
        Some(Selector::PseudoattributeType(kind)) if *kind == PseudoattributeType::Unknown as i32 => {
            return refuse("An attribute constraint's selector names an unknown pseudoattribute");
        }
        Some(_) => {}
    }
    match &constraint.predicate.predicate {
        None => refuse("An attribute constraint's predicate tests nothing"),
        Some(Predicate::TextMatches(_) | Predicate::TextNotMatches(_)) => refuse(
            "Regular expressions in offer constraints are not supported by this embedded master; use TextEquals",
        ),
        Some(_) => Ok(()),
    }
}

/// Whether an agent satisfies one group of constraints, all of it; `None` constrains nothing.
pub(crate) fn admits(constraints: Option<&RoleConstraints>, agent: &v1::AgentInfo) -> bool {
    constraints.is_none_or(|role| {
        role.groups.iter().any(|group| group.attribute_constraints.iter().all(|it| holds(it, agent)))
    })
}

/// What a selector finds on an agent.
enum Found<'a> {
    Nothing,
    Text(&'a str),
    NotText,
}

fn select<'a>(selector: Option<&Selector>, agent: &'a v1::AgentInfo) -> Found<'a> {
    let domain = agent.domain.as_ref().and_then(|domain| domain.fault_domain.as_ref());
    match selector {
        None => Found::Nothing,
        Some(Selector::PseudoattributeType(kind)) => match PseudoattributeType::try_from(*kind) {
            Ok(PseudoattributeType::Hostname) => Found::Text(&agent.hostname),
            Ok(PseudoattributeType::Region) => domain.map_or(Found::Nothing, |d| Found::Text(&d.region.name)),
            Ok(PseudoattributeType::Zone) => domain.map_or(Found::Nothing, |d| Found::Text(&d.zone.name)),
            Ok(PseudoattributeType::Unknown) | Err(_) => Found::Nothing,
        },
        Some(Selector::AttributeName(name)) => match agent.attributes.iter().find(|it| it.name == *name) {
            None => Found::Nothing,
            Some(attribute) => {
                attribute.text.as_ref().map_or(Found::NotText, |text| Found::Text(&text.value))
            }
        },
    }
}

fn holds(constraint: &AttributeConstraint, agent: &v1::AgentInfo) -> bool {
    let found = select(constraint.selector.selector.as_ref(), agent);
    match (&constraint.predicate.predicate, found) {
        (Some(Predicate::Exists(_)), found) => !matches!(found, Found::Nothing),
        (Some(Predicate::NotExists(_)), found) => matches!(found, Found::Nothing),
        (Some(Predicate::TextEquals(to)), Found::Text(text)) => to.value == text,
        (Some(Predicate::TextEquals(_)), Found::Nothing) => false,
        (Some(Predicate::TextNotEquals(to)), Found::Text(text)) => to.value != text,
        // A value that is no text passes every text predicate; expressions were refused at SUBSCRIBE.
        _ => true,
    }
}
