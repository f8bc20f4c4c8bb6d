//! Checking and hashing passwords away from the threads that answer requests.

use vestibule_domain::email::Email;
use vestibule_domain::password::{Password, PasswordError, PasswordHash};

use crate::error::FlowError;
use crate::limits::CountedAttempt;
use crate::vestibule::Vestibule;
use crate::visitor::Visitor;

impl Vestibule {
    /// Checks a new password of who has, or will have, this address against the rules, and hashes
    /// it. It must be another than the one that there is: the budget of attempts is renewed with it.
    pub(crate) async fn new_password_hash(
        &self,
        from: &Visitor,
        typed: &str,
        email: &Email,
        names: Vec<String>,
    ) -> Result<Result<String, PasswordError>, FlowError> {
        let password = Password::typed(typed);
        let (minimum, cost) = (self.settings.password_minimum, self.settings.hash_cost);
        let salt = self.randomness.bytes();
        let known = self.store.read().await?.password_of(email).await?;
        let old = known.and_then(|known| known.hash);
        let old = old.as_deref().map(PasswordHash::from_phc).transpose()?;
        let email = email.clone();
        self.hashing
            .run(from, move |memory| {
                let names: Vec<&str> = names.iter().map(String::as_str).collect();
                if let Err(error) = password.check(minimum, &email, &names) {
                    return Ok(Err(error));
                }
                if old.is_some_and(|old| old.verify(&password, memory)) {
                    return Ok(Err(PasswordError::Unchanged));
                }
                let hash = PasswordHash::new(&password, salt, cost, memory)?;
                Ok::<_, FlowError>(Ok(hash.to_phc()))
            })
            .await?
    }

    /// Compares a typed password with a stored hash; where there is none, with nobody's, at the
    /// same cost. When the hash is of another cost than today's, a new one comes back with it.
    /// The attempt was counted before; it is given back when there is no time to compare it.
    pub(crate) async fn verify_password(
        &self,
        from: &Visitor,
        counted: &CountedAttempt,
        typed: &str,
        stored: Option<String>,
    ) -> Result<Verified, FlowError> {
        let password = Password::typed(typed);
        let cost = self.settings.hash_cost;
        let (hash, known) = match stored {
            Some(stored) => (PasswordHash::from_phc(&stored)?, true),
            None => (PasswordHash::of_nobody(cost), false),
        };
        let salt = self.randomness.bytes();
        let verified = self
            .hashing
            .run(from, move |memory| {
                let right = hash.verify(&password, memory) && known;
                let renewed = if right && hash.is_outdated(cost) {
                    PasswordHash::new(&password, salt, cost, memory).ok().map(|hash| hash.to_phc())
                } else {
                    None
                };
                Verified { right, renewed }
            })
            .await;
        if verified.is_err() {
            let mut tx = self.store.write().await?;
            self.give_back(&mut tx, counted).await?;
            tx.commit().await?;
        }
        verified
    }
}

/// The outcome of a comparison.
pub(crate) struct Verified {
    /// Whether it is the password.
    pub(crate) right: bool,
    /// The same password hashed at today's cost, where the stored hash is of another.
    pub(crate) renewed: Option<String>,
}
