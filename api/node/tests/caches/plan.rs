//! Postbacks whose verdicts are known before they are sent, under every kind of click that they may name.

use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use serde_json::Value;

use crate::support::catalog::{PERSON, click_id_of, text};
use crate::support::metrics::until;
use crate::support::{Client, path_of};

/// A postback comes no sooner than so after the one before.
const EVERY: Duration = Duration::from_millis(15);

/// What is to be said of a postback: outcome and reason.
type Verdict = (&'static str, Option<&'static str>);

const APPLIED: Verdict = ("applied", None);
const DUPLICATE: Verdict = ("duplicate", None);
const UNKNOWN: Verdict = ("rejected", Some("unknown_click"));
const NOT_THEIRS: Verdict = ("rejected", Some("wrong_advertiser"));

/// Whoever clicks and reports by plan.
pub struct Reporter {
    pub base: String,
    /// Path of the link.
    pub path: String,
    /// The advertiser's token, and another advertiser's.
    pub token: String,
    pub other_token: String,
    /// Clicks that were given out.
    pub clicks: Vec<String>,
    /// Conversions that the books must have.
    pub conversions: usize,
    /// Postbacks that got an honest 202: where their verdict is told, and what it must be.
    later: Vec<(String, Verdict)>,
    sent: usize,
}

impl Reporter {
    pub fn new(base: &str, path: &str, token: &str, other_token: &str) -> Self {
        Self {
            base: base.to_owned(),
            path: path.to_owned(),
            token: token.to_owned(),
            other_token: other_token.to_owned(),
            clicks: Vec::new(),
            conversions: 0,
            later: Vec::new(),
            sent: 0,
        }
    }

    /// Clicks and reports until told to stop.
    pub fn report(&mut self, stop: &AtomicBool) {
        let mut client = Client::new(&self.base);
        while !stop.load(Ordering::Relaxed) {
            self.sent += 1;
            self.step(&mut client);
            std::thread::sleep(EVERY);
        }
    }

    fn step(&mut self, client: &mut Client) {
        let number = self.sent;
        let click = self.click(client);
        let token = format!("&token={}", self.token);
        match number % 6 {
            0 => self.send(client, &click, &token, APPLIED),
            1 => {
                self.send(client, &click, &token, APPLIED);
                self.send(client, &click, &token, DUPLICATE);
            }
            2 => {
                let end = if click.ends_with('0') { '1' } else { '0' };
                let forged = format!("{}{end}", &click[..31]);
                self.send(client, &forged, &token, UNKNOWN);
            }
            // By address: whose click it is must be looked up before anybody is believed.
            3 => self.send(client, &click, "", APPLIED),
            4 => {
                let token = format!("&token={}", self.other_token);
                self.send(client, &click, &token, NOT_THEIRS);
            }
            _ => {
                let old = self.clicks[number / 7 % self.clicks.len()].clone();
                self.send(client, &old, "", APPLIED);
            }
        }
    }

    /// A click by somebody who was not here before.
    fn click(&mut self, client: &mut Client) -> String {
        let agent = format!("{PERSON} n/{}", self.sent);
        let answer = client.send("GET", &self.path, &[("User-Agent", &agent)], "");
        let answer = answer.unwrap_or_else(|e| panic!("a click failed: {e}"));
        assert_eq!(answer.status, 302, "{answer:?}");
        let id = click_id_of(&answer);
        self.clicks.push(id.clone());
        id
    }

    /// Reports a conversion of a click under the number of this step.
    fn send(&mut self, client: &mut Client, click: &str, who: &str, expect: Verdict) {
        let path = format!("/postback?click_id={click}&txid=tx{}{who}", self.sent);
        let answer = client.get(&path);
        let answer = answer.unwrap_or_else(|e| panic!("a postback failed: {e}"));
        let body = answer.json();
        match answer.status {
            200 => assert_eq!(verdict_of(&body), expect, "{path}: {body}"),
            202 => self.later.push((text(&body, "status_url"), expect)),
            _ => panic!("{path}: {answer:?}"),
        }
        self.conversions += usize::from(expect == APPLIED);
    }

    /// Every postback that got 202 has the verdict of the plan behind its status URL.
    pub fn settle(&mut self) {
        println!("{} postbacks, {} judged later", self.sent, self.later.len());
        let mut client = Client::new(&self.base);
        for (url, expect) in self.later.drain(..) {
            until("the verdict is stored", || {
                let answer = client.get(path_of(&url)).unwrap();
                assert!(matches!(answer.status, 200 | 202), "{answer:?}");
                let is_judged = answer.status == 200;
                assert!(
                    !is_judged || verdict_of(&answer.json()) == expect,
                    "{answer:?}"
                );
                is_judged
            });
        }
    }
}

fn verdict_of(body: &Value) -> (&str, Option<&str>) {
    (
        body["outcome"].as_str().unwrap_or_default(),
        body["reason"].as_str(),
    )
}
