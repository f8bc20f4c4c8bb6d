//! A program that ends with the test process, however that ends: return, panic, `kill -9`.
//! It owns the program, its folder and the watcher; it never knows what the program does.
//!
//! Statics are not dropped and a killed process runs no code, so a small shell watches: it holds
//! the other end of a pipe to us, and when the pipe closes it stops the program's process group
//! and removes the folder.

#![expect(clippy::expect_used, reason = "a test without its programs can only stop")]

use std::fs::File;
use std::io;
use std::os::unix::process::CommandExt as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use tempfile::TempDir;

// `$1` the process group, `$2` the folder, `$3` the signal that stops it.
// After SIGKILL nothing is waited for: dead children whose parent is gone may stay visible.
const WATCH: &str = r#"
trap '' HUP INT TERM
read -r _
kill -s "$3" -- "-$1" 2>/dev/null
tries=0
while [ "$3" != KILL ] && [ "$tries" -lt 50 ] && kill -s 0 -- "-$1" 2>/dev/null; do
    sleep 0.1
    tries=$((tries + 1))
done
kill -s KILL -- "-$1" 2>/dev/null
rm -rf -- "$2" 2>/dev/null || { sleep 1; rm -rf -- "$2"; }
"#;

/// The unprivileged user that a program runs as when the tests run as root.
#[derive(Clone, Copy)]
pub(crate) struct User {
    pub(crate) uid: u32,
    pub(crate) gid: u32,
}

/// How the program is asked to stop.
#[derive(Clone, Copy)]
pub(crate) enum Stop {
    /// `SIGQUIT`, and `SIGKILL` after five seconds: for what has children to end by itself.
    Quit,
    /// `SIGKILL` at once, to the whole process group.
    Kill,
}

pub(crate) struct Leash {
    program: Child,
    watcher: Child,
    folder: PathBuf,
}

impl Leash {
    /// Starts `command` in a process group of its own, its output in `log` inside `folder`,
    /// which the watcher removes.
    pub(crate) fn start(
        mut command: Command,
        user: Option<User>,
        stop: Stop,
        folder: TempDir,
    ) -> io::Result<Self> {
        let log = File::create(log_path(folder.path()))?;
        // Whatever it leaves lying about, it leaves there.
        command
            .env("HOME", folder.path())
            .env("TMPDIR", folder.path())
            .current_dir(folder.path())
            .stdin(Stdio::null())
            .stdout(log.try_clone()?)
            .stderr(log);
        let mut program = of_user(&mut command, user).process_group(0).spawn()?;

        let mut watcher = Command::new("/bin/sh");
        watcher
            .args(["-c", WATCH, "watcher"])
            .arg(program.id().to_string())
            .arg(folder.path())
            .arg(match stop {
                Stop::Quit => "QUIT",
                Stop::Kill => "KILL",
            })
            .stdin(Stdio::piped())
            .stdout(Stdio::null())
            .stderr(Stdio::null());
        match of_user(&mut watcher, user).process_group(0).spawn() {
            Ok(watcher) => Ok(Self { program, watcher, folder: folder.keep() }),
            Err(error) => {
                program.kill()?;
                program.wait()?;
                Err(error)
            }
        }
    }

    /// The number of the program's process, and of its group.
    pub(crate) fn id(&self) -> u32 {
        self.program.id()
    }

    pub(crate) fn folder(&self) -> &Path {
        &self.folder
    }

    /// What the program has printed so far.
    pub(crate) fn log(&self) -> String {
        std::fs::read_to_string(log_path(&self.folder)).unwrap_or_default()
    }

    pub(crate) fn has_ended(&mut self) -> bool {
        self.program.try_wait().expect("waiting for a child of ours").is_some()
    }
}

impl Drop for Leash {
    fn drop(&mut self) {
        // Closing the pipe is the whole order. Waiting for both, so that a later test neither
        // meets the old program nor its folder.
        drop(self.watcher.stdin.take());
        let _ = self.program.wait();
        let _ = self.watcher.wait();
    }
}

fn log_path(folder: &Path) -> PathBuf {
    folder.join("log")
}

/// Makes `command` run as `user`.
pub(crate) fn of_user(command: &mut Command, user: Option<User>) -> &mut Command {
    match user {
        Some(user) => command.uid(user.uid).gid(user.gid),
        None => command,
    }
}
