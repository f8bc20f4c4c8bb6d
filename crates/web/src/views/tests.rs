//! Every sample of every page, held against what must be true of all pages.

use std::collections::HashSet;

use super::{When, count, number, qr::Qr, render_all_samples, sample, script_url, style_url};

/// The opening tags of a page with this name, in order.
fn tags<'a>(html: &'a str, name: &str) -> Vec<&'a str> {
    let opening = format!("<{name}");
    html.match_indices(&opening)
        .filter(|(at, _)| {
            !html[at + opening.len()..].starts_with(|c: char| c.is_ascii_alphanumeric())
        })
        .filter_map(|(at, _)| Some(&html[at..=at + html[at..].find('>')?]))
        .collect()
}

fn attribute<'a>(tag: &'a str, name: &str) -> Option<&'a str> {
    let start = tag.find(&format!(" {name}=\""))? + name.len() + 3;
    tag[start..].split('"').next()
}

/// What a person reads: the page without its tags.
fn words(html: &str) -> String {
    let mut words = String::new();
    let mut in_tag = false;
    for c in html.chars() {
        match c {
            '<' => in_tag = true,
            '>' => {
                in_tag = false;
                words.push(' ');
            }
            c if !in_tag => words.push(c),
            _ => {}
        }
    }
    words
}

#[test]
fn every_page_is_one_whole_page() {
    let mut names = HashSet::new();
    for (name, html) in render_all_samples() {
        assert!(html.starts_with("<!doctype html>"), "{name}: {}", &html[..html.len().min(200)]);
        assert!(names.insert(name.clone()), "{name} stands twice");
        for tag in ["title", "h1", "main"] {
            assert_eq!(tags(&html, tag).len(), 1, "{name}: one <{tag}>");
        }
        let title = html.split("<title>").nth(1).and_then(|rest| rest.split("</title>").next());
        assert!(
            title.is_some_and(|title| !title.trim_start().starts_with('·')),
            "{name}: {title:?}"
        );
        assert!(html.contains("<html lang=\"en\">"), "{name}");
        assert!(
            tags(&html, "button").len() <= 40 && html.len() < 40_000,
            "{name}: {} bytes",
            html.len()
        );
        assert!(html.matches(" autofocus").count() <= 1, "{name}: one place for the focus");
    }
}

#[test]
fn nothing_is_inline_and_nothing_comes_from_elsewhere() {
    for (name, html) in render_all_samples() {
        if name.starts_with("gate/") {
            // At a protected host: its one style is allowed by its hash, and nothing is loaded.
            assert_eq!(html.matches("<style>").count(), 1, "{name}");
            for other in ["<script", "<link", "<img", "<form", " style=", " src="] {
                assert!(!html.contains(other), "{name}: {other}");
            }
            continue;
        }
        for tag in html.split('<').skip(1).map(|rest| rest.split('>').next().unwrap_or_default()) {
            assert!(!tag.starts_with("style"), "{name}: <{tag}>");
            assert!(!tag.contains(" style="), "{name}: <{tag}>");
            for (at, _) in tag.match_indices(" on") {
                let handler = tag[at + 3..]
                    .split(|c: char| !c.is_ascii_lowercase())
                    .next()
                    .unwrap_or_default();
                assert!(!tag[at + 3 + handler.len()..].starts_with('='), "{name}: <{tag}>");
            }
        }
        let scripts = tags(&html, "script");
        assert_eq!(scripts.len(), 1, "{name}: {scripts:?}");
        assert_eq!(attribute(scripts[0], "src"), Some(script_url()), "{name}");
        assert!(html.contains(style_url()), "{name}");
        for tag in tags(&html, "form") {
            assert!(
                attribute(tag, "action").is_some_and(|url| url.starts_with('/')),
                "{name}: {tag}"
            );
        }
        let leads_out = |tag: &&str| {
            attribute(tag, "class").is_some_and(|class| class.ends_with("to-application"))
        };
        let links = tags(&html, "a").into_iter();
        for url in links.filter(|tag| !leads_out(tag)).filter_map(|tag| attribute(tag, "href")) {
            assert!(
                url.is_empty() || url.starts_with(['/', '#']) || url.starts_with("otpauth://"),
                "{name}: {url}"
            );
        }
    }
}

