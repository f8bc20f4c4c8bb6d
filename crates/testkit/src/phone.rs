//! The user's phone: reads a QR code from a screenshot and computes the security code, with
//! programs that are not ours (`zbarimg`, `oathtool`), so that no mistake of ours can hide by
//! being made twice.

#![expect(clippy::expect_used, clippy::panic, reason = "a phone that does not work ends the test")]

use std::ffi::OsStr;
use std::path::Path;
use std::process::Command;

use percent_encoding::percent_decode_str;
use url::Url;

/// What an authenticator app keeps after it has seen the QR code.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Enrolled {
    /// The key, in base32 as in the QR code.
    pub secret_base32: String,
    /// Who issued it: shown above the code.
    pub issuer: String,
    /// Whose it is: the part of the label after the issuer.
    pub label: String,
}

impl Enrolled {
    /// Reads the one QR code in the picture `screenshot`.
    ///
    /// # Panics
    /// When there is none, or it does not hold a TOTP key as [`from_uri`](Self::from_uri) asks.
    pub fn scan(screenshot: &Path) -> Self {
        Self::from_uri(&read_qr(screenshot))
    }

    /// Takes over an `otpauth://totp/…` address, as from the link for who enrols on the phone.
    ///
    /// # Panics
    /// When an app would not accept the address, or would compute other codes than 6 digits every
    /// 30 seconds with SHA-1.
    pub fn from_uri(uri: &str) -> Self {
        let url = Url::parse(uri).unwrap_or_else(|error| panic!("{uri:?} is no address: {error}"));
        assert_eq!((url.scheme(), url.host_str()), ("otpauth", Some("totp")), "in {uri}");
        let parameter = |name: &str| {
            let mut values = url.query_pairs().filter(|(key, _)| key == name);
            let value = values.next().map(|(_, value)| value.into_owned());
            assert!(values.next().is_none(), "{name} twice in {uri}");
            value
        };
        for (name, expected) in [("digits", "6"), ("period", "30"), ("algorithm", "SHA1")] {
            let value = parameter(name);
            assert!(value.is_none_or(|value| value == expected), "{name} in {uri}");
        }

        let label = percent_decode_str(url.path().trim_start_matches('/'));
        let label = label.decode_utf8().unwrap_or_else(|error| panic!("label of {uri}: {error}"));
        let issuer = parameter("issuer").unwrap_or_else(|| panic!("no issuer in {uri}"));
        // Apps of either age show the issuer: the old take it from the label.
        let (before, label) =
            label.split_once(':').unwrap_or_else(|| panic!("no issuer in the label of {uri}"));
        assert_eq!(before, issuer, "the two issuers of {uri}");
        Self {
            secret_base32: parameter("secret").unwrap_or_else(|| panic!("no secret in {uri}")),
            issuer,
            label: label.trim_start().to_owned(),
        }
    }

    /// The code that the app shows at `unix_ms`, in milliseconds since 1970.
    ///
    /// # Panics
    /// When `oathtool` is missing or refuses the key.
    pub fn code_at(&self, unix_ms: i64) -> String {
        let now = format!("@{}", unix_ms.div_euclid(1_000));
        let arguments = ["--totp", "-b", "-N", &now, "--", &self.secret_base32];
        run("oathtool", "oathtool", arguments)
    }
}

/// The text of the one QR code in the picture.
///
/// # Panics
/// When `zbarimg` is missing, or finds none or several.
pub fn read_qr(picture: &Path) -> String {
    let options = ["--raw", "-q", "--set", "*.enable=0", "--set", "qrcode.enable=1"];
    let arguments = options.map(OsStr::new).into_iter().chain([picture.as_os_str()]);
    let text = run("zbarimg", "zbar-tools", arguments);
    assert_eq!(text.lines().count(), 1, "one QR code in {}, not: {text:?}", picture.display());
    text
}

fn run<A: AsRef<OsStr>>(
    program: &str,
    package: &str,
    arguments: impl IntoIterator<Item = A>,
) -> String {
    let output = Command::new(program).args(arguments).output().unwrap_or_else(|error| {
        panic!("{program} does not run ({error}). On Debian: apt-get install {package}")
    });
    assert!(
        output.status.success(),
        "{program} failed ({}): {}{}",
        output.status,
        String::from_utf8_lossy(&output.stdout),
        String::from_utf8_lossy(&output.stderr),
    );
    String::from_utf8(output.stdout).expect("it prints text").trim().to_owned()
}
