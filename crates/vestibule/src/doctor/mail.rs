//! Mail: whether the server is there, speaks TLS under its name, and takes the password. Nothing is
//! sent.

use vestibule_mail::Smtp;

use super::Finding;
use crate::config::Config;

/// Speaks with the mail server, where one is configured.
pub(crate) async fn look(config: &Config) -> Vec<Finding> {
    let Some(settings) = config.smtp.clone() else {
        return vec![Finding::ok(
            "mail: not configured, so Admins hand links to people themselves",
        )];
    };
    let host = config.configured_public_url().and_then(|url| url.domain());
    let smtp = match Smtp::new(settings, host.unwrap_or("localhost")) {
        Ok(smtp) => smtp,
        Err(problem) => return vec![Finding::bad(format!("mail: {problem}"), "mend [smtp]")],
    };
    let shown = smtp.shown();
    vec![match smtp.check().await {
        Ok(()) => Finding::ok(format!("mail server {shown}: answers")),
        Err(problem) => Finding::bad(
            format!("mail server {shown}: {problem}"),
            "check [smtp]: mails wait until it answers (docs/mail.md)",
        ),
    }]
}
