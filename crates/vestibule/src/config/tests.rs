//! Which value counts, and that each mistake is named where it stands.

use std::fs;

use tempfile::TempDir;
use vestibule_domain::email::Email;

use super::{Config, Key, environment_of};

struct File {
    folder: TempDir,
}

impl File {
    fn of(text: &str) -> Self {
        let folder = TempDir::new().unwrap();
        fs::write(folder.path().join("vestibule.toml"), text).unwrap();
        Self { folder }
    }

    /// The configuration, or its mistakes without the folder's path.
    fn with(&self, flags: &[(Key, &str)], variables: &[(&str, &str)]) -> Result<Config, String> {
        let path = self.folder.path().join("vestibule.toml");
        let flags = flags.iter().map(|(key, text)| (*key, (*text).to_owned())).collect();
        Config::from(Some(&path), flags, &environment_of(variables)).map_err(|mistakes| {
            mistakes.to_string().replace(&format!("{}/", self.folder.path().display()), "")
        })
    }

    fn mistake(&self) -> String {
        let Err(mistake) = self.with(&[], &[]) else { panic!("there is no mistake") };
        mistake
    }
}

fn mistake_of(variable: &str, text: &str) -> String {
    let Err(mistake) = File::of("").with(&[], &[(variable, text)]) else { panic!("no mistake") };
    mistake
}

#[test]
fn flag_counts_before_environment_before_file_before_default() {
    let file = File::of("listen = '127.0.0.1:1001'\nlog = 'warn'\nlog_format = 'json'");
    let variables = [("VESTIBULE_LISTEN", "127.0.0.1:1002"), ("VESTIBULE_LOG", "debug")];
    let config = file.with(&[(Key::Listen, "127.0.0.1:1003")], &variables).unwrap();
    assert_eq!(config.listen.port(), 1003);
    assert_eq!(config.log.to_string(), "debug");
    assert!(config.show().contains("--listen\n"), "{}", config.show());
    assert!(config.show().contains("# VESTIBULE_LOG\n"), "{}", config.show());
    assert!(config.show().contains("vestibule.toml:3\n"), "{}", config.show());
    assert!(config.show().contains("# default\n"), "{}", config.show());
    // Container tools unset a variable by leaving it empty.
    assert_eq!(file.with(&[], &[("VESTIBULE_LISTEN", "")]).unwrap().listen.port(), 1001);
}

#[test]
fn a_mistake_in_the_file_is_named_by_key_and_line() {
    for (text, mistake) in [
        ("\nlisen = 1", "vestibule.toml:2: lisen: unknown key; did you mean listen?"),
        ("[server]\nlisten = 1", "vestibule.toml:1: server: unknown key"),
        ("listen = 8080", "vestibule.toml:1: listen: expected a string, found a whole number"),
        (
            "listen = '8080'",
            "vestibule.toml:1: listen: \"8080\" is not an address and a port, such as 127.0.0.1:8080",
        ),
        (
            "trusted_proxies = [\n  '10.0.0.0/8',\n  'foo',\n]",
            "vestibule.toml:3: trusted_proxies[1]: \"foo\" is not an address or a network",
        ),
        (
            "trusted_proxies = [1]",
            "vestibule.toml:1: trusted_proxies[0]: expected a string, found a whole number",
        ),
        (
            "trusted_proxies = '10.0.0.0/8'",
            "vestibule.toml:1: trusted_proxies: expected a list of strings, found a string",
        ),
        (
            "password_minimum = 7",
            "vestibule.toml:1: password_minimum: 7 is out of range: from 8 to 64",
        ),
        (
            "session_idle_minutes = -1",
            "vestibule.toml:1: session_idle_minutes: -1 is out of range: from 1 to 1440",
        ),
        (
            "session_total_hours = '24'",
            "vestibule.toml:1: session_total_hours: expected a whole number, found a string",
        ),
        (
            "session_total_hours = 1.5",
            "vestibule.toml:1: session_total_hours: expected a whole number, found a fraction",
        ),
        (
            "log = 'loud'",
            "vestibule.toml:1: log: \"loud\" is none of error, warn, info, debug, trace",
        ),
        ("log_format = 'xml'", "vestibule.toml:1: log_format: \"xml\" is none of text, json"),
        ("data_dir = ''", "vestibule.toml:1: data_dir: the path is empty"),
        (
            "gate_memory = 999",
            "vestibule.toml:1: gate_memory: 999 is out of range: from 1000 to 10000000",
        ),
        (
            "metrics_listen = '9464'",
            "vestibule.toml:1: metrics_listen: \"9464\" is not an address and a port, such as 127.0.0.1:9464",
        ),
    ] {
        assert_eq!(File::of(text).mistake(), mistake);
    }
}

