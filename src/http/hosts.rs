//! Which names in a `Host` header are ours.
//!
//! Another site can make its own name resolve to this machine's address (DNS rebinding); its script
//! then reads our answers as if they were its own. The name in the `Host` header gives it away. An IP
//! address and `localhost` cannot be rebound.

use axum::http::header::HOST;
use axum::http::{HeaderMap, Uri};
use std::net::{IpAddr, Ipv6Addr};

/// Whether a request is for one of `names`, `localhost` or an IP address. A browser always sends a
/// name, so a request without one is fine.
pub(super) fn is_ours(uri: &Uri, headers: &HeaderMap, names: &[String]) -> bool {
    let named = headers.get_all(HOST).iter().map(|host| host.to_str().ok());
    let named = named.chain(uri.authority().map(|authority| Some(authority.as_str())));
    named.into_iter().all(|host| host.is_some_and(|host| is_one(host, names)))
}

fn is_one(host: &str, names: &[String]) -> bool {
    if let Some(rest) = host.strip_prefix('[') {
        let address = rest.split_once(']').filter(|(_, port)| is_port(port));
        return address.is_some_and(|(address, _)| address.parse::<Ipv6Addr>().is_ok());
    }
    let (name, port) = host.split_at(host.find(':').unwrap_or(host.len()));
    let name = name.strip_suffix('.').unwrap_or(name);
    let is_name = |known: &str| known.trim_end_matches('.').eq_ignore_ascii_case(name);
    is_port(port)
        && (name.parse::<IpAddr>().is_ok()
            || is_name("localhost")
            || names.iter().any(|known| is_name(known)))
}

/// `:PORT`, or nothing.
fn is_port(text: &str) -> bool {
    text.is_empty() || text.strip_prefix(':').is_some_and(|port| port.parse::<u16>().is_ok())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_localhost_and_listed_names() {
        let names = ["Sluicegate.Example.com".to_owned()];
        for host in [
            "127.0.0.1",
            "10.1.2.3:9464",
            "[::1]",
            "[2001:db8::7]:9464",
            "localhost",
            "LocalHost.:9464",
            "sluicegate.example.com:9464",
        ] {
            assert!(is_one(host, &names), "{host}");
        }
        for host in [
            "",
            "evil.example",
            "127.0.0.1.evil.example",
            "localhost.evil.example:9464",
            "example.com",
            "evil.example@127.0.0.1",
            "127.0.0.1:9464@evil.example",
            "[::1].evil.example",
            "[evil.example]",
            "::1",
            "localhost:",
            "0x7f000001",
        ] {
            assert!(!is_one(host, &names), "{host}");
        }
    }

    #[test]
    fn every_name_of_a_request_counts() {
        let mut headers = HeaderMap::new();
        let path = Uri::from_static("/status");
        assert!(is_ours(&path, &headers, &[]));
        headers.append(HOST, "localhost:9464".parse().unwrap());
        assert!(is_ours(&path, &headers, &[]));
        assert!(!is_ours(&Uri::from_static("http://evil.example/status"), &headers, &[]));
        headers.append(HOST, "evil.example".parse().unwrap());
        assert!(!is_ours(&path, &headers, &[]));
    }
}
