//! A browser without a screen: cookies, forms, and the headers that browsers send.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use reqwest::header::{HeaderMap, HeaderValue};
use reqwest::{Method, StatusCode};

/// One browser of one person. Clones share its cookies.
#[derive(Clone)]
pub struct Client {
    http: reqwest::Client,
    base: String,
    origin: String,
    cookies: Arc<Mutex<BTreeMap<String, String>>>,
    user_agent: String,
    forwarded_for: Option<String>,
}

/// What the session's cookie is called, with and without https.
const SESSION_COOKIES: [&str; 2] = ["vestibule", "__Host-vestibule"];

/// What came back.
#[derive(Clone, Debug)]
pub struct Answer {
    /// The status.
    pub status: StatusCode,
    /// The headers.
    pub headers: HeaderMap,
    /// The body as text.
    pub body: String,
}

impl Client {
    /// A browser that has been nowhere.
    pub fn new(base: &str) -> Self {
        Self::behind(base, base)
    }

    /// The same, of somebody who comes through a proxy: requests arrive at `base`, and the pages
    /// stand at `origin`.
    pub fn behind(base: &str, origin: &str) -> Self {
        // Browsers take every name under `localhost` for their own machine, libraries need not.
        let http = reqwest::Client::builder()
            .redirect(reqwest::redirect::Policy::none())
            .resolve("app.localhost", (std::net::Ipv4Addr::LOCALHOST, 0).into())
            .build()
            .unwrap();
        let user_agent = "Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0";
        Self {
            http,
            base: base.to_owned(),
            origin: origin.trim_end_matches('/').to_owned(),
            cookies: Arc::default(),
            user_agent: user_agent.to_owned(),
            forwarded_for: None,
        }
    }

    /// The same browser, under another name of its kind.
    #[must_use]
    pub fn calling_itself(mut self, user_agent: &str) -> Self {
        user_agent.clone_into(&mut self.user_agent);
        self
    }

    /// The address at which its pages stand.
    pub fn origin(&self) -> &str {
        &self.origin
    }

    /// The same browser, in another network: a proxy that is trusted says so.
    #[must_use]
    pub fn coming_from(mut self, address: &str) -> Self {
        self.forwarded_for = Some(address.to_owned());
        self
    }

    /// The same browser at another node, which has an address of its own here.
    #[must_use]
    pub fn on(&self, url: &str) -> Self {
        Self { base: url.to_owned(), origin: url.to_owned(), ..self.clone() }
    }

    /// The value of its session's cookie, if it has one.
    pub fn cookie(&self) -> Option<String> {
        let cookies = self.cookies.lock().unwrap();
        SESSION_COOKIES.iter().find_map(|name| cookies.get(*name).cloned())
    }

    /// All its cookies as they stand in a request, if it has any.
    pub fn cookie_header(&self) -> Option<String> {
        let cookies = self.cookies.lock().unwrap();
        let pairs: Vec<String> =
            cookies.iter().map(|(name, value)| format!("{name}={value}")).collect();
        (!pairs.is_empty()).then(|| pairs.join("; "))
    }

    /// Puts a value in place of its session's cookie, as somebody who plants or steals one would.
    pub fn plant_cookie(&self, value: &str) {
        self.cookies.lock().unwrap().insert("vestibule".into(), value.to_owned());
    }

    /// The value of a cookie.
    pub fn cookie_named(&self, name: &str) -> Option<String> {
        self.cookies.lock().unwrap().get(name).cloned()
    }

    /// Puts a cookie there, of any name and value.
    pub fn plant(&self, name: &str, value: &str) {
        self.cookies.lock().unwrap().insert(name.to_owned(), value.to_owned());
    }

    /// Another browser with the same cookie, which from now on goes its own way.
    #[must_use]
    pub fn stolen(&self) -> Self {
        let cookies = self.cookies.lock().unwrap().clone();
        Self { cookies: Arc::new(Mutex::new(cookies)), ..self.clone() }
    }

    /// Loads a page. Redirects are not followed.
    pub async fn get(&self, path: &str) -> Answer {
        self.send(Method::GET, path, None, &[]).await
    }

