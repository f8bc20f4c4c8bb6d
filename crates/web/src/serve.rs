//! Serving until told to stop: connections are counted, and none may dawdle.

use std::convert::Infallible;
use std::future::Future;
use std::net::SocketAddr;
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::body::Body;
use axum::extract::{ConnectInfo, Request};
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::server::graceful::GracefulShutdown;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Semaphore;
use tower::ServiceExt as _;

/// How long requests in flight may take once the end is asked for. With what the process needs
/// to close its database, that is less than five seconds.
const GRACE: Duration = Duration::from_millis(4_500);
/// How long a client may take to send the head of a request, the first and every further one.
const HEAD: Duration = Duration::from_secs(15);
/// Connections at a time: below the file descriptors that a process is usually given. Further ones
/// wait in the system's own queue.
const CONNECTIONS: usize = 900;
/// The same of a listener that few programs come to.
const FEW_CONNECTIONS: usize = 16;
/// A pause after an error of the listener, such as no descriptors left.
const PAUSE: Duration = Duration::from_millis(50);

/// Serves until `shutdown` resolves, then finishes the requests in flight, for at most 4.5 seconds.
pub async fn serve(
    listener: TcpListener,
    app: Router,
    shutdown: impl Future<Output = ()> + Send + 'static,
) -> std::io::Result<()> {
    serve_at_most(CONNECTIONS, listener, app, shutdown).await
}

/// The same for a few connections at a time, beside a listener that is for everybody.
pub async fn serve_few(
    listener: TcpListener,
    app: Router,
    shutdown: impl Future<Output = ()> + Send + 'static,
) -> std::io::Result<()> {
    serve_at_most(FEW_CONNECTIONS, listener, app, shutdown).await
}

async fn serve_at_most(
    connections: usize,
    listener: TcpListener,
    app: Router,
    shutdown: impl Future<Output = ()> + Send + 'static,
) -> std::io::Result<()> {
    let places = Arc::new(Semaphore::new(connections));
    let graceful = GracefulShutdown::new();
    let mut shutdown = pin!(shutdown);
    loop {
        let accepted = async {
            let place = Arc::clone(&places).acquire_owned().await.map_err(std::io::Error::other)?;
            listener.accept().await.map(|accepted| (place, accepted))
        };
        let (place, (stream, peer)) = tokio::select! {
            () = &mut shutdown => break,
            accepted = accepted => match accepted {
                Ok(accepted) => accepted,
                Err(error) => {
                    tracing::warn!(%error, "a connection was not accepted");
                    tokio::time::sleep(PAUSE).await;
                    continue;
                }
            },
        };
        let connection = graceful.watch(connection(stream, peer, app.clone()));
        tokio::spawn(async move {
            // A client that goes away in the middle is no error of ours.
            let _ = connection.await;
            drop(place);
        });
    }
    drop(listener);
    // Who has not finished by then is cut off.
    let _ = tokio::time::timeout(GRACE, graceful.shutdown()).await;
    Ok(())
}

fn connection(
    stream: TcpStream,
    peer: SocketAddr,
    app: Router,
) -> impl hyper_util::server::graceful::GracefulConnection<Error = hyper::Error> + Send {
    // An answer is one write; waiting for more of it only delays. A failure costs that delay.
    let _ = stream.set_nodelay(true);
    let service = service_fn(move |request: hyper::Request<Incoming>| {
        let mut request: Request = request.map(Body::new);
        request.extensions_mut().insert(ConnectInfo(peer));
        let app = app.clone();
        async move { Ok::<_, Infallible>(app.oneshot(request).await.unwrap_or_else(|e| match e {})) }
    });
    http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(HEAD)
        .serve_connection(TokioIo::new(stream), service)
}
