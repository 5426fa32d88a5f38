//! Answers as text: the guide's JSON, or tables for people. Pure.

use api::{ids::TaskId, rest};
use serde::Serialize;

mod administration;
mod size;
mod table;
mod time;

use table::Table;

pub(crate) use administration::{
    cancelled, config, elected, group, groups, ids, log_dirs, reassignment, reassignments,
};
pub(crate) use size::share;

/// JSON as the guide prints it: four spaces to a level, keys in alphabetical order.
pub(crate) fn json(value: &serde_json::Value) -> serde_json::Result<String> {
    let mut out = Vec::new();
    let formatter = serde_json::ser::PrettyFormatter::with_indent(b"    ");
    value.serialize(&mut serde_json::Serializer::with_formatter(&mut out, formatter))?;
    out.push(b'\n');
    // JSON is UTF-8; nothing is lost.
    Ok(String::from_utf8_lossy(&out).into_owned())
}

/// `connection`
pub(crate) fn connection(connection: &rest::Connection) -> String {
    let mut table = Table::new(["ADDRESS", "DNS"]);
    for (address, dns) in connection.address.iter().zip(&connection.dns) {
        table.row([address, dns]);
    }
    if connection.address.is_empty() {
        table.row(["(no broker runs)", ""]);
    }
    format!("{table}\nvip:       {}\nzookeeper: {}\n", connection.vip, connection.zookeeper)
}

/// `broker list`
pub(crate) fn brokers(brokers: &[rest::Broker]) -> String {
    let mut table = Table::new(["BROKER", "TASK", "HEALTH", "ADDRESS", "AGENT", "TASK ID", "WAITS FOR"]);
    for broker in brokers {
        let address = match (&broker.host, broker.port) {
            (Some(host), Some(port)) => format!("{host}:{port}"),
            _ => String::new(),
        };
        table.row([
            broker.id.to_string(),
            broker.task_state.map_or("none", rest::TaskState::as_str).to_owned(),
            broker.health.as_str().to_owned(),
            address,
            broker.agent.as_ref().map(|agent| agent.hostname.clone()).unwrap_or_default(),
            broker.task_id.map(|id| id.to_string()).unwrap_or_default(),
            broker.waiting.as_ref().map(|wait| wait.message.clone()).unwrap_or_default(),
        ]);
    }
    table.to_string()
}

/// `broker incidents`
pub(crate) fn incidents(list: &rest::IncidentList) -> String {
    let mut table = Table::new(["WHEN (UTC)", "CAUSE", "END", "UPTIME", "SUMMARY"]);
    for incident in &list.incidents {
        table.row([
            time::utc(incident.at),
            incident.cause.to_string(),
            incident.end.to_string(),
            time::length(incident.uptime_ms),
            incident.summary.clone(),
        ]);
    }
    table.to_string()
}

/// `broker restart`
pub(crate) fn tasks(tasks: &[TaskId]) -> String {
    column("TASK ID", &tasks.iter().map(TaskId::to_string).collect::<Vec<_>>())
}

/// `plan show`
pub(crate) fn plan(plan: &rest::Plan) -> String {
    let mut table = Table::new(["PHASE", "BLOCK", "STATUS", "MESSAGE"]);
    for phase in &plan.phases {
        for (index, block) in phase.blocks.iter().enumerate() {
            let phase = if index == 0 { phase.name.as_str() } else { "" };
            table.row([phase, &block.name, block.status.as_str(), &block_message(block)]);
        }
    }
    format!("{}\n{table}", plan_line(plan.status, &plan.errors))
}

/// `plan active`
pub(crate) fn active(active: &rest::PlanActive) -> String {
    let line = plan_line(active.stage.status, &active.stage.errors);
    let Some(phase) = &active.phase else { return line };
    let mut table = Table::new(["PHASE", "BLOCK", "STATUS", "MESSAGE"]);
    match &active.block {
        Some(block) => {
            table.row([&phase.name, &block.name, block.status.as_str(), &block_message(block)]);
        }
        None => table.row([&phase.name, "", phase.status.as_str(), ""]),
    }
    format!("{line}\n{table}")
}

fn plan_line(status: rest::Status, errors: &[String]) -> String {
    let mut text = format!("plan: {status}\n");
    for error in errors {
        text.push_str(&format!("error: {error}\n"));
    }
    text
}

fn block_message(block: &rest::Block) -> String {
    let mut text = block.message.clone();
    if let Some(wait) = &block.waiting
        && !text.contains(&wait.message)
    {
        text.push_str(": ");
        text.push_str(&wait.message);
    }
    if block.has_decision_point {
        text.push_str(" (waits for 'continue')");
    }
    text
}

/// One column, as of `topic list`.
pub(crate) fn column(head: &str, cells: &[String]) -> String {
    let mut table = Table::new([head]);
    for cell in cells {
        table.row([cell]);
    }
    table.to_string()
}

/// Numbers between commas.
fn list(numbers: &[impl ToString]) -> String {
    numbers.iter().map(ToString::to_string).collect::<Vec<_>>().join(",")
}

/// `health`
pub(crate) fn health(health: &rest::Health) -> String {
    let mut table = Table::new(["CHECK", "HEALTHY", "MESSAGE"]);
    for (name, check) in &health.0 {
        table.row([name.as_str(), if check.healthy { "yes" } else { "NO" }, &check.message]);
    }
    table.to_string()
}

/// `topic offsets`
pub(crate) fn offsets(offsets: &[rest::PartitionOffset]) -> String {
    let mut table = Table::new(["PARTITION", "OFFSET"]);
    for partition in offsets {
        table.row([partition.number.to_string(), partition.offset.to_string()]);
    }
    table.to_string()
}

/// `topic under_replicated_partitions` and `topic unavailable_partitions`: Kafka's own lines, or a word that there are
/// none.
pub(crate) fn report(report: &rest::Report) -> String {
    let mut text = if report.message.is_empty() { "(none)\n".to_owned() } else { report.message.clone() };
    if let Some(note) = &report.note {
        text.push_str(&format!("note: {note}\n"));
    }
    text
}

/// `topic describe`
pub(crate) fn topic(topic: &rest::TopicDescription) -> String {
    let mut table = Table::new(["PARTITION", "LEADER", "IN SYNC", "LEADER EPOCH", "CONTROLLER EPOCH"]);
    for rest::Partition { number, state } in &topic.partitions {
        table.row([
            number.to_string(),
            if state.leader < 0 { "none".to_owned() } else { state.leader.to_string() },
            list(&state.isr),
            state.leader_epoch.to_string(),
            state.controller_epoch.to_string(),
        ]);
    }
    table.to_string()
}

#[cfg(test)]
mod tests;
