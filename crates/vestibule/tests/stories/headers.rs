//! The headers of answers, the cookie, and what the headers of a request can and cannot say.

use vestibule_testkit::{Answer, Client, Method, TestApp, stories};

use crate::house::{House, must_be_dressed};
use crate::routes::{Door, ROUTES};

/// The attributes of the session's cookie that an answer sets, less its value.
fn cookie(answer: &Answer) -> (String, Vec<String>) {
    let mut all = cookies(answer);
    all.retain(|(name, _)| !name.ends_with("-browser"));
    assert_eq!(all.len(), 1, "one cookie: {answer:?}");
    all.remove(0)
}

/// The same of every cookie.
fn cookies(answer: &Answer) -> Vec<(String, Vec<String>)> {
    let all = answer.headers.get_all("set-cookie").iter();
    all.map(|text| attributes(text.to_str().unwrap())).collect()
}

fn attributes(text: &str) -> (String, Vec<String>) {
    let mut parts = text.split("; ").map(str::to_owned);
    let name = parts.next().unwrap().split('=').next().unwrap().to_owned();
    let mut attributes: Vec<String> = parts.collect();
    attributes.sort();
    (name, attributes)
}

async fn give_password(browser: &Client, who: &str) -> Answer {
    let (email, password) =
        (vestibule_testkit::app::email(who), vestibule_testkit::app::password(who));
    browser.post("/sign-in", &[("email", &email), ("password", &password)]).await
}

async fn sessions(browser: &Client) -> String {
    browser.get("/settings/security").await.between("id=\"sessions\"", "</section>")
}

async fn sign_in_with(app: &TestApp, headers: &[(&str, &str)]) -> Client {
    let browser = app.browser();
    let fields =
        [("email", "ben@acme.example"), ("password", &vestibule_testkit::app::password("ben"))];
    let headers = [&browser.own_page()[..], headers].concat();
    let answer = browser.send(Method::POST, "/sign-in", Some(&fields), &headers).await;
    assert_eq!(answer.status, 303, "{}", answer.text());
    browser
}

