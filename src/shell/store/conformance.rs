//! What every store must do; each runs it on itself.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use super::{Batch, Records, Store, Write};

fn put(key: &str, value: impl Into<Vec<u8>>) -> Write {
    Write::Put { key: key.into(), value: value.into() }
}

fn delete(key: &str) -> Write {
    Write::Delete { key: key.into() }
}

/// Runs the suite. `open` opens the same, initially empty, store each time; the one before is closed by then.
pub(crate) async fn check<S: Store>(open: impl Fn() -> S) {
    let reload = async || open().load().await.unwrap();
    assert_eq!(reload().await, Records::new(), "a new store is empty");

    {
        let mut store = open();
        store.load().await.unwrap();
        store
            .commit(&Batch(vec![put("framework", "f-1"), put("brokers/0", "{\n}"), put("brokers/1", "")]))
            .await
            .unwrap();
        assert_eq!(store.load().await.unwrap().len(), 3, "what is committed is loaded by the same store");
    }
    let expected: Records = [("framework", "f-1"), ("brokers/0", "{\n}"), ("brokers/1", "")]
        .map(|(k, v)| (k.into(), v.into()))
        .into();
    assert_eq!(reload().await, expected, "and by the next one, empty values and line feeds included");

    {
        let mut store = open();
        // Without a load before: a commit changes what is there, it does not replace it.
        store
            .commit(&Batch(vec![delete("brokers/1"), put("brokers/0", "new"), delete("absent")]))
            .await
            .unwrap();
        store.commit(&Batch::default()).await.unwrap();
    }
    let expected: Records =
        [("framework", "f-1"), ("brokers/0", "new")].map(|(k, v)| (k.into(), v.into())).into();
    assert_eq!(reload().await, expected, "a delete of what is not there is no error");

    {
        let mut store = open();
        store.commit(&Batch(vec![put("x", "1"), delete("x"), put("y", "1"), put("y", "2")])).await.unwrap();
    }
    let records = reload().await;
    assert!(!records.contains_key("x") && records["y"] == b"2", "within a batch the later write counts");

    let bytes: Vec<u8> = (0..=255).cycle().take(100_000).collect();
    {
        let mut store = open();
        let batch: Vec<_> = (0..100).map(|n| put(&format!("big/{n}"), bytes.clone())).collect();
        store.commit(&Batch(batch)).await.unwrap();
    }
    let records = reload().await;
    assert!((0..100).all(|n| records[&format!("big/{n}")] == bytes), "values hold any bytes");
    assert_eq!(records["y"], b"2");
}
