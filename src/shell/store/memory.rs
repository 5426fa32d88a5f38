//! A store that ends with the process: for tests, also of what happens when a store fails.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use super::{Batch, Records, Store, StoreError, apply};

/// Records in memory. Clones share them, as processes share a disk.
#[derive(Clone, Debug, Default)]
pub struct MemoryStore {
    shared: Arc<Mutex<Shared>>,
}

#[derive(Debug, Default)]
struct Shared {
    records: Records,
    commits: u64,
    fail_at: Option<u64>,
    hangs: bool,
}

impl MemoryStore {
    /// Makes the n-th commit from now on fail (1 is the next), and all later ones, without effect.
    pub fn fail_at(&self, n: u64) {
        let mut shared = self.lock();
        shared.fail_at = Some(shared.commits + n);
    }

    /// Makes all commits from now on hang, without effect.
    pub fn hang(&self) {
        self.lock().hangs = true;
    }

    /// What is durable now.
    pub fn records(&self) -> Records {
        self.lock().records.clone()
    }

    /// How many batches were committed.
    pub fn commits(&self) -> u64 {
        self.lock().commits
    }

    fn lock(&self) -> MutexGuard<'_, Shared> {
        // Every change is complete before it could panic, so a poisoned lock still guards whole records.
        self.shared.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Store for MemoryStore {
    async fn load(&mut self) -> Result<Records, StoreError> {
        Ok(self.records())
    }

    async fn commit(&mut self, batch: &Batch) -> Result<(), StoreError> {
        if batch.0.is_empty() {
            return Ok(());
        }
        // Its own statement: the lock must not be held while it hangs.
        let hangs = self.lock().hangs;
        if hangs {
            std::future::pending::<()>().await;
        }
        let mut shared = self.lock();
        if shared.fail_at.is_some_and(|n| shared.commits + 1 >= n) {
            return Err(StoreError::Told);
        }
        shared.commits += 1;
        apply(&mut shared.records, batch);
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test fails by panicking")]
    use super::*;
    use crate::{event::Write, shell::store::conformance};

    #[tokio::test]
    async fn conforms() {
        let store = MemoryStore::default();
        conformance::check(|| store.clone()).await;
    }

    #[tokio::test]
    async fn fails_as_told_and_without_effect() {
        let mut store = MemoryStore::default();
        let put = Batch(vec![Write::Put { key: "a".into(), value: b"1".to_vec() }]);
        store.fail_at(2);
        store.commit(&put).await.unwrap();
        assert!(matches!(
            store.commit(&Batch(vec![Write::Delete { key: "a".into() }])).await,
            Err(StoreError::Told)
        ));
        assert_eq!(store.records().len(), 1);
    }
}
