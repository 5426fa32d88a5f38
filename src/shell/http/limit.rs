//! What one client may take: bodies counted as they come, connections by address, patience with who does not read. And what
//! all may: requests that wait.

use std::{
    collections::HashMap,
    io,
    net::IpAddr,
    pin::Pin,
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicU64, Ordering},
    },
    task::{Context, Poll},
    time::Duration,
};

use api::rest::ErrorCode;
use axum::{
    body::{Body, HttpBody},
    extract::{Request, State},
    http::{
        HeaderMap,
        header::{CONTENT_LENGTH, CONTENT_TYPE},
    },
    middleware::Next,
    response::{IntoResponse, Response},
};
use futures_util::StreamExt;
use tokio::{
    io::{AsyncRead, AsyncWrite, ReadBuf},
    sync::{OwnedSemaphorePermit, Semaphore},
    time::{Instant, Sleep, sleep, timeout_at},
};

use super::{Access, ApiError, gate::place};

/// Longest request body, in bytes: no route reads a form, and `curl --data` with one must not fail for it.
pub(super) const FORM: u64 = 64 << 10;
/// Longest body that says it is JSON.
pub(super) const JSON: u64 = 1 << 20;
/// How long a body may take to arrive, and to find room.
pub(super) const BODY: Duration = Duration::from_secs(15);
/// Room for all bodies together, in KiB. Who finds none waits.
const ROOM: usize = 32 << 10;
/// Requests at once that wait for something: for Kafka, or for the scheduler to store what is asked for. Those answered
/// out of memory have no such limit, so however many wait, health and plan are told.
pub(super) const WAITING: usize = 64;
/// Connections of one address at once, a quarter of all.
pub(super) const PER_ADDRESS: usize = 64;
/// How long a client may take none of its answer.
pub(super) const STALL: Duration = Duration::from_secs(30);

/// Limits, and how often each was met.
#[derive(Debug)]
pub(super) struct Limits {
    room: Arc<Semaphore>,
    waiting: Semaphore,
    addresses: Mutex<HashMap<IpAddr, usize>>,
    pub(super) large_bodies: AtomicU64,
    pub(super) overloaded: AtomicU64,
    pub(super) slow_bodies: AtomicU64,
    pub(super) connections: AtomicU64,
    pub(super) slow_readers: AtomicU64,
}

impl Default for Limits {
    fn default() -> Self {
        let [large_bodies, overloaded, slow_bodies, connections, slow_readers] = [0; 5].map(AtomicU64::new);
        let (room, waiting) = (Arc::new(Semaphore::new(ROOM)), Semaphore::new(WAITING));
        let addresses = Mutex::default();
        Self { room, waiting, addresses, large_bodies, overloaded, slow_bodies, connections, slow_readers }
    }
}

impl Limits {
    /// The request with its body read whole, so that no route waits for a client, and the room it takes.
    pub(super) async fn body(
        &self,
        request: Request,
    ) -> Result<(Request, Option<OwnedSemaphorePermit>), ApiError> {
        let (limit, length) = expected(request.headers());
        if let Some(length) = length.filter(|length| *length > limit) {
            return Err(self.too_large(&format!("{length} bytes"), limit));
        }
        if request.body().is_end_stream() {
            return Ok((request, None));
        }
        let (parts, body) = request.into_parts();
        let (mut chunks, until) = (body.into_data_stream(), Instant::now() + BODY);
        let (mut bytes, mut held) = (Vec::new(), None::<OwnedSemaphorePermit>);
        loop {
            let chunk = match timeout_at(until, chunks.next()).await {
                Err(_) => return Err(self.too_slow("the request's body did not arrive")),
                Ok(None) => break,
                Ok(Some(Err(_))) => return Err(ApiError::parameter("the request's body breaks off")),
                Ok(Some(Ok(chunk))) => chunk,
            };
            let length = bytes.len() + chunk.len();
            if length as u64 > limit {
                return Err(self.too_large("more", limit));
            }
            let kib = length
                .div_ceil(1024)
                .saturating_sub(held.as_ref().map_or(0, OwnedSemaphorePermit::num_permits));
            let more = self.room.clone().acquire_many_owned(u32::try_from(kib).unwrap_or(u32::MAX));
            match (timeout_at(until, more).await, &mut held) {
                (Ok(Ok(more)), Some(held)) => held.merge(more),
                (Ok(Ok(more)), none) => *none = Some(more),
                _ => return Err(self.too_slow("the bodies of other requests left no room for this one")),
            }
            bytes.extend_from_slice(&chunk);
        }
        Ok((Request::from_parts(parts, Body::from(bytes)), held))
    }

