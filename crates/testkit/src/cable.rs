//! A cable between a program and its database, that can be cut.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use tokio::io::copy_bidirectional;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch::{self, Receiver, Sender};
use tokio::task::JoinHandle;

/// What a cable does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Cable {
    /// It carries everything.
    Whole,
    /// Connections are torn down, and new ones at once.
    Torn,
    /// It carries nothing and says nothing. What was connected meanwhile is never heard of again:
    /// so does a firewall that has forgotten.
    Silent,
}

/// A port of this machine from which a cable leads to another.
pub struct CableEnd {
    /// Where it begins.
    pub port: u16,
    state: Arc<Sender<Cable>>,
    carrying: JoinHandle<()>,
}

impl CableEnd {
    /// A cable to a port of this machine.
    pub async fn to(port: u16) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let begins = listener.local_addr().unwrap().port();
        let (state, seen) = watch::channel(Cable::Whole);
        let to = SocketAddr::from(([127, 0, 0, 1], port));
        let carrying = tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                tokio::spawn(carry(stream, to, seen.clone()));
            }
        });
        Self { port: begins, state: Arc::new(state), carrying }
    }

    /// Cuts it or makes it whole.
    pub fn set(&self, state: Cable) {
        self.state.send_replace(state);
    }
}

impl Drop for CableEnd {
    fn drop(&mut self) {
        self.carrying.abort();
    }
}

async fn carry(mut near: TcpStream, to: SocketAddr, mut state: Receiver<Cable>) {
    let now = *state.borrow_and_update();
    match now {
        Cable::Torn => return tear(&near),
        Cable::Silent => return forget(near, None).await,
        Cable::Whole => {}
    }
    let Ok(mut far) = TcpStream::connect(to).await else { return tear(&near) };
    let _ = (near.set_nodelay(true), far.set_nodelay(true));
    tokio::select! {
        _ = copy_bidirectional(&mut near, &mut far) => return,
        changed = state.wait_for(|state| *state != Cable::Whole) => {
            if changed.is_ok_and(|state| *state == Cable::Torn) {
                tear(&far);
                return tear(&near);
            }
        }
    }
    forget(near, Some(far)).await;
}

/// Closes it with a reset, not with a farewell.
fn tear(stream: &TcpStream) {
    let _ = stream.set_zero_linger();
}

/// Keeps both ends open and carries nothing, for longer than any test.
async fn forget(near: TcpStream, far: Option<TcpStream>) {
    tokio::time::sleep(Duration::from_hours(24)).await;
    drop((near, far));
}
