//! `/settings/security/recovery-codes`: the codes, until they are kept; and what follows when one
//! was used.

use askama::Template;

use super::{Outside, count, sample};

/// `/settings/security/recovery-codes`
#[derive(Template)]
#[template(path = "recovery_codes.html")]
pub struct RecoveryCodesPage {
    /// The surroundings.
    pub outside: Outside,
    /// Whose they are.
    pub email: String,
    /// Names the set that is shown.
    pub set: String,
    /// The codes, in groups.
    pub codes: Vec<String>,
    /// Where to go once they are kept.
    pub return_to: String,
    /// "Keep" was pressed for another set than this one, which is newer.
    pub is_newer: bool,
}

/// `/settings/security/recovery-codes/used`
#[derive(Template)]
#[template(path = "recovery_code_used.html")]
pub struct RecoveryCodeUsedPage {
    /// The surroundings.
    pub outside: Outside,
    /// How many are left.
    pub left: u64,
    /// Whether security codes are closed until the password is changed.
    pub budget_spent: bool,
    /// Where to go on.
    pub return_to: String,
}

impl RecoveryCodesPage {
    /// The codes as one text, a line each.
    fn lines(&self) -> String {
        self.codes.join("\n")
    }

    /// The states worth looking at.
    pub fn samples() -> Vec<(&'static str, Self)> {
        let codes = [
            "MZXW-6YTB-OJTG-633C",
            "JBSW-Y3DP-EHPK-3PXP",
            "K5XW-4IDM-KNSW-6ZTU",
            "ABCD-EFGH-IJKL-MNOP",
            "QRST-UVWX-YZ23-4567",
            "7654-32ZY-XWVU-TSRQ",
            "PONM-LKJI-HGFE-DCBA",
            "WWWW-MMMM-WWWW-MMMM",
            "IIII-LLLL-IIII-LLLL",
            "GEZD-GNBV-GY3T-QOJQ",
        ];
        let page = || Self {
            outside: sample::outside(),
            email: "ben@acme.example".into(),
            set: "s1".into(),
            codes: codes.map(Into::into).to_vec(),
            return_to: "/".into(),
            is_newer: false,
        };
        vec![
            ("new", page()),
            ("newer", Self { is_newer: true, ..page() }),
            (
                "hostile",
                Self {
                    outside: sample::outside_of(sample::HOSTILE),
                    email: sample::LONG.into(),
                    ..page()
                },
            ),
        ]
    }
}

impl RecoveryCodeUsedPage {
    /// "9 recovery codes are left."
    fn told(&self) -> String {
        match self.left {
            0 => "It was your last one.".into(),
            1 => "One is left.".into(),
            left => format!("{} are left.", count(left, "recovery code", "recovery codes")),
        }
    }

    /// Whether it is time to make new ones.
    fn is_few(&self) -> bool {
        self.left <= vestibule_domain::recovery_code::FEW as u64
    }

    /// The states worth looking at.
    pub fn samples() -> Vec<(&'static str, Self)> {
        let page = |left, budget_spent| Self {
            outside: sample::outside(),
            left,
            budget_spent,
            return_to: "/settings/users".into(),
        };
        vec![
            ("nine-left", page(9, false)),
            ("few-left", page(2, false)),
            ("last", page(0, false)),
            ("codes-closed", page(8, true)),
            ("hostile", Self { outside: sample::outside_of(sample::HOSTILE), ..page(1, true) }),
        ]
    }
}
