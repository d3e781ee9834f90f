//! A proxy before a database, that loses answers: what a client sees of a server that dies, or of a network that does.

use std::sync::{Arc, Mutex};

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::tcp::{OwnedReadHalf, OwnedWriteHalf};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{oneshot, watch};
use url::Url;

/// How the next thing that a client sends is lost.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Loss {
    /// The server never gets it.
    OfTheRequest,
    /// The server does it, and its answer is lost.
    OfTheAnswer,
    /// The client is cut off at once; the server gets it only when [`Proxy::deliver`] says so.
    UntilDelivered,
}

/// A proxy before one server.
#[derive(Debug)]
pub struct Proxy {
    url: Url,
    shared: Arc<Shared>,
}

#[derive(Debug)]
struct Shared {
    server: (String, u16),
    next: Mutex<Option<Loss>>,
    held_back: Mutex<Option<HeldBack>>,
    shut: watch::Sender<bool>,
}

#[derive(Debug)]
struct HeldBack {
    request: Vec<u8>,
    from_server: OwnedReadHalf,
    to_server: OwnedWriteHalf,
    answered: oneshot::Sender<()>,
}

impl Proxy {
    /// A proxy before the server at this address.
    ///
    /// # Panics
    /// If the address names no host and port, or no port is free.
    pub async fn before(server: &str) -> Self {
        let mut url = Url::parse(server).expect("a URL");
        let server = (url.host_str().expect("a host").to_owned(), url.port().expect("a port"));
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
        url.set_host(Some("127.0.0.1")).expect("a host");
        url.set_port(Some(listener.local_addr().expect("its address").port())).expect("a port");
        let shut = watch::Sender::new(false);
        let shared = Arc::new(Shared { server, next: Mutex::default(), held_back: Mutex::default(), shut });
        let accepting = shared.clone();
        tokio::spawn(async move {
            let mut shut = accepting.shut.subscribe();
            while let Some(Ok((client, _))) = until_shut(&mut shut, listener.accept()).await {
                let shared = accepting.clone();
                let mut shut = shared.shut.subscribe();
                // A broken connection is what this is for.
                tokio::spawn(async move { drop(until_shut(&mut shut, shared.pass(client)).await) });
            }
        });
        Self { url, shared }
    }

    /// The address by which clients reach the server through it.
    pub fn url(&self) -> &str {
        self.url.as_str()
    }

    /// Loses the next thing that a client sends, whichever client it is.
    ///
    /// # Panics
    /// If a test has panicked before.
    pub fn lose_next(&self, loss: Loss) {
        *self.shared.next.lock().expect("no panic") = Some(loss);
    }

    /// Cuts off all clients, and lets none in any more.
    pub fn shut(&self) {
        self.shared.shut.send_replace(true);
    }

    /// Whether what was to be lost is lost.
    ///
    /// # Panics
    /// If a test has panicked before.
    pub fn has_lost(&self) -> bool {
        self.shared.next.lock().expect("no panic").is_none()
    }

    /// Delivers to the server what was held back, and returns when it has answered.
    ///
    /// # Panics
    /// If nothing was held back.
    pub async fn deliver(&self) {
        let held_back = self.shared.held_back.lock().expect("no panic").take().expect("something was held back");
        let HeldBack { request, mut from_server, mut to_server, answered } = held_back;
        to_server.write_all(&request).await.expect("the server is there");
        let mut answer = vec![0; 1 << 16];
        let read = from_server.read(&mut answer).await.expect("the server answers");
        assert!(read > 0, "the server answers");
        // Its part of the transaction ends with the connection, if it has not ended by itself.
        to_server.shutdown().await.expect("the server is there");
        while from_server.read(&mut answer).await.is_ok_and(|read| read > 0) {}
        drop(answered);
    }
}

/// What `work` gives; `None` if the proxy is shut before.
async fn until_shut<T>(shut: &mut watch::Receiver<bool>, work: impl Future<Output = T>) -> Option<T> {
    tokio::select! {
        _ = shut.wait_for(|shut| *shut) => None,
        done = work => Some(done),
    }
}

impl Shared {
    async fn pass(self: Arc<Self>, client: TcpStream) -> std::io::Result<()> {
        let server = TcpStream::connect((self.server.0.as_str(), self.server.1)).await?;
        client.set_nodelay(true)?;
        server.set_nodelay(true)?;
        let (mut from_client, mut to_client) = client.into_split();
        let (mut from_server, mut to_server) = server.into_split();
        let mut request = vec![0; 1 << 20];
        let mut answer = vec![0; 1 << 16];
        loop {
            tokio::select! {
                read = from_client.read(&mut request) => {
                    let read = read?;
                    if read == 0 {
                        return Ok(());
                    }
                    let loss = self.next.lock().expect("no panic").take();
                    match loss {
                        None => to_server.write_all(&request[..read]).await?,
                        Some(Loss::OfTheRequest) => return Ok(()),
                        Some(Loss::OfTheAnswer) => {
                            to_server.write_all(&request[..read]).await?;
                            // Something was answered: the server is at work, and ends it whether we are there or not.
                            let read = from_server.read(&mut answer).await?;
                            assert!(read > 0, "the server answers");
                            drop((from_client, to_client));
                            while from_server.read(&mut answer).await? > 0 {}
                            return Ok(());
                        }
                        Some(Loss::UntilDelivered) => {
                            let (answered, gone) = oneshot::channel();
                            let request = request[..read].to_vec();
                            *self.held_back.lock().expect("no panic") =
                                Some(HeldBack { request, from_server, to_server, answered });
                            drop((from_client, to_client));
                            let _ = gone.await;
                            return Ok(());
                        }
                    }
                }
                read = from_server.read(&mut answer) => {
                    let read = read?;
                    if read == 0 {
                        return Ok(());
                    }
                    to_client.write_all(&answer[..read]).await?;
                }
            }
        }
    }
}
