//! The road from the node to its database, which can turn connections away or lose everything in silence.
//!
//! Where the machine lets us, it is a network of its own: a namespace behind a pair of virtual cables. Turning away is a
//! route that answers "prohibited" (ICMP), losing is a neighbour whose hardware address is wrong. Elsewhere it is a proxy.

use std::process::Command;

use crate::mariadb::Place;
use crate::proxy::{Proxy, Road as Proxied};

/// A namespace, reached by a cable.
pub struct Network {
    name: String,
    cable: String,
    far_cable: String,
    near: String,
    far: String,
}

fn ip(line: &str) -> bool {
    let output = Command::new("ip").args(line.split(' ')).output();
    output.is_ok_and(|o| o.status.success())
}

fn forwards(namespace: &str) -> bool {
    let on = "echo 1 > /proc/sys/net/ipv4/ip_forward";
    let inside = ["netns", "exec", namespace, "sh", "-c", on];
    let output = Command::new("ip").args(inside).output();
    output.is_ok_and(|o| o.status.success())
}

fn must(line: &str) {
    assert!(ip(line), "ip {line}");
}

impl Network {
    /// `None` where this machine does not let us make one.
    pub fn new() -> Option<Self> {
        let id = std::process::id();
        let net = format!("198.18.{}.{}", (id >> 6) % 256, (id % 64) * 4);
        let at = |host: u32| {
            let (front, last) = net.rsplit_once('.').unwrap_or_default();
            format!("{front}.{}", last.parse::<u32>().unwrap_or(0) + host)
        };
        let made = Self {
            name: format!("weir-test-{id}"),
            cable: format!("wt{id}n"),
            far_cable: format!("wt{id}f"),
            near: at(1),
            far: at(2),
        };
        let Self {
            name,
            cable,
            far_cable,
            near,
            far,
        } = &made;
        // What is half made goes away with it.
        let is_there = ip(&format!("netns add {name}"))
            && ip(&format!("link add {cable} type veth peer name {far_cable} netns {name}"))
            && ip(&format!("addr add {near}/30 dev {cable}"))
            && ip(&format!("link set {cable} up"))
            && ip(&format!("-n {name} addr add {far}/30 dev {far_cable}"))
            && ip(&format!("-n {name} link set {far_cable} up"))
            && ip(&format!("-n {name} link set lo up"))
            // Only who forwards says that something is prohibited.
            && forwards(name);
        is_there.then_some(made)
    }

    fn reject(&self) {
        let Self {
            name, far_cable, ..
        } = self;
        must(&format!(
            "-n {name} rule add pref 1 iif {far_cable} prohibit"
        ));
        must(&format!("-n {name} rule add pref 100 lookup local"));
        must(&format!("-n {name} rule del pref 0"));
    }

    fn drop_all(&self) {
        let Self {
            name,
            cable,
            far_cable,
            near,
            far,
        } = self;
        let wrong = "lladdr 02:00:00:00:00:99 nud permanent";
        must(&format!("neigh replace {far} dev {cable} {wrong}"));
        must(&format!(
            "-n {name} neigh replace {near} dev {far_cable} {wrong}"
        ));
    }

    fn open(&self) {
        let Self {
            name,
            cable,
            far_cable,
            near,
            far,
        } = self;
        // What was not in the way cannot be removed.
        for line in [
            format!("-n {name} rule add pref 0 lookup local"),
            format!("-n {name} rule del pref 1"),
            format!("-n {name} rule del pref 100"),
            format!("neigh del {far} dev {cable}"),
            format!("-n {name} neigh del {near} dev {far_cable}"),
        ] {
            ip(&line);
        }
    }
}

impl Drop for Network {
    fn drop(&mut self) {
        // The cable goes with the namespace.
        ip(&format!("netns del {}", self.name));
    }
}

/// See the module.
pub enum Road {
    Network(Network),
    Proxy(Option<Proxy>),
}

impl Road {
    /// The best that this machine lets us have.
    pub fn new() -> Self {
        match Network::new() {
            Some(network) => {
                println!("the database is in a network namespace of its own");
                Self::Network(network)
            }
            None => {
                println!(
                    "this machine lets us make no network namespace: the database is behind a proxy"
                );
                Self::Proxy(None)
            }
        }
    }

    /// Where the server at its end must be.
    pub fn place(&self) -> Place {
        match self {
            Self::Network(network) => Place {
                namespace: Some(network.name.clone()),
                address: network.far.clone(),
            },
            Self::Proxy(_) => Place::here(),
        }
    }

    /// The URL by which the server at `url`, at its end, is reached.
    pub fn lead_to(&mut self, authority: &str, url: &str) -> String {
        match self {
            Self::Network(_) => url.to_owned(),
            Self::Proxy(proxy) => {
                let made = Proxy::to(authority);
                let url = url.replace(authority, &made.address().to_string());
                *proxy = Some(made);
                url
            }
        }
    }

    /// Connections are turned away.
    pub fn reject(&self) {
        match self {
            Self::Network(network) => network.reject(),
            Self::Proxy(proxy) => set(proxy, Proxied::Closed),
        }
    }

    /// Nothing arrives, and nobody says so.
    pub fn drop_all(&self) {
        match self {
            Self::Network(network) => network.drop_all(),
            Self::Proxy(proxy) => set(proxy, Proxied::Silent),
        }
    }

    /// As it was.
    pub fn open(&self) {
        match self {
            Self::Network(network) => network.open(),
            Self::Proxy(proxy) => set(proxy, Proxied::Open),
        }
    }
}

fn set(proxy: &Option<Proxy>, road: Proxied) {
    proxy.as_ref().expect("the road leads somewhere").set(road);
}
