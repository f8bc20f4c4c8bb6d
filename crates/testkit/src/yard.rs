//! A yard: where programs of a test run that are killed, stopped and started again. It owns their
//! folder and their process group, which ends with the test process, however that ends.

#![expect(clippy::expect_used, reason = "a test without its programs can only stop")]

use std::fs::OpenOptions;
use std::os::unix::process::CommandExt as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use rustix::process::{Pid, Signal, kill_process};
use tempfile::TempDir;

use crate::leash::{Leash, Stop, User};

/// A folder and a process group.
pub struct Yard {
    leash: Leash,
}

impl Yard {
    /// A new one, for programs of the user that runs the tests.
    pub fn new() -> Self {
        Self::of_user(TempDir::with_prefix("vestibule-yard-").expect("a temporary folder"), None)
    }

    /// A new one in a folder that is given away with it.
    pub(crate) fn of_user(folder: TempDir, user: Option<User>) -> Self {
        // Somebody has to be in the group for others to join it.
        let mut holds_the_group = Command::new("sleep");
        holds_the_group.arg("infinity");
        let leash = Leash::start(holds_the_group, user, Stop::Kill, folder).expect("`sleep`");
        Self { leash }
    }

    /// A path in its folder.
    pub fn path(&self, name: &str) -> PathBuf {
        self.folder().join(name)
    }

    /// Its folder.
    pub fn folder(&self) -> &Path {
        self.leash.folder()
    }

    /// Starts a program in it; what it prints is added to the file `log` in the folder.
    pub fn start(&self, command: &mut Command, log: &str) -> Child {
        let log = OpenOptions::new().create(true).append(true).open(self.path(log));
        let log = log.expect("a file in a folder of ours");
        command
            .current_dir(self.folder())
            .process_group(i32::try_from(self.leash.id()).expect("a process number"))
            .stdin(Stdio::null())
            .stdout(log.try_clone().expect("one more handle"))
            .stderr(log)
            .spawn()
            .unwrap_or_else(|error| panic!("{command:?} does not start: {error}"))
    }
}

impl Default for Yard {
    fn default() -> Self {
        Self::new()
    }
}

/// Sends a signal to a process that may be gone.
pub(crate) fn signal(process: u32, signal: Signal) {
    let process = i32::try_from(process).ok().and_then(Pid::from_raw);
    let _ = kill_process(process.expect("a process number"), signal);
}
