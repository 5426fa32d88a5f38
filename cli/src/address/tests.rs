use std::collections::BTreeMap;

use clap::Parser;

use super::*;
use crate::args::Args;

struct Config(BTreeMap<&'static str, &'static str>);

impl Dcos for Config {
    async fn config(&self, key: &str) -> Result<Option<String>, Failure> {
        Ok(self.0.get(key).map(|value| (*value).to_owned()))
    }
}

type Pairs = &'static [(&'static str, &'static str)];

const ATTACHED: Pairs =
    &[("core.dcos_url", "https://dcos.example/"), ("core.dcos_acs_token", "config-token")];

/// `url token origin`, or the error.
fn found(line: &str, variables: Pairs, config: Pairs) -> String {
    let args = Args::try_parse_from(format!("dcos-kafka {line} connection").split_whitespace()).unwrap();
    let variables: BTreeMap<_, _> = variables.iter().copied().collect();
    let variable = |name: &str| variables.get(name).map(|value| (*value).to_owned());
    let config = Config(config.iter().copied().collect());
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    match runtime.block_on(find(&args.common, &variable, &config)) {
        Ok(Address { url, origin, token, .. }) => {
            format!("{url} {} {origin}", token.map_or("-".to_owned(), |token| token.0))
        }
        Err(failure) => failure.to_string(),
    }
}

// D46: --url, then KAFKA_SCHEDULER_URL, used as they are; no DC/OS token goes there.
#[test]
fn the_service_itself() {
    let both: Pairs = &[("KAFKA_SCHEDULER_URL", "http://b:8080/x"), ("DCOS_ACS_TOKEN", "env-token")];
    assert_eq!(found("--url http://a:8080", both, ATTACHED), "http://a:8080 - --url");
    assert_eq!(found("--name=other", both, ATTACHED), "http://b:8080/x - KAFKA_SCHEDULER_URL");
    assert_eq!(found("--url http://a --token=t", both, ATTACHED), "http://a t --url");
}

// S-092, S-093, S-116, S-127, D46
#[test]
fn on_dcos() {
    let origin = "'dcos config show core.dcos_url'";
    let expect = |name: &str, token: &str| format!("https://dcos.example/service/{name} {token} {origin}");
    assert_eq!(found("", &[], ATTACHED), expect("kafka", "config-token"));
    assert_eq!(found("--name kafka-dev", &[], ATTACHED), expect("kafka-dev", "config-token"));
    assert_eq!(found("--name=kafka", &[], ATTACHED), expect("kafka", "config-token"));
    assert_eq!(found("", &[("DCOS_ACS_TOKEN", "env-token")], ATTACHED), expect("kafka", "env-token"));
    assert_eq!(found("--token t", &[("DCOS_ACS_TOKEN", "env-token")], ATTACHED), expect("kafka", "t"));
    let named: Pairs = &[("core.dcos_url", "https://dcos.example"), ("kafka.service_name", "/team/kafka")];
    assert_eq!(found("", &[], named), expect("team/kafka", "-"));
    assert_eq!(found("--name=own", &[], named), expect("own", "-"));
}

// The cluster's own authority, as each generation of the DC/OS CLI names it to its modules.
#[test]
fn authorities() {
    let trusted = |line: &str, variables: Pairs| {
        let line = format!("dcos-kafka --url http://a {line} connection");
        let args = Args::try_parse_from(line.split_whitespace()).unwrap();
        let variables: BTreeMap<_, _> = variables.iter().copied().collect();
        let variable = |name: &str| variables.get(name).map(|value| (*value).to_owned());
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        let found = runtime.block_on(find(&args.common, &variable, &Config(BTreeMap::new())));
        found.unwrap().ca_file.map(|file| file.display().to_string())
    };
    let both: Pairs = &[("DCOS_CA_PATH", "/old"), ("DCOS_TLS_CA_PATH", "/new")];
    assert_eq!(trusted("", &[]), None);
    assert_eq!(trusted("", both).as_deref(), Some("/old"));
    assert_eq!(trusted("", &[("DCOS_CA_PATH", ""), ("DCOS_TLS_CA_PATH", "/new")]).as_deref(), Some("/new"));
    assert_eq!(trusted("--ca-cert=/own", both).as_deref(), Some("/own"));
}

// A token goes to its own cluster alone.
#[test]
fn tokens_stay_at_home() {
    let other: Pairs = &[("DCOS_URL", "https://other.example")];
    assert_eq!(found("", other, ATTACHED), "https://other.example/service/kafka - DCOS_URL");
    let same: Pairs = &[("DCOS_URL", "https://dcos.example")];
    assert_eq!(found("", same, ATTACHED), "https://dcos.example/service/kafka config-token DCOS_URL");
    assert_eq!(format!("{:?}", Secret("x".to_owned())), "Secret(…)");
}

// A token among the arguments is seen by everybody on the machine, so there are two ways around them.
#[test]
fn tokens_out_of_sight() {
    let temp = tempfile::tempdir().unwrap();
    let file = temp.path().join("token");
    std::fs::write(&file, "file-token\n").unwrap();
    let flag = format!("--token-file={}", file.display());
    let own: Pairs = &[("KAFKA_SCHEDULER_TOKEN", "own-token")];
    assert_eq!(found("--url http://a", own, ATTACHED), "http://a own-token --url");
    assert_eq!(found(&format!("--url http://a {flag}"), own, ATTACHED), "http://a file-token --url");
    assert_eq!(found("--url http://a --token=t", own, ATTACHED), "http://a t --url");
    // It is the service's own: neither DC/OS nor another service is told.
    let both: Pairs = &[("KAFKA_SCHEDULER_TOKEN", "own-token"), ("KAFKA_SCHEDULER_URL", "http://b/")];
    assert_eq!(found("", both, ATTACHED), "http://b/ own-token KAFKA_SCHEDULER_URL");
    assert_eq!(found("--url http://b", both, ATTACHED), "http://b own-token --url");
    assert_eq!(found("--url http://a", both, ATTACHED), "http://a - --url");
    assert!(found("", own, ATTACHED).contains(" config-token "));
    assert!(found(&flag, own, ATTACHED).contains(" file-token "));

    std::fs::write(&file, "\n").unwrap();
    let text = found(&format!("--url http://a {flag}"), &[], &[]);
    assert!(text.ends_with("token (from --token-file): it is empty"), "{text}");
    let text = found("--url http://a --token-file=/nonexistent/t", &[], &[]);
    assert!(text.contains("/nonexistent/t (from --token-file): No such file"), "{text}");

    let line = "dcos-kafka --token hush connection";
    let args = Args::try_parse_from(line.split_whitespace()).unwrap();
    assert!(!format!("{args:?}").contains("hush"));
}

// What to do is said where nothing is known; an empty variable is none.
#[test]
fn nowhere() {
    let text = found("", &[("KAFKA_SCHEDULER_URL", "")], &[]);
    for part in ["--url", "KAFKA_SCHEDULER_URL", "DCOS_URL"] {
        assert!(text.contains(part), "{text}");
    }
    assert_eq!(Failure::NoAddress.exit_code(), 2);
}
