//! The audit log in plain words: one sentence a kind. The compiler asks for it when a kind is added.

use vestibule_domain::audit::{AuditGroup, AuditKind};

/// Whom a sentence is about, by the names that they have now.
pub struct Told<'a> {
    /// Who acted, at the beginning of the sentence: "Ada Lovelace", "Somebody", "The host’s command
    /// line".
    pub who: &'a str,
    /// Whom it concerns, within it.
    pub whom: &'a str,
    /// What else the event says.
    pub detail: &'a str,
}

/// What happened.
#[expect(clippy::too_many_lines, reason = "one sentence a kind, and all of them together")]
pub fn sentence(kind: AuditKind, told: &Told<'_>) -> String {
    let Told { who, whom, detail } = told;
    match kind {
        AuditKind::AccountCreated => format!("{who} created the account {detail}"),
        AuditKind::PolicyRequired => format!("{who} turned the switch on: MFA for everyone"),
        AuditKind::PolicyOptional => format!("{who} turned the switch off: MFA is up to each user"),
        AuditKind::PasswordRefused => format!("A sign-in as {whom} was refused at the password"),
        AuditKind::PasswordAccepted => format!("{who} gave the right password and began a session"),
        AuditKind::CodeWrong => format!("{who} gave a wrong security code"),
        AuditKind::CodeSpent => format!("{who} gave a security code that was used before"),
        AuditKind::CodeOff => format!("{who} gave a security code of another time"),
        AuditKind::BudgetSpent => {
            format!("Security codes are closed for {whom}: too many were tried")
        }
        AuditKind::CodeAccepted => format!("{who} gave a security code and signed in"),
        AuditKind::PasswordTooSoon => {
            format!("A sign-in as {whom} came before its wait was over, and was not looked at")
        }
        AuditKind::CodeTooSoon => {
            format!("{who} gave a code before the wait was over: it was not looked at")
        }
        AuditKind::RecoveryCodeUsed => {
            format!("{who} used a recovery code in place of a security code")
        }
        AuditKind::RecoveryCodeWrong => format!("{who} gave a wrong recovery code"),
        AuditKind::RecoveryCodeSpent => {
            format!("{who} gave a recovery code that was used before")
        }
        AuditKind::RecoveryCodesMade => format!("{who} got new recovery codes"),
        AuditKind::RecoveryCodesKept => format!("{who} said that the recovery codes are kept"),
        AuditKind::FreshProofGiven => format!("{who} gave a fresh proof before an act"),
        AuditKind::FreshProofRefused => format!("{who} was refused a fresh proof before an act"),
        AuditKind::EnrolmentStarted => format!("{who} was shown the key for a new app"),
        AuditKind::FactorAdded => format!("{who} added the app {detail}"),
        AuditKind::FactorRenamed => format!("{who} gave an app the name {detail}"),
        AuditKind::FactorRemoved => format!("{who} removed an app of their own"),
        AuditKind::FactorsReset => format!("{who} reset the factors of {whom}"),
        AuditKind::FactorsReplaced => {
            format!("{who} replaced all their apps by {detail}, with a recover link")
        }
        AuditKind::PasswordChanged => format!("{who} changed their password"),
        AuditKind::NameChanged => format!("{who} changed their display name to {detail}"),
        AuditKind::SignedOut => format!("{who} signed out"),
        AuditKind::SessionEnded => format!("{who} ended one of their sessions"),
        AuditKind::OtherSessionsEnded => format!("{who} ended all their other sessions"),
        AuditKind::UserInvited => {
            let (email, role) = detail.rsplit_once(' ').unwrap_or((detail, ""));
            format!("{who} invited {email} as {}", article(role))
        }
        AuditKind::InvitationRenewed => format!("{who} made a new invitation link for {whom}"),
        AuditKind::InvitationCancelled => format!("{who} took the invitation of {whom} back"),
        AuditKind::InvitationAccepted => format!("{whom} accepted the invitation"),
        AuditKind::PasswordLinkMade => format!("{who} made a new-password link for {whom}"),
        AuditKind::PasswordLinkUsed => format!("{whom} set a new password with a link"),
        AuditKind::PasswordForgotten => format!("{who} asked for a new password by mail"),
        AuditKind::PasswordLinkMailed => format!("A new-password link was mailed to {whom}"),
        AuditKind::EmailChangeAsked => format!("{who} asked to change their address to {detail}"),
        AuditKind::EmailChanged => format!("{who} changed their address from {detail}"),
        AuditKind::MailGivenUp => format!("A mail to {whom} was given up ({detail})"),
        AuditKind::RecoverLinkMade => format!("{who} made a recover link for {whom}"),
        AuditKind::RecoverLinkUsed => format!("{whom} set a new password with a recover link"),
        AuditKind::RoleChanged => {
            let role = detail.rsplit(' ').next().unwrap_or_default();
            format!("{who} made {whom} {}", article(role))
        }
        AuditKind::UserDisabled => format!("{who} disabled {whom}"),
        AuditKind::UserEnabled => format!("{who} enabled {whom} again"),
        AuditKind::UserRemoved => format!("{who} removed {whom}"),
        AuditKind::EnrolmentCodeRefused => {
            format!("{who} gave a code that did not confirm the new app")
        }
        AuditKind::AdminActRefused => {
            format!("{who} was refused an Admin’s act, being no Admin any more")
        }
        AuditKind::SwitchNeedsFactor => {
            format!("{who} was refused the switch, having no factor yet")
        }
        AuditKind::OwnResetRefused => format!("{who} was refused the reset of their own factors"),
        AuditKind::AddressTaken => {
            format!("{who} was refused the address {detail}: it is taken")
        }
        AuditKind::LastAdminKept => {
            format!("{who} was refused an act upon {whom}, the last Admin who can sign in")
        }
        AuditKind::LastFactorKept => {
            format!("{who} was refused the removal of their last factor while the switch is on")
        }
        AuditKind::DatabaseRestored => {
            format!("{who} put the database back from a backup: {detail}")
        }
        AuditKind::DataKeyMade => format!("{who} made data key {detail}"),
        AuditKind::DataKeyRetired => {
            format!("Data key {detail} was removed: nothing is sealed with it any more")
        }
        AuditKind::MasterKeyChanged => format!("{who} changed the master key: {detail}"),
        AuditKind::ApplicationAdded => format!("{who} added the application {detail}"),
        AuditKind::ApplicationChanged => format!("{who} changed the application {detail}"),
        AuditKind::ApplicationRemoved => format!("{who} removed the application {detail}"),
        AuditKind::ApplicationEntered => format!("{who} entered {detail}"),
        AuditKind::ApplicationRefused => {
            format!("{who} was refused {detail}, which does not let them in")
        }
        AuditKind::HandOverRefused => {
            format!("{who} was not handed over to {detail}: used, expired or another browser’s")
        }
        AuditKind::AuditExported => format!("{who} exported the audit log ({detail})"),
        AuditKind::AuditTrimmed => {
            format!("The oldest events were removed, as the configuration says: {detail}")
        }
    }
}