#[test]
fn every_field_has_a_label_and_every_reference_leads_somewhere() {
    for (name, html) in render_all_samples() {
        let inputs = tags(&html, "input");
        for input in inputs.iter().filter(|input| attribute(input, "type") != Some("hidden")) {
            let labelled = attribute(input, "id")
                .is_some_and(|id| html.contains(&format!("<label for=\"{id}\">")));
            let wrapped = html.contains(&format!("<label>{input}"));
            assert!(labelled || wrapped, "{name}: {input}");
            assert!(attribute(input, "type").is_some(), "{name}: {input}");
        }
        let ids: Vec<&str> =
            html.split(" id=\"").skip(1).filter_map(|rest| rest.split('"').next()).collect();
        let unique: HashSet<&str> = ids.iter().copied().collect();
        assert_eq!(ids.len(), unique.len(), "{name}: an id stands twice: {ids:?}");
        for reference in ["aria-labelledby", "aria-describedby", "for"] {
            for value in html
                .split(&format!(" {reference}=\""))
                .skip(1)
                .filter_map(|rest| rest.split('"').next())
            {
                for id in value.split(' ') {
                    assert!(unique.contains(id), "{name}: {reference}={value}");
                }
            }
        }
        for form in html.split("<form").skip(1).filter_map(|rest| rest.split("</form>").next()) {
            assert!(
                form.contains("<button"),
                "{name}: a form without a button works with a script alone"
            );
        }
    }
}

#[test]
fn hostile_names_are_shown_and_stay_harmless() {
    let mut shown = 0;
    for (name, html) in render_all_samples() {
        assert!(!html.contains("<script>"), "{name}");
        assert!(!html.contains(sample::HOSTILE), "{name}");
        shown += usize::from(
            html.contains("&#60;script&#62;alert(&#34;1&#34;)&#60;/script&#62; &#38; &#39;Co&#39;"),
        );
    }
    assert!(shown >= 15, "{shown} pages show a hostile name");
}

#[test]
fn the_words_are_plain() {
    for (name, html) in render_all_samples() {
        let words = words(&html);
        for banned in [
            "!",
            "Oops",
            "oops",
            "nvalid",
            "Submit",
            "submit",
            "OK",
            "2FA",
            "two-factor",
            "Error",
            "error",
        ] {
            assert!(!words.contains(banned), "{name} says {banned}");
        }
    }
}

#[test]
fn the_switch_says_what_it_is() {
    for (name, html) in render_all_samples().iter().filter(|(name, _)| name.starts_with("account/"))
    {
        let mut buttons = tags(html, "button").into_iter();
        let switch = buttons.find(|tag| tag.contains("role=\"switch\"")).unwrap_or_default();
        let label = attribute(switch, "aria-labelledby").unwrap_or_default();
        assert!(html.contains(&format!("id=\"{label}\">Two Factor Authentication</h2>")), "{name}");
        let on = attribute(switch, "aria-checked") == Some("true");
        let sent: Vec<&str> =
            tags(html, "input").into_iter().filter_map(|tag| attribute(tag, "value")).collect();
        assert_eq!(
            sent,
            vec![if on { "false" } else { "true" }; 2],
            "{name}: the switch and the button send the same"
        );
        assert!(html.matches("action=\"/settings/account/mfa\"").count() == 2, "{name}");
    }
}

#[test]
fn a_spent_budget_takes_the_field_away() {
    let pages: Vec<_> = render_all_samples()
        .into_iter()
        .filter(|(name, _)| name.contains("/budget-spent"))
        .collect();
    assert_eq!(pages.len(), 5, "with recovery codes and without");
    for (name, html) in pages {
        assert!(!html.contains("name=\"code\""), "{name}");
        assert!(html.contains("new-password link"), "{name}");
    }
}

#[test]
fn numbers_and_moments_are_told_for_people() {
    assert_eq!(number(0), "0");
    assert_eq!(number(999), "999");
    assert_eq!(number(1_000), "1,000");
    assert_eq!(number(1_234_567), "1,234,567");
    assert_eq!(count(1, "user", "users"), "1 user");
    assert_eq!(count(2_000, "user", "users"), "2,000 users");
    let when = When::from_unix_ms(1_764_064_020_999);
    assert_eq!(
        (when.iso.as_str(), when.text.as_str()),
        ("2025-11-25T09:47:00Z", "25 Nov 2025, 09:47 UTC")
    );
    assert_eq!(When::from_unix_ms(-1).iso, "1969-12-31T23:59:59Z");
    assert_eq!(When::from_unix_ms(i64::MAX).text, "unknown");
}

#[test]
fn a_qr_code_has_its_white_and_too_long_a_text_has_none() {
    use askama::Template;
    let code = Qr::of("otpauth://totp/a?secret=JBSWY3DPEHPK3PXP");
    let picture = code.and_then(|code| code.render().ok()).unwrap_or_default();
    assert!(picture.contains("role=\"img\"") && picture.contains("fill=\"#fff\""), "{picture}");
    // Version 3 has 29 modules; the first dark one stands behind four of white.
    assert!(
        picture.contains("viewBox=\"0 0 37 37\"") && picture.contains("d=\"M4 4h7v1h-7z"),
        "{picture}"
    );
    assert!(Qr::of(&"x".repeat(5_000)).is_none());
}
