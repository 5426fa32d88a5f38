//! Turns `proto/` into Rust without `protoc`, and keeps the descriptors for reflection.
//!
//! The descriptors written to `OUT_DIR/descriptors.bin` still say which fields are deprecated: Mesos's JSON does
//! not write their defaults. The generated Rust does not, since resources in the old format still use them.
//! `OUT_DIR/shapes.rs` holds what a check for missing required fields needs, as plain tables: reflection would cost an
//! executor some megabytes.
#![expect(clippy::disallowed_methods, reason = "a build script reads what cargo tells it")]

use std::error::Error;
use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::{env, fs};

use prost_reflect::prost::Message as _;
use prost_reflect::prost_types::{DescriptorProto, FileDescriptorSet};
use prost_reflect::{Cardinality, DescriptorPool, Kind, MessageDescriptor};

fn main() -> Result<(), Box<dyn Error>> {
    println!("cargo:rerun-if-changed=proto");
    let mut files = Vec::new();
    find(Path::new("proto"), &mut files)?;
    files.sort();

    let compiled = protox::compile(&files, ["proto"])?;
    let out = PathBuf::from(env::var("OUT_DIR")?);
    fs::write(out.join("descriptors.bin"), without_source(compiled.clone()).encode_to_vec())?;

    let pool = DescriptorPool::from_file_descriptor_set(compiled.clone())?;
    fs::write(out.join("shapes.rs"), shapes(&pool)?)?;

    let mut config = prost_build::Config::new();
    config.btree_map(["."]).enable_type_names();
    for message in pool.all_messages() {
        if message.is_map_entry() {
            continue;
        }
        let name = message.full_name();
        config.message_attribute(
            name,
            format!(
                "#[derive(::prost_reflect::ReflectMessage)]\n\
                 #[prost_reflect(descriptor_pool = \"crate::DESCRIPTORS\", message_name = \"{name}\")]"
            ),
        );
    }
    config.compile_fds(without_deprecation(compiled))?;
    Ok(())
}

/// Collects every `.proto` file under `dir`.
fn find(dir: &Path, files: &mut Vec<PathBuf>) -> Result<(), Box<dyn Error>> {
    for entry in fs::read_dir(dir)? {
        let path = entry?.path();
        if path.is_dir() {
            find(&path, files)?;
        } else if path.extension().is_some_and(|extension| extension == "proto") {
            files.push(path);
        }
    }
    Ok(())
}

/// Drops comments and positions, which only the code generator reads.
fn without_source(mut set: FileDescriptorSet) -> FileDescriptorSet {
    for file in &mut set.file {
        file.source_code_info = None;
    }
    set
}

fn without_deprecation(mut set: FileDescriptorSet) -> FileDescriptorSet {
    for file in &mut set.file {
        file.message_type.iter_mut().for_each(clear);
    }
    set
}

fn clear(message: &mut DescriptorProto) {
    for field in &mut message.field {
        if let Some(options) = &mut field.options {
            options.deprecated = None;
        }
    }
    message.nested_type.iter_mut().for_each(clear);
}

/// One entry for each message, sorted by name: its required fields, and those fields that hold messages.
fn shapes(pool: &DescriptorPool) -> Result<String, Box<dyn Error>> {
    let mut messages: Vec<MessageDescriptor> = pool.all_messages().collect();
    messages.sort_by(|one, other| one.full_name().cmp(other.full_name()));
    let mut text = "&[\n".to_owned();
    for message in &messages {
        writeln!(text, "    Shape {{ name: {:?}, required: &[", message.full_name())?;
        for field in message.fields().filter(|field| field.cardinality() == Cardinality::Required) {
            writeln!(text, "        ({}, {:?}),", field.number(), field.name())?;
        }
        writeln!(text, "    ], inner: &[")?;
        for field in message.fields() {
            let Kind::Message(inner) = field.kind() else { continue };
            let repeated = field.cardinality() == Cardinality::Repeated;
            let shape = messages.binary_search_by(|other| other.full_name().cmp(inner.full_name()));
            let shape = shape.map_err(|_| format!("{} is not in the pool", inner.full_name()))?;
            let (number, name) = (field.number(), field.name());
            writeln!(
                text,
                "        Inner {{ number: {number}, name: {name:?}, repeated: {repeated}, shape: {shape} }},"
            )?;
        }
        writeln!(text, "    ] }},")?;
    }
    text.push_str("]\n");
    Ok(text)
}
