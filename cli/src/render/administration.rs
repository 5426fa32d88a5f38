//! Tables of what goes beyond the guide: settings, moves, elections, disks, groups.

use std::collections::BTreeMap;

use api::rest::{
    self,
    group::PartitionLag,
    reassignment::{PartitionName, RefusedPartition},
};

use super::{Table, list, share, size::size, time::utc};

/// Ids of brokers.
pub(crate) fn ids(brokers: &[u32]) -> String {
    list(brokers)
}

/// `topic config`
pub(crate) fn config(config: &rest::TopicConfig) -> String {
    let mut table = Table::new(["SETTING", "VALUE", "FROM"]);
    for (name, setting) in &config.config {
        let value = if setting.sensitive { "(secret)" } else { setting.value.as_deref().unwrap_or_default() };
        table.row([name, value, setting.source.as_str()]);
    }
    table.to_string()
}

/// `topic reassign`
pub(crate) fn reassignment(plan: &rest::ReassignmentPlan) -> String {
    let mut table = Table::new(["TOPIC", "PARTITION", "FROM", "TO", "REFUSED"]);
    for change in &plan.partitions {
        table.row([
            change.topic.clone(),
            change.partition.to_string(),
            list(&change.from),
            list(&change.to),
            change.error.clone().unwrap_or_default(),
        ]);
    }
    let mut text = format!(
        "{table}\nreplicas to copy:             {}\npartitions as they are to be: {}\n",
        plan.copies, plan.unchanged
    );
    if !plan.limited.is_empty() {
        let mut table = Table::new(["TOPIC", "PARTITION", "FROM", "TO"]);
        for one in &plan.limited {
            table.row([&one.topic, &one.partition.to_string(), &list(&one.from), &list(&one.to)]);
        }
        text.push_str(&format!("on their way already, with the limit asked for from now on:\n{table}"));
    }
    if plan.dry_run {
        text.push_str("a dry run: nothing was begun\n");
    }
    text
}

/// `topic reassignments`
pub(crate) fn reassignments(list: &rest::ReassignmentList) -> String {
    let untended = list.limits_untended.as_ref().map(|untended| {
        let since = utc(untended.since_ms);
        format!("limits of copying are not looked after since {since} UTC: {}\n", untended.message)
    });
    let untended = untended.unwrap_or_default();
    if list.reassignments.is_empty() {
        return format!("(nothing moves)\n{untended}");
    }
    let mut table = Table::new(["TOPIC", "PARTITION", "REPLICAS", "TO COME", "TO GO", "COPIED"]);
    for moving in &list.reassignments {
        let copied = match (moving.bytes_done, moving.bytes_total) {
            (Some(done), Some(total)) => share(done, total),
            _ => "not known".to_owned(),
        };
        table.row([
            moving.topic.clone(),
            moving.partition.to_string(),
            ids(&moving.replicas),
            ids(&moving.adding),
            ids(&moving.removing),
            copied,
        ]);
    }
    format!("{table}{untended}")
}

/// `topic cancel-reassignments`
pub(crate) fn cancelled(cancelled: &rest::Cancelled) -> String {
    outcome(&cancelled.cancelled, "stopped", &cancelled.refused, "(nothing moved)\n")
}

/// `topic elect-leaders`
pub(crate) fn elected(elected: &rest::Elected) -> String {
    outcome(&elected.elected, "elected", &elected.refused, "(every preferred leader leads)\n")
}

fn outcome(done: &[PartitionName], word: &str, refused: &[RefusedPartition], neither: &str) -> String {
    if done.is_empty() && refused.is_empty() {
        return neither.to_owned();
    }
    let mut table = Table::new(["TOPIC", "PARTITION", "RESULT"]);
    for one in done {
        table.row([&one.topic, &one.partition.to_string(), word]);
    }
    for one in refused {
        table.row([&one.topic, &one.partition.to_string(), &one.error]);
    }
    table.to_string()
}

/// `broker log-dirs`: directories, then topics.
pub(crate) fn log_dirs(list: &rest::LogDirList) -> String {
    let mut dirs = Table::new(["BROKER", "SIZE", "FREE", "OF", "DIRECTORY"]);
    let mut topics = Table::new(["BROKER", "TOPIC", "REPLICAS", "SIZE"]);
    let known = |bytes: Option<u64>| bytes.map(size).unwrap_or_default();
    for broker in &list.brokers {
        let id = broker.broker.to_string();
        if let Some(error) = &broker.error {
            dirs.row([&id, "", "", "", error]);
        }
        let mut sums = BTreeMap::<&str, (u64, u64)>::new();
        for dir in &broker.log_dirs {
            let error = dir.error.as_ref().map(|error| format!(": {error}")).unwrap_or_default();
            dirs.row([
                id.clone(),
                size(dir.size_bytes),
                known(dir.usable_bytes),
                known(dir.total_bytes),
                // Last, since paths below a sandbox are long.
                format!("{}{error}", dir.path),
            ]);
            for replica in &dir.replicas {
                let (count, bytes) = sums.entry(&replica.topic).or_default();
                *count += 1;
                *bytes += replica.size_bytes;
            }
        }
        for (topic, (count, bytes)) in sums {
            topics.row([id.as_str(), topic, &count.to_string(), &size(bytes)]);
        }
    }
    format!("{dirs}\n{topics}")
}

/// `group list`
pub(crate) fn groups(list: &rest::GroupList) -> String {
    let mut table = Table::new(["GROUP", "STATE", "PROTOCOL", "TYPE"]);
    for group in &list.groups {
        let told = |text: &Option<String>| text.clone().unwrap_or_default();
        table.row([group.group.clone(), told(&group.state), group.protocol.clone(), told(&group.kind)]);
    }
    let mut text = table.to_string();
    for silent in &list.silent {
        text.push_str(&format!("broker {} did not tell its groups: {}\n", silent.broker, silent.error));
    }
    text
}

/// `group describe`
pub(crate) fn group(group: &rest::Group) -> String {
    let number = |number: Option<u64>| number.map_or("-".to_owned(), |number| number.to_string());
    let mut table = Table::new(["TOPIC", "PARTITION", "COMMITTED", "END", "LAG", "CLIENT", "HOST", "ERROR"]);
    for partition in &group.partitions {
        let reader = group.members.iter().find(|member| member.assigned.iter().any(|one| is(one, partition)));
        table.row([
            partition.topic.clone(),
            partition.partition.to_string(),
            number(partition.committed),
            number(partition.end),
            number(partition.lag),
            reader.map(|member| member.client.clone()).unwrap_or_default(),
            reader.map(|member| member.host.clone()).unwrap_or_default(),
            partition.error.clone().unwrap_or_default(),
        ]);
    }
    format!(
        "state:   {}\nmembers: {}\nlag:     {}\n\n{table}",
        group.state,
        group.members.len(),
        number(group.lag)
    )
}

fn is(name: &PartitionName, partition: &PartitionLag) -> bool {
    (&name.topic, name.partition) == (&partition.topic, partition.partition)
}
