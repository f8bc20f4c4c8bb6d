//! What can be typed: the commands, their flags, their help.
//!
//! Flags are text here; the configuration gives them their meaning and their mistakes a line, the
//! same as for the file and the environment.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};

use anyhow::anyhow;
use clap::{Arg, Args, CommandFactory as _, FromArgMatches as _, Parser, Subcommand};

use vestibule_domain::time::Timestamp;
use vestibule_flows::audit_log::{beginning_of, end_of};

use crate::commands::audit_export::Wanted;
use crate::config::{Config, Key};

/// A login with mandatory MFA, self-hosted
///
/// Try it at once with `vestibule demo`; start it with `vestibule serve`, which needs no
/// configuration.
#[derive(Parser)]
#[command(version)]
pub(crate) struct Cli {
    #[command(subcommand)]
    pub(crate) command: Command,
}

impl Cli {
    /// Reads what was typed. For help, and for what cannot be understood, the process ends here.
    pub(crate) fn read() -> Self {
        let matches = with_settings(Self::command()).get_matches();
        Self::from_arg_matches(&matches).unwrap_or_else(|error| error.exit())
    }
}

/// Adds to the help of each flag that is a setting where else it may stand, and its default.
fn with_settings(command: clap::Command) -> clap::Command {
    command.mut_subcommands(with_settings).mut_args(|arg| {
        // A flag with a default of its own is not a setting: the demo reads no other place.
        match Key::of_name(arg.get_id().as_str()) {
            Some(key) if arg.get_default_values().is_empty() => with_places(arg, key),
            _ => arg,
        }
    })
}

fn with_places(arg: Arg, key: Key) -> Arg {
    let text = arg.get_help().map(ToString::to_string).unwrap_or_default();
    let (default, variable) = (key.default(), key.variable());
    arg.help(format!("{text} [default: {default}] [env: {variable}]"))
        .long_help(format!("{text}\n\n[default: {default}]\n[env: {variable}]"))
}

/// The commands.
#[derive(Subcommand)]
pub(crate) enum Command {
    /// Serve the login
    ///
    /// Makes the data folder, the database and the master key where they do not exist, prints its
    /// address on stdout once it is listening and, while there is no account yet, a link that
    /// creates the first one. Logs go to stderr. SIGTERM and Ctrl+C finish the requests in flight
    /// and end it within five seconds.
    ///
    /// A flag counts before its environment variable, that before the configuration file, that
    /// before the default. `vestibule config example` explains every setting.
    Serve(ServeArgs),
    /// Make accounts
    Account {
        #[command(subcommand)]
        command: AccountCommand,
    },
    /// Let a user in again who lost password or app
    ///
    /// Prints a link that works once, for 15 minutes: with it the user sets a new password and
    /// enrols a new authenticator app in place of the old ones. `--password` and `--factors` limit
    /// it to one of the two. Every Admin of the account is told. Works beside a running
    /// `vestibule serve`, on the same data.
    Recover(RecoverArgs),
    /// Export the audit log, or verify that nobody changed it
    Audit {
        #[command(subcommand)]
        command: AuditCommand,
    },
    /// Back the database up, while `vestibule serve` goes on
    ///
    /// Writes a copy as of one moment into a new file, looks at it and only then says so. The copy
    /// holds password hashes and sealed secrets: guard it. It does not hold the master key, without
    /// which nobody can use it: keep a copy of the key file elsewhere, or take it along under a
    /// passphrase with `--with-key`. For SQLite; PostgreSQL has `pg_dump`.
    Backup(BackupArgs),
    /// Put the database back from a backup
    ///
    /// `vestibule serve` has to be stopped. The backup is looked at wholly before anything is
    /// touched; the database that it replaces is kept aside, and what that one still tells is
    /// carried over: passwords changed since, users disabled, apps removed, codes used. Everybody
    /// signs in anew. For SQLite; for PostgreSQL see `vestibule after-restore`.
    Restore(RestoreArgs),
    /// Finish a restore that another program made, such as `pg_restore`
    ///
    /// Does what `vestibule restore` does after it has put a file back. Without it, whoever was
    /// disabled since the backup can sign in again, and used codes can be used once more. Doing it
    /// twice signs everybody out once more and does no other harm.
    AfterRestore(AfterRestoreArgs),
    /// Look at the keys, or change them
    ///
    /// Secrets such as those of authenticator apps are sealed with a data key, which stands in the
    /// database, wrapped by the master key in the key file. docs/keys.md has the steps.
    Keys {
        #[command(subcommand)]
        command: KeysCommand,
    },
    /// Check the installation, and say what to do
    ///
    /// Looks at files, keys, database, clock, public address and mail, and changes nothing. A line
    /// each: ok, warn or bad. Exits with code 1 when a line is bad. Works beside a running
    /// `vestibule serve` and without one.
    Doctor(Installation),
    /// Try everything out on data that is thrown away
    ///
    /// Serves the furnished account "Acme Analytics" from a temporary folder and prints its users
    /// and their passwords. Folder and users are gone when it ends. Reads neither configuration
    /// file nor environment, and listens on this machine alone.
    Demo(DemoArgs),
    /// Check or explain the configuration
    Config {
        #[command(subcommand)]
        command: ConfigCommand,
    },
}

