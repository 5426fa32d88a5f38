//! What of a setting may be shown: logs and error texts reach more people than the configuration does.

use std::fmt;

use super::{FieldChange, overrides};

/// A URI, or a list of addresses, without what opens doors: whatever stands before an `@`, and a query, which holds the
/// signature of a signed URL. It hides too much rather than too little, since mistaken texts pass through here.
pub(super) fn uri(text: &str) -> String {
    let (scheme, rest) = match text.split_once("://") {
        Some((scheme, rest)) => (format!("{scheme}://"), rest),
        None => (String::new(), text),
    };
    let (user, rest) = match rest.rsplit_once('@') {
        Some((_, host)) => ("…@", host),
        None => ("", rest),
    };
    match rest.split_once('?') {
        Some((path, _)) => format!("{scheme}{user}{path}?…"),
        None => format!("{scheme}{user}{rest}"),
    }
}

impl fmt::Display for FieldChange {
    /// For logs. Overrides and JVM options may hold passwords under any name, so theirs are not shown.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { variable, from, to, .. } = self;
        if variable.starts_with(overrides::PREFIX) || variable == "BROKER_JVM_OPTS" {
            let what = match (from.is_empty(), to.is_empty()) {
                (true, _) => "set",
                (_, true) => "removed",
                _ => "another value",
            };
            return write!(f, "{variable} ({what})");
        }
        let (shown_from, shown_to) = (uri(from), uri(to));
        write!(f, "{variable}: {shown_from:?} -> {shown_to:?}")?;
        if shown_from == shown_to { f.write_str(" (in what is not shown)") } else { Ok(()) }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test fails by panicking")]
    use std::collections::BTreeMap;

    use super::*;
    use crate::{
        Scheduler,
        config::{Cost, Settings},
        shell::store,
    };

    #[test]
    fn uris_keep_what_helps_and_lose_what_opens_doors() {
        for (text, shown) in [
            ("https://user:secret@h:8443/k.tgz", "https://…@h:8443/k.tgz"),
            ("s3n://KEY:sec/ret@bucket/k.tgz", "s3n://…@bucket/k.tgz"),
            ("https://h/k.tgz?X-Amz-Signature=secret", "https://h/k.tgz?…"),
            ("https://u:sec?ret@h/k.tgz?t=secret", "https://…@h/k.tgz?…"),
            ("zk://digest:secret@h1:2181,h2:2181/mesos", "zk://…@h1:2181,h2:2181/mesos"),
            ("user:secret@h1:2181", "…@h1:2181"),
            ("file:///k.tgz", "file:///k.tgz"),
            ("2048", "2048"),
        ] {
            assert_eq!(uri(text), shown);
        }
    }

    #[test]
    fn a_change_is_told_without_its_secrets() {
        let shown = |variable: &str, from: &str, to: &str| {
            let variable = variable.to_owned();
            FieldChange { variable, from: from.to_owned(), to: to.to_owned(), cost: Cost::Restart }
                .to_string()
        };
        assert_eq!(shown("BROKER_COUNT", "3", "4"), r#"BROKER_COUNT: "3" -> "4""#);
        assert_eq!(
            shown("KAFKA_URI", "https://u:secret@h/1", "https://u:secret@h/2"),
            r#"KAFKA_URI: "https://…@h/1" -> "https://…@h/2""#
        );
        assert_eq!(
            shown("KAFKA_URI", "https://u:secret@h/1", "https://u:other@h/1"),
            r#"KAFKA_URI: "https://…@h/1" -> "https://…@h/1" (in what is not shown)"#
        );
        for (from, to, what) in
            [("", "secret", "set"), ("secret", "", "removed"), ("secret", "x", "another value")]
        {
            for name in ["KAFKA_OVERRIDE_SSL_KEY_PASSWORD", "BROKER_JVM_OPTS"] {
                assert_eq!(shown(name, from, to), format!("{name} ({what})"));
            }
        }
    }

    #[test]
    fn the_log_of_a_changed_configuration_holds_no_secrets() {
        let service = |secret: &str| {
            let env = [
                ("MESOS_MASTER", "h:5050"),
                ("SCHEDULER_STATE_URI", "file:///state"),
                ("FRAMEWORK_USER", "kafka"),
                ("KAFKA_URI", &format!("https://u:{secret}@h/k.tgz")),
                ("EXECUTOR_URI", "file:///e"),
                ("KAFKA_OVERRIDE_SASL_JAAS_CONFIG", secret),
            ];
            let env = env.map(|(name, value)| (name.to_owned(), value.to_owned())).into();
            Settings::from_env(&env).unwrap().service
        };
        let (_, effects) = Scheduler::restore(service("secret-1"), &BTreeMap::new(), 1).unwrap();
        let mut records = BTreeMap::new();
        store::apply(&mut records, &effects.writes);
        let (_, effects) = Scheduler::restore(service("secret-2"), &records, 1).unwrap();
        let notes = effects.notes.join("\n");
        assert!(notes.contains("KAFKA_URI") && notes.contains("KAFKA_OVERRIDE_SASL_JAAS_CONFIG"), "{notes}");
        assert!(!notes.contains("secret"), "{notes}");
    }

    /// Mistakes in settings that may hold credentials; stderr and Marathon's log are read by many.
    #[test]
    fn mistakes_are_told_without_secrets() {
        let env: BTreeMap<_, _> = [
            ("MESOS_MASTER", "zk://user:secret@h:2181/mesos"),
            ("SCHEDULER_STATE_URI", "zk://user:secret@h:2181/kafka"),
            ("KAFKA_ZOOKEEPER_URI", "zk://user:secret@h:2181"),
            ("KAFKA_URI", "gopher://user:secret@h/k.tgz"),
            ("JAVA_URI", "https://h/a b.tgz?sig=secret"),
            ("EXECUTOR_URI", "user:secret@h/kafka-executor"),
            ("BROKER_JVM_OPTS", "-Dpassword=a secret"),
        ]
        .map(|(name, value)| (name.to_owned(), value.to_owned()))
        .into();
        let errors = Settings::from_env(&env).unwrap_err();
        assert!(env.keys().all(|name| errors.0.iter().any(|error| error.field == *name)), "{errors}");
        assert!(!errors.to_string().contains("secret"), "{errors}");
        let state = BTreeMap::from([("SCHEDULER_STATE_URI".to_owned(), "http://u:secret@h/x".to_owned())]);
        let errors = Settings::from_env(&state).unwrap_err().to_string();
        assert!(errors.contains("http://…@h/x") && !errors.contains("secret"), "{errors}");
    }
}
