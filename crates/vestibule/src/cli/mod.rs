//! What can be typed: the commands, their flags, their help.
//!
//! Flags are text here; the configuration gives them their meaning and their mistakes a line, the
//! same as for the file and the environment.

mod audit;
mod backup;
mod installation;
mod keys;

use std::net::SocketAddr;

use clap::{Arg, Args, CommandFactory as _, FromArgMatches as _, Parser, Subcommand};

pub(crate) use self::audit::AuditCommand;
pub(crate) use self::backup::{AfterRestore, Restore, WithKey};
use self::backup::{AfterRestoreArgs, BackupArgs, RestoreArgs};
use self::installation::{ConfigFile, Installation};
pub(crate) use self::keys::KeysCommand;
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
    /// it to one of the two; both together are the same as neither. Every Admin of the account is told. Works beside a running
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

/// The arguments of `vestibule serve`.
#[derive(Args)]
pub(crate) struct ServeArgs {
    #[command(flatten)]
    installation: Installation,
    /// Reverse proxies whose `X-Forwarded-For` is believed, and who alone may ask the gate:
    /// addresses or networks, with commas
    #[arg(long, value_name = "CIDR,…")]
    trusted_proxies: Option<String>,
    /// Address and port on which Prometheus reads `/metrics`; it asks for no password
    #[arg(long, value_name = "ADDR:PORT")]
    metrics_listen: Option<String>,
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
            (Key::MetricsListen, self.metrics_listen),
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
        assert_eq!(flags.len(), 8, "the rules have no flag: they are not for one start alone");
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