/// The commands about accounts.
#[derive(Subcommand)]
pub(crate) enum AccountCommand {
    /// Make a further account and print its first Admin's invitation
    ///
    /// The invitation is a link that works once, for 14 days: with it the Admin sets a password
    /// and signs in. Works beside a running `vestibule serve`, on the same data.
    Create(CreateArgs),
}

/// The commands about keys.
#[derive(Subcommand)]
pub(crate) enum KeysCommand {
    /// List the data keys, the master key, and the nodes that serve
    List(Installation),
    /// Make a new data key
    ///
    /// From then on everything is sealed with it. What was sealed before is sealed anew by the
    /// running `vestibule serve` in the background, or by this command where none runs. The old key
    /// is removed when nothing needs it.
    Rotate(Installation),
    /// Make a file with a new master key, and print its id
    New(NewKeyFile),
    /// Wrap the data keys by another master key
    ///
    /// Refused until every running node holds the new key: it takes it from the file
    /// `master.key.next` beside its `master.key`. Afterwards the new file takes the place of the old.
    Rewrap(RewrapArgs),
}

/// The argument of `vestibule keys new`.
#[derive(Args)]
pub(crate) struct NewKeyFile {
    /// File to make; one that is there is left as it is
    #[arg(value_name = "FILE")]
    pub(crate) path: PathBuf,
}

/// The arguments of `vestibule keys rewrap`.
#[derive(Args)]
pub(crate) struct RewrapArgs {
    /// File of the new master key, made by `vestibule keys new`
    #[arg(long, value_name = "FILE")]
    pub(crate) new_key: PathBuf,
    #[command(flatten)]
    pub(crate) installation: Installation,
}

/// The commands about the audit log.
#[derive(Subcommand)]
pub(crate) enum AuditCommand {
    /// Write the audit log to a file or to stdout
    ///
    /// JSON Lines are for `vestibule audit verify --export`; CSV is for people and spreadsheets and
    /// cannot be verified. The export is itself an event. Works beside a running `vestibule serve`,
    /// on the same data.
    Export(ExportArgs),
    /// Check that no event was changed, removed, inserted or moved
    ///
    /// Says in one line how many events hold and which is the last, or what is wrong and at which
    /// position, and exits with code 1. Works beside a running `vestibule serve`. docs/audit.md says
    /// what this shows and what not.
    Verify(VerifyArgs),
}

/// The arguments of `vestibule audit export`.
#[derive(Args)]
pub(crate) struct ExportArgs {
    /// File to write, which must not exist; without it, stdout
    file: Option<PathBuf>,
    /// How to write it: jsonl or csv
    #[arg(long, value_name = "FORMAT", default_value = "jsonl")]
    format: String,
    /// Only the events of this account, by its name or identifier
    #[arg(long, value_name = "NAME")]
    account: Option<String>,
    /// From the beginning of this day, in UTC, such as 2027-01-15
    #[arg(long, value_name = "DAY")]
    from: Option<String>,
    /// Until the end of this day, in UTC
    #[arg(long, value_name = "DAY")]
    until: Option<String>,
    #[command(flatten)]
    pub(crate) installation: Installation,
}

impl ExportArgs {
    /// What is wanted, understood.
    pub(crate) fn wanted(&self) -> anyhow::Result<Wanted> {
        let day = |flag: &str, text: &Option<String>, read: fn(&str) -> Option<Timestamp>| {
            let Some(text) = text else { return Ok(None) };
            let problem = || anyhow!("{flag}: {text:?} is not a day, such as 2027-01-15");
            read(text).map(Some).ok_or_else(problem)
        };
        let format = &self.format;
        Ok(Wanted {
            file: self.file.clone(),
            format: format.parse().map_err(|error| anyhow!("--format: {format:?} is {error}"))?,
            account: self.account.clone(),
            from: day("--from", &self.from, beginning_of)?,
            until: day("--until", &self.until, end_of)?,
        })
    }
}

