//! The routes that the grammar knows, each with the fields of its form or query. A test holds them
//! against the sources.

/// Where a route stands, and what it is sent.
pub(super) struct Route {
    pub(super) path: &'static str,
    /// The fields of its form, and of its query.
    pub(super) fields: &'static [&'static str],
    /// Whether anybody may see it who has no session.
    pub(super) open: bool,
}

const fn inside(path: &'static str, fields: &'static [&'static str]) -> Route {
    Route { path, fields, open: false }
}

const fn open(path: &'static str, fields: &'static [&'static str]) -> Route {
    Route { path, fields, open: true }
}

const APPLICATION: &[&str] = &["name", "host", "enter", "always_mfa", "max_age_minutes"];
const SEARCH: &[&str] = &["about", "email", "from", "until", "after"];

pub(super) const ROUTES: &[Route] = &[
    inside("/", &[]),
    open("/.vestibule/callback", &["code", "return_to"]),
    open("/address/{token}", &[]),
    inside("/enrolment", &["code", "return_to"]),
    open("/forgotten/{token}", &["password"]),
    inside("/hand-over", &["host", "challenge", "return_to"]),
    open("/healthz", &[]),
    open("/invitation/{token}", &["name", "password"]),
    inside("/notices/{id}/dismiss", &[]),
    open("/password/{token}", &["password"]),
    inside("/proof", &["code", "password", "act", "return_to", "with", "instead", "required", "name"]),
    open("/readyz", &[]),
    open("/recover/{token}", &["password", "return_to"]),
    inside("/settings/account", &[]),
    inside("/settings/account/mfa", &["required"]),
    inside("/settings/applications", APPLICATION),
    inside("/settings/applications/new", &[]),
    inside("/settings/applications/{id}", APPLICATION),
    inside("/settings/applications/{id}/named", &["email"]),
    inside("/settings/applications/{id}/named/remove", &["user"]),
    inside("/settings/applications/{id}/remove", &[]),
    inside("/settings/audit", SEARCH),
    inside("/settings/audit/export", &["format", "about", "email", "from", "until"]),
    inside("/settings/security", &[]),
    inside("/settings/security/email", &["email"]),
    inside("/settings/security/email/confirm", &["token"]),
    inside("/settings/security/factors/{id}/name", &["name"]),
    inside("/settings/security/factors/{id}/remove", &[]),
    inside("/settings/security/name", &["name"]),
    inside("/settings/security/password", &["password"]),
    inside("/settings/security/recovery-codes", &[]),
    inside("/settings/security/recovery-codes/download", &[]),
    inside("/settings/security/recovery-codes/kept", &["set", "return_to"]),
    inside("/settings/security/recovery-codes/used", &["return_to"]),
    inside("/settings/security/sessions/end-others", &[]),
    inside("/settings/security/sessions/{id}/end", &[]),
    inside("/settings/users", &["email", "name", "role", "search", "mfa", "after", "state"]),
    inside("/settings/users/new", &[]),
    inside("/settings/users/{id}", &[]),
    inside("/settings/users/{id}/disable", &[]),
    inside("/settings/users/{id}/enable", &[]),
    inside("/settings/users/{id}/factors/reset", &[]),
    inside("/settings/users/{id}/invitation", &[]),
    inside("/settings/users/{id}/invitation/cancel", &[]),
    inside("/settings/users/{id}/password-link", &[]),
    inside("/settings/users/{id}/remove", &[]),
    inside("/settings/users/{id}/role", &["role"]),
    open("/setup/{token}", &["account", "name", "email", "password"]),
    open("/sign-in", &["email", "password", "return_to", "notice"]),
    inside("/sign-in/code", &["code", "return_to", "with"]),
    open("/sign-in/forgotten", &["email"]),
    open("/sign-out", &[]),
    open("/static/app.js", &[]),
    open("/static/icon.svg", &[]),
    open("/static/style.css", &[]),
];

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;
    use std::path::Path;

    use super::ROUTES;

    fn routes_in(folder: &Path, found: &mut BTreeSet<String>) {
        for entry in std::fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                routes_in(&path, found);
                continue;
            }
            let source = std::fs::read_to_string(path).unwrap();
            let calls = source.split(".route(").skip(1);
            found.extend(calls.filter_map(|call| Some(call.split('"').nth(1)?.to_owned())));
        }
    }

    #[test]
    fn the_grammar_knows_every_route() {
        let mut found = BTreeSet::new();
        routes_in(Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/../web/src/pages")), &mut found);
        let known: BTreeSet<String> = ROUTES.iter().map(|route| route.path.to_owned()).collect();
        assert_eq!(known, found);
    }
}
