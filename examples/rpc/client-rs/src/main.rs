//! `rpc-client PATH`: the Rust twin of the example transport's client, against the same `rpc-server PATH`.
//!
//! Without `unsafe`: a reply travels through a channel, so that no record changes hands; the library says who is released, and when.

use std::collections::HashMap;
use std::io::{self, Read, Write};
use std::net::Shutdown;
use std::os::unix::net::UnixStream;
use std::sync::mpsc::{Receiver, Sender, channel};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::Duration;

use cocancel::port::posix::{Hooks, runtime, set_hooks, thread_id};
use cocancel::{CallHandle, CallOptions, Hresult, Outcome, Timeout, Waiting};

const REQUEST: u32 = 1;
const REPLY: u32 = 2;
const CANCEL: u32 = 3;
const PAYLOAD: usize = 1024;

const ECHO: u32 = 0;
const SLEEP: u32 = 1;
const WORK: u32 = 2;

type Answer = (Hresult, Vec<u8>);

/// The connection, as its senders share it. The hook has no other way to it than a static.
struct Connection {
    socket: UnixStream,
    last_id: u64,
    /// By id: calls that await a reply, also those whose client was released.
    out: HashMap<u64, (CallHandle, Sender<Answer>)>,
}

static CONNECTION: Mutex<Option<Connection>> = Mutex::new(None);
static HOOKS: Hooks = Hooks { cancel_requested, ..Hooks::NONE };

fn connection() -> MutexGuard<'static, Option<Connection>> {
    CONNECTION.lock().unwrap_or_else(PoisonError::into_inner)
}

fn send(mut socket: &UnixStream, id: u64, kind: u32, word: u32, payload: &[u8]) -> io::Result<()> {
    let size = u32::try_from(payload.len()).map_err(io::Error::other)?;
    let mut frame = id.to_ne_bytes().to_vec();
    for field in [kind, word, size, 0] {
        frame.extend(field.to_ne_bytes());
    }
    frame.extend(payload);
    // a server that takes nothing is given up: half a frame may have gone, and the reader then fails every call
    socket.write_all(&frame).inspect_err(|_| drop(socket.shutdown(Shutdown::Both)))
}

fn receive(mut socket: &UnixStream) -> io::Result<(u64, u32, u32, Vec<u8>)> {
    let mut id = [0; 8];
    socket.read_exact(&mut id)?;
    let mut fields = [0; 4];
    for field in &mut fields {
        let mut bytes = [0; 4];
        socket.read_exact(&mut bytes)?;
        *field = u32::from_ne_bytes(bytes);
    }
    let [kind, word, size, _] = fields;
    let size = size as usize;
    if size > PAYLOAD {
        return Err(io::ErrorKind::InvalidData.into());
    }
    let mut payload = vec![0; size];
    socket.read_exact(&mut payload)?;
    Ok((u64::from_ne_bytes(id), kind, word, payload))
}

/// Tells the server. A send that fails is the reader's to notice.
fn cancel_requested(call: CallHandle, _: *mut (), remaining: Option<u32>) {
    if let Some(connection) = &*connection() {
        if let Some((id, _)) = connection.out.iter().find(|(_, (out, _))| *out == call) {
            let _ = send(&connection.socket, *id, CANCEL, remaining.unwrap_or(u32::MAX), &[]);
        }
    }
}

/// Takes the replies until the server is gone; what is still out then fails.
fn read_replies(socket: &UnixStream) {
    while let Ok((id, kind, word, payload)) = receive(socket) {
        let taken = connection().as_mut().and_then(|c| c.out.remove(&id));
        if let (REPLY, Some((call, answer))) = (kind, taken) {
            // the client may have been released: then nobody listens, and the reply is dropped
            let _ = answer.send((Hresult(word as i32), payload));
            let _ = runtime().complete(call);
        }
    }
    let dead = connection().take();
    for (_, (call, _)) in dead.into_iter().flat_map(|c| c.out) {
        let _ = runtime().abandon(call, Hresult::RPC_E_SERVER_DIED);
    }
}

