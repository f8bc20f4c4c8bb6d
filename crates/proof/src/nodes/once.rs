//! Each thing that is good once, tried by many requests at the same moment over both nodes: one of them
//! succeeds.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::Barrier;
use tokio::task::JoinSet;
use vestibule_domain::totp::TotpSecret;
use vestibule_testkit::app::{email, password};
use vestibule_testkit::{Answer, Client, Method, RECOVERY_CODES, codes_on};

use super::Nodes;
use crate::Report;
use crate::installation::{now, since, steady};
use crate::protected::{Application, HOST};

/// Sessions that give a code; each is shared by several.
const SESSIONS: usize = 8;
/// Less than the five minutes in which the Admin's proof is fresh.
const FRESH: Duration = Duration::from_mins(4);

/// One of those who try.
struct Try {
    client: Client,
    path: String,
    /// `None` for a page that is only loaded.
    form: Option<Vec<(&'static str, String)>>,
}

struct Races {
    nodes: Arc<Nodes>,
    /// How many try at the same moment.
    racers: usize,
    admin: Option<(Client, Duration)>,
    networks: usize,
    people: usize,
}

/// What came of the races for a thing.
#[derive(Default)]
struct Tally {
    rounds: usize,
    statuses: BTreeMap<u16, usize>,
}

/// Races for each thing, so many rounds.
pub async fn run(binary: &Path, rounds: usize, racers: usize, report: &mut Report) {
    // Each of these rounds takes somebody whose code was not given yet.
    let nodes = Arc::new(Nodes::start(binary, rounds + rounds.div_ceil(10) + 3).await);
    let mut stage = Races { nodes, racers, admin: None, networks: 0, people: 0 };
    let mut tallies = BTreeMap::<&str, Tally>::new();
    let mut codes: Vec<(usize, String)> = vec![];
    for round in 1..=rounds {
        let person = stage.next_person();
        let tries = stage.at_the_door(person).await;
        let code = stage.nodes.place.people[person].code().unwrap();
        let tries = tries.into_iter().map(|client| door(client, &code)).collect();
        race("security code", tries, opened, &mut tallies, report).await;

        if codes.is_empty() {
            codes = stage.recovery_codes().await;
        }
        let (person, code) = codes.pop().unwrap();
        let tries = stage.at_the_door(person).await;
        let tries = tries.into_iter().map(|client| door(client, &code)).collect();
        race("recovery code", tries, opened, &mut tallies, report).await;

        let guest = format!("guest{round}");
        let path = stage.invite(&guest).await;
        let form = [("name", guest.clone()), ("password", password(&guest))];
        let tries = stage.strangers(&path, &form);
        let inside = race("invitation", tries, redirected, &mut tallies, report).await;
        if let Some(inside) = inside {
            let tries = stage.enrolling(&inside).await;
            race("enrolment", tries, confirmed, &mut tallies, report).await;
        }
        let path = stage.password_link().await;
        let tries = stage.strangers(&path, &[("password", password("ada's friend"))]);
        race("password link", tries, redirected, &mut tallies, report).await;

        let path = stage.recover_link(&guest);
        let tries = stage.strangers(&path, &[("password", password("a new start"))]);
        race("recover link", tries, redirected, &mut tallies, report).await;

        let tries = stage.handed_over().await;
        race("hand-over", tries, handed, &mut tallies, report).await;
        eprintln!("once: round {round} of {rounds}");
    }
    report.violations.extend(stage.nodes.asker.faults().into_iter().take(5));
    drop(stage);
    set_up(binary, rounds, racers, &mut tallies, report).await;
    for (thing, tally) in tallies {
        let each = tally.statuses.iter().map(|(status, count)| format!("{status}: {count}"));
        let each = each.collect::<Vec<_>>().join(", ");
        let said = format!("{} rounds of {racers}, one success each ({each})", tally.rounds);
        report.figure(thing, said);
    }
}

fn opened(answer: &Answer) -> bool {
    answer.status == 303 && !answer.leads_to().starts_with("/sign-in")
}

fn confirmed(answer: &Answer) -> bool {
    answer.location().is_some_and(|to| to.contains("done=app-added"))
}

fn redirected(answer: &Answer) -> bool {
    answer.status == 303
}

fn handed(answer: &Answer) -> bool {
    answer.status == 303 && answer.headers.contains_key("set-cookie")
}

fn door(client: Client, code: &str) -> Try {
    Try { client, path: "/sign-in/code".into(), form: Some(vec![("code", code.to_owned())]) }
}

/// Starts them all at once; whoever succeeded first.
async fn race(
    thing: &'static str,
    tries: Vec<Try>,
    succeeded: fn(&Answer) -> bool,
    tallies: &mut BTreeMap<&'static str, Tally>,
    report: &mut Report,
) -> Option<Client> {
    let (barrier, mut racing) = (Arc::new(Barrier::new(tries.len())), JoinSet::new());
    for attempt in tries {
        let barrier = Arc::clone(&barrier);
        racing.spawn(async move {
            barrier.wait().await;
            let Try { client, path, form } = attempt;
            let sent = match &form {
                Some(fields) => {
                    let fields: Vec<_> = fields.iter().map(|(n, v)| (*n, v.as_str())).collect();
                    client.post(&path, &fields).await
                }
                None => client.send(Method::GET, &path, None, &[("x-forwarded-host", HOST)]).await,
            };
            (client, sent)
        });
    }
    let (tally, mut winner, mut successes) = (tallies.entry(thing).or_default(), None, 0);
    tally.rounds += 1;
    let mut history = vec![];
    for (client, answer) in racing.join_all().await {
        *tally.statuses.entry(answer.status.as_u16()).or_default() += 1;
        history.push(format!("{} {:?}", answer.status.as_u16(), answer.location()));
        if succeeded(&answer) {
            successes += 1;
            winner = Some(client);
        }
    }
    if successes != 1 {
        history.sort();
        let round = tally.rounds;
        report.violation(format!("{thing}, round {round}: {successes} successes: {history:?}"));
    }
    winner
}

impl Races {
    fn network(&mut self) -> usize {
        self.networks += 1;
        self.networks
    }