#[test]
fn a_file_that_is_no_toml_is_named_by_line() {
    for text in ["\nlisten = ", "listen = 1\nlisten = 2", "\u{0}"] {
        let mistake = File::of(text).mistake();
        assert!(mistake.starts_with("vestibule.toml:"), "{mistake}");
        assert!(!mistake.contains('\n'), "{mistake}");
    }
    let folder = TempDir::new().unwrap();
    let missing = folder.path().join("none.toml");
    let Err(mistake) = Config::from(Some(&missing), vec![], &environment_of(&[])) else {
        panic!("a file that is not there")
    };
    assert!(mistake.to_string().contains("none.toml: the file cannot be read"), "{mistake}");
}

#[test]
fn all_mistakes_are_said_at_once() {
    let mistakes = File::of("lisen = 1\nlog = 1\npassword_minimum = 1").mistake();
    assert_eq!(mistakes.lines().count(), 3, "{mistakes}");
}

#[test]
fn a_mistake_in_a_variable_is_named_by_the_variable() {
    assert_eq!(
        mistake_of("VESTIBULE_TRUSTED_PROXIES", "10.0.0.1, foo"),
        "VESTIBULE_TRUSTED_PROXIES: trusted_proxies[1]: \"foo\" is not an address or a network"
    );
    assert_eq!(
        mistake_of("VESTIBULE_PASSWORD_MINIMUM", "many"),
        "VESTIBULE_PASSWORD_MINIMUM: \"many\" is not a whole number"
    );
    assert_eq!(
        mistake_of("VESTIBULE_TRUSTED_PROXY", "10.0.0.1"),
        "VESTIBULE_TRUSTED_PROXY: unknown variable; did you mean VESTIBULE_TRUSTED_PROXIES?"
    );
    let kubernetes = [
        ("VESTIBULE_PORT", "tcp://10.0.0.1:80"),
        ("VESTIBULE_SERVICE_HOST", "10.0.0.1"),
        ("VESTIBULE_LOG_SERVICE_PORT_HTTP", "80"),
        ("VESTIBULE_CONFIG", "/etc/vestibule.toml"),
    ];
    assert!(File::of("").with(&[], &kubernetes).is_ok());
}

#[test]
fn only_an_https_address_or_localhost_is_public() {
    for good in
        ["https://login.example.com", "https://login.example.com:8443/", "http://localhost:3000"]
    {
        assert!(File::of("").with(&[(Key::PublicUrl, good)], &[]).is_ok(), "{good}");
    }
    for bad in [
        "login.example.com",
        "http://login.example.com",
        "http://127.0.0.1:8080",
        "https://login.example.com/path",
        "https://login.example.com/?query",
        "ftp://localhost",
        "localhost:8080",
    ] {
        let Err(mistake) = File::of("").with(&[(Key::PublicUrl, bad)], &[]) else {
            panic!("{bad}")
        };
        assert!(mistake.starts_with("--public-url: "), "{mistake}");
    }
    let secret = mistake_of("VESTIBULE_PUBLIC_URL", "https://me:hush@login.example.com");
    assert!(!secret.contains("hush"), "{secret}");
}

#[test]
fn other_machines_come_by_https_alone() {
    for listen in ["0.0.0.0:8080", "192.0.2.1:80", "[::]:8080"] {
        let flags = [(Key::Listen, listen)];
        let Err(mistake) = File::of("").with(&flags, &[]) else { panic!("{listen}") };
        assert!(mistake.contains("public_url must be the https:// address"), "{mistake}");
        let secure = [("VESTIBULE_PUBLIC_URL", "https://login.example.com")];
        assert!(File::of("").with(&flags, &secure).is_ok());
    }
    // What Prometheus reads holds no password, and Prometheus mostly runs elsewhere.
    assert!(File::of("").with(&[(Key::MetricsListen, "0.0.0.0:9464")], &[]).is_ok());
    for listen in ["127.0.0.1:0", "[::1]:8080", "127.8.8.8:80", "[::ffff:127.0.0.1]:80"] {
        assert!(File::of("").with(&[(Key::Listen, listen)], &[]).is_ok(), "{listen}");
    }
}

