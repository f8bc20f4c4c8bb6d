//! Settings → Users: the list, its search, its pages.

use std::collections::BTreeSet;

use vestibule_domain::user::Role;
use vestibule_testkit::client::escape;
use vestibule_testkit::{Answer, Client, TestApp, stories, users_on};

/// Every user on every page that the list leads to, and on how many pages.
async fn walk(admin: &Client, first: &str) -> (Vec<String>, usize) {
    let (mut found, mut pages) = (Vec::new(), 0);
    let mut next = Some(first.to_owned());
    while let Some(path) = next {
        let list = admin.get(&path).await;
        assert_eq!(list.status, 200, "{path}: {}", list.text());
        found.extend(users_on(&list));
        next = list.link("Next page");
        pages += 1;
        assert!(pages < 20, "the list has no end: {path}");
    }
    (found, pages)
}

/// The names of the furnished users that a search finds.
async fn search(admin: &Client, text: &str) -> Vec<&'static str> {
    let list = admin.get(&format!("/settings/users?search={}", escape(text))).await;
    assert_eq!(list.field("search").as_deref(), Some(text), "what was typed stays");
    let people = ["Ada Lovelace", "Ben Okafor", "Cleo Marín", "Dinesh Rao"];
    let found: Vec<_> = people.into_iter().filter(|name| list.row(name).is_some()).collect();
    assert_eq!(found.len(), users_on(&list).len(), "each once: {}", list.text());
    found
}

fn row(list: &Answer, name: &str) -> String {
    list.row(name).unwrap_or_else(|| panic!("no {name} on: {}", list.text()))
}

/// 120 users more, half of them of one name, some with names that an address must not break.
async fn crowd(app: &TestApp) {
    let account = app.account.unwrap();
    let odd = ["100 % Zoë", "a+b & c=d", "?after=x", "Ünal / Söhne", "#1", "李 小龍", "'; DROP"];
    for n in 0..120 {
        let name = if n % 2 == 0 { "Twin Twain" } else { odd[n % odd.len()] };
        app.add_to(account, &format!("twin-{n:03}"), name, Role::Member, n % 10 == 0).await;
    }
}

