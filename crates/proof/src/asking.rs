//! Asking a server that may be gone: there is an answer, or there is none.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use tokio::time::timeout;
use vestibule_testkit::client::encode;
use vestibule_testkit::{Answer, Client, Method, RECOVERY_CODES};

/// Longer than any answer may take.
const PATIENCE: Duration = Duration::from_secs(45);

/// Whoever asks, and counts what is answered.
#[derive(Clone, Default)]
pub struct Asker {
    statuses: Arc<Mutex<BTreeMap<u16, u64>>>,
    faults: Arc<Mutex<Vec<String>>>,
}

impl Asker {
    /// Sends a form from a page of the same site.
    pub async fn post(
        &self,
        client: &Client,
        path: &str,
        fields: &[(&str, &str)],
    ) -> Option<Answer> {
        let body = Some(encode(fields).into_bytes());
        let own_page = client.own_page();
        let sent = client.try_send(Method::POST, path, body, &own_page);
        self.note(path, timeout(PATIENCE, sent).await.ok()?.ok())
    }

    /// Loads a page.
    pub async fn get(&self, client: &Client, path: &str) -> Option<Answer> {
        let sent = client.try_send(Method::GET, path, None, &[]);
        self.note(path, timeout(PATIENCE, sent).await.ok()?.ok())
    }

    /// Gives e-mail and password: whether that was answered with the next step.
    pub async fn give_password(&self, client: &Client, fields: &[(&str, String)]) -> bool {
        let fields: Vec<(&str, &str)> = fields.iter().map(|(n, v)| (*n, v.as_str())).collect();
        let answer = self.post(client, "/sign-in", &fields).await;
        answer.is_some_and(|answer| answer.status == 303)
    }

    /// Gives a code at the second door.
    pub async fn give_code(&self, client: &Client, code: &str) -> Given {
        let answer = self.post(client, "/sign-in/code", &[("code", code)]).await;
        answer.as_ref().map_or(Given::NoAnswer, Given::of)
    }

    /// Whether a browser is behind the second door.
    pub async fn is_in(&self, client: &Client) -> Option<bool> {
        let answer = self.get(client, "/").await?;
        if answer.status == 503 {
            return None;
        }
        let keeps = || answer.location().is_some_and(|to| to == RECOVERY_CODES);
        Some(answer.status == 200 || keeps())
    }

    fn note(&self, path: &str, answer: Option<Answer>) -> Option<Answer> {
        let status = answer.as_ref().map_or(0, |answer| answer.status.as_u16());
        *self.statuses.lock().unwrap().entry(status).or_default() += 1;
        if status >= 500 && status != 503 {
            let text = answer.as_ref().map_or(String::new(), Answer::text);
            self.faults.lock().unwrap().push(format!("{path} answered {status}: {text}"));
        }
        answer
    }

    /// How often each status was answered; 0 stands for no answer.
    pub fn statuses(&self) -> String {
        let statuses = self.statuses.lock().unwrap();
        let each = statuses.iter().map(|(status, count)| format!("{status}: {count}"));
        each.collect::<Vec<_>>().join(", ")
    }

    /// Answers of 500 and the like, which a fault of the database's is no reason for.
    pub fn faults(&self) -> Vec<String> {
        self.faults.lock().unwrap().clone()
    }
}

/// What came of a code at the second door.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Given {
    /// It opened the door.
    Accepted,
    /// It was compared, counted and refused.
    Refused,
    /// It was not compared: too soon, or the session is over.
    NotCompared,
    /// There was no answer, or one that says that there is none.
    NoAnswer,
}

impl Given {
    fn of(answer: &Answer) -> Self {
        match answer.status.as_u16() {
            303 if answer.leads_to() == "/sign-in" => Self::NotCompared,
            303 => Self::Accepted,
            401 => Self::Refused,
            503 => Self::NoAnswer,
            _ => Self::NotCompared,
        }
    }
}