/// Sends the request of a call that has begun.
fn request(call: CallHandle, method: u32, argument: u32) -> Result<Receiver<Answer>, Hresult> {
    let (sender, receiver) = channel();
    let mut guard = connection();
    let connection = guard.as_mut().ok_or(Hresult::RPC_E_SERVER_DIED)?;
    connection.last_id += 1;
    let id = connection.last_id;
    connection.out.insert(id, (call, sender));
    let _ = send(&connection.socket, id, REQUEST, method, &argument.to_ne_bytes());
    if runtime().test_call(call) == Hresult::RPC_E_CALL_CANCELED {
        // before it was in the table, where the hook looks
        let _ = send(&connection.socket, id, CANCEL, 0, &[]);
    }
    Ok(receiver)
}

/// A remote call: begin - hand-off - wait - finish.
fn call(method: u32, argument: u32) -> Result<u32, Hresult> {
    let call = runtime().call(CallOptions::new());
    let receiver = request(call.handle(), method, argument).inspect_err(|failure| {
        // it never was out: there is no reader to end its server's side
        let _ = runtime().abandon(call.handle(), *failure);
    })?;
    let answer = if call.cancellable().is_ok() {
        call.wait()?;
        match call.finish()? {
            Outcome::Completed => receiver.recv(),
            Outcome::Failed(failure) => return Err(failure),
            Outcome::Canceled => return Err(Hresult::RPC_E_CALL_CANCELED),
        }
    } else {
        // it took no slot: the host waits by its own means
        let answer = receiver.recv();
        call.finish()?;
        answer
    };
    let (code, payload) = answer.map_err(|_| Hresult::RPC_E_SERVER_DIED)?;
    code.ok()?;
    payload.try_into().map(u32::from_ne_bytes).map_err(|_| Hresult::E_UNEXPECTED)
}

/// Cancels what `thread` is calling, from another thread, as soon as it is out.
fn cancel_soon(thread: u32, timeout: Timeout) -> thread::JoinHandle<Hresult> {
    thread::spawn(move || {
        loop {
            let code = runtime().cancel_thread(thread, timeout, Waiting::Allowed);
            if code != Hresult::E_NOINTERFACE {
                return code;
            }
            thread::sleep(Duration::from_millis(1));
        }
    })
}

fn check(what: &str, got: Result<u32, Hresult>, right: impl Fn(Result<u32, Hresult>) -> bool) -> Result<(), String> {
    println!("{what}: {got:?}");
    if right(got) { Ok(()) } else { Err(format!("{what}: not so")) }
}

fn scenes() -> Result<(), String> {
    check("disabled", call(ECHO, 1), |r| r == Ok(1))?;
    let _enabled = runtime().enabled().map_err(|code| format!("{code:?}"))?;
    check("echo", call(ECHO, 7), |r| r == Ok(7))?;
    let canceller = cancel_soon(thread_id(), Timeout::ZERO);
    check("deaf, cancelled", call(SLEEP, 60_000), |r| r == Err(Hresult::RPC_E_CALL_CANCELED))?;
    println!("  its canceller: {:?}", canceller.join());
    let canceller = cancel_soon(thread_id(), Timeout::seconds(60));
    check("heard in time", call(WORK, 50_000), |r| r.is_ok_and(|steps| steps < 50_000))?;
    println!("  its canceller: {:?}", canceller.join());
    check("late replies answer nothing", call(ECHO, 8), |r| r == Ok(8))
}

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let path = std::env::args().nth(1).ok_or("usage: rpc-client PATH")?;
    let socket = UnixStream::connect(path)?;
    socket.set_write_timeout(Some(Duration::from_secs(2)))?;
    let reading = socket.try_clone()?;
    set_hooks(Some(&HOOKS));
    *connection() = Some(Connection { socket, last_id: 0, out: HashMap::new() });
    thread::spawn(move || read_replies(&reading));
    Ok(scenes()?)
}
