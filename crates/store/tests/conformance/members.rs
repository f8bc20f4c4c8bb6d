//! The list of users and the numbers beside the switch, against models that are too simple to be
//! wrong.

use vestibule_domain::email::Email;
use vestibule_domain::id::{AccountId, UserId};
use vestibule_domain::name::{Name, search_key};
use vestibule_domain::user::{MembershipState, Role};
use vestibule_store::{MemberFilter, MfaCounts, NewUser, PageKey};

use crate::support::*;

/// A generator whose draws are the same at each run.
struct Draws(u64);

impl Draws {
    /// Below `below`, by xorshift64.
    fn next(&mut self, below: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        usize::try_from(self.0 % below as u64).unwrap()
    }

    fn of<T: Copy>(&mut self, choices: &[T]) -> T {
        choices[self.next(choices.len())]
    }
}

#[derive(Clone, Debug)]
struct Known {
    id: UserId,
    account: AccountId,
    name: String,
    email: String,
    state: MembershipState,
    factors: i64,
}

/// Few letters, so that many names begin alike and some are the same.
const LETTERS: [&str; 10] = ["a", "A", "b", "ab", "é", "E\u{301}", "ﬁ", "漢", "\u{10FFFD}", " a"];

async fn people(db: &Db, accounts: &[AccountId], count: usize, draws: &mut Draws) -> Vec<Known> {
    use MembershipState::{Active, Disabled, Invited};
    let mut known = Vec::new();
    for number in 0..count {
        let letters = draws.next(3) + 1;
        let text: String = (0..letters).map(|_| draws.of(&LETTERS)).collect();
        let name = Name::parse(&text).unwrap();
        let local: String = (0..draws.next(3)).map(|_| draws.of(&["a", "b", "c"])).collect();
        let email =
            Email::parse(&format!("{local}{}{number}@acme.example", draws.of(&["", "x"]))).unwrap();
        let new = NewUser {
            id: UserId::new(now(), &db.random),
            account: draws.of(accounts),
            email: &email,
            name: &name,
            role: draws.of(&[Role::Member, Role::Admin]),
            state: draws.of(&[Active, Active, Active, Invited, Disabled]),
            password: None,
        };
        write!(db, tx => assert!(tx.insert_user(&new, now()).await.unwrap()));
        known.push(Known {
            id: new.id,
            account: new.account,
            name: name.as_str().to_owned(),
            email: email.as_str().to_owned(),
            state: new.state,
            factors: 0,
        });
    }
    known
}

/// Gives about every other user a factor or two, in their own account.
async fn enrol(db: &Db, people: &mut [Known], draws: &mut Draws) {
    for user in people {
        for _ in 0..draws.of(&[0, 0, 1, 2]) {
            let session = db.session(user.id).await;
            let pending = db.pending(user.id, session.id, FIRST).await;
            let app = name("App");
            write!(db, tx => {
                let confirmed = tx.confirm_enrolment(&pending, user.account, &app, true, now());
                assert!(confirmed.await.unwrap());
            });
            user.factors += 1;
        }
    }
}

/// The whole list, as anybody would write it down: who is found by the name stands under the name,
/// who is found by the address alone under the address.
fn expected(people: &[Known], account: AccountId, filter: &MemberFilter) -> Vec<UserId> {
    let mut listed: Vec<(String, UserId)> = people
        .iter()
        .filter(|user| user.account == account)
        .filter(|user| {
            !filter.without_factor || (user.state == MembershipState::Active && user.factors == 0)
        })
        .filter_map(|user| {
            let keys = [search_key(&user.name), user.email.clone()];
            let key = keys.into_iter().find(|key| key.starts_with(&filter.prefix))?;
            Some((key, user.id))
        })
        .collect();
    listed.sort();
    listed.into_iter().map(|(_, id)| id).collect()
}

async fn listed(db: &Db, account: AccountId, filter: &MemberFilter, size: i64) -> Vec<UserId> {
    let (mut all, mut after) = (Vec::new(), PageKey::default());
    loop {
        let page = read!(db, r => r.members(account, filter, &after, size).await.unwrap());
        let count = i64::try_from(page.members.len()).unwrap();
        assert!(count == size || page.next.is_none(), "a page that is not full is the last");
        assert!(count > 0 || page.next.is_none());
        all.extend(page.members.iter().map(|member| member.id));
        let Some(next) = page.next else { return all };
        assert!(all.len() < 1000, "the list has no end");
        after = next;
    }
}

