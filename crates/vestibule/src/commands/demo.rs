//! `vestibule demo`: a furnished account in a folder that is thrown away.

use std::fmt::Write as _;
use std::fs::Permissions;
use std::net::SocketAddr;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;

use anyhow::{anyhow, bail};
use tokio::signal::unix::SignalKind;
use vestibule_flows::Vestibule;

use super::demo_people::{ACCOUNT, APPLICATION, Person, furnish};
use crate::config::{Config, Key};
use crate::serving::{self, Door};
use crate::stop::Stop;
use crate::tending::Tending;
use crate::{opening, output};

/// What `--json` prints.
#[derive(serde::Serialize)]
struct Demo<'a> {
    url: String,
    users: &'a [Person],
}

/// Serves the demo until the process is asked to stop, and removes its folder.
pub(crate) async fn run(listen: SocketAddr, json: bool) -> anyhow::Result<()> {
    if !listen.ip().to_canonical().is_loopback() {
        bail!("the demo prints its passwords, so it listens on a loopback address alone: {listen}");
    }
    if APPLICATION.1.ends_with(&format!(":{}", listen.port())) {
        bail!(
            "http://{} is the demo's application, behind a proxy: choose another port",
            APPLICATION.1
        );
    }
    // Before there is a folder. A terminal that is closed ends the demo too.
    let signals = [SignalKind::terminate(), SignalKind::interrupt(), SignalKind::hangup()];
    let stop = Stop::on(&signals)?;
    let folder = tempfile::Builder::new()
        .prefix("vestibule-demo-")
        .permissions(Permissions::from_mode(0o700))
        .tempdir()
        .map_err(|error| anyhow!("the demo's folder cannot be made: {error}"))?;
    let served = serve(folder.path(), listen, json, stop).await;
    folder.close().map_err(|error| anyhow!("the demo's folder cannot be removed: {error}"))?;
    served
}

async fn serve(folder: &Path, listen: SocketAddr, json: bool, stop: Stop) -> anyhow::Result<()> {
    let data_dir = folder.display().to_string();
    // A proxy of the demo runs on this machine.
    let proxies = "127.0.0.0/8,::1".to_owned();
    let flags = vec![
        (Key::Listen, listen.to_string()),
        (Key::DataDir, data_dir),
        (Key::TrustedProxies, proxies),
    ];
    let config = Config::from(None, flags, &vec![])?;
    let door = Door::open(&config).await?;
    let (vestibule, people) = tokio::select! {
        made = make(&config) => made?,
        () = stop.requested() => return Ok(()),
    };
    let tending = Tending::start(&vestibule, &config, &door).await?;
    if json {
        let demo = Demo { url: door.shown(), users: &people };
        output::print(&serde_json::to_string(&demo)?)?;
    } else {
        output::print(&describe(&door.shown(), folder, &people))?;
    }
    serving::serve(vestibule, door, tending, &config.audit_heads, stop).await
}

async fn make(config: &Config) -> anyhow::Result<(Vestibule, Vec<Person>)> {
    let vestibule = opening::create_or_open(config).await?;
    let people = furnish(&vestibule).await?;
    Ok((vestibule, people))
}

fn describe(url: &str, folder: &Path, people: &[Person]) -> String {
    let mut text = format!("{ACCOUNT}, a demo of Vestibule:\n\n    {url}\n\n");
    // Writing to a string cannot fail.
    let _ = writeln!(text, "{}", table(people));
    for person in people {
        let Some(key) = &person.totp_key else { continue };
        let _ = writeln!(
            text,
            "{} has MFA on. Add this key to an authenticator app:\n\n    {}\n    {}\n",
            person.name,
            in_fours(key),
            person.totp_uri,
        );
    }
    let _ = write!(
        text,
        "What to try
  1. Sign in as Cleo: the security code of the app is asked for. Sign out.
  2. Sign in as Ben: the password is enough, for now. Leave the page open.
  3. In a private window, sign in as Ada and go to Settings, Account: turn on \"Two Factor
     Authentication\". Ada enrols first; then it holds for everyone, at once.
  4. Reload Ben's page: Ben is led to enrolment, and back to the page.
  5. Start a reverse proxy of examples/ (docs/gate.md) and open http://{host}: it
     asks Vestibule who you are. The dashboard leads there, too.
  6. Lost everything? In another terminal:
     {program} recover ada@acme.example --data-dir {folder}

Ctrl+C ends the demo and removes all of it.",
        program = program(),
        folder = folder.display(),
        host = APPLICATION.1,
    );
    text
}

/// This program as it was called, which need not be on the search path.
fn program() -> String {
    std::env::args().next().unwrap_or_else(|| "vestibule".to_owned())
}

fn table(people: &[Person]) -> String {
    let heading = ["Email", "Name", "Role", "Password", "MFA"];
    let rows = people.iter().map(|person| {
        let mfa = if person.totp_key.is_some() { "on" } else { "off" };
        [person.email, person.name, person.role, person.password.as_str(), mfa]
    });
    let rows: Vec<[&str; 5]> = std::iter::once(heading).chain(rows).collect();
    let width = |column: usize| rows.iter().map(|row| row[column].chars().count()).max();
    let widths: Vec<usize> = (0..5).filter_map(width).collect();
    let lines = rows.iter().map(|row| {
        let cells = row.iter().zip(&widths).map(|(cell, width)| format!("{cell:<width$}"));
        format!("    {}\n", cells.collect::<Vec<_>>().join("   ").trim_end())
    });
    lines.collect()
}

/// The key as an app's users type it.
fn in_fours(key: &str) -> String {
    let mut text = String::with_capacity(key.len() * 5 / 4);
    for (index, letter) in key.chars().enumerate() {
        if index > 0 && index % 4 == 0 {
            text.push(' ');
        }
        text.push(letter);
    }
    text
}

#[cfg(test)]
mod tests {
    use super::in_fours;

    #[test]
    fn a_key_is_shown_in_groups_of_four() {
        assert_eq!(in_fours("ABCDEFGHIJ"), "ABCD EFGH IJ");
        assert_eq!(in_fours("ABCD"), "ABCD");
    }
}