/// The arguments of `vestibule audit verify`.
#[derive(Args)]
pub(crate) struct VerifyArgs {
    /// File with exported heads, to hold the log against; may be given several times
    #[arg(long, value_name = "FILE")]
    pub(crate) heads: Vec<PathBuf>,
    /// Verify this exported file (JSON Lines) instead of the database
    #[arg(long, value_name = "FILE")]
    pub(crate) export: Option<PathBuf>,
    /// Accept that heads of a database that was replaced by a restore are missing, where the log
    /// records the restore
    #[arg(long)]
    pub(crate) restored: bool,
    #[command(flatten)]
    pub(crate) installation: Installation,
}

/// The commands about the configuration.
#[derive(Subcommand)]
pub(crate) enum ConfigCommand {
    /// Check the configuration and print what comes of it
    ///
    /// Reads the file and the environment as `vestibule serve` would, and prints every setting
    /// with its origin, or names the key, file and line of each mistake and exits with code 1.
    /// Never prints the database's password.
    Check(ConfigFile),
    /// Print the commented reference file
    Example,
}

/// The configuration file.
#[derive(Args)]
pub(crate) struct ConfigFile {
    /// Configuration file in TOML; without it there is none
    #[arg(long, value_name = "FILE", env = "VESTIBULE_CONFIG", hide_env_values = true)]
    config: Option<PathBuf>,
}

impl ConfigFile {
    /// The file; an empty variable names none.
    pub(crate) fn path(&self) -> Option<&Path> {
        self.config.as_deref().filter(|path| !path.as_os_str().is_empty())
    }
}

/// Which installation it is, for every command that opens one.
#[derive(Args)]
pub(crate) struct Installation {
    #[command(flatten)]
    file: ConfigFile,
    /// Address and port on which Vestibule listens
    #[arg(long, value_name = "ADDR:PORT")]
    listen: Option<String>,
    /// Address that people open, for links and against forged requests; `https://` unless only
    /// this machine is listened to
    #[arg(long, value_name = "URL")]
    public_url: Option<String>,
    /// Folder of the master key and the database
    #[arg(long, value_name = "DIR")]
    data_dir: Option<String>,
    /// Database, `sqlite:PATH` or `postgres://USER:PASSWORD@HOST/DATABASE`; other users of this
    /// machine can see flags, so set a password by variable or file
    #[arg(long, value_name = "URL")]
    database: Option<String>,
}

impl Installation {
    /// The configuration of the installation.
    pub(crate) fn config(self) -> anyhow::Result<Config> {
        self.config_with(vec![])
    }

    fn config_with(self, more: Vec<(Key, Option<String>)>) -> anyhow::Result<Config> {
        let mut flags = vec![
            (Key::Listen, self.listen),
            (Key::PublicUrl, self.public_url),
            (Key::DataDir, self.data_dir),
            (Key::Database, self.database),
        ];
        flags.extend(more);
        let flags = flags.into_iter().filter_map(|(key, text)| Some((key, text?))).collect();
        Ok(Config::load(self.file.path(), flags)?)
    }
}

/// The arguments of `vestibule serve`.
#[derive(Args)]
pub(crate) struct ServeArgs {
    #[command(flatten)]
    installation: Installation,
    /// Reverse proxies whose `X-Forwarded-For` is believed: addresses or networks, with commas
    #[arg(long, value_name = "CIDR,…")]
    trusted_proxies: Option<String>,
    /// How much to log: error, warn, info, debug or trace
    #[arg(long, value_name = "LEVEL")]
    log: Option<String>,
    /// How to log: text for people, json for programs
    #[arg(long, value_name = "FORMAT")]
    log_format: Option<String>,
}

impl ServeArgs {
    /// The configuration to serve with.
    pub(crate) fn config(self) -> anyhow::Result<Config> {
        self.installation.config_with(vec![
            (Key::TrustedProxies, self.trusted_proxies),
            (Key::Log, self.log),
            (Key::LogFormat, self.log_format),
        ])
    }
}

/// The arguments of `vestibule account create`.
#[derive(Args)]
pub(crate) struct CreateArgs {
    /// Name of the account, such as the organisation's
    pub(crate) name: String,
    /// E-mail address of its first Admin
    #[arg(long, value_name = "EMAIL")]
    pub(crate) admin: String,
    #[command(flatten)]
    pub(crate) installation: Installation,
}

