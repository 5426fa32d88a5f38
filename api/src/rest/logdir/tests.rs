use expect_test::expect;

use super::*;
use crate::rest::golden;

#[test]
fn body() {
    let replica =
        Replica { topic: "orders".to_owned(), partition: 0, size_bytes: 1_048_576, lag: 0, future: false };
    let dir = LogDir {
        path: "/var/kafka".to_owned(),
        error: None,
        size_bytes: 1_048_576,
        total_bytes: Some(10_737_418_240),
        usable_bytes: None,
        replicas: vec![replica],
    };
    let told = BrokerLogDirs { broker: 0, error: None, log_dirs: vec![dir] };
    let silent =
        BrokerLogDirs { broker: 1, error: Some("h:1 can't be reached".to_owned()), log_dirs: vec![] };
    golden(
        &LogDirList { brokers: vec![told, silent] },
        &expect![[
            r#"{"brokers":[{"broker":0,"error":null,"log_dirs":[{"error":null,"path":"/var/kafka","replicas":[{"future":false,"lag":0,"partition":0,"size_bytes":1048576,"topic":"orders"}],"size_bytes":1048576,"total_bytes":10737418240,"usable_bytes":null}]},{"broker":1,"error":"h:1 can't be reached","log_dirs":[]}]}"#
        ]],
    );
}