on_both! {
    async fn the_pages_of_the_list_are_the_list(db) {
        let mut draws = Draws(0x5EED);
        let accounts = [db.account, db.another_account().await, db.another_account().await];
        let mut people = people(&db, &accounts[..2], 90, &mut draws).await;
        enrol(&db, &mut people, &mut draws).await;
        let prefixes = ["", "a", "ab", "aba", "b", "x", "é", "e", "fi", "f", "漢", "\u{10FFFD}", "a a", "q"];
        let mut lists = 0;
        for account in accounts {
            for prefix in prefixes {
                for without_factor in [false, true] {
                    let filter = MemberFilter { prefix: search_key(prefix), without_factor };
                    let all = expected(&people, account, &filter);
                    for size in [1, 2, 7, 50, 1000] {
                        if size > 1 || all.len() < 12 {
                            assert_eq!(listed(&db, account, &filter, size).await, all, "{filter:?} {size}");
                            lists += 1;
                        }
                    }
                }
            }
        }
        println!("{lists} lists were read page by page");
    }

    /// Somebody goes between two pages: nobody is left out, nobody comes twice.
    async fn a_page_begins_where_the_last_ended_even_if_that_user_is_gone(db) {
        let mut draws = Draws(7);
        let people = people(&db, &[db.account], 20, &mut draws).await;
        let all = expected(&people, db.account, &MemberFilter::default());
        let page = async |after: PageKey| {
            read!(db, r => r.members(db.account, &MemberFilter::default(), &after, 5).await.unwrap())
        };
        let first = page(PageKey::default()).await;
        write!(db, tx => assert!(tx.remove_user(all[4]).await.unwrap()));
        let second = page(first.next.unwrap()).await;
        assert_eq!(second.members.iter().map(|member| member.id).collect::<Vec<_>>(), all[5..10]);
    }

    async fn a_member_is_shown_as_stored(db) {
        let ben = db.user_as("ben", Role::Admin, MembershipState::Active, true).await;
        db.factor(ben).await;
        db.factor(ben).await;
        write!(db, tx => tx.note_sign_in(ben, at(5)).await.unwrap());
        let page = read!(db, r => {
            r.members(db.account, &MemberFilter::default(), &PageKey::default(), 5).await.unwrap()
        });
        let [member] = page.members.as_slice() else { panic!("one member") };
        assert_eq!((member.id, member.name.as_str(), member.email.as_str()), (ben, "ben", "ben@acme.example"));
        assert_eq!((member.role, member.state, member.factors), (Role::Admin, MembershipState::Active, 2));
        assert_eq!(member.last_sign_in, Some(at(5)));
    }

    async fn the_numbers_beside_the_switch_are_right(db) {
        let mut draws = Draws(0xC0DE);
        let accounts = [db.account, db.another_account().await, db.another_account().await];
        let mut people = people(&db, &accounts[..2], 60, &mut draws).await;
        enrol(&db, &mut people, &mut draws).await;
        let mut all = vec![];
        for account in accounts {
            let count = |wanted: fn(&Known) -> bool| {
                let of = people.iter().filter(|user| user.account == account);
                i64::try_from(of.filter(|user| wanted(user)).count()).unwrap()
            };
            let expected = MfaCounts {
                with_factor: count(|u| u.state == MembershipState::Active && u.factors > 0),
                without_factor: count(|u| u.state == MembershipState::Active && u.factors == 0),
                invited: count(|u| u.state == MembershipState::Invited),
                disabled: count(|u| u.state == MembershipState::Disabled),
            };
            assert_eq!(read!(db, r => r.mfa_counts(account).await.unwrap()), expected);
            all.push(expected);
        }
        // The same over all accounts.
        let of = |counts: fn(&MfaCounts) -> i64| all.iter().map(counts).sum::<i64>();
        let population = read!(db, r => r.population(now()).await.unwrap());
        assert_eq!(population.active, of(|of| of.with_factor + of.without_factor));
        assert_eq!(population.with_factor, of(|of| of.with_factor));
        assert_eq!((population.invited, population.disabled), (of(|of| of.invited), of(|of| of.disabled)));
        assert!(population.with_factor > 0 && population.with_factor < population.active);
    }
}
