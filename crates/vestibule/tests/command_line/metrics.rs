//! What Prometheus reads, as an operator meets it: where it is, what stands in it, and that neither
//! documentation nor dashboard names anything else.

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;

use crate::place::{Place, Running, get, post};

const SET_UP: &str = "account=Acme&name=Ada&email=ada%40acme.example&\
                      password=an+otter+sings+in+the+marble+hall";
const SIGN_IN: &str = "email=ada%40acme.example&password=an+otter+sings+in+the+marble+hall";
const WRONG: &str = "email=ada%40acme.example&password=an+otter+sings+in+the+marble+well";

/// A process that serves, and where Prometheus reads it.
struct Watched {
    server: Running,
    metrics: String,
    setup: String,
    // Its folder goes when it is dropped.
    _place: Place,
}

impl Watched {
    fn start() -> Self {
        let place = Place::new();
        let mut command = place.command(&[
            "serve",
            "--listen=127.0.0.1:0",
            "--metrics-listen=127.0.0.1:0",
            "--log-format=json",
        ]);
        let log = place.path("log");
        command.stderr(std::fs::File::create(&log).unwrap());
        let mut server = Running::start_as_is(command);
        let setup = (0..3).map(|_| server.line()).last().unwrap();
        // It is logged before the address is printed.
        let log = std::fs::read_to_string(log).unwrap();
        let listening = log.lines().find(|line| line.contains("\"listening\"")).unwrap();
        let listening: serde_json::Value = serde_json::from_str(listening).unwrap();
        let address = listening["fields"]["metrics"].as_str().unwrap();
        Self { metrics: format!("http://{address}/metrics"), server, setup, _place: place }
    }

    /// With an account, and one of each: a sign-in, a refusal, a page that is not there.
    fn used() -> Self {
        let watched = Self::start();
        let url = &watched.server.first;
        assert_eq!(post(&watched.setup, SET_UP).0, 303);
        assert_eq!(post(&format!("{url}/sign-in"), SIGN_IN).0, 303);
        assert_ne!(post(&format!("{url}/sign-in"), WRONG).0, 303);
        assert_eq!(get(&format!("{url}/no-such-page")).0, 404);
        watched
    }

    fn scrape(&self) -> String {
        let (status, answer) = get(&self.metrics);
        assert_eq!(status, 200, "{answer}");
        answer.split_once("\r\n\r\n").unwrap().1.to_owned()
    }
}

/// The value of a line, by its name and labels.
fn value(scrape: &str, line: &str) -> f64 {
    let found = scrape.lines().find_map(|it| it.strip_prefix(line)?.strip_prefix(' '));
    found.unwrap_or_else(|| panic!("no {line} in {scrape}")).parse().unwrap()
}

#[test]
fn what_happens_is_counted_and_read_on_a_listener_of_its_own() {
    let watched = Watched::used();
    let scrape = watched.scrape();
    for (line, expected) in [
        ("vestibule_passwords_total{outcome=\"accepted\"}", 1.0),
        ("vestibule_passwords_total{outcome=\"refused\"}", 1.0),
        ("vestibule_passwords_total{outcome=\"too_soon\"}", 0.0),
        // Whoever sets up is signed in too.
        ("vestibule_sign_ins_total{second_proof=\"none\"}", 2.0),
        ("vestibule_sign_ins_total{second_proof=\"totp\"}", 0.0),
        ("vestibule_audit_events_total{kind=\"account.created\"}", 1.0),
        ("vestibule_accounts{mfa=\"optional\"}", 1.0),
        ("vestibule_users{state=\"active\"}", 1.0),
        ("vestibule_users_with_factor", 0.0),
        ("vestibule_sessions", 2.0),
        ("vestibule_database_up", 1.0),
        ("vestibule_hashing_waiting", 0.0),
        ("vestibule_database_connections_max{pool=\"readers\"}", 2.0),
        ("vestibule_gate_seconds_count{outcome=\"granted\",source=\"memory\"}", 0.0),
    ] {
        assert!((value(&scrape, line) - expected).abs() < 0.1, "{line}\n{scrape}");
    }
    let sign_in = "route=\"/sign-in\",method=\"POST\",status=\"3xx\"";
    assert!(value(&scrape, &format!("vestibule_http_seconds_count{{{sign_in}}}")) > 0.0);
    // A new password is hashed, the next two are compared.
    assert!(value(&scrape, "vestibule_hashing_seconds_count") >= 3.0, "{scrape}");
    assert!(value(&scrape, "vestibule_hashing_seconds_sum") > 0.0, "{scrape}");
    let in_five_seconds = "vestibule_database_transaction_seconds_bucket{le=\"10\"}";
    assert!(value(&scrape, in_five_seconds) >= 3.0, "{scrape}");

    let not_found = "route=\"none\",method=\"GET\",status=\"4xx\"";
    assert!(value(&scrape, &format!("vestibule_http_seconds_count{{{not_found}}}")) > 0.0);
    for told in ["ada", "acme", "127.0.0.1", "localhost", "no-such-page", "otter", "/setup/a"] {
        assert!(!scrape.to_lowercase().contains(told), "{told}: {scrape}");
    }

    // Nobody else comes to it, and it serves nothing else.
    assert_eq!(get(&format!("{}/metrics", watched.server.first)).0, 404);
    for path in ["", "sign-in", "healthz", "metrics/"] {
        assert_eq!(get(&watched.metrics.replace("metrics", path)).0, 404, "{path}");
    }
    assert_eq!(watched.server.stop("TERM").0, Some(0));
}