/// The arguments of `vestibule recover`.
#[derive(Args)]
pub(crate) struct RecoverArgs {
    /// E-mail address of the user
    pub(crate) email: String,
    /// The link sets a new password; the factors stay, and a security code is asked for as ever
    #[arg(long)]
    pub(crate) password: bool,
    /// The link enrols a new app in place of the old ones, for who gives the password that there is
    #[arg(long)]
    pub(crate) factors: bool,
    #[command(flatten)]
    pub(crate) installation: Installation,
}

/// The arguments of `vestibule backup`.
#[derive(Args)]
pub(crate) struct BackupArgs {
    /// The new file; one that exists is never overwritten
    pub(crate) file: PathBuf,
    #[command(flatten)]
    pub(crate) passphrase: WithKey,
    #[command(flatten)]
    pub(crate) installation: Installation,
}

/// Whether the master key comes along.
#[derive(Args)]
pub(crate) struct WithKey {
    /// Take the master key along, locked with a passphrase that is asked for on the terminal
    #[arg(long)]
    pub(crate) with_key: bool,
    /// Take the passphrase from the first line of this file instead
    #[arg(long, value_name = "FILE", requires = "with_key")]
    pub(crate) passphrase_file: Option<PathBuf>,
}

/// The arguments of `vestibule restore`.
#[derive(Args)]
pub(crate) struct RestoreArgs {
    #[command(flatten)]
    pub(crate) what: Restore,
    #[command(flatten)]
    pub(crate) installation: Installation,
}

/// What is restored, and how.
#[derive(Args)]
pub(crate) struct Restore {
    /// The backup
    pub(crate) file: PathBuf,
    /// The key file of the time of the backup, if today's is another
    #[arg(long, value_name = "FILE")]
    pub(crate) key_file: Option<PathBuf>,
    /// Take the passphrase of a backup made `--with-key` from the first line of this file, instead
    /// of asking for it on the terminal
    #[arg(long, value_name = "FILE")]
    pub(crate) passphrase_file: Option<PathBuf>,
    /// Carry nothing over from the database that is replaced: when it cannot be trusted, or belongs
    /// to another installation
    #[arg(long)]
    pub(crate) without_replaced: bool,
}

/// The arguments of `vestibule after-restore`.
#[derive(Args)]
pub(crate) struct AfterRestoreArgs {
    #[command(flatten)]
    pub(crate) what: AfterRestore,
    #[command(flatten)]
    pub(crate) installation: Installation,
}

/// What was restored.
#[derive(Args)]
pub(crate) struct AfterRestore {
    /// The database that was replaced, kept under another name; it is only read
    #[arg(long, value_name = "URL", required_unless_present = "without_replaced")]
    pub(crate) replaced: Option<String>,
    /// The replaced database is lost, cannot be read or cannot be trusted
    #[arg(long, conflicts_with = "replaced")]
    pub(crate) without_replaced: bool,
    /// The key file of the time of the backup, if today's is another
    #[arg(long, value_name = "FILE")]
    pub(crate) key_file: Option<PathBuf>,
}

/// The arguments of `vestibule demo`.
#[derive(Args)]
pub(crate) struct DemoArgs {
    /// Loopback address and port to listen on; port 0 takes any that is free
    #[arg(long, value_name = "ADDR:PORT", default_value = "127.0.0.1:8080")]
    pub(crate) listen: SocketAddr,
    /// Print one line of JSON for programs instead of the table
    #[arg(long)]
    pub(crate) json: bool,
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory as _;

    use super::{Cli, with_settings};
    use crate::config::Key;

    #[test]
    fn the_commands_are_consistent() {
        with_settings(Cli::command()).debug_assert();
    }

    #[test]
    fn help_names_the_variable_and_the_default_of_each_flag() {
        let mut cli = with_settings(Cli::command());
        let serve = cli.find_subcommand_mut("serve").unwrap();
        let help = serve.render_long_help().to_string();
        let flags = Key::ALL.into_iter().filter(|key| help.contains(&format!("{} ", key.flag())));
        let flags: Vec<Key> = flags.collect();
        assert_eq!(flags.len(), 7, "the rules have no flag: they are not for one start alone");
        for key in flags {
            let places =
                format!("[default: {}]\n          [env: {}]", key.default(), key.variable());
            assert!(help.contains(&places), "{key:?}\n{help}");
        }
        assert!(help.contains("[env: VESTIBULE_CONFIG]"), "{help}");

        let help = cli.find_subcommand_mut("demo").unwrap().render_long_help().to_string();
        assert!(!help.contains("[env:"), "the demo reads no environment: {help}");
        assert_eq!(help.matches("[default: 127.0.0.1:8080]").count(), 1, "{help}");
    }
}
