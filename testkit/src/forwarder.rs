//! One address behind which the server can change, as a virtual IP or a proxy does at a failover.

use crate::net::free_port;
use std::io;
use std::net::{Shutdown, TcpListener, TcpStream};
use std::sync::{Arc, Mutex};
use std::thread::JoinHandle;

/// Passes connections on to a target that can be switched. It ends with its owner.
#[derive(Debug)]
pub struct Forwarder {
    pub port: u16,
    state: Arc<Mutex<State>>,
    thread: Option<JoinHandle<()>>,
}

#[derive(Debug)]
struct State {
    /// `HOST:PORT`
    target: String,
    /// Both ends of each connection, also of those that have ended since the last look.
    open: Vec<(TcpStream, TcpStream)>,
    is_over: bool,
}

impl Forwarder {
    /// Passes on to `target`, `HOST:PORT`.
    pub fn to(target: &str) -> Self {
        Self::at(free_port(), target)
    }

    /// At this port of 127.0.0.1.
    pub fn at(port: u16, target: &str) -> Self {
        let listener = TcpListener::bind(("127.0.0.1", port)).unwrap();
        let state = State { target: target.to_owned(), open: Vec::new(), is_over: false };
        let state = Arc::new(Mutex::new(state));
        let shared = Arc::clone(&state);
        let thread = std::thread::spawn(move || {
            for from in listener.incoming().map_while(Result::ok) {
                let mut state = shared.lock().unwrap();
                if state.is_over {
                    return;
                }
                // Without an answer there, `from` is closed: the same as a refused connection, nearly.
                let _ = state.pass_on(from);
            }
        });
        Self { port, state, thread: Some(thread) }
    }

    /// From now on there is another target. Every open connection is closed: no byte reaches the old one any more.
    pub fn switch(&self, target: &str) {
        let mut state = self.state.lock().unwrap();
        target.clone_into(&mut state.target);
        state.cut();
    }

    /// Closes every open connection; new ones are passed on.
    pub fn cut(&self) {
        self.state.lock().unwrap().cut();
    }
}

impl State {
    fn pass_on(&mut self, from: TcpStream) -> io::Result<()> {
        let to = TcpStream::connect(&self.target)?;
        for side in [&from, &to] {
            // Each write is passed on as it is, whatever its size.
            side.set_nodelay(true)?;
        }
        copy(from.try_clone()?, to.try_clone()?);
        copy(to.try_clone()?, from.try_clone()?);
        self.open.retain(|(from, _)| from.peer_addr().is_ok());
        self.open.push((from, to));
        Ok(())
    }

    fn cut(&mut self) {
        for (from, to) in self.open.drain(..) {
            // They may have ended by themselves.
            let _ = from.shutdown(Shutdown::Both);
            let _ = to.shutdown(Shutdown::Both);
        }
    }
}

/// Copies what comes, until one side ends; then the other one ends, too.
fn copy(mut from: TcpStream, mut to: TcpStream) {
    std::thread::spawn(move || {
        let _ = io::copy(&mut from, &mut to);
        let _ = from.shutdown(Shutdown::Both);
        let _ = to.shutdown(Shutdown::Both);
    });
}

impl Drop for Forwarder {
    fn drop(&mut self) {
        {
            let mut state = self.state.lock().unwrap();
            state.is_over = true;
            state.cut();
        }
        // Wakes the listener up.
        let _ = TcpStream::connect(("127.0.0.1", self.port));
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::Forwarder;
    use std::io::{Read as _, Write as _};
    use std::net::{TcpListener, TcpStream};

    /// A server that says its name to each connection and keeps it.
    fn server(name: &'static str) -> String {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap().to_string();
        std::thread::spawn(move || {
            let mut kept = Vec::new();
            for mut from in listener.incoming().map_while(Result::ok) {
                from.write_all(name.as_bytes()).unwrap();
                kept.push(from);
            }
        });
        address
    }

    fn named(port: u16) -> (TcpStream, String) {
        let mut stream = TcpStream::connect(("127.0.0.1", port)).unwrap();
        let mut name = [0; 3];
        stream.read_exact(&mut name).unwrap();
        (stream, String::from_utf8(name.to_vec()).unwrap())
    }

    fn has_ended(stream: &mut TcpStream) -> bool {
        !matches!(stream.read(&mut [0]), Ok(1..))
    }

    #[test]
    fn another_server_behind_one_address() {
        let forwarder = Forwarder::to(&server("one"));
        let (mut first, name) = named(forwarder.port);
        assert_eq!(name, "one");
        forwarder.switch(&server("two"));
        assert!(has_ended(&mut first), "the old server is out of reach");
        let (mut second, name) = named(forwarder.port);
        assert_eq!(name, "two");
        forwarder.cut();
        assert!(has_ended(&mut second));
        let (mut third, name) = named(forwarder.port);
        assert_eq!(name, "two");
        drop(forwarder);
        assert!(has_ended(&mut third));
    }
}
