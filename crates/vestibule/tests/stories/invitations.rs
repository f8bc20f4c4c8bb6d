//! Invitations: adding a user, the link, and who may enter by it.

use std::time::Duration;

use vestibule_domain::user::Role;
use vestibule_testkit::app::password;
use vestibule_testkit::{Answer, Client, Method, TestApp, race, stories};

async fn add(admin: &Client, email: &str, name: &str) -> Answer {
    admin.post("/settings/users", &[("email", email), ("name", name), ("role", "Member")]).await
}

async fn accept(app: &TestApp, link: &str, who: &str) -> (Client, Answer) {
    let browser = app.browser();
    let answer = app.use_link(&browser, link, &password(who)).await;
    (browser, answer)
}

async fn is_gone(app: &TestApp, link: &str) {
    let page = app.browser().get(link).await;
    assert_eq!(page.status, 410, "{}", page.text());
    page.must_show("This link opens nothing any more");
    let sent = app.browser().post(link, &[("name", "Eve"), ("password", &password("eve"))]).await;
    assert_eq!((sent.status.as_u16(), sent.headers.get("set-cookie")), (410, None));
}

stories! {
    /// The link is shown once; its page says who is invited, to what.
    async fn an_invited_user_sets_name_and_password_and_is_in(app) {
        let ada = app.admin("ada").await;
        let link = app.invite(&ada, "eve", "Member").await;
        assert!(!ada.get(&app.user_path("eve", "").await).await.body.contains(&link));
        let page = app.browser().get(&link).await;
        page.must_show("Join Acme Analytics");
        assert!(page.body.contains("value=\"eve@acme.example\""));
        assert_eq!(page.field("name").as_deref(), Some("eve"));
        let eve = app.browser();
        let fields = [("name", "  Eve Moneypenny "), ("password", &password("eve"))];
        assert_eq!(eve.post(&link, &fields).await.leads_to(), "/");
        eve.get("/").await.must_show("as Eve Moneypenny at Acme Analytics.");
        assert!(app.give_password("eve").await.get("/").await.status == 200);
        assert!(ada.get("/settings/users").await.row("Eve Moneypenny").is_some());
        assert_eq!(app.audited("invitation.made").await, 1);
        assert_eq!(app.audited("invitation.accepted").await, 1);
    }

    /// Each field says what is to be mended in it, and keeps what was typed.
    async fn mistakes_are_told_and_nothing_typed_is_lost(app) {
        let ada = app.admin("ada").await;
        let (long_name, long_email) = ("x".repeat(101), format!("{}@a.example", "x".repeat(250)));
        for (email, name, words) in [
            ("", "Eve", vec!["Type an email address such as"]),
            ("eve", "Eve", vec!["Type an email address such as"]),
            ("eve@", "Eve", vec!["Type an email address such as"]),
            (&long_email, "Eve", vec!["This address is too long."]),
            ("e\u{200b}ve@acme.example", "Eve", vec!["a character that cannot be seen"]),
            ("\u{435}ve@acme.example", "Eve", vec!["mixes letters of different scripts"]),
            ("eve@acme.example", " ", vec!["Type a name."]),
            ("eve@acme.example", &long_name, vec!["Use at most 100 characters."]),
            ("eve@acme.example", "E\u{202e}ve", vec!["a character that cannot be shown"]),
            ("eve", "", vec!["Type an email address such as", "Type a name."]),
        ] {
            let fields = [("email", email), ("name", name), ("role", "Admin")];
            let page = ada.post("/settings/users", &fields).await;
            assert_eq!(page.status, 422, "{email:?} {name:?}");
            for words in words {
                page.must_show(words);
            }
            assert_eq!(page.field("email").as_deref(), Some(email));
            assert_eq!(page.field("name").as_deref(), Some(name));
            assert!(page.body.contains("value=\"Admin\" checked"), "the role as well");
        }
        assert_eq!(app.audited("invitation.made").await, 0);
    }

    /// One address, one user, however it is spelled and in whichever account it is.
    async fn an_address_is_taken_once(app) {
        let other = app.add_account("Globex").await;
        app.add_to(other, "zoe", "Zoe", Role::Member, false).await;
        let ada = app.admin("ada").await;
        app.invite(&ada, "eve", "Member").await;
        let full_width = "\u{ff42}\u{ff45}\u{ff4e}@acme.example";
        for taken in [
            "ben@acme.example",
            " BEN@Acme.Example ",
            full_width,
            "zoe@acme.example",
            "eve@acme.example",
            "ada@acme.example",
        ] {
            let page = add(&ada, taken, "Somebody").await;
            assert_eq!(page.status, 422, "{taken}");
            page.must_show("A user with this address, or one that looks like it, exists.");
            assert_eq!(page.field("email").as_deref(), Some(taken));
        }
        assert_eq!(app.audited("invitation.made").await, 1);
        assert_eq!(app.audited("refused.address_taken").await, 6);
    }

    /// An address in another script that looks like a user's is refused; plain ones never are.
    async fn a_look_alike_is_refused(app) {
        let ada = app.admin("ada").await;
        for plain in ["coco@acme.example", "rn@acme.example", "m@acme.example"] {
            assert_eq!(add(&ada, plain, "Coco").await.status, 200, "{plain}");
        }
        let cyrillic = "\u{441}\u{43e}\u{441}\u{43e}@acme.example";
        let page = add(&ada, cyrillic, "Coco").await;
        assert_eq!(page.status, 422);
        page.must_show("A user with this address, or one that looks like it, exists.");
        let other_script = "\u{432}\u{43e}\u{440}\u{43e}\u{43d}\u{430}@acme.example";
        assert_eq!(add(&ada, other_script, "Ворона").await.status, 200);
    }

    /// Whoever looks at the page, as link previews do, takes nothing.
    async fn looking_at_a_link_does_not_take_it(app) {
        let ada = app.admin("ada").await;
        let link = app.invite(&ada, "eve", "Member").await;
        for _ in 0..3 {
            let page = app.browser().get(&link).await;
            assert_eq!(page.status, 200);
            assert_eq!(page.headers["referrer-policy"], "no-referrer");
            assert!(page.headers.get("set-cookie").is_none());
        }
        let head = app.browser().send(Method::HEAD, &link, None, &[]).await;
        assert_eq!(head.status, 200);
        assert_eq!(accept(&app, &link, "eve").await.1.status, 303);
        is_gone(&app, &link).await;
    }

    /// A form with a mistake takes nothing either, and keeps the name.
    async fn a_refused_form_does_not_take_the_link(app) {
        let ada = app.admin("ada").await;
        let link = app.invite(&ada, "eve", "Member").await;
        let good = password("eve");
        for (name, password, words) in [
            ("", good.as_str(), "Type a name."),
            ("Eve\u{202e}", &good, "This name has a character that cannot be shown."),
            ("Eve", "", "Use at least 12 characters."),
            ("Eve", "short", "Use at least 12 characters."),
            ("Eve", &"x y ".repeat(33), "Use at most 128 characters."),
            ("Eve", "password1234", "This password is easy to guess"),
            ("Eve", "eve@acme.example", "This password is easy to guess"),
        ] {
            let page = app.browser().post(&link, &[("name", name), ("password", password)]).await;
            assert_eq!(page.status, 422, "{name:?} {password:?}");
            page.must_show(words);
            assert_eq!(page.field("name").as_deref(), Some(name));
            assert_eq!(page.field("password").as_deref(), Some(""), "never a password");
            assert!(page.headers.get("set-cookie").is_none());
        }
        assert_eq!(accept(&app, &link, "eve").await.1.status, 303);
    }

    /// Of 64 who send it in at the same moment, one is in, with the password that they chose.
    async fn one_of_many_takes_the_link(app) {
        let ada = app.admin("ada").await;
        let link = app.invite(&ada, "eve", "Member").await;
        let entering = (0..64).map(|n| {
            let (browser, link) = (app.browser(), link.clone());
            async move {
                let password = format!("{n} otters sing in a marble hall");
                let fields = [("name", "Eve"), ("password", password.as_str())];
                (browser.post(&link, &fields).await, browser, password)
            }
        });
        let (mut inside, mut signs_in) = (0, 0);
        let mut entered = race(entering).await;
        // The winner signs in first: the others' passwords are wrong, and wrong ones have a wait.
        entered.sort_by_key(|(answer, ..)| answer.status != 303);
        for (answer, browser, password) in entered {
            let won = answer.status == 303;
            assert!(won || answer.status == 410, "{}", answer.text());
            assert_eq!(browser.get("/").await.status == 200, won);
            inside += usize::from(won);
            let fields = [("email", "eve@acme.example"), ("password", password.as_str())];
            let answer = app.browser().post("/sign-in", &fields).await;
            assert_eq!(answer.status == 303, won);
            signs_in += usize::from(answer.status == 303);
        }
        assert_eq!((inside, signs_in), (1, 1));
        assert_eq!(app.audited("invitation.accepted").await, 1);
    }

    /// A new link is the only one.
    async fn a_renewed_link_voids_the_old(app) {
        let ada = app.admin("ada").await;
        let old = app.invite(&ada, "eve", "Member").await;
        let new = app.link_on(&app.act(&ada, "eve", "/invitation").await);
        is_gone(&app, &old).await;
        assert_eq!(accept(&app, &new, "eve").await.1.status, 303);
        assert_eq!(app.act(&ada, "eve", "/invitation").await.status, 404, "Eve is in");
        assert_eq!(app.act(&ada, "eve", "/invitation/cancel").await.status, 404);
        assert_eq!(app.act(&ada, "ben", "/invitation").await.status, 404, "Ben always was");
        assert_eq!(app.act(&ada, "ben", "/invitation/cancel").await.status, 404);
        assert_eq!(app.audited("invitation.renewed").await, 1);
    }

    /// Taken back, it opens nothing, and the user is off the list.
    async fn a_cancelled_invitation_is_over(app) {
        let ada = app.admin("ada").await;
        let link = app.invite(&ada, "eve", "Member").await;
        let cancelled = app.act(&ada, "eve", "/invitation/cancel").await;
        ada.get(&cancelled.location().unwrap()).await.must_show("The invitation is taken back.");
        is_gone(&app, &link).await;
        assert!(ada.get("/settings/users").await.row("eve@acme.example").is_none());
        assert_eq!(app.audited("invitation.cancelled").await, 1);
        let again = app.invite(&ada, "eve", "Member").await;
        is_gone(&app, &link).await;
        assert_eq!(accept(&app, &again, "eve").await.1.status, 303);
    }

    /// It lives for 14 days to the second; the Admin sees that it expired, and renews it.
    async fn it_expires_after_14_days(app) {
        let ada = app.admin("ada").await;
        let link = app.invite(&ada, "eve", "Member").await;
        ada.get(&app.user_path("eve", "").await)
            .await
            .must_show("good until 29 Jan 2027, 08:00 UTC");
        app.clock.advance(Duration::from_secs(14 * 24 * 3600 - 1));
        assert_eq!(app.browser().get(&link).await.status, 200);
        app.clock.advance(Duration::from_secs(1));
        is_gone(&app, &link).await;
        let ada = app.sign_in("ada").await;
        ada.get(&app.user_path("eve", "").await).await.must_show("The link expired");
        let new = app.link_on(&app.act(&ada, "eve", "/invitation").await);
        assert_eq!(accept(&app, &new, "eve").await.1.status, 303);
    }

    /// An Admin may change it until then, and after.
    async fn the_role_is_the_admins_latest_word(app) {
        let ada = app.admin("ada").await;
        let link = app.invite(&ada, "eve", "Admin").await;
        assert_eq!(app.set_role(&ada, "eve", "Member").await.status, 303);
        let (eve, answer) = accept(&app, &link, "eve").await;
        assert_eq!(answer.leads_to(), "/");
        assert_eq!(eve.get("/settings/users").await.status, 403);
    }

    /// Two Admins who add the same person at the same moment add one user.
    async fn one_of_many_adds_an_address(app) {
        let ada = app.admin("ada").await;
        let adding = (0..16).map(|n| {
            let ada = ada.clone();
            async move {
                let email = if n % 2 == 0 { "eve@acme.example" } else { " EVE@Acme.example" };
                add(&ada, email, &format!("Eve {n}")).await.status.as_u16()
            }
        });
        let answers = race(adding).await;
        assert_eq!(answers.iter().filter(|status| **status == 200).count(), 1);
        assert_eq!(answers.iter().filter(|status| **status == 422).count(), 15);
        ada.get("/settings/users").await.must_show("5 users");
    }

    /// Whoever is signed in as somebody else enters as the invited user, and only as that one.
    async fn it_is_accepted_in_a_browser_that_is_signed_in(app) {
        let ada = app.admin("ada").await;
        let link = app.invite(&ada, "eve", "Member").await;
        let before = ada.cookie();
        let answer = app.use_link(&ada, &link, &password("eve")).await;
        assert_eq!(answer.leads_to(), "/");
        assert_ne!(ada.cookie(), before);
        ada.get("/").await.must_show("as eve at Acme Analytics.");
        assert_eq!(ada.get("/settings/users").await.status, 403);
    }

    /// Accepted and taken back at the same moment, it is one of the two.
    async fn it_is_accepted_or_taken_back(app) {
        let ada = app.admin("ada").await;
        let (mut accepted, rounds) = (0, 12);
        for n in 0..rounds {
            let who = format!("eve-{n}");
            let link = app.invite(&ada, &who, "Member").await;
            let (eve, cancel) = (app.browser(), app.user_path(&who, "/invitation/cancel").await);
            let mut racing = Vec::new();
            for (browser, path) in [(eve.clone(), link), (ada.clone(), cancel)] {
                racing.push(async move {
                    let password = "an otter sings in the marble hall";
                    let fields = [("name", "Eve"), ("password", password)];
                    browser.post(&path, &fields).await.status.as_u16()
                });
            }
            let mut answers = race(racing).await;
            answers.sort_unstable();
            let is_in = eve.is_in().await;
            assert_eq!(answers, if is_in { [303, 404] } else { [303, 410] });
            let row = ada.get(&format!("/settings/users?search=eve-{n}%40")).await.row(&who);
            assert_eq!(row.is_some(), is_in);
            accepted += i64::from(is_in);
        }
        assert_eq!(app.audited("invitation.accepted").await, accepted);
        assert_eq!(app.audited("invitation.cancelled").await, rounds - accepted);
    }
}
