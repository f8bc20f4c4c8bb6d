//! Pages of what did not work: every sentence of them stands here.

use askama::Template;

use super::{Frame, Outside, Place, sample};

/// What happened, why, what to do now.
#[derive(Clone)]
pub struct Trouble {
    /// HTTP status.
    pub status: u16,
    /// What happened.
    pub title: String,
    /// Why.
    pub why: String,
    /// What to do now.
    pub now: String,
    /// Where the button leads.
    pub back: String,
    /// What the button says.
    pub back_text: String,
}

impl Trouble {
    fn of(status: u16, title: &str, why: &str, now: &str) -> Self {
        Self {
            status,
            title: title.into(),
            why: why.into(),
            now: now.into(),
            back: "/".into(),
            back_text: "Go to the dashboard".into(),
        }
    }

    /// The button leads elsewhere.
    #[must_use]
    pub fn back_to(self, back: impl Into<String>, text: impl Into<String>) -> Self {
        Self { back: back.into(), back_text: text.into(), ..self }
    }

    /// 400: the request says nothing that could be understood.
    pub fn bad_request() -> Self {
        Self::of(
            400,
            "This request could not be read",
            "Something in it is missing, doubled or not written as it should be. Nothing was changed.",
            "Go back, load the page anew and try once more.",
        )
    }

    /// 403: sent from another site.
    pub fn from_elsewhere() -> Self {
        Self::of(
            403,
            "This request came from another site",
            "To protect you, changes are taken from the pages of this site alone. Nothing was changed.",
            "If you meant to do it, open the page here and do it there.",
        )
    }

    /// 403: for Admins alone.
    pub fn for_admins() -> Self {
        Self::of(
            403,
            "This page is for Admins",
            "You are signed in as a Member of this account.",
            "If you need something changed here, ask an Admin of your account.",
        )
    }

    /// 403: an application that does not let this user in.
    pub fn not_admitted(application: &str, for_admins: bool) -> Self {
        let why = if for_admins {
            "It is for Admins, and for those whom they name."
        } else {
            "It is for those whom its Admins name."
        };
        let title = format!("{application} is not open to you");
        Self::of(403, &title, why, "If you need it, ask an Admin of your account.")
    }

    /// 404
    pub fn not_found() -> Self {
        Self::of(
            404,
            "There is no page here",
            "The address may be mistyped, or what it named is gone.",
            "Check the address, or start from the dashboard.",
        )
    }

    /// 405
    pub fn not_this_way() -> Self {
        Self::of(
            405,
            "This address does not work that way",
            "It takes what a form of another page sends, and cannot be opened by itself. Nothing was changed.",
            "Start from the dashboard.",
        )
    }

    /// 409: the last-Admin rule, or something that changed in between.
    pub fn refused(
        title: impl Into<String>,
        why: impl Into<String>,
        now: impl Into<String>,
    ) -> Self {
        Self { title: title.into(), why: why.into(), now: now.into(), ..Self::of(409, "", "", "") }
    }

    /// 413
    pub fn too_large() -> Self {
        Self::of(
            413,
            "This was too much to take",
            "A form here may hold 64 KiB. Nothing was changed.",
            "Go back, shorten what you typed and try once more.",
        )
    }

    /// 500
    pub fn our_fault() -> Self {
        Self::of(
            500,
            "Something went wrong on our side",
            "It is not your doing, and it is written down for whoever runs this installation.",
            "Try once more. If it happens again, tell them when it happened.",
        )
    }

    /// 503
    pub fn away() -> Self {
        Self::of(
            503,
            "Not available at this moment",
            "A part that this page needs does not answer. Nothing was changed.",
            "Try again in a few seconds.",
        )
        .back_to("", "Try again")
    }
}

/// An error for who is not behind the second door.
#[derive(Template)]
#[template(path = "error_outside.html")]
pub struct ErrorOutside {
    /// The surroundings.
    pub outside: Outside,
    /// What happened.
    pub trouble: Trouble,
}

/// An error for who is.
#[derive(Template)]
#[template(path = "error_inside.html")]
pub struct ErrorInside {
    /// The surroundings.
    pub frame: Frame,
    /// What happened.
    pub trouble: Trouble,
}

fn troubles() -> Vec<(&'static str, Trouble)> {
    vec![
        ("bad-request", Trouble::bad_request()),
        ("from-elsewhere", Trouble::from_elsewhere()),
        ("for-admins", Trouble::for_admins()),
        ("not-admitted", Trouble::not_admitted(sample::HOSTILE, true)),
        ("not-found", Trouble::not_found()),
        ("not-this-way", Trouble::not_this_way()),
        (
            "refused",
            Trouble::refused(
                format!("{} stays an Admin", sample::HOSTILE),
                "The account would be left without an Admin who can sign in.",
                "Make somebody else an Admin first.",
            )
            .back_to("/settings/users/1", "Back to this user"),
        ),
        ("too-large", Trouble::too_large()),
        ("our-fault", Trouble::our_fault()),
        ("away", Trouble::away()),
    ]
}

impl ErrorOutside {
    /// The states worth looking at.
    pub fn samples() -> Vec<(&'static str, Self)> {
        let page =
            |(state, trouble)| (state, Self { outside: sample::outside_of("Vestibule"), trouble });
        troubles().into_iter().map(page).collect()
    }
}

impl ErrorInside {
    /// The states worth looking at.
    pub fn samples() -> Vec<(&'static str, Self)> {
        let page =
            |(state, trouble)| (state, Self { frame: sample::member(Place::Elsewhere), trouble });
        troubles().into_iter().map(page).collect()
    }
}
