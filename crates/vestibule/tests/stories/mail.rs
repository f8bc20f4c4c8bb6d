//! Mail goes out once, through a real mail server, and waits when there is none.

use std::time::Duration;

use vestibule_domain::user::Role;
use vestibule_mail::{Encryption, Smtp, Step};
use vestibule_testkit::smtp::LOGIN;
use vestibule_testkit::{Behaviour, TestApp, stories};

const NEW: &str = "an otter sings in the marble hall";

/// Something of which one user is told.
async fn cause_a_mail(app: &TestApp, who: &str) {
    let browser = app.sign_in(who).await;
    let answer = browser.post("/settings/security/password", &[("password", NEW)]).await;
    assert_eq!(answer.status, 303, "{}", answer.text());
}

stories! {
    /// An invitation: what the Admin may copy is what the mail says, and it works.
    async fn an_invitation_arrives_and_works(mailing app) {
        let ada = app.admin("ada").await;
        app.deliver().await;
        let fields = [("email", "eve@acme.example"), ("name", "Eve"), ("role", "Member")];
        let page = ada.post("/settings/users", &fields).await;
        page.must_show("We mail it to eve@acme.example too.");
        let shown = app.link_on(&page);
        let mails = app.deliver().await;
        let [mail] = &mails[..] else { panic!("one mail: {mails:?}") };
        assert_eq!(mail.to, "eve@acme.example");
        assert_eq!(mail.subject, "Acme Analytics: You are invited");
        assert_eq!(app.path_of_link(&mail.link()), shown);
        let from = format!("From: Acme login <{}>", app.mailbox().sender);
        assert!(mail.headers.contains(&from), "{:?}", mail.headers);
        assert!(mail.headers.iter().any(|line| line == "Auto-Submitted: auto-generated"));
        let eve = app.browser();
        assert_eq!(app.use_link(&eve, &shown, NEW).await.leads_to(), "/");
        assert!(app.deliver().await.is_empty(), "and nothing is sent twice");
    }

    /// What is over when its turn comes is not sent: replaced, taken back, expired.
    async fn a_link_that_is_over_is_not_sent(mailing app) {
        let ada = app.admin("ada").await;
        app.deliver().await;
        app.invite(&ada, "eve", "Member").await;
        app.act(&ada, "eve", "/invitation").await;
        let mails = app.deliver().await;
        assert_eq!(mails.len(), 1, "the renewed one alone");
        app.invite(&ada, "fay", "Member").await;
        app.act(&ada, "fay", "/invitation/cancel").await;
        app.invite(&ada, "gus", "Member").await;
        app.clock.advance(Duration::from_hours(15 * 24));
        assert!(app.deliver().await.is_empty());
        assert_eq!(app.vestibule.count_mails().await.unwrap(), 0);
    }

    /// A notice goes to the address that the user had when it happened: who changes it then does not
    /// catch what waits.
    async fn a_notice_that_waits_follows_no_new_address(mailing app) {
        cause_a_mail(&app, "ben").await;
        let email = vestibule_domain::email::Email::parse("thief@example.org").unwrap();
        let mut tx = app.store.write().await.unwrap();
        assert!(tx.set_email(app.id("ben").await, &email).await.unwrap());
        tx.commit().await.unwrap();
        let mails = app.deliver().await;
        assert!(!mails.is_empty());
        assert!(mails.iter().all(|mail| mail.to == "ben@acme.example"), "{mails:?}");
    }

    /// TLS from the first byte, STARTTLS, and neither, each signed in where the server asks for it.
    async fn every_way_to_the_server_works(mailing app) {
        for (encryption, who) in [
            (Encryption::None, "ada"),
            (Encryption::StartTls, "ben"),
            (Encryption::Tls, "dinesh"),
        ] {
            cause_a_mail(&app, who).await;
            let mut courier = app.courier(encryption);
            assert_eq!(courier.step().await.unwrap(), Step::Done, "{encryption:?}");
            let mails = app.mailbox().new_ones();
            assert_eq!(mails.len(), 1, "{encryption:?}");
            assert_eq!(mails[0].to, format!("{who}@acme.example"));
            let with_tls = encryption != Encryption::None;
            assert_eq!((mails[0].tls, mails[0].login), (with_tls, with_tls), "{encryption:?}");
            let smtp = Smtp::new(app.mailbox().settings(encryption), "localhost").unwrap();
            assert_eq!(smtp.check().await, Ok(()));
        }
    }

    /// A certificate of nobody we trust, a wrong password, a server without TLS, no server: nothing
    /// is sent in clear, the check says why, and what it says holds no secret.
    async fn an_untrusted_server_gets_nothing(mailing app) {
        cause_a_mail(&app, "ben").await;
        let good = app.mailbox().settings(Encryption::Tls);
        let mut untrusted = good.clone();
        untrusted.authority = None;
        let mut other_name = good.clone();
        "127.0.0.1".clone_into(&mut other_name.host);
        let mut wrong_password = good.clone();
        if let Some(login) = &mut wrong_password.credentials {
            login.password.0.push('x');
        }
        let mut without_tls = app.mailbox().settings(Encryption::None);
        without_tls.encryption = Encryption::StartTls;
        let mut nobody = good.clone();
        nobody.port = 1;
        for (settings, why) in [
            (untrusted, "UnknownIssuer"),
            (other_name, "certificate not valid"),
            (wrong_password, "user name or password are refused"),
            (without_tls, "STARTTLS is not supported"),
            (nobody, "refused"),
        ] {
            let smtp = Smtp::new(settings.clone(), "localhost").unwrap();
            let said = smtp.check().await.unwrap_err();
            assert!(said.contains(why) && !said.contains('\n'), "{said}");
            assert!(!said.contains(LOGIN.1), "{said}");
            let public_url = app.public_url.parse().unwrap();
            let mut courier =
                vestibule_mail::Courier::new(app.vestibule.clone(), smtp, public_url);
            assert_eq!(courier.step().await.unwrap(), Step::ServerAway);
            app.clock.advance(Duration::from_hours(2));
        }
        assert!(app.mailbox().new_ones().is_empty());
        assert_eq!(app.deliver().await.len(), 1, "it waited");
    }

    /// While the server hangs, is away or wants to be asked later, nothing is lost: it is tried
    /// again after a minute, then after two, and arrives once.
    async fn what_can_not_be_sent_waits(mailing app) {
        for (behaviour, who) in [
            (Behaviour::Away, "ada"),
            (Behaviour::Busy, "ben"),
            (Behaviour::Hang, "dinesh"),
            (Behaviour::RefuseSender, "cleo"),
        ] {
            app.mailbox().behave(behaviour);
            cause_a_mail(&app, who).await;
            assert!(app.deliver().await.is_empty(), "{behaviour:?}");
            for minutes in [1, 2] {
                app.clock.advance(Duration::from_secs(minutes * 60 - 1));
                let mut early = app.courier(Encryption::None);
                assert_eq!(early.step().await.unwrap(), Step::Idle, "{behaviour:?}, too early");
                app.clock.advance(Duration::from_secs(1));
                assert!(app.deliver().await.is_empty(), "{behaviour:?}");
            }
            app.mailbox().behave(Behaviour::Good);
            app.clock.advance(Duration::from_mins(4));
            let mails = app.deliver().await;
            assert_eq!(mails.len(), 1, "{behaviour:?}");
            assert_eq!(mails[0].to, format!("{who}@acme.example"));
        }
        assert_eq!(app.audited("mail.given_up").await, 0);
    }

    /// A server that hangs holds nobody up: the pages are served, and other mails have their turn.
    async fn a_hanging_server_holds_up_nothing_but_mail(mailing app) {
        app.mailbox().behave(Behaviour::Hang);
        cause_a_mail(&app, "ben").await;
        let mut courier = app.courier(Encryption::None);
        let hanging = tokio::spawn(async move { courier.step().await.unwrap() });
        app.sign_in("ada").await;
        cause_a_mail(&app, "dinesh").await;
        assert!(!hanging.is_finished(), "it still waits");
        app.mailbox().behave(Behaviour::Good);
        let mails = app.deliver().await;
        assert_eq!(mails.len(), 1);
        assert_eq!(mails[0].to, "dinesh@acme.example");
        assert_eq!(hanging.await.unwrap(), Step::ServerAway);
        app.clock.advance(Duration::from_mins(1));
        assert_eq!(app.deliver().await[0].to, "ben@acme.example");
    }

    /// An address that the server does not know is given up at once, without its words; one that
    /// cannot be sent for a day as well.
    async fn what_can_never_be_sent_is_given_up(mailing app) {
        app.mailbox().behave(Behaviour::Refuse);
        cause_a_mail(&app, "ben").await;
        app.deliver().await;
        assert_eq!(app.audited("mail.given_up").await, 1);
        assert_eq!(app.vestibule.count_mails().await.unwrap(), 0);
        app.mailbox().behave(Behaviour::Away);
        cause_a_mail(&app, "dinesh").await;
        let mut hours = 0;
        while app.vestibule.count_mails().await.unwrap() > 0 {
            app.deliver().await;
            app.clock.advance(Duration::from_hours(1));
            hours += 1;
            assert!(hours < 40, "for ever");
        }
        assert!(hours > 23, "{hours}");
        assert_eq!(app.audited("mail.given_up").await, 2);
    }

    /// Two nodes share the work, and no mail is sent by both.
    async fn two_nodes_send_each_mail_once(mailing app) {
        for number in 0..12 {
            app.add(&format!("u{number}"), "User", Role::Admin, false).await;
        }
        app.recover_path("ben").await;
        let (mut one, mut other) =
            (app.courier(Encryption::None), app.courier(Encryption::None));
        let work = async |courier: &mut vestibule_mail::Courier| {
            while courier.step().await.unwrap() == Step::Done {}
        };
        tokio::join!(work(&mut one), work(&mut other));
        // A node that saw nothing left while the other still sent may have stopped early.
        app.deliver().await;
        let mails = app.mailbox().all();
        let mut readers: Vec<&str> = mails.iter().map(|mail| mail.to.as_str()).collect();
        readers.sort_unstable();
        readers.dedup();
        assert_eq!((mails.len(), readers.len()), (13, 13), "each of the Admins, once");
    }

    /// The connection breaks after the server was told the mail and before it said so: this one case
    /// may send it again, and then with the same name, so that a mail program shows it once.
    async fn a_mail_keeps_its_name(mailing app) {
        app.mailbox().behave(Behaviour::BreakOff);
        cause_a_mail(&app, "ben").await;
        app.deliver().await;
        assert_eq!(app.vestibule.count_mails().await.unwrap(), 1, "it may not have arrived");
        app.mailbox().behave(Behaviour::Good);
        app.clock.advance(Duration::from_mins(1));
        let mails = app.deliver().await;
        assert!(mails[0].message_id.ends_with("@localhost>"), "{}", mails[0].message_id);
    }

    /// A process that ends between its claim and the end of sending: the next one waits until it
    /// can be sure, then sends.
    async fn a_claim_outlives_its_process_for_a_while(mailing app) {
        cause_a_mail(&app, "ben").await;
        drop(app.vestibule.next_mail().await.unwrap());
        assert!(app.deliver().await.is_empty(), "somebody may be sending it");
        app.clock.advance(Duration::from_mins(2));
        assert_eq!(app.deliver().await.len(), 1);
        // A clock that was a day ahead and came back holds nothing up.
        app.clock.advance(Duration::from_hours(24));
        cause_a_mail(&app, "dinesh").await;
        app.mailbox().behave(Behaviour::Away);
        app.deliver().await;
        app.clock.set_back(Duration::from_hours(24));
        app.mailbox().behave(Behaviour::Good);
        assert_eq!(app.deliver().await.len(), 1);
    }

    /// Where the host can be named by a visitor, no link believes it (AT-77).
    async fn at_77_links_lead_to_the_configured_address(mailing_https app) {
        let ada = app.admin("ada").await;
        app.deliver().await;
        let own = ada.own_page();
        let lies = [
            ("host", "evil.example"),
            ("x-forwarded-host", "evil.example"),
            ("x-forwarded-proto", "http"),
            ("x-forwarded-server", "evil.example"),
            ("forwarded", "host=evil.example;proto=http"),
            ("x-original-url", "https://evil.example/"),
        ];
        for lie in lies {
            app.clock.advance(Duration::from_mins(6));
            let headers = [&own[..], &[lie]].concat();
            let fields = [("email", "ben@acme.example")];
            let path = "/sign-in/forgotten";
            let (browser, post) = (app.browser(), vestibule_testkit::Method::POST);
            let asked = browser.send(post, path, Some(&fields), &headers).await;
            assert_eq!(asked.status, 303, "{lie:?}");
            let mails = app.deliver().await;
            assert_eq!(mails.len(), 1, "{lie:?}");
            assert!(mails[0].link().starts_with("https://login.acme.example/forgotten/"));
            assert!(!mails[0].raw.contains("evil"), "{lie:?}: {}", mails[0].raw);
        }
    }

    /// Names that try to be more than names: one mail, one reader, no header of theirs, no markup.
    async fn hostile_names_stay_names(mailing app) {
        let name = "Bob <b@evil.example>, \"Eve\" <script>alert(1)</script> =?utf-8?q?x?=";
        app.add("mal", name, Role::Member, false).await;
        cause_a_mail(&app, "mal").await;
        let mails = app.deliver().await;
        let [mail] = &mails[..] else { panic!("one mail: {mails:?}") };
        assert_eq!(mail.to, "mal@acme.example");
        assert!(!mail.html.contains("<script"), "{}", mail.html);
        let to: Vec<&String> =
            mail.headers.iter().filter(|line| line.starts_with("To:")).collect();
        assert_eq!(to.len(), 1);
        assert!(to[0].ends_with("<mal@acme.example>"), "{to:?}");
        let fields = [("email", "a@acme.example\r\nBcc: b@evil.example")];
        let answer = app.browser().post("/sign-in/forgotten", &fields).await;
        assert_eq!(answer.status, 422);
    }

    /// Neither the outbox nor the trace holds the token of a link or what a mail says in clear.
    async fn the_outbox_is_sealed(mailing app) {
        let ada = app.admin("ada").await;
        let path = app.invite(&ada, "eve", "Member").await;
        let token = path.rsplit('/').next().unwrap();
        assert!(app.vestibule.count_mails().await.unwrap() > 0);
        let fields = [("email", "nobody.at.all@acme.example")];
        app.browser().post("/sign-in/forgotten", &fields).await;
        let dump = app.database_dump();
        for secret in [token, "nobody.at.all@acme.example"] {
            let found = dump.windows(secret.len()).any(|part| part == secret.as_bytes());
            assert!(!found, "{secret} stands in the database");
        }
    }
}

/// Every letter: nothing from elsewhere, nothing that tracks, both parts say the same.
#[test]
fn letters_load_nothing() {
    let token = vestibule_domain::token::Token::new(&vestibule_testkit::app::randomness());
    let samples = vestibule_mail::samples(&token);
    assert!(samples.len() > 15);
    if let Some(folder) = std::env::var_os("VESTIBULE_LETTERS") {
        for (name, html, text) in &samples {
            let path = std::path::Path::new(&folder).join(name.replace(' ', "-"));
            std::fs::write(path.with_extension("html"), html).unwrap();
            std::fs::write(path.with_extension("txt"), text).unwrap();
        }
    }
    for (name, html, text) in samples {
        for loads in ["src=", "url(", "<link", "<img", "<script", "@import", "<form"] {
            assert!(!html.contains(loads), "{name} has {loads}");
        }
        let links = html.matches("href=").count();
        let has_link = text.lines().any(|line| line.starts_with("https://"));
        assert_eq!(links, usize::from(has_link), "{name}");
        assert!(text.lines().all(|line| line.chars().count() < 200), "{name}");
        assert!(!text.contains("\n\n\n") && !text.contains("  "), "{name}: {text}");
    }
}