#[test]
fn the_password_of_a_database_is_never_shown() {
    let url = "postgres://app:hush@db.example.com:5433/login?password=hush";
    let shown = File::of("").with(&[(Key::Database, url)], &[]).unwrap().show();
    assert!(shown.contains("\"postgres://app@db.example.com:5433/login\""), "{shown}");
    assert!(!shown.contains("hush"), "{shown}");
    for bad in ["mysql://app:hush@localhost/login", "sqlite:", "sqlite::memory:"] {
        let mistake = mistake_of("VESTIBULE_DATABASE", bad);
        assert!(mistake.starts_with("VESTIBULE_DATABASE: expected "), "{mistake}");
        assert!(!mistake.contains("hush"), "{mistake}");
    }
}

#[test]
fn the_database_lies_in_the_data_folder() {
    let config = File::of("data_dir = 'here'").with(&[], &[]).unwrap();
    assert!(config.show().contains("\"sqlite:here/vestibule.db\""), "{}", config.show());
    assert_eq!(config.key_file().display().to_string(), "here/master.key");
}

#[test]
fn help_tells_the_defaults_that_hold() {
    let shown = File::of("").with(&[], &[]).unwrap().show();
    for key in Key::ALL {
        let default = match key {
            Key::TrustedProxies => "[]".to_owned(),
            Key::SmtpPort => key.default().to_owned(),
            _ if key.default() == "none" => "\"\"".to_owned(),
            Key::SessionIdleMinutes
            | Key::SessionTotalHours
            | Key::PasswordMinimum
            | Key::AuditRetentionDays
            | Key::GateMemory
            | Key::Threads => key.default().to_owned(),
            _ => format!("{:?}", key.default()),
        };
        let default = default.replace("<port>", "8080").replace("<data-dir>", "./vestibule-data");
        assert!(shown.contains(&format!("{} = {default} ", key.name())), "{default}\n{shown}");
    }
}

const MAIL: &str = "[smtp]\nhost = 'smtp.example.com'\nfrom = 'login@example.com'\n";

#[test]
fn a_mail_server_needs_a_name_and_a_sender() {
    let config = File::of(MAIL).with(&[], &[]).unwrap();
    assert!(config.settings.mail);
    assert_eq!(config.smtp.unwrap().port, 465);
    let starttls = File::of(&format!("{MAIL}encryption = 'starttls'")).with(&[], &[]).unwrap();
    assert_eq!(starttls.smtp.unwrap().port, 587);
    assert!(!File::of("").with(&[], &[]).unwrap().settings.mail);
    let variables =
        [("VESTIBULE_SMTP_HOST", "127.0.0.1"), ("VESTIBULE_SMTP_FROM", "Login <login@b.example>")];
    let config = File::of("").with(&[], &variables).unwrap();
    assert!(config.show().contains("# VESTIBULE_SMTP_HOST\n"), "{}", config.show());
    for (text, mistake) in [
        ("[smtp]\nfrom = 'a@b.example'", "2: smtp.from: smtp.host is missing"),
        ("[smtp]\nhost = 'b.example'", "2: smtp.host: smtp.from is missing"),
        ("[smtp]\nhots = 'b.example'", "2: smtp.hots: unknown key; did you mean smtp.host?"),
        ("smtp = 'b.example'", "1: smtp: unknown key"),
        ("[smtp]\nhost = 'b.example'\nfrom = 'me'", "3: smtp.from: \"me\" is not a sender"),
    ] {
        let said = File::of(text).mistake();
        assert!(said.starts_with(&format!("vestibule.toml:{mistake}")), "{said}");
    }
    for (line, mistake) in [
        ("port = 70000", "smtp.port: 70000 is out of range"),
        ("encryption = 'ssl'", "smtp.encryption: \"ssl\" is none of tls, starttls, none"),
        ("encryption = 'none'", "smtp.encryption: \"none\" is for a mail server on this machine"),
        ("username = 'me'", "smtp.username: smtp.password or smtp.password_file is missing"),
        ("password = 'hush'", "smtp.password: smtp.username is missing"),
        ("password_file = '/none'", "smtp.password_file: /none cannot be read"),
        ("ca_file = 'Cargo.toml'", "smtp.ca_file: the file holds no certificate"),
    ] {
        let said = File::of(&format!("{MAIL}{line}")).mistake();
        assert!(said.starts_with(&format!("vestibule.toml:4: {mistake}")), "{said}");
        assert!(!said.contains("hush"), "{said}");
    }
    assert_eq!(
        mistake_of("VESTIBULE_SMTP_HOTS", "b.example"),
        "VESTIBULE_SMTP_HOTS: unknown variable; did you mean VESTIBULE_SMTP_HOST?"
    );
}

