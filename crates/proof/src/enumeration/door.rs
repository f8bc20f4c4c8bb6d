//! The first door of an installation of its own, with hashing threads of its own to count by.

use std::cell::Cell;
use std::net::SocketAddr;
use std::sync::Arc;

use axum::body::{Body, to_bytes};
use axum::http::Request;
use tower::ServiceExt as _;
use url::Url;
use vestibule_domain::email::Email;
use vestibule_domain::name::Name;
use vestibule_domain::sealing::MasterKey;
use vestibule_domain::user::{MembershipState, Role};
use vestibule_flows::furnish::Furnished;
use vestibule_flows::{HashingQueue, Priority, Settings, Vestibule};
use vestibule_testkit::app::{CHEAP, randomness};
use vestibule_testkit::client::{encode, escape};
use vestibule_testkit::database::Emptied;
use vestibule_testkit::{Database, MovableClock};
use vestibule_web::{Site, WebSettings, app, metrics_app};

use super::{Asks, Who};

/// A reverse proxy, which says from which network a request comes.
const PROXY: SocketAddr =
    SocketAddr::new(std::net::IpAddr::V4(std::net::Ipv4Addr::LOCALHOST), 4711);
const PASSWORD: &str = "a walk through a marble garden";
/// The network whose attempts at each address were too many.
const TOO_OFTEN: &str = "198.51.100.7";

/// An installation, asked from the outside.
pub(super) struct Door {
    site: Arc<Site>,
    clock: MovableClock,
    /// So many addresses of each class take turns.
    addresses: usize,
    /// How many pairs have been asked.
    asked: Cell<usize>,
    /// How many networks have asked.
    networks: Cell<u32>,
    dice: Cell<u64>,
    _database: Emptied,
}

/// What came back, with all by which it could be told from another.
pub(super) struct Answered {
    pub(super) status: u16,
    /// All of it, less the number of the request; the typed address is masked.
    pub(super) bytes: String,
    /// How many hashes it cost.
    pub(super) hashes: u64,
    pub(super) nanoseconds: u64,
}

fn address(who: Who, number: usize) -> String {
    let letter = match who {
        Who::Unknown => 'u',
        Who::Known => 'k',
        Who::WithFactor => 'f',
        Who::Disabled => 'd',
    };
    format!("{letter}{number:02}@acme.example")
}

impl Door {
    /// With so many users of these classes, whose limits are where the question finds them.
    pub(super) async fn new(
        database: Database,
        asks: Asks,
        classes: [Who; 2],
        addresses: usize,
    ) -> Self {
        let (clock, random) = (MovableClock::default(), randomness());
        let database = database.make().await;
        let settings = Settings { hash_cost: CHEAP, mail: true, ..Settings::default() };
        let (key, store) = (MasterKey::new(&random), database.open().await);
        let keys = std::slice::from_ref(&key);
        let hashing = HashingQueue::start(Priority::Usual).unwrap();
        let time = clock.clock();
        let seed = u64::from_be_bytes(random.bytes()) | 1;
        let opened = Vestibule::open(store.clone(), keys, time, random, settings, hashing).await;
        let vestibule = opened.unwrap();
        let account = vestibule.furnish_account(&Name::parse("Acme").unwrap()).await.unwrap();
        for who in classes.into_iter().filter(|who| *who != Who::Unknown) {
            for number in 0..addresses {
                let user = Furnished {
                    email: &Email::parse(&address(who, number)).unwrap(),
                    name: &Name::parse("Ada Lovelace").unwrap(),
                    role: Role::Member,
                    password: PASSWORD,
                    with_factor: who == Who::WithFactor,
                };
                let (id, _) = vestibule.furnish_user(account, &user).await.unwrap();
                if who == Who::Disabled {
                    let mut tx = store.write().await.unwrap();
                    let (from, to) = (MembershipState::Active, MembershipState::Disabled);
                    assert!(tx.set_state(id, from, to).await.unwrap());
                    tx.commit().await.unwrap();
                }
            }
        }
        let web = WebSettings {
            public_url: Url::parse("https://login.acme.example").unwrap(),
            trusted_proxies: vec!["127.0.0.1/32".parse().unwrap()],
        };
        let door = Self {
            site: Arc::new(app(vestibule, web)),
            clock,
            addresses,
            asked: Cell::new(0),
            networks: Cell::new(0),
            dice: Cell::new(seed),
            _database: database,
        };
        if asks == Asks::SignInTooSoon {
            for who in classes {
                for number in 0..addresses {
                    for _ in 0..5 {
                        let refused = door.send(asks, who, number, TOO_OFTEN).await;
                        assert_eq!(refused.status, 401, "{}", refused.bytes);
                    }
                }
            }
        }
        door
    }

