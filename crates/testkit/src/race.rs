//! Many requests at one time.

use std::future::Future;

use tokio::task::JoinSet;

/// Runs them all at once, and answers what they answered, in no order.
pub async fn race<F>(tasks: impl IntoIterator<Item = F>) -> Vec<F::Output>
where
    F: Future<Output: Send> + Send + 'static,
{
    tasks.into_iter().collect::<JoinSet<_>>().join_all().await
}
