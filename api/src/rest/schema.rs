//! What those bodies look like that serde writes otherwise than their types say.

use std::borrow::Cow;

use utoipa::{
    PartialSchema, ToSchema,
    openapi::{
        ObjectBuilder, Ref, RefOr,
        schema::{AdditionalProperties, Schema, SchemaType, Type},
    },
};

use super::{Partition, PartitionOffset, PartitionState};
use crate::{ids::TaskId, incident::Cause};

fn text() -> ObjectBuilder {
    ObjectBuilder::new().schema_type(SchemaType::Type(Type::String))
}

impl PartialSchema for TaskId {
    fn schema() -> RefOr<Schema> {
        text()
            .description(Some("One stay of a broker on its home: `broker-<n>__<uuid>`; never reused."))
            .pattern(Some("^broker-[0-9]+__[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$"))
            .examples(["broker-0__9c426c50-1087-475c-aa36-cd00d24ccebb"])
            .into()
    }
}

impl ToSchema for TaskId {
    fn name() -> Cow<'static, str> {
        "TaskId".into()
    }
}

impl PartialSchema for Cause {
    fn schema() -> RefOr<Schema> {
        text()
            .description(Some("What ended a broker's JVM."))
            .enum_values(Some(Self::ALL.iter().map(|cause| cause.as_str())))
            .into()
    }
}

impl ToSchema for Cause {
    fn name() -> Cow<'static, str> {
        "Cause".into()
    }
}

fn one_key(of: impl Into<AdditionalProperties<Schema>>, description: &str) -> RefOr<Schema> {
    ObjectBuilder::new()
        .description(Some(description))
        .additional_properties(Some(of))
        .min_properties(Some(1))
        .max_properties(Some(1))
        .into()
}

impl PartialSchema for Partition {
    fn schema() -> RefOr<Schema> {
        let state = Ref::from_schema_name("PartitionState");
        one_key(state, "One partition: an object with its number as the only key (S-103).")
    }
}

impl ToSchema for Partition {
    fn name() -> Cow<'static, str> {
        "Partition".into()
    }

    fn schemas(schemas: &mut Vec<(String, RefOr<Schema>)>) {
        schemas.push((PartitionState::name().into_owned(), PartitionState::schema()));
    }
}

impl PartialSchema for PartitionOffset {
    fn schema() -> RefOr<Schema> {
        let offset: RefOr<Schema> = text().pattern(Some("^[0-9]+$")).into();
        one_key(
            offset,
            "One partition: an object with its number as the only key, and its offset as a text (S-105).",
        )
    }
}

impl ToSchema for PartitionOffset {
    fn name() -> Cow<'static, str> {
        "PartitionOffset".into()
    }
}
