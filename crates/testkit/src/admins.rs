//! What Admins do with users, as single steps of a story.

use reqwest::Method;

use crate::app::{TestApp, email, password};
use crate::client::{Answer, Client};

impl TestApp {
    /// The path of a user's page; with the rest of a path, of an act upon them.
    pub async fn user_path(&self, who: &str, act: &str) -> String {
        format!("/settings/users/{}{act}", self.id(who).await)
    }

    /// Acts upon a user: `act` is the rest of the path, such as `/disable`.
    pub async fn act(&self, admin: &Client, who: &str, act: &str) -> Answer {
        admin.post(&self.user_path(who, act).await, &[]).await
    }

    /// Gives a user another role.
    pub async fn set_role(&self, admin: &Client, who: &str, role: &str) -> Answer {
        admin.post(&self.user_path(who, "/role").await, &[("role", role)]).await
    }

    /// Adds a user, and answers the path of the invitation.
    pub async fn invite(&self, admin: &Client, who: &str, role: &str) -> String {
        let email = email(who);
        let fields = [("email", email.as_str()), ("name", who), ("role", role)];
        self.link_on(&admin.post("/settings/users", &fields).await)
    }

    /// Makes a link for a new password, and answers its path.
    pub async fn password_link(&self, admin: &Client, who: &str) -> String {
        self.link_on(&self.act(admin, who, "/password-link").await)
    }

    /// The path of the link that a page shows.
    #[track_caller]
    pub fn link_on(&self, page: &Answer) -> String {
        assert_eq!(page.status, 200, "no link: {}", page.text());
        self.path_of_link(&page.between("id=\"link\" type=\"text\" value=\"", "\""))
    }

    /// Opens a link's page and sends it in with a password.
    pub async fn use_link(&self, browser: &Client, path: &str, password: &str) -> Answer {
        let page = browser.get(path).await;
        assert_eq!(page.status, 200, "{}", page.text());
        let mut fields = vec![("password", password)];
        let name = page.field("name");
        fields.extend(name.as_deref().map(|name| ("name", name)));
        // A page that says `no-referrer` is nobody's origin to a browser.
        let headers = [("sec-fetch-site", "same-origin"), ("origin", "null")];
        browser.send(Method::POST, path, Some(&fields), &headers).await
    }

    /// Gives the fresh proof that a page asks for, in the form of that page, and follows where it
    /// leads.
    pub async fn prove_as_asked(&self, who: &str, browser: &Client, asked: &Answer) -> Answer {
        asked.must_show("Confirm that it is you");
        let proof = if asked.field("code").is_some() {
            self.clock.next_code();
            ("code", self.code(who))
        } else {
            ("password", password(who))
        };
        let hidden = asked.carried_fields();
        let mut fields: Vec<(&str, &str)> =
            hidden.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
        fields.push((proof.0, &proof.1));
        browser.submit("/proof", &fields).await
    }

    /// What an Admin sees of the account and of everyone in it, for where nothing may change.
    pub async fn picture(&self, admin: &Client) -> Vec<String> {
        let mut pages = vec!["/settings/account".to_owned(), "/settings/security".to_owned()];
        let mut next = Some("/settings/users".to_owned());
        while let Some(path) = next {
            let list = admin.get(&path).await;
            pages.extend(users_on(&list));
            next = list.link("Next page");
            pages.push(path);
        }
        let applications = admin.get("/settings/applications").await;
        pages.extend(applications_on(&applications));
        pages.push("/settings/applications".to_owned());
        let mut picture = Vec::new();
        for path in pages {
            let page = admin.get(&path).await;
            assert_eq!(page.status, 200, "{path}: {}", page.text());
            picture.push(format!("{path}: {}", page.text()));
        }
        picture
    }
}

/// The paths of the users on a page of the list.
pub fn users_on(list: &Answer) -> Vec<String> {
    pages_below("/settings/users/", list)
}

/// The paths of the applications on their list.
pub fn applications_on(list: &Answer) -> Vec<String> {
    pages_below("/settings/applications/", list)
}

fn pages_below(folder: &str, list: &Answer) -> Vec<String> {
    let before = format!("href=\"{folder}");
    let links = list.body.split(&before).skip(1);
    let ids = links.filter_map(|rest| rest.split('"').next()).filter(|id| *id != "new");
    ids.map(|id| format!("{folder}{id}")).collect()
}