    /// Loads a page and follows redirects.
    pub async fn visit(&self, path: &str) -> Answer {
        let mut answer = self.get(path).await;
        for _ in 0..8 {
            match answer.location() {
                Some(next) => answer = self.get(&next).await,
                None => return answer,
            }
        }
        panic!("{path} leads in a circle: {answer:?}");
    }

    /// Sends a form from a page of the same site. Redirects are not followed.
    pub async fn post(&self, path: &str, fields: &[(&str, &str)]) -> Answer {
        self.send(Method::POST, path, Some(fields), &self.own_page()).await
    }

    /// The headers of a request that a page of this site sent.
    pub fn own_page(&self) -> [(&str, &str); 2] {
        [("sec-fetch-site", "same-origin"), ("origin", &self.origin)]
    }

    /// Sends a form and follows redirects, as a browser does: 307 sends it again.
    pub async fn submit(&self, path: &str, fields: &[(&str, &str)]) -> Answer {
        let mut answer = self.post(path, fields).await;
        for _ in 0..8 {
            let Some(next) = answer.location() else { return answer };
            answer = if answer.status == StatusCode::TEMPORARY_REDIRECT {
                self.post(&next, fields).await
            } else {
                self.get(&next).await
            };
        }
        panic!("{path} leads in a circle: {answer:?}");
    }

    /// Sends anything with any headers.
    pub async fn send(
        &self,
        method: Method,
        path: &str,
        form: Option<&[(&str, &str)]>,
        headers: &[(&str, &str)],
    ) -> Answer {
        let body = form.map(|fields| encode(fields).into_bytes());
        self.send_bytes(method, path, body, headers).await
    }

    /// Sends any bytes as the body of a form.
    pub async fn send_bytes(
        &self,
        method: Method,
        path: &str,
        body: Option<Vec<u8>>,
        headers: &[(&str, &str)],
    ) -> Answer {
        self.try_send(method, path, body, headers).await.unwrap()
    }

    /// The same to a server that may be gone: then there is no answer, or half of one.
    pub async fn try_send(
        &self,
        method: Method,
        path: &str,
        body: Option<Vec<u8>>,
        headers: &[(&str, &str)],
    ) -> Result<Answer, reqwest::Error> {
        let url =
            if path.starts_with("http") { path.to_owned() } else { format!("{}{path}", self.base) };
        let mut request = self.http.request(method, url).header("user-agent", &self.user_agent);
        if let Some(cookies) = self.cookie_header() {
            request = request.header("cookie", cookies);
        }
        if let Some(address) = &self.forwarded_for {
            request = request.header("x-forwarded-for", address);
        }
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        if let Some(body) = body {
            if !headers.iter().any(|(name, _)| name.eq_ignore_ascii_case("content-type")) {
                request = request.header("content-type", "application/x-www-form-urlencoded");
            }
            request = request.body(body);
        }
        let response = request.send().await?;
        let (status, headers) = (response.status(), response.headers().clone());
        for cookie in headers.get_all("set-cookie") {
            self.take_cookie(cookie);
        }
        Ok(Answer { status, headers, body: response.text().await? })
    }

    fn take_cookie(&self, header: &HeaderValue) {
        let text = header.to_str().unwrap();
        let (name, value) = text.split(';').next().unwrap().split_once('=').unwrap();
        let mut cookies = self.cookies.lock().unwrap();
        if text.contains("Max-Age=0") {
            cookies.remove(name);
        } else {
            cookies.insert(name.to_owned(), value.to_owned());
        }
    }
}

impl Answer {
    /// Where it leads: a path of this site, or the whole address of another.
    pub fn location(&self) -> Option<String> {
        Some(self.headers.get("location")?.to_str().unwrap().to_owned())
    }

    /// Where it leads, less the query.
    pub fn leads_to(&self) -> String {
        let location = self.location().unwrap_or_else(|| panic!("leads nowhere: {self:?}"));
        location.split('?').next().unwrap().to_owned()
    }

    /// How long it asks to wait before trying again.
    pub fn retry_after(&self) -> Option<Duration> {
        let seconds = self.headers.get("retry-after")?.to_str().unwrap();
        Some(Duration::from_secs(seconds.parse().unwrap()))
    }

