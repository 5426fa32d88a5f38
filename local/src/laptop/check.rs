//! Whether the scheduler would take its settings: asked of the program itself, before anything is started or changed.

use std::path::Path;

use super::{
    distribution::Source,
    environment::{self, Artifacts, Configured, Environment},
    home::Home,
    settings::Settings,
};

/// The scheduler's program.
pub const SCHEDULER: &str = "kafka-scheduler";

/// What a cluster runs, as URIs that its agent can fetch.
pub fn artifacts(source: Option<&Source>, programs: &Path) -> Artifacts {
    Artifacts {
        // Without a source nothing starts; the other settings can be judged all the same.
        kafka: source.map_or_else(|| "file:///absent".to_owned(), Source::uri),
        executor: format!("file://{}", programs.join("kafka-executor").display()),
    }
}

/// Every mistake in the settings, one per line of the scheduler's own words; none if the program is missing, which is
/// said elsewhere.
pub async fn mistakes(
    inherited: &Environment,
    configured: &Configured,
    settings: &Settings,
    source: Option<&Source>,
    home: &Home,
    programs: &Path,
) -> Vec<String> {
    let artifacts = artifacts(source, programs);
    let environment = environment::of_scheduler(inherited, configured, settings, &artifacts, home);
    let mut command = tokio::process::Command::new(programs.join(SCHEDULER));
    match command.arg("--check").env_clear().envs(environment).output().await {
        Ok(output) if !output.status.success() => {
            let said = String::from_utf8_lossy(&output.stderr);
            let lines: Vec<String> =
                said.lines().map(str::to_owned).filter(|line| !line.is_empty()).collect();
            if lines.is_empty() { vec![format!("{SCHEDULER} --check: {}", output.status)] } else { lines }
        }
        _ => Vec::new(),
    }
}