#[test]
fn the_password_of_the_mail_server_is_never_shown() {
    let folder = TempDir::new().unwrap();
    let path = folder.path().join("password");
    fs::write(&path, "hush\n").unwrap();
    for password in
        ["password = 'hush'".to_owned(), format!("password_file = '{}'", path.display())]
    {
        let text = format!("{MAIL}username = 'me'\n{password}");
        let config = File::of(&text).with(&[], &[]).unwrap();
        assert!(!config.show().contains("hush"), "{}", config.show());
        let login = config.smtp.unwrap().credentials.unwrap();
        assert_eq!((login.user.as_str(), login.password.0.as_str()), ("me", "hush"));
    }
}

const GRAFANA: &str =
    "[[applications]]\nname = 'Grafana'\nhost = 'grafana.localhost:8081'\nenter = 'admins'\n";

#[test]
fn applications_stand_in_the_file() {
    let text = format!(
        "listen = '127.0.0.1:8080'\n{GRAFANA}users = ['Ben@Example.com', 'cleo@example.com']\n\
         account = ' Acme '\nalways_mfa = true\nmax_age_minutes = 60\n\n\
         [[applications]]\nhost = 'WIKI.localhost:80'\nenter = 'everyone'\nname = 'Wiki'\n\
         [smtp]\nhost = 'smtp.example.com'\nfrom = 'login@example.com'\n"
    );
    let config = File::of(&text).with(&[], &[]).unwrap();
    let [grafana, wiki] = &config.applications()[..] else { panic!("two applications") };
    assert_eq!(grafana.application.host.as_str(), "grafana.localhost:8081");
    assert_eq!(grafana.application.max_age.unwrap().as_secs(), 3600);
    assert!(grafana.application.always_mfa);
    assert_eq!(grafana.account.as_ref().unwrap().as_str(), "Acme");
    let users: Vec<&str> = grafana.users.iter().map(Email::as_str).collect();
    assert_eq!(users, ["ben@example.com", "cleo@example.com"]);
    assert_eq!(wiki.application.host.as_str(), "wiki.localhost");
    assert_eq!((wiki.account.as_ref(), wiki.users.len()), (None, 0));
    assert!(!wiki.application.always_mfa && wiki.application.max_age.is_none());
    let shown = config.show();
    for line in
        ["# vestibule.toml:2\n", "host = \"grafana.localhost:8081\"\n", "max_age_minutes = 60"]
    {
        assert!(shown.contains(line.trim_start_matches("# vestibule")), "{line}\n{shown}");
    }
    assert!(File::of("").with(&[], &[]).unwrap().applications().is_empty());
}

