//! Disk full and read-only: the data folder stands on a small disk of its own. Whatever cannot be
//! written is answered with 503 and a page that says so; nothing opens without having been written;
//! once there is room, everything works without a restart.

use std::path::Path;
use std::process::Command;
use std::time::Duration;

use tokio::time::{sleep, timeout};
use vestibule_testkit::{Client, Program, Yard};

use crate::Report;
use crate::asking::{Asker, Given};
use crate::installation::{Installation, since, steady};

/// Room for the database, and not for much more.
const SIZE: &str = "size=12m";
/// Until when everything has to work again.
const HEALED: Duration = Duration::from_secs(10);

/// A small disk that ends with this.
struct Disk {
    folder: std::path::PathBuf,
}

impl Disk {
    /// `None` where this process may not mount any.
    fn mount(yard: &Yard) -> Option<Self> {
        let folder = yard.path("disk");
        std::fs::create_dir(&folder).unwrap();
        let disk = Self { folder };
        mount(&["-t", "tmpfs", "-o", SIZE, "tmpfs"], &disk.folder).then_some(disk)
    }

    /// Whether the system does that to a disk with open files.
    fn remount(&self, how: &str) -> bool {
        mount(&["-o", &format!("remount,{how}")], &self.folder)
    }

    /// Fills it to the last byte.
    fn fill(&self) {
        let file = self.folder.join("fills-the-disk");
        let mut file = std::fs::File::create(file).unwrap();
        for size in [1 << 16, 1 << 12, 1] {
            let bytes = vec![0; size];
            while std::io::Write::write_all(&mut file, &bytes).is_ok() {}
        }
    }

    fn make_room(&self) {
        std::fs::remove_file(self.folder.join("fills-the-disk")).unwrap();
    }
}

impl Drop for Disk {
    fn drop(&mut self) {
        let _ = Command::new("umount").arg("-l").arg(&self.folder).status();
    }
}

fn mount(how: &[&str], folder: &Path) -> bool {
    let mut mount = Command::new("mount");
    mount.args(how).arg(folder).output().is_ok_and(|output| output.status.success())
}

/// What ends first stands first: the disk is busy while the program runs, and its folder while it is
/// there.
struct Scene {
    program: Program,
    disk: Disk,
    place: Installation,
    asker: Asker,
}

/// Fills the disk and makes it read-only, so many times each.
pub async fn run(binary: &Path, times: usize, report: &mut Report) {
    let yard = Yard::new();
    let Some(disk) = Disk::mount(&yard) else {
        report
            .note("Disk full and read-only were skipped: this process may not mount a small disk.");
        return;
    };
    let data = disk.folder.join("data");
    let place = Installation::make_in(yard, &data, binary, None, times * 4 + 2).await;
    let program = place.program("server", &place.database);
    program.start(&place.yard);
    program.ready(&place.yard).await;
    let scene = Scene { program, disk, place, asker: Asker::default() };
    let (mut healed, mut read_only_skipped) = (vec![], false);
    for round in 0..times * 2 {
        let full = round % 2 == 0;
        let named = if full { "disk full" } else { "disk read-only" };
        let (first, second) = (round * 2 + 1, round * 2 + 2);
        let (waiting, counted) = scene.before(first).await;
        if full {
            scene.disk.fill();
        } else if !scene.disk.remount("ro") {
            read_only_skipped = true;
            continue;
        }
        scene.meanwhile(named, first, second, &waiting, counted, report).await;
        if full {
            scene.disk.make_room();
        } else {
            assert!(scene.disk.remount("rw"), "what was made read-only is made writable");
        }
        let over = steady();
        let works = timeout(HEALED, scene.until_it_works(second, &waiting)).await;
        healed.push(since(over));
        if works.is_err() {
            let log = scene.program.log(&scene.place.yard);
            report.violation(format!("{named}: {HEALED:?} after it nobody can sign in\n{log}"));
            break;
        }
        eprintln!("{named}: healed after {:?}", healed.last());
    }
    if read_only_skipped {
        report.note("A read-only disk was skipped: this system makes none of one in use.");
    }
    if let Err(said) = scene.place.verify_audit(&scene.program) {
        report.violation(format!("after a full disk, the audit chain does not verify: {said}"));
    }
    report.violations.extend(scene.asker.faults().into_iter().take(5));
    report.figure("disk full, or read-only", healed.len());
    report.figure("answers meanwhile by status", scene.asker.statuses());
    let worst = healed.into_iter().max().unwrap_or_default();
    report
        .figure("longest until somebody could sign in again", format!("{} ms", worst.as_millis()));
}

impl Scene {
    /// Somebody stands at the second door, after one wrong code.
    async fn before(&self, first: usize) -> (Client, i64) {
        let person = &self.place.people[first];
        let waiting = Installation::browser(&self.program, first);
        assert!(self.asker.give_password(&waiting, &person.credentials()).await);
        assert_eq!(self.asker.give_code(&waiting, &person.wrong_code()).await, Given::Refused);
        (waiting, self.attempts(first).await)
    }

    async fn attempts(&self, person: usize) -> i64 {
        let store = self.place.look().await;
        let id = self.place.people[person].id;
        let attempts = store.read().await.unwrap().code_attempts(id).await.unwrap();
        store.close().await;
        attempts
    }

    /// What is tried while nothing can be written.
    async fn meanwhile(
        &self,
        named: &str,
        first: usize,
        second: usize,
        waiting: &Client,
        counted: i64,
        report: &mut Report,
    ) {
        let person = &self.place.people[first];
        let code = person.wrong_code();
        for field in ["a wrong code", "a right code"] {
            let code = if field == "a wrong code" { code.clone() } else { person.code().unwrap() };
            let answer = self.asker.post(waiting, "/sign-in/code", &[("code", &code)]).await;
            let says_so = answer.as_ref().is_some_and(|answer| {
                answer.status == 503 && answer.shows("Not available at this moment")
            });
            if !says_so {
                let answer = answer.map(|answer| (answer.status, answer.text()));
                report.violation(format!("{named}: {field} was answered with {answer:?}"));
            }
        }
        if self.asker.is_in(waiting).await == Some(true) {
            report
                .violation(format!("{named}: a code opened the door and is nowhere written down"));
        }
        let stranger = Installation::browser(&self.program, second);
        let person = &self.place.people[second];
        if self.asker.give_password(&stranger, &person.credentials()).await {
            report.violation(format!("{named}: a password was taken and not counted"));
        }
        if named == "disk full" {
            let stands = self.attempts(first).await;
            if stands < counted {
                report.violation(format!("{named}: {counted} attempts were counted, now {stands}"));
            }
        }
    }

    async fn until_it_works(&self, second: usize, waiting: &Client) {
        let person = &self.place.people[second];
        for number in 1_000.. {
            let browser = Installation::browser(&self.program, number);
            if self.asker.give_password(&browser, &person.credentials()).await {
                break;
            }
            sleep(Duration::from_millis(50)).await;
        }
        // Who waited at the second door goes on there.
        let page = self.asker.get(waiting, "/sign-in/code").await;
        assert!(page.is_some_and(|page| page.status == 200), "who waited is at the door still");
    }
}
