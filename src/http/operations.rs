//! What an operator has begun and looks at again: one operation at a time, the last ones kept.

use std::{
    collections::VecDeque,
    sync::{Mutex, MutexGuard, PoisonError},
};

use serde::Serialize;

/// So many that have ended are kept.
const KEPT: usize = 100;

/// How far an operation is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Progress {
    Running,
    Done,
    Failed,
}

/// An operation, as `GET /admin/operations/{id}` tells it.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct Operation {
    pub(crate) id: String,
    pub(crate) kind: &'static str,
    pub(crate) state: Progress,
    /// 0 to 1.
    pub(crate) progress: f64,
    /// What came of it, or why nothing did.
    pub(crate) detail: Option<String>,
}

#[derive(Default)]
struct All {
    begun: u64,
    kept: VecDeque<Operation>,
}

/// The operations of a server's life.
#[derive(Default)]
pub(crate) struct Operations(Mutex<All>);

impl Operations {
    /// Begins one; the one that runs already, where one does.
    pub(crate) fn begin(&self, kind: &'static str) -> Result<Operation, Operation> {
        let mut all = self.lock();
        if let Some(running) = all.kept.iter().find(|operation| operation.state == Progress::Running) {
            return Err(running.clone());
        }
        all.begun += 1;
        let id = format!("{kind}-{}", all.begun);
        let operation = Operation { id, kind, state: Progress::Running, progress: 0.0, detail: None };
        all.kept.push_back(operation.clone());
        if all.kept.len() > KEPT {
            all.kept.pop_front();
        }
        Ok(operation)
    }

    /// It is so far.
    pub(crate) fn at(&self, id: &str, progress: f64) {
        self.change(id, |operation| operation.progress = progress);
    }

    /// It has ended, with this.
    pub(crate) fn end(&self, id: &str, outcome: Result<String, String>) {
        self.change(id, |operation| {
            (operation.state, operation.detail) = match outcome {
                Ok(told) => (Progress::Done, Some(told)),
                Err(why) => (Progress::Failed, Some(why)),
            };
            if operation.state == Progress::Done {
                operation.progress = 1.0;
            }
        });
    }

    /// One of them.
    pub(crate) fn get(&self, id: &str) -> Option<Operation> {
        self.lock().kept.iter().find(|operation| operation.id == id).cloned()
    }

    fn change(&self, id: &str, change: impl FnOnce(&mut Operation)) {
        if let Some(operation) = self.lock().kept.iter_mut().find(|operation| operation.id == id) {
            change(operation);
        }
    }

    fn lock(&self) -> MutexGuard<'_, All> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_runs_at_a_time_and_the_last_are_kept() {
        let operations = Operations::default();
        let first = operations.begin("compact").unwrap();
        assert_eq!(operations.begin("reload").unwrap_err().id, first.id);
        operations.at(&first.id, 0.5);
        assert_eq!(operations.get(&first.id).unwrap().progress, 0.5);
        operations.end(&first.id, Err("no room".into()));
        let ended = operations.get(&first.id).unwrap();
        assert_eq!(
            (ended.state, ended.progress, ended.detail.as_deref()),
            (Progress::Failed, 0.5, Some("no room"))
        );
        for _ in 0..KEPT {
            let next = operations.begin("reload").unwrap();
            operations.end(&next.id, Ok("done".into()));
        }
        assert!(operations.get(&first.id).is_none());
        assert_eq!(operations.get("reload-101").unwrap().state, Progress::Done);
    }
}