    /// Counts a refusal for lack of room, whoever said it.
    pub(super) fn refused(&self, code: ErrorCode) {
        if code == ErrorCode::Overloaded {
            self.overloaded.fetch_add(1, Ordering::Relaxed);
        }
    }

    fn too_large(&self, found: &str, limit: u64) -> ApiError {
        self.large_bodies.fetch_add(1, Ordering::Relaxed);
        let message = format!("the request's body has {found}; at most {limit} bytes are taken");
        ApiError::new(ErrorCode::RequestTooLarge, message)
    }

    fn too_slow(&self, what: &str) -> ApiError {
        self.slow_bodies.fetch_add(1, Ordering::Relaxed);
        ApiError::new(ErrorCode::RequestTimeout, format!("{what} within {} s", BODY.as_secs()))
    }

    /// A place for a connection from there, unless that address has its share.
    pub(super) fn connection(self: &Arc<Self>, client: IpAddr) -> Option<Place> {
        let client = place(client);
        let mut addresses = self.addresses.lock().unwrap_or_else(PoisonError::into_inner);
        let taken = addresses.entry(client).or_default();
        if *taken >= PER_ADDRESS {
            self.connections.fetch_add(1, Ordering::Relaxed);
            return None;
        }
        *taken += 1;
        Some(Place { limits: self.clone(), client })
    }
}

/// Around every route that waits: no more than [`WAITING`] at once, and one more is refused rather than queued.
pub(super) async fn waiting(State(access): State<Arc<Access>>, request: Request, next: Next) -> Response {
    match access.limits.waiting.try_acquire() {
        Ok(_place) => next.run(request).await,
        Err(_) => {
            let message =
                format!("{WAITING} requests are waiting for their answers already; ask again in a moment");
            ApiError::new(ErrorCode::Overloaded, message).into_response()
        }
    }
}

/// How long the body may be, and how long it says it is.
fn expected(headers: &HeaderMap) -> (u64, Option<u64>) {
    let header = |name| headers.get(name).and_then(|value| value.to_str().ok());
    let is_json = header(CONTENT_TYPE).is_some_and(|kind| kind.starts_with("application/json"));
    let length = header(CONTENT_LENGTH).and_then(|length| length.parse().ok());
    (if is_json { JSON } else { FORM }, length)
}

/// A connection's place among those of its address.
pub(super) struct Place {
    limits: Arc<Limits>,
    client: IpAddr,
}

impl Drop for Place {
    fn drop(&mut self) {
        let mut addresses = self.limits.addresses.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(taken) = addresses.get_mut(&self.client) {
            *taken -= 1;
            if *taken == 0 {
                addresses.remove(&self.client);
            }
        }
    }
}

/// A stream whose other side must take something of what is written every [`STALL`].
pub(super) struct Patient<S> {
    stream: S,
    waiting: Option<Pin<Box<Sleep>>>,
    limits: Arc<Limits>,
}

impl<S> Patient<S> {
    pub(super) fn new(stream: S, limits: Arc<Limits>) -> Self {
        Self { stream, waiting: None, limits }
    }

    /// Passes on what came of writing, and looks at the clock where nothing did.
    fn watch<T>(&mut self, context: &mut Context<'_>, written: Poll<io::Result<T>>) -> Poll<io::Result<T>> {
        if written.is_ready() {
            self.waiting = None;
            return written;
        }
        let waiting = self.waiting.get_or_insert_with(|| Box::pin(sleep(STALL)));
        if waiting.as_mut().poll(context).is_pending() {
            return Poll::Pending;
        }
        self.limits.slow_readers.fetch_add(1, Ordering::Relaxed);
        Poll::Ready(Err(io::ErrorKind::TimedOut.into()))
    }
}

impl<S: AsyncRead + Unpin> AsyncRead for Patient<S> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_read(context, buffer)
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for Patient<S> {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        let written = Pin::new(&mut self.stream).poll_write(context, bytes);
        self.watch(context, written)
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        let flushed = Pin::new(&mut self.stream).poll_flush(context);
        self.watch(context, flushed)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        let shut = Pin::new(&mut self.stream).poll_shutdown(context);
        self.watch(context, shut)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        slices: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let written = Pin::new(&mut self.stream).poll_write_vectored(context, slices);
        self.watch(context, written)
    }
}