#[test]
fn a_mistake_in_an_application_is_named_by_key_and_line() {
    for (line, mistake) in [
        ("hosts = 1", "5: applications[0].hosts: unknown key; did you mean host?"),
        (
            "always_mafa = true",
            "5: applications[0].always_mafa: unknown key; did you mean always_mfa?",
        ),
        ("x = 1", "5: applications[0].x: unknown key"),
        ("account = ''", "5: applications[0].account: the name is empty"),
        ("account = 7", "5: applications[0].account: expected a string, found a whole number"),
        ("users = 'ben'", "5: applications[0].users: expected a list of strings, found a string"),
        ("users = ['ben']", "5: applications[0].users[0]: \"ben\": this is not an email address"),
        (
            "users = [\n'b@x.example',\n'B@x.example']",
            "5: applications[0].users: b@x.example is named twice",
        ),
        (
            "always_mfa = 'yes'",
            "5: applications[0].always_mfa: expected true or false, found a string",
        ),
        (
            "always_mfa = 1",
            "5: applications[0].always_mfa: expected true or false, found a whole number",
        ),
        (
            "max_age_minutes = 0",
            "5: applications[0].max_age_minutes: 0 is out of range: from 1 to 1440",
        ),
        (
            "max_age_minutes = '5'",
            "5: applications[0].max_age_minutes: expected a whole number, found a string",
        ),
        (
            "[[applications]]\nname = 'Twin'\nenter = 'everyone'\nhost = 'GRAFANA.localhost'",
            "8: applications[1].host: grafana.localhost is another application's already: \
             vestibule.toml:1",
        ),
    ] {
        let said = File::of(&format!("{GRAFANA}{line}")).mistake();
        assert_eq!(said, format!("vestibule.toml:{mistake}"), "{line}");
    }
    for (text, mistake) in [
        (
            "[[applications]]\nhost = 'a.localhost'\nenter = 'everyone'",
            "1: applications[0]: name is missing",
        ),
        ("[[applications]]\nname = 'A'\nenter = 'everyone'", "1: applications[0]: host is missing"),
        (
            "[[applications]]\nname = 'A'\nhost = 'a.localhost'",
            "1: applications[0]: enter is missing",
        ),
        (
            "[[applications]]\nname = 'A'\nhost = 'a.localhost'\nenter = 'all'",
            "4: applications[0].enter: \"all\" is none of everyone, admins, named",
        ),
        (
            "[[applications]]\nname = 'A'\nhost = 'a.localhost'\nenter = 'named'",
            "4: applications[0].enter: with enter = \"named\" somebody must be named in users",
        ),
        (
            "[[applications]]\nname = 'A'\nhost = 'a.localhost'\nenter = 'everyone'\nusers = ['b@x.example']",
            "5: applications[0].users: with enter = \"everyone\" nobody needs to be named",
        ),
        (
            "[applications]\nname = 'A'",
            "1: applications: expected tables, each of which begins with [[applications]]",
        ),
        (
            "applications = 'grafana'",
            "1: applications: expected tables, each of which begins with [[applications]]",
        ),
        (
            "applications = [\n'grafana']",
            "2: applications: expected tables, each of which begins with [[applications]]",
        ),
        ("[[application]]\nname = 'A'", "1: application: unknown key; did you mean applications?"),
    ] {
        assert_eq!(File::of(text).mistake(), format!("vestibule.toml:{mistake}"), "{text}");
    }
    let all = File::of("[[applications]]\nhots = 'a'\n[[applications]]\nname = ''").mistake();
    assert_eq!(all.lines().count(), 7, "{all}");
    assert_eq!(
        mistake_of("VESTIBULE_APPLICATIONS", "grafana.example.com"),
        "VESTIBULE_APPLICATIONS: applications have no variables: they stand in the file"
    );
}

#[test]
fn the_host_of_an_application_fits_the_public_address() {
    let with = |host: &str, flags: &[(Key, &str)]| {
        let text = format!("[[applications]]\nname = 'A'\nenter = 'everyone'\nhost = '{host}'");
        File::of(&text).with(flags, &[]).map(drop)
    };
    let https = [(Key::PublicUrl, "https://login.example.com")];
    assert_eq!(with("app.example.com", &https), Ok(()));
    assert_eq!(with("app.localhost:8081", &[]), Ok(()));
    assert_eq!(with("app.localhost", &[(Key::PublicUrl, "http://localhost:3000")]), Ok(()));
    for (host, flags, problem) in [
        (
            "app.example.com",
            &[][..],
            "while Vestibule stands at http://localhost, the host must end in .localhost",
        ),
        ("localhost:8081", &[], "that is Vestibule's own host"),
        ("login.example.com:8443", &https, "that is Vestibule's own host"),
        ("localhost", &https, "localhost is each visitor's own machine"),
        (
            "https://app.example.com",
            &https,
            "only the host is needed, without https:// and without a path",
        ),
        ("", &https, "the host is empty"),
    ] {
        let said = with(host, flags).unwrap_err();
        assert_eq!(said, format!("vestibule.toml:4: applications[0].host: {host:?}: {problem}"));
    }
    // A public address that is wrong is one mistake, not one for every host.
    let said = with("app.example.com", &[(Key::PublicUrl, "login")]).unwrap_err();
    assert_eq!(said.lines().count(), 1, "{said}");
}
