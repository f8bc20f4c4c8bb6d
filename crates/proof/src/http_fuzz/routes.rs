//! The routes that the grammar knows, each with the fields of its form or query. A test holds them
//! against the sources.

/// Where a route stands, and what it is sent.
pub(super) struct Route {
    pub(super) path: &'static str,
    /// The fields of its form, and of its query.
    pub(super) fields: &'static [&'static str],
    /// Whether anybody may see it who has no session.
    pub(super) open: bool,
    /// Whether it has a page, and whether it takes a form.
    pub(super) takes: (bool, bool),
}

const PAGE: (bool, bool) = (true, false);
const ACT: (bool, bool) = (false, true);
const BOTH: (bool, bool) = (true, true);
type Fields = &'static [&'static str];

const fn inside(takes: (bool, bool), path: &'static str, fields: Fields) -> Route {
    Route { path, fields, open: false, takes }
}

const fn open(takes: (bool, bool), path: &'static str, fields: Fields) -> Route {
    Route { path, fields, open: true, takes }
}

const APPLICATION: Fields = &["name", "host", "enter", "always_mfa", "max_age_minutes"];
const SEARCH: Fields = &["about", "email", "from", "until", "after"];

pub(super) const ROUTES: &[Route] = &[
    inside(PAGE, "/", &[]),
    open(PAGE, "/.vestibule/callback", &["code", "return_to"]),
    open(PAGE, "/address/{token}", &[]),
    inside(BOTH, "/enrolment", &["code", "return_to"]),
    open(BOTH, "/forgotten/{token}", &["password"]),
    inside(PAGE, "/hand-over", &["host", "challenge", "return_to"]),
    open(PAGE, "/healthz", &[]),
    open(BOTH, "/invitation/{token}", &["name", "password"]),
    inside(ACT, "/notices/{id}/dismiss", &[]),
    open(BOTH, "/password/{token}", &["password"]),
    inside(
        BOTH,
        "/proof",
        &["code", "password", "act", "return_to", "with", "instead", "required", "name"],
    ),
    open(PAGE, "/readyz", &[]),
    open(BOTH, "/recover/{token}", &["password", "return_to"]),
    inside(PAGE, "/settings/account", &[]),
    inside(ACT, "/settings/account/mfa", &["required"]),
    inside(BOTH, "/settings/applications", APPLICATION),
    inside(PAGE, "/settings/applications/new", &[]),
    inside(BOTH, "/settings/applications/{id}", APPLICATION),
    inside(ACT, "/settings/applications/{id}/named", &["email"]),
    inside(ACT, "/settings/applications/{id}/named/remove", &["user"]),
    inside(ACT, "/settings/applications/{id}/remove", &[]),
    inside(PAGE, "/settings/audit", SEARCH),
    inside(BOTH, "/settings/audit/export", &["format", "about", "email", "from", "until"]),
    inside(PAGE, "/settings/security", &[]),
    inside(BOTH, "/settings/security/email", &["email"]),
    inside(ACT, "/settings/security/email/confirm", &["token"]),
    inside(ACT, "/settings/security/factors/{id}/name", &["name"]),
    inside(ACT, "/settings/security/factors/{id}/remove", &[]),
    inside(ACT, "/settings/security/name", &["name"]),
    inside(BOTH, "/settings/security/password", &["password"]),
    inside(BOTH, "/settings/security/recovery-codes", &[]),
    inside(PAGE, "/settings/security/recovery-codes/download", &[]),
    inside(ACT, "/settings/security/recovery-codes/kept", &["set", "return_to"]),
    inside(PAGE, "/settings/security/recovery-codes/used", &["return_to"]),
    inside(ACT, "/settings/security/sessions/end-others", &[]),
    inside(ACT, "/settings/security/sessions/{id}/end", &[]),
    inside(BOTH, "/settings/users", &["email", "name", "role", "search", "mfa", "after", "state"]),
    inside(PAGE, "/settings/users/new", &[]),
    inside(PAGE, "/settings/users/{id}", &[]),
    inside(ACT, "/settings/users/{id}/disable", &[]),
    inside(ACT, "/settings/users/{id}/enable", &[]),
    inside(ACT, "/settings/users/{id}/factors/reset", &[]),
    inside(ACT, "/settings/users/{id}/invitation", &[]),
    inside(ACT, "/settings/users/{id}/invitation/cancel", &[]),
    inside(ACT, "/settings/users/{id}/password-link", &[]),
    inside(ACT, "/settings/users/{id}/remove", &[]),
    inside(ACT, "/settings/users/{id}/role", &["role"]),
    open(BOTH, "/setup/{token}", &["account", "name", "email", "password"]),
    open(BOTH, "/sign-in", &["email", "password", "return_to", "notice"]),
    inside(BOTH, "/sign-in/code", &["code", "return_to", "with"]),
    open(BOTH, "/sign-in/forgotten", &["email"]),
    open(ACT, "/sign-out", &[]),
    open(PAGE, "/static/app.js", &[]),
    open(PAGE, "/static/icon.svg", &[]),
    open(PAGE, "/static/style.css", &[]),
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
