//! `status`: what of a cluster runs.

use std::process::ExitCode;

use api::rest::Status;

use super::{
    args::Place,
    home::{Home, Part},
    identity::Identity,
    picture, progress,
    screen::print,
    settings::Settings,
    sweep,
};

/// Says what runs. Exit code 0 if every part does and the plan is Complete, else 1.
///
/// # Errors
/// If there is no such cluster.
pub async fn run(place: &Place) -> anyhow::Result<ExitCode> {
    let home = Home::existing(&place.data)?;
    let Some(settings) = Settings::load(&home.settings())? else {
        print(&format!("no cluster was ever started in {}", home.root().display()));
        return Ok(ExitCode::FAILURE);
    };
    let mut all = true;
    for part in [Part::Supervisor, Part::ZooKeeper, Part::Mesos, Part::Scheduler] {
        let state = match Identity::running(&home.pid(part)) {
            Some(identity) => format!("running (pid {})", identity.pid),
            None => {
                all = false;
                "not running".to_owned()
            }
        };
        print(&format!("{:<16} {state}", part.name()));
    }
    let left = sweep::inside(&home.mesos()).len();
    if left > 0 && Identity::running(&home.pid(Part::Mesos)).is_none() {
        print(&format!("{:<16} {left} processes run without their agent; `stop` ends them", "brokers"));
    }
    let client = progress::client(settings.api_port)?;
    let plan = match client.plan().await {
        Ok(plan) => plan,
        Err(error) => {
            print(&format!("{:<16} no answer of use from {}: {error}", "plan", client.url()));
            return Ok(ExitCode::FAILURE);
        }
    };
    for (id, block) in picture::brokers(&plan.body) {
        let broker = match id.parse() {
            Ok(id) => client.broker(id).await.ok(),
            Err(_) => None,
        };
        let line = picture::line(block, broker.as_ref().map(|broker| &broker.body));
        print(format!("{:<16} {:<9} {}", line.name, line.step.word(), line.detail).trim_end());
    }
    print(&format!("{:<16} {}", "plan", plan.body.status));
    for error in &plan.body.errors {
        print(&format!("{:<16} {error}", "refused"));
    }
    Ok(if all && plan.body.status == Status::Complete { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}
