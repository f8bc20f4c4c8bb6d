//! What a sign-in costs at least: the same two requests as Vestibule's, of which the first hashes
//! the password and nothing else happens. `scripts/bench` holds Vestibule against it.

use std::sync::mpsc::{Receiver, Sender, channel};
use std::sync::{Arc, Mutex, PoisonError};

use argon2::{Algorithm, Argon2, Block, Params, Version};
use axum::Router;
use axum::extract::{Form, State};
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse as _, Response};
use axum::routing::post;
use tokio::net::TcpListener;
use tokio::sync::oneshot;

/// The cost that Vestibule ships with: 19 MiB, 2 passes, 1 lane.
const MEMORY_KIB: u32 = 19 * 1024;
const PASSES: u32 = 2;

struct Job {
    password: String,
    answer: oneshot::Sender<[u8; 32]>,
}

#[derive(serde::Deserialize)]
struct SignIn {
    password: String,
}

#[derive(serde::Deserialize)]
struct Code {
    code: String,
}

#[tokio::main]
async fn main() -> std::io::Result<()> {
    let jobs = start_hashing()?;
    let app = Router::new()
        .route("/sign-in", post(sign_in))
        .route("/sign-in/code", post(code))
        .with_state(jobs);
    let listener = TcpListener::bind("127.0.0.1:0").await?;
    #[expect(clippy::print_stdout, reason = "whoever started it reads the port")]
    {
        println!("http://{}", listener.local_addr()?);
    }
    axum::serve(listener, app).await
}

/// As many threads as cores, each with memory that it reuses.
fn start_hashing() -> std::io::Result<Sender<Job>> {
    let (jobs, queue) = channel();
    let queue = Arc::new(Mutex::new(queue));
    for _ in 0..std::thread::available_parallelism()?.get() {
        let queue = Arc::clone(&queue);
        std::thread::Builder::new().spawn(move || hash_all(&queue))?;
    }
    Ok(jobs)
}

fn hash_all(queue: &Mutex<Receiver<Job>>) {
    let Ok(params) = Params::new(MEMORY_KIB, PASSES, 1, Some(32)) else { return };
    let mut memory = vec![Block::default(); params.block_count()];
    let argon2 = Argon2::new(Algorithm::Argon2id, Version::V0x13, params);
    loop {
        let next = queue.lock().unwrap_or_else(PoisonError::into_inner).recv();
        let Ok(Job { password, answer }) = next else { return };
        let (salt, mut hash) = ([7; 16], [0; 32]);
        let hashed = argon2.hash_password_into_with_memory(
            password.as_bytes(),
            &salt,
            &mut hash,
            &mut memory,
        );
        if hashed.is_ok() {
            // Whoever asked may have gone away.
            let _ = answer.send(hash);
        }
    }
}

async fn sign_in(State(jobs): State<Sender<Job>>, Form(form): Form<SignIn>) -> Response {
    let (answer, answered) = oneshot::channel();
    if jobs.send(Job { password: form.password, answer }).is_err() {
        return StatusCode::SERVICE_UNAVAILABLE.into_response();
    }
    match answered.await {
        // The hash goes into the cookie, so that nothing can leave it out.
        Ok(hash) => see_other("/sign-in/code", hash[0]),
        Err(_) => StatusCode::SERVICE_UNAVAILABLE.into_response(),
    }
}

async fn code(Form(form): Form<Code>) -> Response {
    see_other("/", form.code.as_bytes().first().copied().unwrap_or_default())
}

fn see_other(to: &'static str, token: u8) -> Response {
    let cookie = format!("bare={token:043}; Path=/; HttpOnly; SameSite=Lax");
    (StatusCode::SEE_OTHER, [(header::LOCATION, to)], [(header::SET_COOKIE, cookie)])
        .into_response()
}