    fn next_person(&mut self) -> usize {
        self.people += 1;
        self.people
    }

    /// Somebody's sessions at the second door, on both nodes.
    async fn at_the_door(&mut self, person: usize) -> Vec<Client> {
        let mut all = vec![];
        for session in 0..SESSIONS.min(self.racers) {
            let network = self.network();
            let browser = self.nodes.browser(session, network);
            let credentials = self.nodes.place.people[person].credentials();
            assert!(self.nodes.asker.give_password(&browser, &credentials).await);
            for copy in 0..self.racers / SESSIONS.min(self.racers) {
                all.push(browser.stolen().on(&self.nodes.nodes[copy % 2].url));
            }
        }
        all
    }

    /// Ten codes of somebody who has made some just now.
    async fn recovery_codes(&mut self) -> Vec<(usize, String)> {
        let (person, network) = (self.next_person(), self.network());
        let browser = self.nodes.sign_in(person, network).await;
        browser.post(RECOVERY_CODES, &[]).await;
        let page = browser.get(RECOVERY_CODES).await;
        let codes = codes_on(&page);
        assert_eq!(codes.len(), 10, "{}", page.text());
        let set = page.field("set").unwrap();
        browser.post(&format!("{RECOVERY_CODES}/kept"), &[("set", &set)]).await;
        codes.into_iter().map(|code| (person, code)).collect()
    }

    /// The Admin, with a fresh proof.
    async fn admin(&mut self) -> Client {
        if let Some((admin, from)) = &self.admin
            && since(*from) < FRESH
        {
            return admin.clone();
        }
        let network = self.network();
        let admin = self.nodes.sign_in(0, network).await;
        self.admin = Some((admin.clone(), steady()));
        admin
    }

    async fn invite(&mut self, guest: &str) -> String {
        let admin = self.admin().await;
        let address = email(guest);
        let fields = [("email", address.as_str()), ("name", guest), ("role", "Member")];
        link_on(&admin.post("/settings/users", &fields).await)
    }

