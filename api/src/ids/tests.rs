use super::*;

const TEXT: &str = "broker-0__9c426c50-1087-475c-aa36-cd00d24ccebb";

// S-101: the guide's own sample.
#[test]
fn task_id_prints_as_it_parses() {
    let id: TaskId = TEXT.parse().unwrap();
    assert_eq!(id.broker, BrokerId(0));
    assert_eq!(id.to_string(), TEXT);
    assert_eq!(serde_json::to_value(id).unwrap(), TEXT);
    assert_eq!(serde_json::from_value::<TaskId>(TEXT.into()).unwrap(), id);
}

#[test]
fn other_task_ids_are_refused() {
    for text in ["", "broker-0", "broker-x__9c426c50-1087-475c-aa36-cd00d24ccebb", "broker-0__x", "zk-0__1"] {
        let error = text.parse::<TaskId>().unwrap_err();
        assert_eq!(error.to_string(), format!("{text:?} is not a task id of the form broker-<n>__<uuid>"));
    }
}
