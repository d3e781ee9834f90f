//! A proxy before a database that loses requests and responses, as a client sees it when a server or the network fails.

use std::sync::{Arc, Mutex};

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::tcp::{OwnedReadHalf, OwnedWriteHalf};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{oneshot, watch};
use url::Url;

/// How the next message of a client is lost.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Loss {
    /// The server never receives it.
    OfTheRequest,
    /// The server carries it out, and its response is lost.
    OfTheAnswer,
    /// The client is cut off at once; the server receives the message only at [`Proxy::deliver`].
    UntilDelivered,
    /// The server never receives it, nothing is ever answered on this connection again, and the client is not told.
    InSilence,
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
                // A broken connection is intended here.
                tokio::spawn(async move { drop(until_shut(&mut shut, shared.pass(client)).await) });
            }
        });
        Self { url, shared }
    }

    /// The address by which clients reach the server through it.
    pub fn url(&self) -> &str {
        self.url.as_str()
    }

    /// Loses the next message of any client.
    ///
    /// # Panics
    /// If a test has panicked before.
    pub fn lose_next(&self, loss: Loss) {
        *self.shared.next.lock().expect("no panic") = Some(loss);
    }

    /// Cuts off all clients, and accepts no more.
    pub fn shut(&self) {
        self.shared.shut.send_replace(true);
    }

    /// Whether the message has been lost.
    ///
    /// # Panics
    /// If a test has panicked before.
    pub fn has_lost(&self) -> bool {
        self.shared.next.lock().expect("no panic").is_none()
    }

    /// Delivers the held message to the server, and returns when the server has responded.
    ///
    /// # Panics
    /// If no message is held.
    pub async fn deliver(&self) {
        let held_back = self.shared.held_back.lock().expect("no panic").take().expect("something was held back");
        let HeldBack { request, mut from_server, mut to_server, answered } = held_back;
        to_server.write_all(&request).await.expect("the server is there");
        let mut answer = vec![0; 1 << 16];
        let read = from_server.read(&mut answer).await.expect("the server answers");
        assert!(read > 0, "the server answers");
        // An open transaction ends with the connection.
        to_server.shutdown().await.expect("the server is there");
        while from_server.read(&mut answer).await.is_ok_and(|read| read > 0) {}
        drop(answered);
    }
}

/// The result of `work`; `None` if the proxy is shut first.
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
                        Some(Loss::InSilence) => std::future::pending().await,
                        Some(Loss::OfTheAnswer) => {
                            to_server.write_all(&request[..read]).await?;
                            // The server has begun to respond: it carries the message out even if the connection breaks
                            // now.
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
