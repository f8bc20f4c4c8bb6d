//! Clock jumps: the server's clock is set forward and back, on both databases. No spent code is taken,
//! nobody is locked out for longer than a quarter of an hour.

use std::time::Duration;

use vestibule_testkit::{Answer, Client, Database, TestApp};

use crate::Report;

/// How far the clock jumps, in seconds.
const JUMPS: [i64; 6] = [30, -30, 3_600, -3_600, 86_400, -86_400];
/// The longest that anybody may have to wait after a jump.
const LONGEST_WAIT: Duration = Duration::from_mins(15);
/// Enough to have to wait for minutes.
const GUESSES: usize = 10;

/// Each jump, once.
pub async fn run(database: Database, report: &mut Report) {
    for seconds in JUMPS {
        let jumped = Jumped { app: TestApp::furnished(database).await, seconds };
        jumped.look(database, report).await;
    }
}

struct Jumped {
    app: TestApp,
    seconds: i64,
}

impl Jumped {
    async fn look(&self, database: Database, report: &mut Report) {
        let app = &self.app;
        let cleo = app.sign_in("cleo").await;
        let spent = app.code("cleo");
        let guesser = app.give_password("cleo").await;
        app.guess_codes(&guesser, GUESSES).await;
        self.jump();
        let whose = format!("{database:?}, the clock set by {} s", self.seconds);
        let thief = app.give_password("cleo").await;
        let again = thief.give_code(&spent).await;
        if is_let_in(&again) {
            report.violation(format!("{whose}: a spent code was taken again"));
        }
        // At the time of the code itself, whatever the clock says in between.
        self.jump_back();
        if is_let_in(&thief.give_code(&spent).await) {
            report.violation(format!("{whose}, and back: a spent code was taken again"));
        }
        self.jump();
        match self.until_in().await {
            Some(waited) => {
                report.figure(&format!("{whose}: in again after"), format!("{waited:?}"));
            }
            None => report.violation(format!("{whose}: locked out for more than {LONGEST_WAIT:?}")),
        }
        let goes_on = cleo.is_in().await;
        let said = if goes_on { "goes on" } else { "has ended" };
        report.figure(&format!("{whose}: the session from before"), said);
        // Its idle limit is half an hour, and a day its whole life.
        if goes_on && self.seconds >= 3_600 {
            report.violation(format!("{whose}: a session outlives its time"));
        }
    }

    fn jump(&self) {
        self.set(self.seconds);
    }

    fn jump_back(&self) {
        self.set(-self.seconds);
    }

    fn set(&self, seconds: i64) {
        let now = self.app.clock.now().millis();
        let then = vestibule_domain::time::Timestamp::from_millis(now + seconds * 1_000);
        self.app.clock.set(then);
    }

    /// Time passes until the owner is in; how long that was.
    async fn until_in(&self) -> Option<Duration> {
        let (app, from) = (&self.app, self.app.clock.now());
        loop {
            let waited = app.clock.now().millis() - from.millis();
            let waited = Duration::from_millis(waited.unsigned_abs());
            if waited > LONGEST_WAIT {
                return None;
            }
            let owner: Client = app.give_password("cleo").await;
            let answer = owner.give_code(&app.code("cleo")).await;
            if is_let_in(&answer) {
                return Some(waited);
            }
            app.clock.advance(answer.retry_after().unwrap_or(Duration::from_secs(30)));
        }
    }
}

fn is_let_in(answer: &Answer) -> bool {
    answer.status == 303 && answer.leads_to() == "/"
}
