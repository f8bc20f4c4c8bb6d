//! The phone against the vectors of RFC 6238, appendix B, and against addresses that no app takes.

use vestibule_testkit::phone::Enrolled;

fn phone(uri: &str) -> Enrolled {
    Enrolled::from_uri(uri)
}

const URI: &str = "otpauth://totp/Acme%20Analytics:ada%40acme.example?secret=GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ&issuer=Acme%20Analytics";

#[test]
fn codes_are_those_of_the_rfc() {
    // The vectors have eight digits; six are their last six.
    for (seconds, code) in [
        (59, "287082"),
        (1_111_111_109, "081804"),
        (1_111_111_111, "050471"),
        (1_234_567_890, "005924"),
        (2_000_000_000, "279037"),
        (20_000_000_000, "353130"),
    ] {
        assert_eq!(phone(URI).code_at(seconds * 1_000 + 999), code, "at {seconds}");
    }
}

#[test]
fn the_address_is_read_as_an_app_reads_it() {
    let enrolled = phone(URI);
    assert_eq!(enrolled.issuer, "Acme Analytics");
    assert_eq!(enrolled.label, "ada@acme.example");
    let plus = phone(
        "otpauth://totp/Acme:%20ada+1@acme.example?secret=MFRGG&issuer=Acme&digits=6&period=30&algorithm=SHA1",
    );
    assert_eq!(plus.label, "ada+1@acme.example");
}

#[test]
#[should_panic(expected = "algorithm")]
fn another_algorithm_is_refused() {
    phone(&format!("{URI}&algorithm=SHA256"));
}

#[test]
#[should_panic(expected = "the two issuers")]
fn issuers_that_differ_are_refused() {
    phone("otpauth://totp/Acme:ada?secret=MFRGG&issuer=Other");
}
