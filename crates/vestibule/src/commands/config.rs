//! `vestibule config check` and `vestibule config example`.

use std::path::Path;

use crate::config::Config;
use crate::output;

/// The commented reference file.
const EXAMPLE: &str = include_str!("../../../../vestibule.example.toml");

/// Reads file and environment, and says what comes of it or what is wrong with it.
pub(crate) fn check(file: Option<&Path>) -> anyhow::Result<()> {
    let config = Config::load(file, vec![])?;
    output::print(&format!("The configuration is good.\n\n{}", config.show().trim_end()))
}

/// Prints the reference file.
pub(crate) fn example() -> anyhow::Result<()> {
    output::print(EXAMPLE.trim_end())
}

#[cfg(test)]
mod tests {
    use std::fs;

    use tempfile::TempDir;

    use super::EXAMPLE;
    use crate::config::{Config, Key, environment_of};

    fn shown(text: &str) -> String {
        let folder = TempDir::new().unwrap();
        let path = folder.path().join("vestibule.toml");
        fs::write(&path, text).unwrap();
        let config = Config::from(Some(&path), vec![], &environment_of(&[])).unwrap();
        // Values alone, without where they come from.
        let show = config.show();
        let values = show.lines().map(|line| line.split("  # ").next().unwrap_or_default().trim());
        values.collect::<Vec<_>>().join("\n")
    }

    /// A line such as `#listen = "127.0.0.1:8080"`; sentences have a space after the sign.
    fn setting(line: &str) -> Option<&str> {
        line.strip_prefix('#').filter(|rest| rest.starts_with(|c: char| c.is_ascii_lowercase()))
    }

    #[test]
    fn the_example_shows_every_key_and_its_default() {
        // Mail has no default: what stands there are examples, which name no file that is here.
        let (defaults, mail) = EXAMPLE.split_once("#[smtp]").unwrap();
        let active: Vec<&str> =
            defaults.lines().map(|line| setting(line).unwrap_or(line)).collect();
        assert_eq!(shown(&active.join("\n")), shown(""));
        assert_eq!(shown(EXAMPLE), shown(""));
        // Applications have none either, and are no keys.
        let (mail, applications) = mail.split_once("#[[applications]]").unwrap();
        let keys = |text: &'static str, table: &str| -> Vec<String> {
            let keys = text.lines().filter_map(setting);
            keys.filter_map(|line| Some(format!("{table}{}", line.split(" = ").next()?))).collect()
        };
        let keys = [keys(defaults, ""), keys(mail, "smtp.")].concat();
        assert_eq!(keys, Key::ALL.map(Key::name));
        let without_files: Vec<&str> =
            mail.lines().filter_map(setting).filter(|line| !line.contains("_file")).collect();
        let shown = shown(&format!("[smtp]\n{}", without_files.join("\n")));
        assert!(shown.contains("smtp.host = \"smtp.example.com\""), "{shown}");
        assert!(!shown.contains("change-me"), "{shown}");
        let lines: Vec<&str> = applications.lines().filter_map(setting).collect();
        let shown = self::shown(&format!(
            "public_url = \"https://login.example.com\"\n[[applications]]\n{}",
            lines.join("\n")
        ));
        for line in lines {
            assert!(shown.contains(line), "{line}\n{shown}");
        }
    }
}
