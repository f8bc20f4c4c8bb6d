//! Serving until told to stop.

use std::future::Future;
use std::net::SocketAddr;
use std::time::Duration;

use axum::Router;
use axum::serve::ListenerExt as _;
use tokio::net::TcpListener;
use tokio::sync::oneshot;

/// How long requests in flight may take once the end is asked for.
const GRACE: Duration = Duration::from_millis(4_500);

/// Serves until `shutdown` resolves, then finishes the requests in flight, at most 5 seconds.
pub async fn serve(
    listener: TcpListener,
    app: Router,
    shutdown: impl Future<Output = ()> + Send + 'static,
) -> std::io::Result<()> {
    let listener = listener.tap_io(|stream| {
        // An answer is one write; waiting for more of it only delays. A failure costs that delay.
        let _ = stream.set_nodelay(true);
    });
    let (asked, was_asked) = oneshot::channel();
    let shutdown = async move {
        shutdown.await;
        let _ = asked.send(());
    };
    let service = app.into_make_service_with_connect_info::<SocketAddr>();
    let serving = axum::serve(listener, service).with_graceful_shutdown(shutdown);
    tokio::select! {
        served = serving => served,
        () = async {
            if was_asked.await.is_ok() {
                tokio::time::sleep(GRACE).await;
            } else {
                std::future::pending::<()>().await;
            }
        } => Ok(()),
    }
}