#[test]
fn without_a_listener_there_is_none_and_it_is_never_the_public_one() {
    let place = Place::new();
    let server = place.serve(&[]);
    assert_eq!(get(&format!("{}/metrics", server.first)).0, 404);
    let same = "127.0.0.1:18080";
    let failure = place.failure(&["serve", "--listen", same, "--metrics-listen", same]);
    assert!(failure.starts_with("metrics_listen: 127.0.0.1:18080 is where "), "{failure}");
    let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let taken = taken.local_addr().unwrap().to_string();
    let failure = place.failure(&["serve", "--listen=127.0.0.1:0", "--metrics-listen", &taken]);
    assert!(failure.contains("choose another port with --metrics-listen"), "{failure}");
}

#[cfg(target_os = "linux")]
#[test]
fn threads_that_hash_are_of_lower_priority_than_those_that_answer() {
    let watched = Watched::start();
    let tasks = format!("/proc/{}/task", watched.server.id());
    let mut hashing = 0;
    for task in std::fs::read_dir(tasks).unwrap() {
        let stat = std::fs::read_to_string(task.unwrap().path().join("stat")).unwrap();
        // proc_pid_stat(5): the name in brackets, the state, and the nice value sixteen fields on.
        let (name, fields) = stat.rsplit_once(") ").unwrap();
        let nice: i32 = fields.split(' ').nth(16).unwrap().parse().unwrap();
        if name.contains("(hashing-") {
            hashing += 1;
            assert!(nice > own_nice(), "{stat}");
        } else {
            assert_eq!(nice, own_nice(), "{stat}");
        }
    }
    assert!(hashing > 0);
}

/// That of this process, which the one under test begins with.
fn own_nice() -> i32 {
    let stat = std::fs::read_to_string("/proc/self/stat").unwrap();
    stat.rsplit_once(") ").unwrap().1.split(' ').nth(16).unwrap().parse().unwrap()
}

/// Every name with its kind and its labels.
type Names = BTreeMap<String, (String, BTreeSet<String>)>;

fn names_in(scrape: &str) -> Names {
    let mut names = Names::new();
    for line in scrape.lines() {
        if let Some(family) = line.strip_prefix("# TYPE ") {
            let (name, kind) = family.split_once(' ').unwrap();
            let before = names.insert(name.to_owned(), (kind.to_owned(), BTreeSet::new()));
            assert_eq!(before, None, "{name} comes twice");
        } else if !line.starts_with('#') {
            let (line, _) = line.rsplit_once(' ').unwrap();
            let (name, labels) = line.split_once('{').unwrap_or((line, "}"));
            let (_, known) = names.get_mut(family_of(name, &names)).unwrap();
            let labels = labels.trim_end_matches('}').split(',').filter(|it| !it.is_empty());
            known.extend(
                labels.map(|it| it.split('=').next().unwrap().to_owned()).filter(|it| it != "le"),
            );
        }
    }
    names
}

/// The family that a number belongs to.
fn family_of<'a>(name: &'a str, names: &Names) -> &'a str {
    let endings = ["_bucket", "_sum", "_count"];
    let of_histogram = endings.iter().find_map(|ending| name.strip_suffix(ending));
    match of_histogram {
        Some(family) if names.get(family).is_some_and(|(kind, _)| kind == "histogram") => family,
        _ => name,
    }
}

fn file(path: &str) -> String {
    let root = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../..");
    std::fs::read_to_string(root.join(path)).unwrap()
}

#[test]
fn the_documentation_lists_what_is_served_and_nothing_else() {
    let served = names_in(&Watched::used().scrape());
    let mut listed = Names::new();
    for line in file("docs/metrics.md").lines() {
        let cells: Vec<&str> = line.split('|').map(str::trim).collect();
        let [_, name, kind, labels, meaning, _] = cells[..] else { continue };
        let Some(name) = name.strip_prefix('`').and_then(|name| name.strip_suffix('`')) else {
            continue;
        };
        assert!(!meaning.is_empty(), "{line}");
        let labels = labels.split(',').map(|it| it.trim().replace('`', ""));
        let labels = labels.filter(|it| !it.is_empty()).collect();
        assert_eq!(listed.insert(name.to_owned(), (kind.to_owned(), labels)), None, "{name}");
    }
    assert_eq!(listed, served);
}

#[test]
fn the_dashboard_asks_for_what_is_served_and_shows_all_that_people_watch() {
    let served = names_in(&Watched::used().scrape());
    let dashboard: serde_json::Value =
        serde_json::from_str(&file("deploy/grafana/vestibule.json")).unwrap();
    let mut asked = BTreeSet::new();
    for panel in dashboard["panels"].as_array().unwrap() {
        let targets = panel["targets"].as_array().map_or(&[] as &[_], Vec::as_slice);
        for target in targets {
            let expression = target["expr"].as_str().unwrap();
            let is_part = |c: char| c.is_ascii_alphanumeric() || c == '_';
            let words = expression.split(|c| !is_part(c));
            let names =
                words.filter(|it| it.starts_with("vestibule_") || it.starts_with("process_"));
            for name in names {
                let family = family_of(name, &served);
                assert!(served.contains_key(family), "{name} of {expression} is not served");
                let is_histogram = served[family].0 == "histogram";
                assert_eq!(is_histogram, family != name, "{name} of {expression}");
                asked.insert(family.to_owned());
            }
        }
    }
    let unasked: Vec<&String> = served.keys().filter(|name| !asked.contains(*name)).collect();
    assert!(unasked.is_empty(), "no panel shows {unasked:?}");
}
