//! An installation that is broken on purpose: the program as it is shipped, in processes of its own,
//! with its data folder and many people in it. The parts `faults` and `nodes` break it.

use std::os::unix::fs::{OpenOptionsExt as _, PermissionsExt as _};
use std::path::{Path, PathBuf};
use std::sync::Mutex;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use vestibule_domain::application::{Enter, Host, Rules};
use vestibule_domain::email::Email;
use vestibule_domain::id::{AccountId, UserId};
use vestibule_domain::name::Name;
use vestibule_domain::sealing::MasterKey;
use vestibule_domain::time::{Clock, Timestamp};
use vestibule_domain::totp::{Step, TotpSecret};
use vestibule_domain::user::Role;
use vestibule_flows::furnish::Furnished;
use vestibule_flows::{HashingQueue, Priority, Settings, Vestibule};
use vestibule_store::Store;
use vestibule_testkit::app::{CHEAP, email, password, randomness};
use vestibule_testkit::database::{open, open_as_is};
use vestibule_testkit::{Client, Program, Yard};

use crate::protected::HOST;

/// An account with people, on a database that any program may be started on.
pub struct Installation {
    /// Where its processes run.
    pub yard: Yard,
    /// The program.
    pub binary: PathBuf,
    /// The data folder.
    pub data: PathBuf,
    /// The address of its database as this process reaches it.
    pub database: String,
    /// Its account.
    pub account: AccountId,
    /// Whoever has an app. The first one is an Admin.
    pub people: Vec<Person>,
    key: MasterKey,
}

/// Somebody with a password and an app.
pub struct Person {
    /// Who it is, in the kit's words.
    pub who: String,
    /// Their row.
    pub id: UserId,
    secret: TotpSecret,
    /// The last step whose code was taken from the app.
    taken: Mutex<i64>,
}

/// The time, as everybody's phone shows it.
pub fn now() -> Timestamp {
    #[expect(clippy::disallowed_methods, reason = "real processes live in real time")]
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap();
    Timestamp::from_millis(now.as_millis().try_into().unwrap())
}

/// The time on the steady clock.
pub fn steady() -> Duration {
    #[expect(clippy::disallowed_methods, reason = "what real processes take is measured")]
    static START: std::sync::LazyLock<std::time::Instant> =
        std::sync::LazyLock::new(std::time::Instant::now);
    #[expect(clippy::disallowed_methods, reason = "what real processes take is measured")]
    START.elapsed()
}

/// How long ago that was on the steady clock.
pub fn since(from: Duration) -> Duration {
    steady().saturating_sub(from)
}

/// The program beside this one, unless another is named.
pub fn binary(named: Option<&Path>) -> PathBuf {
    let beside = || {
        let this = std::env::current_exe().unwrap();
        let folder = this.parent().unwrap();
        // Tests lie one folder deeper.
        let folder = if folder.ends_with("deps") { folder.parent().unwrap() } else { folder };
        folder.join("vestibule")
    };
    let binary = named.map_or_else(beside, Path::to_owned);
    let binary = binary.canonicalize();
    binary.unwrap_or_else(|_| panic!("there is no program: cargo build -p vestibule makes it"))
}

impl Installation {
    /// An account with so many people who have an app, in a data folder.
    pub async fn make(binary: &Path, database: Option<&str>, people: usize) -> Self {
        let yard = Yard::new();
        let data = yard.path("data");
        Self::make_in(yard, &data, binary, database, people).await
    }

    /// The same in a folder that is there already, such as a disk of its own.
    pub async fn make_in(
        yard: Yard,
        data: &Path,
        binary: &Path,
        database: Option<&str>,
        people: usize,
    ) -> Self {
        let _ = std::fs::create_dir(data);
        std::fs::set_permissions(data, std::fs::Permissions::from_mode(0o700)).unwrap();
        let file = format!("sqlite:{}", data.join("vestibule.db").display());
        let mut it = Self {
            yard,
            binary: binary.to_owned(),
            data: data.to_owned(),
            database: database.unwrap_or(&file).to_owned(),
            account: AccountId::new(now(), &randomness()),
            people: vec![],
            key: MasterKey::new(&randomness()),
        };
        it.furnish(people).await;
        it
    }

    /// The use cases on its database, in this process.
    pub async fn vestibule(&self) -> (Vestibule, Store) {
        let store = open(&self.database).await;
        let settings = Settings { hash_cost: CHEAP, ..Settings::default() };
        let hashing = HashingQueue::start(Priority::Usual).unwrap();
        let (keys, clock) = (std::slice::from_ref(&self.key), Clock::new(now, steady));
        let vestibule =
            Vestibule::open(store.clone(), keys, clock, randomness(), settings, hashing);
        (vestibule.await.unwrap(), store)
    }