/// What a group is called where one is chosen.
pub fn group(group: AuditGroup) -> &'static str {
    match group {
        AuditGroup::SignIn => "Sign-ins and sessions",
        AuditGroup::OwnSettings => "Factors and passwords",
        AuditGroup::Users => "Managing users",
        AuditGroup::Policy => "The switch, the account, applications",
        AuditGroup::Refused => "Refused acts",
        AuditGroup::Trail => "The audit log itself",
    }
}

fn article(role: &str) -> &'static str {
    if role == "Admin" { "an Admin" } else { "a Member" }
}

#[cfg(test)]
mod tests {
    use super::{AuditKind, Told, sentence};

    /// Each kind has a sentence of its own, which names somebody or something.
    #[test]
    fn every_kind_has_words() {
        let told = Told { who: "Ada", whom: "Ben", detail: "ben@acme.example Admin" };
        let mut all: Vec<String> =
            AuditKind::ALL.iter().map(|kind| sentence(*kind, &told)).collect();
        for words in &all {
            let names = ["Ada", "Ben", "ben@acme.example"].iter().any(|name| words.contains(name));
            assert!(names && !words.contains("  ") && !words.ends_with('.'), "{words}");
        }
        all.sort();
        all.dedup();
        assert_eq!(all.len(), AuditKind::ALL.len());
    }
}
