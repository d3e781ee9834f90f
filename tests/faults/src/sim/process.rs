//! Processes that can die.

use std::future::pending;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use tokio::sync::Notify;
use tokio::task::AbortHandle;

/// One life of a process, from its start to its death; started again, it has another one.
///
/// A dead process has no effect any more: its tasks end, or never get past their next call.
#[derive(Debug, Clone)]
pub struct Life(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    name: &'static str,
    alive: AtomicBool,
    died: Notify,
    tasks: Mutex<Vec<AbortHandle>>,
}

impl Life {
    /// A process starts.
    pub fn new(name: &'static str) -> Self {
        let (alive, died, tasks) = (AtomicBool::new(true), Notify::new(), Mutex::default());
        Self(Arc::new(Inner { name, alive, died, tasks }))
    }

    /// The process's name.
    pub fn name(&self) -> &'static str {
        self.0.name
    }

    /// Whether it lives.
    pub fn is_alive(&self) -> bool {
        self.0.alive.load(Ordering::Relaxed)
    }

    /// Returns if it lives; otherwise never returns.
    pub async fn lives(&self) {
        if !self.is_alive() {
            pending::<()>().await;
        }
    }

    /// It dies, and all of its tasks end where they are.
    pub fn die(&self) {
        self.0.alive.store(false, Ordering::Relaxed);
        let tasks = std::mem::take(&mut *self.tasks());
        tasks.iter().for_each(AbortHandle::abort);
        self.0.died.notify_one();
    }

    /// Waits for its death. Only one may wait.
    pub async fn death(&self) {
        if self.is_alive() {
            self.0.died.notified().await;
        }
    }

    /// Runs a task in this process.
    pub fn spawn(&self, task: impl Future<Output = ()> + Send + 'static) {
        if self.is_alive() {
            let task = tokio::spawn(task);
            let mut tasks = self.tasks();
            tasks.retain(|task| !task.is_finished());
            tasks.push(task.abort_handle());
        }
    }

    fn tasks(&self) -> std::sync::MutexGuard<'_, Vec<AbortHandle>> {
        self.0.tasks.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
