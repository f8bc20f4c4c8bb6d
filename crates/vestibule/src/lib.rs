//! The program: command line, configuration, wiring. What it does lies in the crates below.
//!
//! Each command is a file in `commands`; each failure is one line on stderr and exit code 1. It is a
//! library with one function, [`main`], so that the fuzzer reaches what it parses.

mod audit_heads;
mod backup_file;
mod cli;
mod commands;
mod config;
mod configuring;
mod data_folder;
mod doctor;
#[cfg(feature = "fuzzing")]
#[doc(hidden)]
pub mod fuzzing;
mod key_file;
mod logging;
mod opening;
mod output;
mod passphrase;
mod process;
mod replacing;
mod restored;
mod serving;
mod stop;
mod system;
mod tending;

use std::num::NonZero;
use std::process::ExitCode;
use std::time::Duration;

use crate::cli::{AccountCommand, AuditCommand, Cli, Command, ConfigCommand, KeysCommand};

/// What may block is a look-up of a host name now and then. Each thread costs memory.
const BLOCKING_THREADS: usize = 4;
/// What still runs when a command has returned was given its time before.
const LEFT_OVER: Duration = Duration::from_millis(100);

/// Does what the command line says.
pub fn main() -> ExitCode {
    match run(Cli::read().command) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            output::complain(&error);
            ExitCode::FAILURE
        }
    }
}

fn run(command: Command) -> anyhow::Result<()> {
    match command {
        Command::Serve(args) => {
            let config = args.config()?;
            logging::start(config.log, config.log_format);
            in_runtime_of(config.threads, commands::serve::run(&config))
        }
        Command::Account { command: AccountCommand::Create(args) } => {
            let config = args.installation.config()?;
            in_runtime(commands::account::create(&config, &args.name, &args.admin))
        }
        Command::Recover(args) => {
            let recovers = commands::recover::recovers(&args);
            let config = args.installation.config()?;
            in_runtime(commands::recover::run(&config, &args.email, recovers))
        }
        Command::Keys { command } => run_keys(command),
        Command::Doctor(installation) => {
            let config = installation.config()?;
            in_runtime(commands::doctor::run(&config))
        }
        Command::Audit { command: AuditCommand::Export(args) } => {
            let wanted = args.wanted()?;
            let config = args.installation.config()?;
            in_runtime(commands::audit_export::run(&config, &wanted))
        }
        Command::Audit { command: AuditCommand::Verify(args) } => {
            if let Some(file) = &args.export {
                return commands::audit_verify::file(file, &args.heads, args.restored);
            }
            let config = args.installation.config()?;
            in_runtime(commands::audit_verify::database(&config, &args.heads, args.restored))
        }
        Command::Backup(args) => {
            let config = args.installation.config()?;
            in_runtime(commands::backup::run(&config, &args.file, args.passphrase))
        }
        Command::Restore(args) => {
            let config = args.installation.config()?;
            in_runtime(commands::restore::run(&config, &args.what))
        }
        Command::AfterRestore(args) => {
            let config = args.installation.config()?;
            in_runtime(commands::after_restore::run(&config, &args.what))
        }
        Command::Demo(args) => {
            logging::start(tracing::level_filters::LevelFilter::WARN, config::LogFormat::Text);
            in_runtime(commands::demo::run(args.listen, args.json))
        }
        Command::Config { command: ConfigCommand::Check(file) } => {
            commands::config::check(file.path())
        }
        Command::Config { command: ConfigCommand::Example } => commands::config::example(),
    }
}

fn run_keys(command: KeysCommand) -> anyhow::Result<()> {
    match command {
        KeysCommand::List(installation) => {
            let config = installation.config()?;
            in_runtime(commands::keys::list::run(&config))
        }
        KeysCommand::Rotate(installation) => {
            let config = installation.config()?;
            in_runtime(commands::keys::rotate::run(&config))
        }
        KeysCommand::New(file) => commands::keys::new::run(&file.path),
        KeysCommand::Rewrap(args) => {
            let config = args.installation.config()?;
            in_runtime(commands::keys::rewrap::run(&config, &args.new_key))
        }
    }
}

fn in_runtime(work: impl Future<Output = anyhow::Result<()>>) -> anyhow::Result<()> {
    in_runtime_of(None, work)
}

/// With so many threads, or one a core.
fn in_runtime_of(
    threads: Option<NonZero<usize>>,
    work: impl Future<Output = anyhow::Result<()>>,
) -> anyhow::Result<()> {
    let mut builder = tokio::runtime::Builder::new_multi_thread();
    if let Some(threads) = threads {
        builder.worker_threads(threads.get());
    }
    let runtime = builder.max_blocking_threads(BLOCKING_THREADS).enable_all().build()?;
    let result = runtime.block_on(work);
    runtime.shutdown_timeout(LEFT_OVER);
    result
}
