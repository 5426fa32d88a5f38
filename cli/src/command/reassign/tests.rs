use super::*;

fn moving(partition: u32, done: Option<u64>, total: Option<u64>) -> Moving {
    Moving {
        adding: vec![2],
        bytes_done: done,
        bytes_total: total,
        partition,
        removing: vec![0],
        replicas: vec![2, 1, 0],
        topic: "orders".to_owned(),
    }
}

// Who has arrived counts as whole; what is not known of one partition is not known of all.
#[test]
fn progress_is_of_all() {
    let mut progress = Progress::default();
    let half = moving(0, Some(1024), Some(2048));
    let unknown = moving(1, None, Some(2048));
    assert_eq!(
        progress.line(&[half.clone(), unknown]),
        "2 of 2 partitions move: not all brokers say how much is copied"
    );
    let less = moving(1, Some(512), Some(2048));
    assert_eq!(progress.line(&[half.clone(), less]), "2 of 2 partitions move: 37 % of 4.0 KiB");
    assert_eq!(progress.line(&[half]), "1 of 2 partitions move: 75 % of 4.0 KiB");
}
