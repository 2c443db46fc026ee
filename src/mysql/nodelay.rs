//! TCP_NODELAY for a driver that does not set it.
//!
//! sqlx 0.9 leaves Nagle's algorithm on and has no way to hand it a socket or to get at the one it
//! opened. Over TLS, where a statement goes out in several writes, each statement then waits about
//! 40 ms for a delayed ACK. So after connecting, every TCP socket of this process whose peer is
//! the server's port gets the option: it is idempotent, and on any other socket that happens to
//! match it does no harm.
//!
//! The release of sqlx after 0.9.0 should set it (its pull request 4336); then delete this file, and
//! its `unsafe` with it. See `docs/adr/0004-nodelay.md`.

use socket2::{SockRef, TcpKeepalive};
use std::os::fd::{BorrowedFd, RawFd};
use std::time::Duration;

/// We notice a peer that vanished silently after about a minute and a half.
fn keepalive() -> TcpKeepalive {
    TcpKeepalive::new().with_time(Duration::from_secs(60)).with_interval(Duration::from_secs(10))
}

pub(super) fn set_on_connections_to(port: u16) {
    // Linux and macOS list a process's descriptors here.
    let Ok(entries) = std::fs::read_dir("/dev/fd") else { return };
    let names = entries.filter_map(|entry| entry.ok()?.file_name().into_string().ok());
    let descriptors: Vec<RawFd> = names.filter_map(|name| name.parse().ok()).collect();
    for descriptor in descriptors {
        // SAFETY: the descriptor is only borrowed for three system calls, which report an
        // error if it has been closed meanwhile. If it has been reused, it is some other
        // socket of this process, and the port decides whether it is touched.
        #[allow(unsafe_code)]
        let borrowed = unsafe { BorrowedFd::borrow_raw(descriptor) };
        let socket = SockRef::from(&borrowed);
        let is_peer = socket
            .peer_addr()
            .ok()
            .and_then(|peer| peer.as_socket())
            .is_some_and(|peer| peer.port() == port);
        if is_peer {
            // If either fails, the connection still works, only slower.
            let _ = socket.set_tcp_nodelay(true);
            let _ = socket.set_tcp_keepalive(&keepalive());
        }
    }
}

#[cfg(test)]
mod tests {
    use std::net::{TcpListener, TcpStream};

    #[test]
    fn connections_to_the_port_are_found() {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let stream = TcpStream::connect(address).unwrap();
        assert!(!stream.nodelay().unwrap());
        super::set_on_connections_to(address.port());
        assert!(stream.nodelay().unwrap());
    }
}