stories! {
    /// Name, address, role, whether MFA is on, and the last sign-in stand beside each user.
    async fn the_list_says_who_is_ready(app) {
        let ada = app.admin("ada").await;
        app.sign_in("cleo").await;
        app.invite(&ada, "eve", "Admin").await;
        assert_eq!(app.act(&ada, "dinesh", "/disable").await.status, 303);
        let list = ada.get("/settings/users").await;
        list.must_show("5 users · 2 with MFA");
        let today = "15 Jan 2027, 08:0";
        for (name, words) in [
            ("Ada Lovelace", ["Ada Lovelace (you) ada@acme.example", "Admin", "App", today]),
            ("Ben Okafor", ["ben@acme.example", "Member", "Not set up", "never"]),
            ("Cleo Marín", ["cleo@acme.example", "Member", "App", today]),
            ("Dinesh Rao", ["dinesh@acme.example", "Member", "Disabled", "never"]),
            ("eve@acme.example", ["eve eve@acme.example", "Admin", "Invited", "never"]),
        ] {
            let row = row(&list, name);
            assert!(words.iter().all(|word| row.contains(word)), "{name}: {row}");
        }
    }

    /// A sign-in that stops at the second door is none.
    async fn the_last_sign_in_is_a_complete_one(app) {
        let ada = app.admin("ada").await;
        let cleo = app.give_password("cleo").await;
        assert!(row(&ada.get("/settings/users").await, "Cleo Marín").contains("never"));
        cleo.post("/sign-in/code", &[("code", &app.code("cleo"))]).await;
        assert!(!row(&ada.get("/settings/users").await, "Cleo Marín").contains("never"));
    }

    /// The beginning of the name or of the address, whatever its case; accents as they are typed.
    async fn search_looks_at_the_beginning_of_name_and_address(app) {
        let ada = app.admin("ada").await;
        for (typed, found) in [
            ("ben", vec!["Ben Okafor"]),
            ("BEN O", vec!["Ben Okafor"]),
            ("  Ben  ", vec!["Ben Okafor"]),
            ("dinesh@acme", vec!["Dinesh Rao"]),
            ("Dinesh@ACME.example", vec!["Dinesh Rao"]),
            ("CLEO MARÍN", vec!["Cleo Marín"]),
            ("cleo mari\u{301}n", vec!["Cleo Marín"]),
            ("cleo marin", vec![]),
            ("okafor", vec![]),
            ("%", vec![]),
            ("_en", vec![]),
            ("'", vec![]),
            ("\u{10ffff}", vec![]),
        ] {
            assert_eq!(search(&ada, typed).await, found, "{typed}");
        }
        let nobody = ada.get("/settings/users?search=zz%22%3E%3Cscript%3E").await;
        nobody.must_show("Nobody found whose name or email begins with “zz\"><script>”");
        assert!(!nobody.body.contains("<script>"), "what was typed is text");
    }

    /// Whoever changes the name is found by the new one.
    async fn search_follows_a_new_name(app) {
        let ada = app.admin("ada").await;
        let ben = app.sign_in("ben").await;
        ben.post("/settings/security/name", &[("name", "Ýmir Ben")]).await;
        assert!(ada.get("/settings/users?search=%C3%BDm").await.row("Ýmir Ben").is_some());
        let list = ada.get("/settings/users?search=ben").await;
        assert!(list.row("Ýmir Ben").is_some(), "the address still begins so");
        assert!(ada.get("/settings/users?search=ben%20o").await.row("Ýmir Ben").is_none());
    }

    /// 124 users stand on three pages, each of them once, whatever their names.
    async fn the_pages_hold_every_user_once(app) {
        let ada = app.admin("ada").await;
        crowd(&app).await;
        let (all, pages) = walk(&ada, "/settings/users").await;
        let once: BTreeSet<_> = all.iter().collect();
        assert_eq!((all.len(), once.len(), pages), (124, 124, 3));
        // 60 by their name, the others by their address.
        let (found, pages) = walk(&ada, "/settings/users?search=TWIN").await;
        let once: BTreeSet<_> = found.iter().collect();
        assert_eq!((found.len(), once.len(), pages), (120, 120, 3));
        // All but 12 of them have no factor.
        let (found, pages) = walk(&ada, "/settings/users?mfa=none&search=twin").await;
        let once: BTreeSet<_> = found.iter().collect();
        assert_eq!((found.len(), once.len(), pages), (108, 108, 3));
    }

    /// Users who come and go while somebody leafs through the list move nobody else out of it.
    async fn a_page_begins_after_a_user_and_not_after_a_number(app) {
        let ada = app.admin("ada").await;
        crowd(&app).await;
        let first = ada.get("/settings/users").await;
        let next = first.link("Next page").unwrap();
        let before = users_on(&ada.get(&next).await);
        app.invite(&ada, "aaron", "Member").await;
        let gone = first.body.split("href=\"/settings/users/").nth(10).unwrap();
        let gone = gone.split('"').next().unwrap();
        ada.post(&format!("/settings/users/{gone}/remove"), &[]).await;
        assert_eq!(users_on(&ada.get(&next).await), before);
        assert_eq!(ada.get(&next).await.link("First page").as_deref(), Some("/settings/users"));
    }

    /// Where a page begins is an address that anybody may write.
    async fn a_page_that_begins_nowhere_is_a_page(app) {
        let ada = app.admin("ada").await;
        for after in [
            ".",
            "x",
            "..",
            "x.y",
            "\u{10ffff}",
            "%",
            "'.'",
            "00000000-0000-7000-8000-000000000000.",
        ] {
            let list = ada.get(&format!("/settings/users?after={}", escape(after))).await;
            assert_eq!(list.status, 200, "{after}");
        }
    }

    /// `mfa=none` lists whom the switch would lead to enrolment: active users without a factor.
    async fn the_filter_lists_who_is_not_ready(app) {
        let ada = app.admin("ada").await;
        app.invite(&ada, "eve", "Member").await;
        app.act(&ada, "dinesh", "/disable").await;
        let list = ada.get("/settings/users?mfa=none").await;
        assert_eq!(users_on(&list), [app.user_path("ben", "").await]);
        assert_eq!(list.link("Everyone").as_deref(), Some("/settings/users"));
        let all = ada.get("/settings/users").await;
        assert_eq!(all.link("Without a factor").as_deref(), Some("/settings/users?mfa=none"));
        let none = ada.get("/settings/users?mfa=none&search=cleo").await;
        none.must_show("Nobody found whose name or email begins with “cleo” and who has no factor");
    }

    /// A Member sees no link to it, and is told that it is not for Members.
    async fn a_member_is_told_that_it_is_for_admins(app) {
        let ben = app.sign_in("ben").await;
        assert!(!ben.get("/").await.body.contains("/settings/users"));
        for path in ["/settings/users".into(), app.user_path("ben", "").await] {
            let refused = ben.get(&path).await;
            assert_eq!(refused.status, 403);
            refused.must_show("This page is for Admins");
            assert!(!refused.shows("Cleo"), "{}", refused.text());
        }
    }
}