    /// The words on the page, without markup, on one line.
    pub fn text(&self) -> String {
        text_of(&self.body)
    }

    /// The words in the row of a table, the first that holds `words`.
    pub fn row(&self, words: &str) -> Option<String> {
        let rows = self.body.split("<tr").skip(1);
        rows.map(|row| text_of(&format!("<tr{}", row.split("</tr>").next().unwrap_or_default())))
            .find(|row| row.contains(words))
    }

    /// What the hidden fields of the page hold.
    pub fn carried_fields(&self) -> Vec<(String, String)> {
        let inputs = self.body.split("<input type=\"hidden\" name=\"").skip(1);
        inputs
            .map(|input| {
                let (name, rest) = input.split_once("\" value=\"").unwrap();
                (unescape(name), unescape(rest.split_once('"').unwrap().0))
            })
            .collect()
    }

    /// What a field of the page holds, the first of its name.
    pub fn field(&self, name: &str) -> Option<String> {
        field_of(&self.body, name)
    }

    /// What a field of the form holds that is sent to `action`.
    pub fn field_for(&self, action: &str, name: &str) -> Option<String> {
        let (_, form) = self.body.split_once(&format!("action=\"{action}\""))?;
        field_of(form.split("</form>").next()?, name)
    }

    /// Where the link with these words leads.
    pub fn link(&self, words: &str) -> Option<String> {
        let links = self.body.split("<a ").skip(1);
        let link = links.filter_map(|link| link.split_once("</a>")).map(|(link, _)| link);
        let mut link = link.filter(|link| text_of(&format!("<a {link}")) == words);
        let (_, rest) = link.next()?.split_once("href=\"")?;
        Some(unescape(rest.split('"').next().unwrap_or_default()))
    }

    /// Whether the words stand on the page.
    pub fn shows(&self, words: &str) -> bool {
        self.text().contains(words)
    }

    /// Fails unless the words stand on the page.
    #[track_caller]
    pub fn must_show(&self, words: &str) {
        assert!(self.shows(words), "expected to see {words:?} on: {} {}", self.status, self.text());
    }

    /// The text between two marks of the page's source.
    #[track_caller]
    pub fn between(&self, before: &str, after: &str) -> String {
        let rest =
            self.body.split_once(before).unwrap_or_else(|| panic!("no {before:?}: {self:?}")).1;
        rest.split_once(after).unwrap().0.to_owned()
    }
}

fn field_of(html: &str, name: &str) -> Option<String> {
    let input = html.split("<input").find(|i| i.contains(&format!(" name=\"{name}\"")))?;
    let input = input.split_once('>')?.0;
    let value = input.split_once(" value=\"").map_or("", |(_, rest)| rest);
    Some(unescape(value.split('"').next().unwrap_or_default()))
}

fn text_of(html: &str) -> String {
    let mut text = String::new();
    let mut rest = html;
    while let Some(at) = rest.find('<') {
        text.push_str(&rest[..at]);
        text.push(' ');
        rest = rest[at..].split_once('>').map_or("", |(_, rest)| rest);
    }
    text.push_str(rest);
    unescape(&text).split_whitespace().collect::<Vec<_>>().join(" ")
}

fn unescape(text: &str) -> String {
    let text = text.replace("&amp;", "&#38;").replace("&#60;", "<").replace("&#62;", ">");
    text.replace("&#39;", "'").replace("&#34;", "\"").replace("&#38;", "&")
}

/// A form as a browser sends it.
pub fn encode(fields: &[(&str, &str)]) -> String {
    let pairs: Vec<String> =
        fields.iter().map(|(name, value)| format!("{}={}", escape(name), escape(value))).collect();
    pairs.join("&")
}

/// A text as it stands in a query or a form.
pub fn escape(text: &str) -> String {
    text.bytes()
        .map(|byte| {
            if byte.is_ascii_alphanumeric() {
                char::from(byte).to_string()
            } else {
                format!("%{byte:02X}")
            }
        })
        .collect()
}
