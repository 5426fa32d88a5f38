//! Turns `proto/` into Rust without `protoc`, and keeps the descriptors for reflection.
//!
//! The descriptors written to `OUT_DIR/descriptors.bin` still say which fields are deprecated: Mesos's JSON does
//! not write their defaults. The generated Rust does not, since resources in the old format still use them.

use std::error::Error;
use std::path::{Path, PathBuf};
use std::{env, fs};

use prost_reflect::DescriptorPool;
use prost_reflect::prost::Message as _;
use prost_reflect::prost_types::{DescriptorProto, FileDescriptorSet};

fn main() -> Result<(), Box<dyn Error>> {
    println!("cargo:rerun-if-changed=proto");
    let mut files = Vec::new();
    find(Path::new("proto"), &mut files)?;
    files.sort();

    let compiled = protox::compile(&files, ["proto"])?;
    let out = PathBuf::from(env::var("OUT_DIR")?);
    fs::write(out.join("descriptors.bin"), without_source(compiled.clone()).encode_to_vec())?;

    let mut config = prost_build::Config::new();
    config.btree_map(["."]);
    for message in DescriptorPool::from_file_descriptor_set(compiled.clone())?.all_messages() {
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
