//! `kafka-overrider`: override keys of a `.properties` file in layers, and see what changes.
//!
//! Exit codes: 0 done (with `--check`: nothing would change), 1 refused or failed (with `--check`: something would
//! change), 2 usage.
#![expect(clippy::disallowed_methods, reason = "a task command is told things by its environment")]

use std::{
    collections::BTreeMap,
    io::Write as _,
    path::{Path, PathBuf},
    process::ExitCode,
};

use anyhow::Context as _;
use clap::Parser;
use overrider::{
    layer::{self, Layer},
    properties::Properties,
    write::write,
};

/// Override keys of a .properties file in layers and print what changes, old → new, on stderr.
///
/// Layers, lowest first: each --layer in the order given, --env, --set. Comments, order and the bytes of unchanged
/// lines are kept.
#[derive(Parser)]
#[command(version)]
struct Args {
    /// File to start from; without it an empty one
    file: Option<PathBuf>,
    /// A layer: a name for the report, and a .properties file with its keys
    #[arg(long = "layer", value_name = "NAME=FILE", value_parser = pair)]
    layers: Vec<(String, String)>,
    /// Take KAFKA_OVERRIDE_* variables as a layer: KAFKA_OVERRIDE_LOG_RETENTION_HOURS is log.retention.hours
    #[arg(long)]
    env: bool,
    /// Set one key
    #[arg(long = "set", value_name = "KEY=VALUE", value_parser = pair)]
    sets: Vec<(String, String)>,
    /// Refuse a key (or, with a trailing *, all keys of a prefix) and say what to do instead
    #[arg(long = "reserve", value_name = "KEY=INSTEAD", value_parser = pair)]
    reserved: Vec<(String, String)>,
    /// Write here, atomically and with mode 0600; without it to stdout
    #[arg(long, short)]
    output: Option<PathBuf>,
    /// Write nothing; exit 1 if anything would change
    #[arg(long, conflicts_with = "output")]
    check: bool,
}

fn pair(text: &str) -> Result<(String, String), String> {
    match text.split_once('=') {
        Some((left, right)) if !left.is_empty() => Ok((left.to_owned(), right.to_owned())),
        _ => Err("expected two parts with = between them".to_owned()),
    }
}

fn main() -> ExitCode {
    match run(&Args::parse()) {
        Ok(code) => code,
        Err(error) => {
            eprintln!("kafka-overrider: {error:#}");
            ExitCode::FAILURE
        }
    }
}

fn run(args: &Args) -> anyhow::Result<ExitCode> {
    let mut properties = match &args.file {
        Some(file) => read(file)?,
        None => Properties::default(),
    };
    let layers = layers(args)?;
    let reserved = layer::reserved(&layers, |key| instead_of(&args.reserved, key));
    if !reserved.is_empty() {
        let lines: Vec<_> = reserved.iter().map(ToString::to_string).collect();
        anyhow::bail!("{}", lines.join("; "));
    }
    let changes = layer::apply(&mut properties, &layers);
    for change in &changes {
        eprintln!("{change}");
    }
    if args.check {
        return Ok(if changes.is_empty() { ExitCode::SUCCESS } else { ExitCode::FAILURE });
    }
    match &args.output {
        Some(path) => write(path, &properties.to_bytes())?,
        None => std::io::stdout().write_all(&properties.to_bytes()).context("cannot write to stdout")?,
    }
    Ok(ExitCode::SUCCESS)
}

fn read(path: &Path) -> anyhow::Result<Properties> {
    let bytes = std::fs::read(path).with_context(|| format!("cannot read {}", path.display()))?;
    Properties::parse(&bytes).with_context(|| format!("cannot parse {}", path.display()))
}

fn layers(args: &Args) -> anyhow::Result<Vec<Layer>> {
    let mut layers = Vec::new();
    for (name, file) in &args.layers {
        layers.push(Layer { name: name.clone(), properties: read(Path::new(file))?.to_map() });
    }
    if args.env {
        layers.push(Layer { name: "environment".to_owned(), properties: environment()? });
    }
    if !args.sets.is_empty() {
        layers.push(Layer { name: "--set".to_owned(), properties: args.sets.iter().cloned().collect() });
    }
    Ok(layers)
}

fn environment() -> anyhow::Result<BTreeMap<String, String>> {
    let mut found = BTreeMap::new();
    for (name, value) in std::env::vars_os() {
        let Some(key) = name.to_str().and_then(layer::key_of_variable) else { continue };
        let value = value.into_string().ok().with_context(|| format!("{} is not UTF-8", name.display()))?;
        found.insert(key, value);
    }
    Ok(found)
}

fn instead_of<'a>(table: &'a [(String, String)], key: &str) -> Option<&'a str> {
    let matches = |pattern: &str| match pattern.strip_suffix('*') {
        Some(prefix) => key.starts_with(prefix),
        None => key == pattern,
    };
    table.iter().find(|(pattern, _)| matches(pattern)).map(|(_, instead)| instead.as_str())
}
