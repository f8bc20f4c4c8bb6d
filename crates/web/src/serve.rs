//! Serving until told to stop: connections are counted, and none may dawdle.

use std::convert::Infallible;
use std::future::Future;
use std::net::SocketAddr;
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use axum::Router;
use axum::body::Body;
use axum::response::Response;
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::server::graceful::{GracefulConnection, GracefulShutdown};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Semaphore;
use tower::ServiceExt as _;

use crate::app::Site;
use crate::gate;
use crate::gate::request_ids::RequestIds;

/// How long requests in flight may take once the end is asked for. With what the process needs
/// to close its database, that is less than five seconds.
const GRACE: Duration = Duration::from_millis(4_500);
/// How long a client may take to send the head of a request, the first and every further one.
const HEAD: Duration = Duration::from_secs(15);
/// Connections at a time: below the file descriptors that a process is usually given. Further ones
/// wait in the system's own queue.
const CONNECTIONS: usize = 900;
/// Those of Prometheus: one for each that watches, and a few for people.
const SCRAPES: usize = 16;
/// A pause after an error of the listener, such as no descriptors left.
const PAUSE: Duration = Duration::from_millis(50);

/// Serves until `shutdown` resolves, then finishes the requests in flight, for at most 4.5 seconds.
pub async fn serve(
    listener: TcpListener,
    site: Arc<Site>,
    shutdown: impl Future<Output = ()> + Send + 'static,
) -> std::io::Result<()> {
    let connect = |stream, peer| connection(stream, peer, Arc::clone(&site));
    accept(CONNECTIONS, listener, connect, shutdown).await
}

/// The same for Prometheus, on a listener beside it.
pub async fn serve_metrics(
    listener: TcpListener,
    metrics: Router,
    shutdown: impl Future<Output = ()> + Send + 'static,
) -> std::io::Result<()> {
    let connect = |stream, _| scrape(stream, metrics.clone());
    accept(SCRAPES, listener, connect, shutdown).await
}

async fn accept<C: GracefulConnection<Error = hyper::Error> + Send + 'static>(
    connections: usize,
    listener: TcpListener,
    connect: impl Fn(TcpStream, SocketAddr) -> C,
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
        let connection = graceful.watch(connect(stream, peer));
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
    site: Arc<Site>,
) -> impl GracefulConnection<Error = hyper::Error> + Send + use<> {
    // An answer is one write; waiting for more of it only delays. A failure costs that delay.
    let _ = stream.set_nodelay(true);
    let ids = RequestIds::new(site.vestibule.clone());
    let asking = site.gate.peer(peer.ip());
    let service = service_fn(move |request: hyper::Request<Incoming>| {
        if request.uri().path() != gate::PATH {
            return Answering::Later(Box::pin(answer_page(Arc::clone(&site), request, peer)));
        }
        let id = ids.next();
        match site.gate.answer_from_memory(&request, asking, id.as_str()) {
            Ok(response) => Answering::Now(Some(response)),
            Err(question) => {
                let site = Arc::clone(&site);
                let answer = async move { site.gate.answer(question, id.as_str()).await };
                Answering::Later(Box::pin(answer))
            }
        }
    });
    http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(HEAD)
        .serve_connection(TokioIo::new(stream), service)
}

fn scrape(
    stream: TcpStream,
    metrics: Router,
) -> impl GracefulConnection<Error = hyper::Error> + Send + use<> {
    let service = service_fn(move |request: hyper::Request<Incoming>| {
        metrics.clone().oneshot(request.map(Body::new))
    });
    http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(HEAD)
        .serve_connection(TokioIo::new(stream), service)
}

async fn answer_page(
    site: Arc<Site>,
    request: hyper::Request<Incoming>,
    peer: SocketAddr,
) -> Response {
    site.ask_page(request.map(Body::new), peer).await
}

/// An answer that is there already, or has to be waited for.
enum Answering {
    Now(Option<Response>),
    Later(Pin<Box<dyn Future<Output = Response> + Send>>),
}

impl Future for Answering {
    type Output = Result<Response, Infallible>;

    fn poll(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        match self.get_mut() {
            Self::Now(response) => response.take().map_or(Poll::Pending, |it| Poll::Ready(Ok(it))),
            Self::Later(answer) => answer.as_mut().poll(context).map(Ok),
        }
    }
}
