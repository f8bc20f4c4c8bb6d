//! A request as it was made up, and the answer as it came.

use std::fmt;
use std::net::SocketAddr;

use axum::body::Body;
use axum::http::{HeaderMap, HeaderName, HeaderValue, Method, Request, StatusCode, Uri};

/// One request.
#[derive(Clone)]
pub(super) struct Sent {
    pub(super) to_gate: bool,
    pub(super) method: Method,
    pub(super) uri: Uri,
    pub(super) headers: Vec<(HeaderName, HeaderValue)>,
    pub(super) body: Vec<u8>,
    pub(super) peer: SocketAddr,
    /// Whose browser sends it, if one of the chapter's does.
    pub(super) jar: Option<usize>,
    /// The path of the route that it is meant for.
    pub(super) route: Option<usize>,
}

impl Sent {
    pub(super) fn request(&self) -> Request<Body> {
        let mut request = Request::new(Body::from(self.body.clone()));
        *request.method_mut() = self.method.clone();
        *request.uri_mut() = self.uri.clone();
        for (name, value) in &self.headers {
            request.headers_mut().append(name.clone(), value.clone());
        }
        request
    }

    /// The value of every cookie of a name that it brings.
    pub(super) fn cookies(&self, name: &str) -> Vec<String> {
        let lines = self.headers.iter().filter(|(of, _)| of == "cookie");
        let text = lines.map(|(_, value)| String::from_utf8_lossy(value.as_bytes()).into_owned());
        let all: Vec<String> = text.collect();
        let pairs = all.iter().flat_map(|line| line.split(';')).map(str::trim);
        pairs
            .filter_map(|pair| pair.split_once('='))
            .filter(|(of, _)| *of == name)
            .map(|(_, value)| value.to_owned())
            .collect()
    }
}

impl fmt::Display for Sent {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "{} {} from {}", self.method, self.uri, self.peer.ip())?;
        for (name, value) in &self.headers {
            writeln!(f, "{name}: {}", value.as_bytes().escape_ascii())?;
        }
        let shown = &self.body[..self.body.len().min(600)];
        write!(f, "\n{} ({} bytes)", shown.escape_ascii(), self.body.len())
    }
}

/// One answer.
pub(super) struct Received {
    pub(super) status: StatusCode,
    pub(super) headers: HeaderMap,
    text: String,
}

impl Received {
    pub(super) fn new(status: StatusCode, headers: HeaderMap, body: &[u8]) -> Self {
        Self { status, headers, text: String::from_utf8_lossy(body).into_owned() }
    }

    pub(super) fn text(&self) -> &str {
        &self.text
    }
}
