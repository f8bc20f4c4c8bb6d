//! The program as it is shipped, in a folder of its own, logging all that it can.

use std::fs::File;
use std::io::{BufRead as _, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};

use tempfile::TempDir;
use vestibule_mail::Encryption;
use vestibule_testkit::Mailbox;
use vestibule_testkit::smtp::LOGIN;

/// A running `vestibule serve`.
pub(super) struct Serving {
    child: Child,
    folder: TempDir,
    binary: PathBuf,
    /// Where it listens.
    pub(super) url: String,
    /// The set-up link that it printed.
    pub(super) setup: String,
}

/// The program beside this one, unless another is named.
pub(super) fn binary(named: Option<&Path>) -> PathBuf {
    let beside = || {
        let this = std::env::current_exe().unwrap();
        let folder = this.parent().unwrap();
        // Tests lie one folder deeper.
        let folder = if folder.ends_with("deps") { folder.parent().unwrap() } else { folder };
        folder.join("vestibule")
    };
    let binary = named.map_or_else(beside, Path::to_owned).canonicalize();
    binary.unwrap_or_else(|_| panic!("there is no program: cargo build -p vestibule makes it"))
}

impl Serving {
    /// Starts it on this database, or on a file in its folder, with a mail server.
    pub(super) fn start(binary: &Path, database: Option<&str>, mailbox: &Mailbox) -> Self {
        let folder = TempDir::with_prefix("vestibule-secrets-").unwrap();
        let smtp = mailbox.settings(Encryption::StartTls);
        std::fs::write(folder.path().join("password"), LOGIN.1).unwrap();
        let database = database.map_or_else(String::new, |url| format!("database = '{url}'\n"));
        let config = format!(
            "{database}trusted_proxies = ['127.0.0.1']\n[smtp]\nhost = 'localhost'\nport = {}\n\
             encryption = 'starttls'\nusername = '{}'\npassword_file = 'password'\nfrom = '{}'\n\
             ca_file = '{}'\n",
            smtp.port,
            LOGIN.0,
            mailbox.sender,
            Mailbox::authority_file().display(),
        );
        std::fs::write(folder.path().join("vestibule.toml"), config).unwrap();
        let mut serve = command(binary, folder.path(), &["serve", "--listen", "127.0.0.1:0"]);
        serve.env("VESTIBULE_LOG", "trace").stdout(Stdio::piped());
        serve.stderr(File::create(folder.path().join("log")).unwrap());
        let mut child = serve.spawn().unwrap();
        let mut lines = BufReader::new(child.stdout.take().unwrap()).lines().map_while(Result::ok);
        let url = lines.next().unwrap_or_default();
        let setup = lines.find(|line| line.contains("/setup/")).unwrap_or_default();
        assert!(!setup.is_empty(), "it did not start: {}", log(folder.path()));
        // It prints no more; what it would write goes nowhere.
        Self { child, folder, binary: binary.to_owned(), url, setup }
    }

    /// Runs another command beside it.
    pub(super) fn run(&self, args: &[&str]) -> Output {
        command(&self.binary, self.folder.path(), args).output().unwrap()
    }

    pub(super) fn id(&self) -> u32 {
        self.child.id()
    }

    /// What it logged so far.
    pub(super) fn log(&self) -> Vec<u8> {
        std::fs::read(self.folder.path().join("log")).unwrap()
    }

    pub(super) fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// Every file of its data folder with its bytes, but for the key itself.
    pub(super) fn files(&self) -> Vec<(String, Vec<u8>)> {
        let files = std::fs::read_dir(self.path("vestibule-data")).unwrap();
        let named = files.map(|file| file.unwrap().path()).map(|path| {
            (path.file_name().unwrap().to_string_lossy().into_owned(), std::fs::read(path).unwrap())
        });
        named.filter(|(name, _)| name != "master.key").collect()
    }
}

impl Drop for Serving {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn command(binary: &Path, folder: &Path, args: &[&str]) -> Command {
    let mut command = Command::new(binary);
    command.args(args).args(["--config", "vestibule.toml"]).current_dir(folder);
    command.env_clear().env("TMPDIR", folder).stdin(Stdio::null());
    command
}

fn log(folder: &Path) -> String {
    std::fs::read_to_string(folder.join("log")).unwrap_or_default()
}