    /// Heads or tails.
    pub(super) fn toss(&self) -> bool {
        let mut dice = self.dice.get();
        dice ^= dice << 13;
        dice ^= dice >> 7;
        dice ^= dice << 17;
        self.dice.set(dice);
        dice & 1 == 1
    }

    /// The next pair is of other addresses. Who asks for a link is heard once in five minutes, so that
    /// time passes until an address has its turn again.
    pub(super) fn next(&self) {
        self.asked.set(self.asked.get() + 1);
        if self.asked.get().is_multiple_of(self.addresses) && self.networks.get() > 0 {
            self.clock.advance(std::time::Duration::from_mins(5));
        }
    }

    /// Asks from a network that has not asked before, unless it is to be one that asked too often.
    pub(super) async fn ask(&self, asks: Asks, who: Who) -> Answered {
        let number = self.asked.get() % self.addresses;
        if asks == Asks::SignInTooSoon {
            return self.send(asks, who, number, TOO_OFTEN).await;
        }
        self.networks.set(self.networks.get() + 1);
        let network = std::net::Ipv4Addr::from(0x1400_0000 + self.networks.get() * 256 + 7);
        self.send(asks, who, number, &network.to_string()).await
    }

    async fn send(&self, asks: Asks, who: Who, number: usize, from: &str) -> Answered {
        let email = address(who, number);
        // Whoever is disabled types the right password, and everybody else a wrong one as long as it.
        let password =
            if who == Who::Disabled { PASSWORD } else { "a walk through a garden of mud" };
        let (path, body) = match asks {
            Asks::Forgotten => ("/sign-in/forgotten", encode(&[("email", &email)])),
            _ => ("/sign-in", encode(&[("email", &email), ("password", password)])),
        };
        let request = Request::post(path)
            .header("host", "login.acme.example")
            .header("sec-fetch-site", "same-origin")
            .header("origin", "https://login.acme.example")
            .header("user-agent", "Mozilla/5.0 (X11; Linux x86_64) Firefox/140.0")
            .header("content-type", "application/x-www-form-urlencoded")
            .header("x-forwarded-for", from);
        let request = request.body(Body::from(body)).unwrap();
        let before = self.hashes().await;
        #[expect(
            clippy::disallowed_methods,
            reason = "here it is the time itself that is measured"
        )]
        let start = std::time::Instant::now();
        let answer = self.site.ask_page(request, PROXY).await;
        let (mut parts, body) = answer.into_parts();
        let body = to_bytes(body, usize::MAX).await.unwrap();
        let took = start.elapsed();
        let hashes = self.hashes().await - before;
        assert!(parts.headers.remove("x-request-id").is_some(), "each has a number");
        let body = String::from_utf8_lossy(&body).into_owned();
        let bytes = format!("{} {:?}\n{body}", parts.status, parts.headers);
        Answered {
            status: parts.status.as_u16(),
            bytes: bytes.replace(&email, "(typed)").replace(&escape(&email), "(typed)"),
            hashes,
            nanoseconds: u64::try_from(took.as_nanos()).unwrap_or(u64::MAX),
        }
    }

    /// How many hashes were made so far, as Prometheus is told.
    async fn hashes(&self) -> u64 {
        let router = metrics_app(Arc::clone(&self.site), Arc::new(|_| ()));
        let request = Request::get("/metrics").body(Body::empty()).unwrap();
        let answer = router.oneshot(request).await.unwrap();
        let text = to_bytes(answer.into_body(), usize::MAX).await.unwrap();
        let text = String::from_utf8_lossy(&text);
        let line =
            text.lines().find_map(|line| line.strip_prefix("vestibule_hashing_seconds_count "));
        line.expect("hashes are counted").parse().unwrap()
    }
}
