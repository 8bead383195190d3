//! Which hosts are reached without the proxy, by curl's rules.

use std::net::IpAddr;

/// Whether a list excepts a host, which is a name or an address without brackets. Entries are separated by commas or white
/// space. A name excepts itself and all names below it, with or without a leading dot; an address itself, a network
/// (`10.0.0.0/8`) all of its addresses; `*` alone everything.
pub fn excepts(list: &str, host: &str) -> bool {
    if list == "*" {
        return true;
    }
    let mut entries = list
        .split([',', ' ', '\t'])
        .filter(|entry| !entry.is_empty());
    match host.parse::<IpAddr>() {
        Ok(address) => entries.any(|entry| has_address(entry, address)),
        Err(_) => {
            let host = host.strip_suffix('.').unwrap_or(host);
            entries.any(|entry| has_name(entry, host))
        }
    }
}

fn has_name(entry: &str, host: &str) -> bool {
    let entry = entry.strip_suffix('.').unwrap_or(entry);
    let entry = entry.strip_prefix('.').unwrap_or(entry);
    let Some(start) = host.len().checked_sub(entry.len()) else {
        return false;
    };
    let (before, end) = host.as_bytes().split_at(start);
    !entry.is_empty()
        && end.eq_ignore_ascii_case(entry.as_bytes())
        && matches!(before.last(), None | Some(b'.'))
}

fn has_address(entry: &str, address: IpAddr) -> bool {
    let (network, bits) = match entry.split_once('/') {
        Some((network, bits)) => (network, bits.parse().ok()),
        None => (entry, Some(u32::MAX)),
    };
    let Some(bits) = bits else {
        return false;
    };
    match (network.parse(), address) {
        (Ok(IpAddr::V4(network)), IpAddr::V4(address)) => {
            let differing = network.to_bits() ^ address.to_bits();
            is_within(bits, 32, differing.leading_zeros())
        }
        (Ok(IpAddr::V6(network)), IpAddr::V6(address)) => {
            let differing = network.to_bits() ^ address.to_bits();
            is_within(bits, 128, differing.leading_zeros())
        }
        _ => false,
    }
}

/// Whether so many bits in common are enough, of `all`; without a number it is all of them.
fn is_within(bits: u32, all: u32, common: u32) -> bool {
    match bits {
        u32::MAX => common == all,
        bits => bits <= all && common >= bits,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::process::Command;
    use test_server::Server;

    const CASES: [(&str, &str, bool); 40] = [
        ("*", "example.com", true),
        ("a.example,*", "example.com", false),
        ("", "example.com", false),
        (",, ,", "example.com", false),
        (".", "example.com", false),
        ("example.com", "example.com", true),
        ("example.com", "www.example.com", true),
        ("example.com", "www.www.example.com", true),
        (".example.com", "example.com", true),
        (".example.com", "www.example.com", true),
        ("..example.com", "example.com", false),
        ("example.com.", "example.com", true),
        ("example.com..", "example.com", false),
        ("example.com", "example.com.", true),
        ("EXAMPLE.com", "example.COM", true),
        ("com", "example.com", true),
        ("example.com", "notexample.com", false),
        ("example.com", "example.org", false),
        ("www.example.com", "example.com", false),
        ("*.example.com", "www.example.com", false),
        ("example.com:80", "example.com", false),
        ("a.example,example.com", "example.com", true),
        ("a.example example.com", "example.com", true),
        ("a.example\texample.com", "example.com", true),
        (" a.example , example.com ", "example.com", true),
        ("xn--bcher-kva.example", "xn--bcher-kva.example", true),
        ("10.2.3.4", "10.2.3.4", true),
        ("10.2.3.4", "10.2.3.40", false),
        ("2.3.4", "10.2.3.4", false),
        ("10.0.0.0/8", "10.2.3.4", true),
        ("10.0.0.0/8", "11.2.3.4", false),
        ("10.2.3.0/25", "10.2.3.127", true),
        ("10.2.3.0/25", "10.2.3.128", false),
        ("10.2.3.4/32", "10.2.3.4", true),
        ("10.2.3.4/33", "10.2.3.4", false),
        ("10.2.3.4/-1", "10.2.3.4", false),
        ("10.1/16", "10.1.2.3", false),
        ("::1", "::1", true),
        ("::1", "::2", false),
        ("2001:DB8::5", "2001:db8::5", true),
    ];

    #[test]
    fn a_list_excepts_names_addresses_and_networks() {
        for (list, host, excepted) in CASES {
            assert_eq!(excepts(list, host), excepted, "{list:?} {host}");
        }
    }

    /// Here curl 7.88 of Debian 12 does not do what it says: its networks of IPv6 except nothing, and no bits are all.
    #[test]
    fn networks_of_ipv6_and_of_everything_are_networks_as_well() {
        for (list, host, excepted) in [
            ("2001:db8::/32", "2001:db8:1::5", true),
            ("2001:db8::/33", "2001:db8:8000::5", false),
            ("fe80::/10", "fe80::1", true),
            ("::1/129", "::1", false),
            ("0.0.0.0/0", "10.2.3.4", true),
            ("0.0.0.0/0", "::1", false),
            ("::/0", "::1", true),
        ] {
            assert_eq!(excepts(list, host), excepted, "{list:?} {host}");
        }
    }

    /// The server plays both the proxy and all hosts: only a proxy is asked for a tunnel, which curl wants where it is told
    /// a host's place.
    #[test]
    fn curl_excepts_the_same() {
        let server = Server::start(|exchange| exchange.respond(204, &[], b""));
        let place = format!("127.0.0.1:{}", server.port());
        for (list, host, _) in CASES {
            let bracketed = match host.contains(':') {
                true => format!("[{host}]"),
                false => host.to_owned(),
            };
            let run = Command::new("curl")
                .args(["--silent", "--max-time", "10", "--noproxy", list])
                .args(["--proxy", &place, "--connect-to", &format!("::{place}")])
                .args(["--write-out", "%{http_connect}"])
                .arg(format!("http://{bracketed}/"))
                .output();
            let run = match run {
                Err(error) if std::env::var_os("CI").is_none() => {
                    eprintln!("skipped: no curl ({error}); to have it: apt-get install curl");
                    return;
                }
                run => run.expect("curl"),
            };
            let excepted = run.stdout == b"000";
            assert_eq!(excepts(list, host), excepted, "{list:?} {host}: {run:?}");
        }
    }
}
