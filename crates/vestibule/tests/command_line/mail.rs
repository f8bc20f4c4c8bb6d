//! Mail as an operator meets it: configured, away, hanging, and across a restart.

use std::time::Duration;

use vestibule_mail::Encryption;
use vestibule_testkit::smtp::LOGIN;
use vestibule_testkit::{Behaviour, Mailbox};

use crate::place::{Place, Running, post};

const ADA: &str = "account=Acme&name=Ada&email=ada%40acme.example&\
                   password=an+otter+sings+in+the+marble+hall";

/// A place whose configuration names the mail server of the test run, or one that is not there.
fn place(mailbox: &Mailbox, port: Option<u16>) -> Place {
    let place = Place::new();
    let smtp = mailbox.settings(Encryption::StartTls);
    place.write("password", &format!("{}\n", LOGIN.1));
    place.write(
        "vestibule.toml",
        &format!(
            "[smtp]\nhost = 'localhost'\nport = {}\n\
             encryption = 'starttls'\nusername = '{}'\npassword_file = 'password'\n\
             from = '{}'\nca_file = '{}'\n",
            port.unwrap_or(smtp.port),
            LOGIN.0,
            mailbox.sender,
            Mailbox::authority_file().display(),
        ),
    );
    place
}

#[test]
fn a_doctor_speaks_with_the_mail_server_and_sends_nothing() {
    let mailbox = Mailbox::new();
    let doctor = |place: &Place| {
        let output = place.run(&["doctor", "--config", "vestibule.toml"]);
        (output.status.code(), crate::place::text(&output.stdout))
    };
    let good = place(&mailbox, None);
    set_up(&good);
    let (code, text) = doctor(&good);
    assert!(code == Some(0) && text.contains("ok    mail server localhost:"), "{text}");
    // Port 1 is reserved, and nobody listens there.
    let away = place(&mailbox, Some(1));
    set_up(&away);
    let (code, text) = doctor(&away);
    assert!(code == Some(1) && text.contains("bad   mail server localhost:1"), "{text}");
}

fn serve(place: &Place) -> Running {
    place.serve(&["--config", "vestibule.toml"])
}

/// Makes the account, and leaves nothing running.
fn set_up(place: &Place) {
    let mut server = serve(place);
    let lines: Vec<String> = (0..3).map(|_| server.line()).collect();
    assert_eq!(post(&lines[2], ADA).0, 303, "{lines:?}");
    server.stop("TERM");
}

/// Something of which Ada is told, by a process beside the one that serves.
fn recover(place: &Place) {
    let url = "--public-url=http://localhost:8080";
    place.answer(&["recover", "ada@acme.example", "--config", "vestibule.toml", url]);
}

fn wait_until(what: &str, is_so: impl Fn() -> bool) {
    let mut tries = 0;
    while !is_so() {
        tries += 1;
        assert!(tries < 1_500, "{what}");
        std::thread::sleep(Duration::from_millis(20));
    }
}

#[test]
fn what_waits_survives_a_restart_and_is_sent_once() {
    let mailbox = Mailbox::new();
    let place = place(&mailbox, None);
    set_up(&place);
    recover(&place);
    assert!(mailbox.all().is_empty(), "nobody serves");
    for _ in 0..2 {
        let server = serve(&place);
        wait_until("the mail arrives", || !mailbox.all().is_empty());
        server.stop("TERM");
    }
    let mails = mailbox.all();
    assert_eq!(mails.len(), 1);
    assert_eq!((mails[0].tls, mails[0].login), (true, true));
    assert_eq!(mails[0].to, "ada@acme.example");
}

#[test]
fn a_server_that_hangs_does_not_hold_up_the_end() {
    let mailbox = Mailbox::new();
    let place = place(&mailbox, None);
    set_up(&place);
    mailbox.behave(Behaviour::Hang);
    recover(&place);
    let server = serve(&place);
    wait_until("the mail server is told", || mailbox.has_hung());
    assert_eq!(server.stop("TERM").0, Some(0));
}

#[test]
fn a_server_that_is_away_is_one_line_and_serving_goes_on() {
    let mailbox = Mailbox::new();
    let place = place(&mailbox, Some(1));
    set_up(&place);
    recover(&place);
    recover(&place);
    let log = place.path("log");
    let args = ["serve", "--listen=127.0.0.1:0", "--config=vestibule.toml"];
    let mut command = place.command(&args);
    command.stderr(std::fs::File::create(&log).unwrap());
    let server = Running::start_as_is(command);
    let written = || std::fs::read_to_string(&log).unwrap();
    wait_until("it is said", || written().contains("mail cannot be sent now"));
    assert_eq!(server.stop("TERM").0, Some(0));
    let log = written();
    let lines: Vec<&str> = log.lines().filter(|line| line.contains("mail")).collect();
    assert_eq!(lines.len(), 1, "{log}");
    assert!(lines[0].contains("WARN") && lines[0].contains("localhost:1"), "{log}");
    assert!(!log.contains(LOGIN.1) && !log.contains("ada@"), "{log}");
}
