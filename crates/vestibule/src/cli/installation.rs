//! Which installation a command is about.

use std::path::{Path, PathBuf};

use clap::Args;

use crate::config::{Config, Key};

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

    pub(super) fn config_with(self, more: Vec<(Key, Option<String>)>) -> anyhow::Result<Config> {
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
