use expect_test::expect;

use super::*;
use crate::rest::golden;

#[test]
fn bodies() {
    let listed = ListedGroup {
        group: "readers".to_owned(),
        protocol: "consumer".to_owned(),
        state: Some("Stable".to_owned()),
        kind: None,
    };
    let silent = SilentBroker { broker: 1, error: "h:1 can't be reached".to_owned() };
    golden(
        &GroupList { groups: vec![listed], silent: vec![silent] },
        &expect![[
            r#"{"groups":[{"group":"readers","protocol":"consumer","state":"Stable","type":null}],"silent":[{"broker":1,"error":"h:1 can't be reached"}]}"#
        ]],
    );
    let member = Member {
        id: "reader-7-5b1e".to_owned(),
        instance: None,
        client: "reader-7".to_owned(),
        host: "10.0.0.9".to_owned(),
        assigned: vec![PartitionName { topic: "orders".to_owned(), partition: 0 }],
    };
    let partition = PartitionLag {
        topic: "orders".to_owned(),
        partition: 0,
        committed: Some(4),
        end: Some(10),
        lag: Some(6),
        error: None,
    };
    let group = Group {
        group: "readers".to_owned(),
        state: "Stable".to_owned(),
        assignor: "range".to_owned(),
        members: vec![member],
        partitions: vec![partition],
        lag: Some(6),
    };
    golden(
        &group,
        &expect![[
            r#"{"assignor":"range","group":"readers","lag":6,"members":[{"assigned":[{"partition":0,"topic":"orders"}],"client":"reader-7","host":"10.0.0.9","id":"reader-7-5b1e","instance":null}],"partitions":[{"committed":4,"end":10,"error":null,"lag":6,"partition":0,"topic":"orders"}],"state":"Stable"}"#
        ]],
    );
}