    async fn password_link(&mut self) -> String {
        let admin = self.admin().await;
        // The last one is nobody's turn.
        let people = &self.nodes.place.people;
        let id = people[people.len() - 1].id;
        link_on(&admin.post(&format!("/settings/users/{id}/password-link"), &[]).await)
    }

    /// As the operator makes it.
    fn recover_link(&self, who: &str) -> String {
        let place = &self.nodes.place;
        let (data, address) = (place.data.display().to_string(), email(who));
        let url = &self.nodes.nodes[0].url;
        let recover = ["recover", &address, "--data-dir", &data, "--database", &place.database];
        let output = self.nodes.nodes[0].run(&[&recover[..], &["--public-url", url]].concat());
        let said = String::from_utf8_lossy(&output.stdout).into_owned();
        let link = said.split_whitespace().find(|word| word.contains("/recover/"));
        path_of(link.unwrap_or_else(|| panic!("{output:?}")))
    }

    /// People who hold the same link.
    fn strangers(&mut self, path: &str, form: &[(&'static str, String)]) -> Vec<Try> {
        let racers = self.racers;
        let each = |number: usize| {
            let network = self.network();
            let client = self.nodes.browser(number, network);
            Try { client, path: path.to_owned(), form: Some(form.to_vec()) }
        };
        (0..racers).map(each).collect()
    }

    /// One session's tabs, which all confirm the same new app.
    async fn enrolling(&self, inside: &Client) -> Vec<Try> {
        let page = inside.get("/enrolment").await;
        let key = page.between("?secret=", "&");
        let key = totp_rs::Secret::try_from_base32(&key).unwrap();
        let app = TotpSecret::from_bytes(key.as_bytes()).unwrap();
        let code = app.code_at(now()).to_string();
        let each = |number: usize| Try {
            client: inside.stolen().on(&self.nodes.nodes[number % 2].url),
            path: "/enrolment".into(),
            form: Some(vec![("code", code.clone())]),
        };
        (0..self.racers).map(each).collect()
    }

    /// One browser's tabs, which all bring the same code of a hand-over.
    async fn handed_over(&mut self) -> Vec<Try> {
        let admin = self.admin().await;
        let network = self.network();
        let application = Application::outside(&self.nodes.nodes[0], network);
        let path = application.code(&admin).await;
        let each = |number: usize| Try {
            client: application.client.stolen().on(&self.nodes.nodes[number % 2].url),
            path: path.clone(),
            form: None,
        };
        (0..self.racers).map(each).collect()
    }
}

/// The set-up link, on an installation that is emptied for each round.
async fn set_up(
    binary: &Path,
    rounds: usize,
    racers: usize,
    tallies: &mut BTreeMap<&'static str, Tally>,
    report: &mut Report,
) {
    let nodes = Nodes::start(binary, 1).await;
    let (vestibule, store) = nodes.place.vestibule().await;
    for round in 0..rounds {
        nodes.postgres.sql("TRUNCATE accounts, users CASCADE");
        let token = vestibule.make_setup_link().await.unwrap().expect("an empty installation");
        let path = format!("/setup/{}", token.expose());
        let each = |number: usize| {
            let who = format!("admin{number}");
            let form = vec![
                ("account", format!("Account {number}")),
                ("name", who.clone()),
                ("email", email(&who)),
                ("password", password(&who)),
            ];
            let client = nodes.browser(number, round * racers + number);
            Try { client, path: path.clone(), form: Some(form) }
        };
        race("set-up link", (0..racers).map(each).collect(), redirected, tallies, report).await;
    }
    store.close().await;
}

fn link_on(page: &Answer) -> String {
    assert_eq!(page.status, 200, "no link: {}", page.text());
    path_of(&page.between("id=\"link\" type=\"text\" value=\"", "\""))
}

fn path_of(link: &str) -> String {
    let rest = link.split_once("://").unwrap().1;
    format!("/{}", rest.split_once('/').unwrap().1)
}
