//! Work that is carried through, even if nobody waits for it any more.

use std::pin::Pin;
use std::task::{Context, Poll};

use futures_util::future::BoxFuture;
use tokio_util::task::TaskTracker;
use tokio_util::task::task_tracker::TaskTrackerToken;

/// A future that, dropped before its end, goes on as a task.
///
/// A client that hangs up drops the future of its request. Most do not, so a task for each would be a waste.
pub(super) struct Through<T: Send + 'static> {
    work: Option<BoxFuture<'static, T>>,
    tasks: TaskTracker,
    /// The tasks are not done as long as this is not.
    _token: TaskTrackerToken,
}

impl<T: Send + 'static> Through<T> {
    /// Carries `work` through, as one of `tasks`.
    pub(super) fn new(tasks: &TaskTracker, work: BoxFuture<'static, T>) -> Self {
        Self { work: Some(work), tasks: tasks.clone(), _token: tasks.token() }
    }
}

impl<T: Send + 'static> Future for Through<T> {
    type Output = T;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<T> {
        let Some(work) = &mut self.work else { return Poll::Pending };
        let poll = work.as_mut().poll(context);
        if poll.is_ready() {
            self.work = None;
        }
        poll
    }
}

impl<T: Send + 'static> Drop for Through<T> {
    fn drop(&mut self) {
        // Without a runtime the process is at its end, and the next one takes over.
        if let (Some(work), Ok(runtime)) = (self.work.take(), tokio::runtime::Handle::try_current()) {
            self.tasks.spawn_on(work, &runtime);
        }
    }
}

#[cfg(test)]
mod tests {
    use futures_util::FutureExt;
    use tokio::sync::oneshot;

    use super::*;

    #[tokio::test]
    async fn what_is_dropped_is_carried_through() {
        let tasks = TaskTracker::new();
        let (go, gone) = oneshot::channel::<()>();
        let (done, ended) = oneshot::channel();
        let work = async move {
            gone.await.unwrap();
            done.send("done").unwrap();
        };
        let mut through = Through::new(&tasks, work.boxed());
        assert!((&mut through).now_or_never().is_none());
        drop(through);
        go.send(()).unwrap();
        assert_eq!(ended.await, Ok("done"));
        tasks.close();
        tasks.wait().await;
    }
}