    async fn furnish(&mut self, people: usize) {
        self.write_key(&self.data);
        let (vestibule, store) = self.vestibule().await;
        let name = Name::parse("Acme Analytics").unwrap();
        self.account = vestibule.furnish_account(&name).await.unwrap();
        for number in 0..people {
            let who = if number == 0 { "ada".to_owned() } else { format!("person{number}") };
            let user = Furnished {
                email: &Email::parse(&email(&who)).unwrap(),
                name: &Name::parse(&who).unwrap(),
                role: if number == 0 { Role::Admin } else { Role::Member },
                password: &password(&who),
                with_factor: true,
            };
            let (id, secret) = vestibule.furnish_user(self.account, &user).await.unwrap();
            self.people.push(Person { who, id, secret: secret.unwrap(), taken: Mutex::new(0) });
        }
        let host = Host::parse(HOST, false).unwrap();
        let rules = Rules {
            account: self.account,
            enter: Enter::Everyone,
            always_mfa: false,
            max_age: None,
        };
        vestibule.furnish_application(&name, &host, rules).await.unwrap();
        store.close().await;
    }

    fn write_key(&self, folder: &Path) {
        let key = STANDARD.encode(self.key.expose_bytes());
        let mut options = std::fs::OpenOptions::new();
        let file = options.write(true).create_new(true).mode(0o600);
        let mut file = file.open(folder.join("master.key")).unwrap();
        std::io::Write::write_all(&mut file, format!("vestibule-master-key-1 {key}\n").as_bytes())
            .unwrap();
    }

    /// The program as one of several, with a data folder of its own that holds the same key.
    pub fn node(&self, name: &str, database: &str) -> Program {
        let data = self.yard.path(&format!("data-of-{name}"));
        std::fs::create_dir(&data).unwrap();
        self.write_key(&data);
        self.program_in(name, &data, database)
    }

    /// The program on this installation, not started yet. It reaches the database at `database`.
    /// Everybody's address is taken from a proxy's word, so that people are in networks of their own.
    pub fn program(&self, name: &str, database: &str) -> Program {
        self.program_in(name, &self.data, database)
    }

    fn program_in(&self, name: &str, data: &Path, database: &str) -> Program {
        let data = data.display().to_string();
        let arguments = ["--data-dir", &data, "--database", database];
        let trusts = ["--trusted-proxies", "127.0.0.1/32"];
        Program::new(name, &self.binary, &[&arguments[..], &trusts].concat())
    }

    /// A browser in a network of its own.
    pub fn browser(program: &Program, number: usize) -> Client {
        let address = format!("10.{}.{}.7", (number / 250) % 250, number % 250);
        Client::new(&program.url).coming_from(&address)
    }

    /// The database, to be looked at and closed.
    pub async fn look(&self) -> Store {
        open_as_is(&self.database).await
    }

    /// Verifies the audit chain; what the program says if it does not hold.
    pub fn verify_audit(&self, program: &Program) -> Result<String, String> {
        let data = self.data.display().to_string();
        let verify = ["audit", "verify", "--data-dir", &data, "--database", &self.database];
        let output = program.run(&verify);
        let said = [output.stdout, output.stderr].concat();
        let said = String::from_utf8_lossy(&said).trim().to_owned();
        if output.status.success() { Ok(said) } else { Err(said) }
    }
}

impl Person {
    /// A code that is good now and was not taken from the app before; `None` where the next one has
    /// to be waited for.
    pub fn code(&self) -> Option<String> {
        let (now, mut taken) = (Step::at(now()).0, self.taken.lock().unwrap());
        // One step on either side is taken as well. The oldest is left: it could be too late.
        let step = (*taken + 1).max(now);
        if step > now + 1 {
            return None;
        }
        *taken = step;
        drop(taken);
        Some(self.code_of(step))
    }

    /// The code of a step.
    pub fn code_of(&self, step: i64) -> String {
        self.secret.code_at(Step(step).begins()).to_string()
    }

    /// A code that the app shows at no time near now.
    pub fn wrong_code(&self) -> String {
        let now = Step::at(now()).0;
        let is_near = |code: &String| (-25..=25).any(|off| *code == self.code_of(now + off));
        (0..1000).map(|n| format!("{n:06}")).find(|code| !is_near(code)).unwrap()
    }

    /// E-mail and password, as a form.
    pub fn credentials(&self) -> [(&'static str, String); 2] {
        [("email", email(&self.who)), ("password", password(&self.who))]
    }
}
