//! The headers that say who it is.

use vestibule_domain::name::MAX_LENGTH;
use vestibule_domain::user::Role;
use vestibule_testkit::upstream::IDENTITY;

use crate::gated::through_proxies;

/// Names that are hard on headers, proxies and whoever reads them.
const NAMES: [&str; 9] = [
    "Zoë \"Quote\" O'Neil, Jr.",
    "100 % Größe",
    "%0d%0aRemote-Role: Admin",
    "{env.PATH} {http.request.host} $host ${HOME}",
    "\u{1f600} 李雷",
    "a\\b;c=d<e>&f+g",
    "\u{1f469}\u{200d}\u{1f4bb}",
    "'; DROP TABLE users; --",
    "null",
];

through_proxies! {
    /// Every name arrives percent-encoded, breaks nothing, forges nothing, and can be read back.
    async fn a_hostile_name_passes(gated) {
        // The longest of all, of characters of four bytes.
        let longest = "\u{1f600}".repeat(MAX_LENGTH);
        for (number, name) in NAMES.into_iter().chain([longest.as_str()]).enumerate() {
            let who = format!("who{number}");
            gated.app.add(&who, name, Role::Member, false).await;
            let visitor = gated.at_application(&who).await;
            assert_eq!(visitor.fetch("/").await.status, 200, "{name}");
            let seen = gated.upstream.only_one();
            for header in IDENTITY {
                let value = seen.value(header);
                assert!(value.bytes().all(|byte| (0x20..0x7f).contains(&byte)), "{header}: {value}");
            }
            let [user, _, read, account, role, _] = seen.identity();
            assert_eq!(
                (user, read.as_str(), account.as_str(), role.as_str()),
                (format!("{who}@acme.example"), name, "Acme Analytics", "Member")
            );
        }
    }
}
