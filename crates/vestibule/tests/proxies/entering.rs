//! Into the application and out of it again.

use url::Url;
use vestibule_domain::application::Enter;
use vestibule_domain::user::Role;

use crate::gated::{Visitor, through_proxies};

through_proxies! {
    /// Whoever opens the application is led to the sign-in and back to the page that was asked for.
    async fn a_page_leads_to_the_sign_in_and_back(gated) {
        let ben = gated.visitor();
        let page = gated.led_to_sign_in(&ben, "/wiki/start?page=2&q=a%20b").await;
        assert!(gated.upstream.new_ones().is_empty());
        let page = gated.sign_in(&ben, &page, "ben").await;
        assert_eq!(page.status, 200, "{page:?}");
        page.must_show("Hello Ben Okafor");
        let seen = gated.upstream.only_one();
        assert_eq!((seen.method.as_str(), seen.target.as_str()), ("GET", "/wiki/start?page=2&q=a%20b"));
        let id = gated.app.id("ben").await.to_string();
        assert_eq!(
            seen.identity(),
            ["ben@acme.example", &id, "Ben Okafor", "Acme Analytics", "Member", "AAL1"]
        );
        // From now on nothing stands in between.
        assert_eq!(ben.open("/wiki/other").await.status, 200);
        assert_eq!(ben.fetch("/api").await.status, 200);
    }

    /// Scripts are told 401 and nothing else: no redirect to follow, no cookie, no page.
    async fn a_script_is_told_401(gated) {
        let nobody = gated.visitor();
        let answer = nobody.fetch("/api").await;
        assert_eq!(answer.status, 401, "{answer:?}");
        assert!(answer.location().is_none() && answer.headers.get("set-cookie").is_none(), "{answer:?}");
        // What is no script but no page load either: a form that somebody sends.
        let answer = nobody.there.post("/save", &[("a", "b")]).await;
        assert_eq!(answer.status, 401, "{answer:?}");
        assert!(gated.upstream.new_ones().is_empty());
    }

    /// Who has signed in but may not enter is told 403; an Admin may.
    async fn who_may_not_enter_is_told_403(gated) {
        let of_admins = gated.only_for(Enter::Admins).await;
        let ben = of_admins.visitor();
        let page = of_admins.led_to_sign_in(&ben, "/").await;
        let page = of_admins.sign_in(&ben, &page, "ben").await;
        assert_eq!(page.status, 403, "{page:?}");
        assert!(of_admins.upstream.new_ones().is_empty());
        let ada = of_admins.at_application("ada").await;
        assert_eq!(ada.fetch("/").await.status, 200);
        assert_eq!(of_admins.upstream.only_one().value("Remote-Role"), "Admin");

        // A role that is taken away counts at the next request.
        let app = &of_admins.app;
        app.add("eve", "Eve Adams", Role::Admin, false).await;
        let eve = of_admins.at_application("eve").await;
        let admin = app.admin("ada").await;
        assert_eq!(app.set_role(&admin, "eve", "Member").await.status, 303);
        for answer in [eve.open("/").await, eve.fetch("/").await] {
            assert_eq!(answer.status, 403, "{answer:?}");
        }
        assert!(of_admins.upstream.new_ones().is_empty());
    }

    /// Signing out ends it at the next request, at every host.
    async fn sign_out_ends_it(gated) {
        let ben = gated.at_application("ben").await;
        assert_eq!(ben.fetch("/").await.status, 200);
        assert_eq!(ben.login.post("/sign-out", &[]).await.status, 303);
        assert_eq!(ben.fetch("/").await.status, 401);
        assert_eq!(ben.open("/").await.status, 302);
        assert_eq!(gated.upstream.new_ones().len(), 1);
    }

    /// The switch is felt by the next request; whoever enrols is back in.
    async fn the_switch_is_felt_by_the_next_request(gated) {
        let ben = gated.at_application("ben").await;
        let ada = gated.app.admin("ada").await;
        assert_eq!(ben.fetch("/").await.status, 200);
        assert_eq!(gated.app.turn_switch(&ada, true).await.status, 303);
        assert_eq!(ben.fetch("/").await.status, 401);
        assert_eq!(gated.upstream.new_ones().len(), 1);

        let page = gated.enter(&ben, "/after").await;
        gated.app.scan("ben", &page);
        gated.app.clock.next_code();
        let code = gated.app.code("ben");
        let mut fields = vec![("code", code.as_str())];
        let return_to = page.field("return_to");
        fields.extend(return_to.as_deref().map(|to| ("return_to", to)));
        let answer = ben.login.post("/enrolment", &fields).await;
        assert_eq!(answer.status, 303, "{answer:?}");
        gated.app.keep_codes("ben", &ben.login).await;
        let page = gated.enter(&ben, "/after").await;
        assert_eq!(page.status, 200, "{page:?}");
        let seen = gated.upstream.only_one();
        assert_eq!((seen.target.as_str(), seen.value("Remote-Assurance")), ("/after", "AAL2"));
        // Off again, nobody notices.
        assert_eq!(gated.app.turn_switch(&ada, false).await.status, 303);
        assert_eq!(ben.fetch("/").await.status, 200);
    }

    /// While the database is away the answer is 503, and nothing reaches the application.
    async fn without_the_database_it_is_503(gated) {
        let ben = gated.at_application("ben").await;
        gated.app.store.close().await;
        // What is remembered of a database that cannot be asked is soon too old.
        gated.app.clock.outlive_proofs();
        for answer in [ben.open("/").await, ben.fetch("/").await, gated.visitor().open("/").await] {
            assert_eq!(answer.status, 503, "{answer:?}");
            assert!(answer.headers.get("set-cookie").is_none(), "{answer:?}");
        }
        assert!(gated.upstream.new_ones().is_empty());
    }

    /// The way back leads to the application, whatever address was asked for at the beginning.
    async fn the_way_back_stays_at_the_application(gated) {
        let login = gated.app.sign_in("ben").await;
        for target in [
            "//evil.example/",
            "///evil.example/",
            "/\\evil.example/",
            "/%5cevil.example/",
            "/%2fevil.example/",
            "/.//evil.example/",
            "/x/..//evil.example/",
            "/@evil.example",
            "/:80@evil.example",
            "/?to=https://evil.example/",
            "/.vestibule/gate",
        ] {
            let visitor = Visitor { login: login.clone(), there: gated.proxy.browser() };
            let page_load = ["Accept: text/html"];
            let first = gated.raw(&visitor, &format!("GET {target} HTTP/1.1"), &page_load).await;
            if first.status == 404 {
                // What lies under `/.vestibule/` is nobody's page.
                continue;
            }
            assert_eq!(first.status, 302, "{target}: {first:?}");
            let nonce = first.values("Set-Cookie")[0].split(';').next().unwrap().to_owned();
            let (name, value) = nonce.split_once('=').unwrap();
            visitor.there.plant(name, value);
            let handed = login.get(first.values("Location")[0]).await;
            let callback = handed.location().or_else(|| handed.link("Go on")).unwrap();
            assert!(callback.starts_with(&format!("{}/.vestibule/callback?", gated.proxy.url())));
            let arrived = visitor.there.get(&callback).await;
            assert_eq!(arrived.status, 303, "{target}: {arrived:?}");
            let to = arrived.location().unwrap();
            let base = Url::parse(&gated.proxy.url()).unwrap();
            let reached = base.join(&to).unwrap();
            assert_eq!(reached.host_str(), Some("app.localhost"), "{target} leads to {to}");
        }
    }
}