stories! {
    /// Pages, redirects, refusals, files: every answer has them.
    async fn every_answer_has_the_headers_of_all(app) {
        let house = House::of(&app).await;
        for route in ROUTES {
            let path = house.path(route);
            for caller in [app.browser(), house.caller(&app, route)] {
                for method in [Method::GET, Method::HEAD] {
                    let answer = caller.send(method.clone(), &path, None, &[]).await;
                    must_be_dressed(&answer, &format!("{method} {path}"));
                    assert!(answer.headers.get("strict-transport-security").is_none(), "on http");
                    let is_link = route.door == Door::Link && answer.status == 200;
                    assert_eq!(
                        answer.headers["referrer-policy"] == "no-referrer",
                        is_link || answer.status == 410,
                        "{path}"
                    );
                    assert!(answer.headers.get("set-cookie").is_none(), "{method} {path}");
                }
            }
        }
        for path in ["/nowhere", "/settings", "/settings/users/x/y/z"] {
            let answer = app.browser().get(path).await;
            assert_eq!(answer.status, 404);
            must_be_dressed(&answer, path);
        }
    }

    /// A page that shows a link says no more of itself than the link's own page does.
    async fn pages_with_links_tell_nobody(app) {
        let ada = app.admin("ada").await;
        let fields = [("email", "eve@acme.example"), ("name", "Eve"), ("role", "Member")];
        for answer in [
            ada.post("/settings/users", &fields).await,
            app.act(&ada, "eve", "/invitation").await,
            app.act(&ada, "ben", "/password-link").await,
        ] {
            app.link_on(&answer);
            assert_eq!(answer.headers["referrer-policy"], "no-referrer");
            assert_eq!(answer.headers["cache-control"], "no-store");
        }
    }

    /// HttpOnly, Lax, for the whole site, never for a domain; taken away at the end.
    async fn the_cookie_is_for_this_site_alone(app) {
        let ben = app.browser();
        let answer = give_password(&ben, "ben").await;
        let (name, attributes) = cookie(&answer);
        assert_eq!(name, "vestibule");
        assert_eq!(attributes, ["HttpOnly", "Path=/", "SameSite=Lax"]);
        let (name, attributes) = cookies(&answer).remove(1);
        assert_eq!(name, "vestibule-browser");
        assert_eq!(attributes, ["HttpOnly", "Max-Age=34560000", "Path=/", "SameSite=Lax"]);
        assert_eq!(ben.cookie().unwrap().len(), 43, "256 bits");
        let (name, attributes) = cookie(&ben.post("/sign-out", &[]).await);
        assert_eq!(name, "vestibule");
        assert_eq!(attributes, ["HttpOnly", "Max-Age=0", "Path=/", "SameSite=Lax"]);
    }

    /// Under https it is Secure and bound to the host by its name, and browsers stay with https.
    async fn under_https_the_cookie_is_bound_to_the_host(https app) {
        let cleo = app.browser();
        let answer = give_password(&cleo, "cleo").await;
        let (name, attributes) = cookie(&answer);
        assert_eq!(name, "__Host-vestibule");
        assert_eq!(attributes, ["HttpOnly", "Path=/", "SameSite=Lax", "Secure"]);
        assert_eq!(answer.headers["strict-transport-security"], "max-age=31536000");
        let (name, attributes) = cookies(&answer).remove(1);
        assert_eq!(name, "__Host-vestibule-browser");
        assert_eq!(attributes, ["HttpOnly", "Max-Age=34560000", "Path=/", "SameSite=Lax", "Secure"]);
        let code = cleo.post("/sign-in/code", &[("code", &app.code("cleo"))]).await;
        assert_eq!(cookie(&code).0, "__Host-vestibule");
        assert_eq!(cleo.get("/").await.status, 200);
        let thief = app.browser();
        thief.plant_cookie(&cleo.cookie().unwrap());
        assert_eq!(thief.get("/").await.leads_to(), "/sign-in", "not under the plain name");
        let (_, attributes) = cookie(&cleo.post("/sign-out", &[]).await);
        assert_eq!(attributes, ["HttpOnly", "Max-Age=0", "Path=/", "SameSite=Lax", "Secure"]);
    }

    /// Forms are taken from the public address, wherever the proxy finds us.
    async fn under_https_the_origin_is_the_public_one(https app) {
        let fields =
            [("email", "ben@acme.example"), ("password", &vestibule_testkit::app::password("ben"))];
        for (origin, status) in [
            ("https://login.acme.example", 303),
            ("https://login.acme.example:443", 303),
            (app.url.as_str(), 403),
            ("http://login.acme.example", 403),
            ("https://acme.example", 403),
            ("https://login.acme.example:8443", 403),
            ("https://www.login.acme.example", 403),
        ] {
            let headers = [("origin", origin), ("x-forwarded-proto", "https")];
            let answer =
                app.browser().send(Method::POST, "/sign-in", Some(&fields), &headers).await;
            assert_eq!(answer.status, status, "{origin}");
        }
    }

    /// Addresses that a client claims for itself are not believed (AT-20).
    async fn a_strangers_forwarded_address_is_ignored(app) {
        let ben = sign_in_with(
            &app,
            &[
                ("x-forwarded-for", "198.51.100.7"),
                ("x-real-ip", "198.51.100.8"),
                ("forwarded", "for=198.51.100.9"),
                ("cf-connecting-ip", "198.51.100.10"),
            ],
        )
        .await;
        let sessions = sessions(&ben).await;
        assert!(sessions.contains("127.0.0.1") && !sessions.contains("198.51"), "{sessions}");
    }

    /// A trusted proxy is believed about the last address that is none of its own.
    async fn a_trusted_proxys_forwarded_address_is_taken(https app) {
        for (forwarded, address) in [
            ("198.51.100.7", "198.51.100.7"),
            ("203.0.113.9, 198.51.100.7", "198.51.100.7"),
            ("203.0.113.9, 198.51.100.7, 127.0.0.5", "198.51.100.7"),
            ("2001:db8::1", "2001:db8::1"),
            ("198.51.100.7, garbage", "127.0.0.1"),
            ("<script>", "127.0.0.1"),
            ("", "127.0.0.1"),
        ] {
            let ben = sign_in_with(&app, &[("x-forwarded-for", forwarded)]).await;
            let sessions = sessions(&ben).await;
            let (_, this) = sessions.split_once("This one").unwrap();
            let this = this.split("signed in").next().unwrap();
            assert!(this.contains(address), "{forwarded}: {this}");
            assert!(
                !this.contains("203.0.113.9") && !this.contains("script"),
                "{forwarded}: {this}"
            );
        }
    }

    /// On the machine itself one address is one site: `127.0.0.1` leads to `localhost`.
    async fn the_bare_loopback_address_leads_to_localhost(app) {
        let (_, port) = app.url.rsplit_once(':').unwrap();
        let bare = app.browser();
        for path in ["/", "/sign-in?return_to=%2Fsettings%2Fsecurity", "/settings/users"] {
            for host in [format!("127.0.0.1:{port}"), "127.0.0.1".into(), format!("[::1]:{port}")] {
                let answer = bare.send(Method::GET, path, None, &[("host", &host)]).await;
                assert_eq!(answer.status, 307, "{host}{path}");
                assert_eq!(answer.location(), Some(format!("{}{path}", app.url)));
                must_be_dressed(&answer, path);
            }
        }
        let answer = bare.get(&format!("http://127.0.0.1:{port}//evil.example/%2f..")).await;
        assert!(answer.location().unwrap().starts_with(&format!("{}/", app.url)), "{answer:?}");
        for probe in ["/healthz", "/readyz"] {
            let answer = bare.get(&format!("http://127.0.0.1:{port}{probe}")).await;
            assert_eq!(answer.status, 200, "probes follow no redirects");
        }
        let form =
            [("email", "ben@acme.example"), ("password", &vestibule_testkit::app::password("ben"))];
        let origin = format!("http://127.0.0.1:{port}");
        let headers = [("sec-fetch-site", "same-origin"), ("origin", origin.as_str())];
        let answer =
            bare.send(Method::POST, &format!("{origin}/sign-in"), Some(&form), &headers).await;
        assert_eq!((answer.status.as_u16(), bare.cookie()), (403, None), "no second site");
    }

    /// Behind a public address nobody is sent to `localhost`.
    async fn a_public_address_leads_nowhere_else(https app) {
        let (_, port) = app.url.rsplit_once(':').unwrap();
        let answer = app.browser().get(&format!("http://127.0.0.1:{port}/sign-in")).await;
        assert_eq!(answer.status, 200);
    }
}
