//! A router that can say which routes it has: axum's own cannot, and a route that nobody lists is one
//! that nobody looks after. It is used as axum's is, and every page is registered with it.

use axum::handler::Handler;
use axum::routing::MethodRouter;

use crate::gate;
use crate::pages;
use crate::state::App;

/// A route: what a request can be sent to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Route {
    /// The path, with what stands for something in braces.
    pub path: &'static str,
    /// `GET`, which is `HEAD` as well, `POST`, or `*` for all there are.
    pub method: &'static str,
}

/// Every route of the site.
pub fn routes() -> Vec<Route> {
    let mut routes = pages::router().routes;
    routes.push(Route { path: gate::PATH, method: "*" });
    routes.sort_unstable();
    routes
}

/// Routes with their handlers.
#[derive(Default)]
pub(crate) struct Router {
    inner: axum::Router<App>,
    routes: Vec<Route>,
}

/// The handlers of a path, a method each.
pub(crate) struct Methods {
    inner: MethodRouter<App>,
    methods: Vec<&'static str>,
}

pub(crate) fn get<H: Handler<T, App>, T: 'static>(handler: H) -> Methods {
    Methods { inner: axum::routing::get(handler), methods: vec!["GET"] }
}

pub(crate) fn post<H: Handler<T, App>, T: 'static>(handler: H) -> Methods {
    Methods { inner: axum::routing::post(handler), methods: vec!["POST"] }
}

impl Methods {
    pub(crate) fn post<H: Handler<T, App>, T: 'static>(mut self, handler: H) -> Self {
        self.methods.push("POST");
        Self { inner: self.inner.post(handler), ..self }
    }
}

impl Router {
    pub(crate) fn new() -> Self {
        Self::default()
    }

    pub(crate) fn route(mut self, path: &'static str, handlers: Methods) -> Self {
        self.routes.extend(handlers.methods.iter().map(|method| Route { path, method }));
        Self { inner: self.inner.route(path, handlers.inner), ..self }
    }

    pub(crate) fn merge(mut self, other: Self) -> Self {
        self.routes.extend(other.routes);
        Self { inner: self.inner.merge(other.inner), ..self }
    }

    /// What answers where there is no route.
    pub(crate) fn fallback<H: Handler<T, App>, T: 'static>(self, handler: H) -> Self {
        Self { inner: self.inner.fallback(handler), ..self }
    }

    /// What answers where there is a route of another method.
    pub(crate) fn method_not_allowed_fallback<H: Handler<T, App>, T: 'static>(
        self,
        handler: H,
    ) -> Self {
        Self { inner: self.inner.method_not_allowed_fallback(handler), ..self }
    }

    /// As axum takes it.
    pub(crate) fn into_axum(self) -> axum::Router<App> {
        self.inner
    }
}
