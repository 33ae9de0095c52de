//! Live traffic on top of a demo's history: what the history has none of.

use serde_json::{Value, json};

use crate::history::Admin;
use crate::support::{Client, Server, path_of};

/// Whoever names no browser is a bot.
const PERSON: (&str, &str) = (
    "User-Agent",
    "Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0",
);
const BOT: (&str, &str) = (
    "User-Agent",
    "Googlebot/2.1 (+http://www.google.com/bot.html)",
);

/// Somebody who clicks and sells.
struct Trader<'a> {
    admin: Admin,
    client: Client,
    tenant: String,
    /// The advertiser's token, another advertiser's, and the pixel key.
    token: String,
    other_token: String,
    pixel_key: String,
    reasons: &'a mut Vec<String>,
}

impl Trader<'_> {
    fn make(&mut self, path: &str, body: &Value) -> Value {
        self.admin.ask(&self.tenant, "POST", path, body)
    }

    /// Clicks; gives the click id. `headers` say who.
    fn click(&mut self, path: &str, headers: &[(&str, &str)]) -> String {
        let answer = self.client.send("GET", path, headers, "").unwrap();
        assert_eq!(answer.status, 302, "{path} {answer:?}");
        let location = answer.header("location").unwrap();
        let id = location.split("click=").nth(1);
        id.unwrap_or_else(|| panic!("{location}"))[..32].to_owned()
    }

    /// Sends a postback; gives the conversion's id, and notes what was said.
    fn sell(&mut self, click: &str, more: &str) -> String {
        let token = self.token.clone();
        self.send(&format!("/postback?click_id={click}&token={token}&{more}"))
    }

    fn send(&mut self, path: &str) -> String {
        let answer = self.client.get(path).unwrap();
        assert_eq!(answer.status, 200, "{path} {answer:?}");
        if answer.header("content-type") == Some("image/gif") {
            self.reasons.push("pixel".to_owned());
            return String::new();
        }
        let body = answer.json();
        let word = |name: &str| body[name].as_str().unwrap_or_default().to_owned();
        self.reasons.push(match word("reason") {
            reason if reason.is_empty() => word("outcome"),
            reason => reason,
        });
        word("conversion_id")
    }

    fn change(&mut self, offer: &str, body: &Value) {
        let path = format!("/v1/offers/{offer}");
        self.admin.ask(&self.tenant, "PATCH", &path, body);
    }

    fn decide(&mut self, conversion: &str, status: &str) {
        let path = format!("/v1/conversions/{conversion}/status");
        self.make(&path, &json!({"status": status, "reason": "looked at"}));
    }

    /// An offer of the first advertiser, a percentage of the sale; gives its id and the path of its link.
    fn offer(&mut self, advertiser: &Value, affiliate: &str, more: Value) -> (String, String) {
        let mut body = json!({"name": format!("Live {}", more["caps"]), "advertiser_id": advertiser["id"], "currency": "USD",
            "url": "https://shop.example/?click={click_id}", "payout": {"type": "cps", "percent": "10"},
            "revenue": {"type": "rps", "percent": "15.25"},
            "goals": [{"name": "signup", "payout": {"type": "cpa", "amount": "1.25"}, "repeat": "one_per_click"}]});
        if let (Some(body), Value::Object(more)) = (body.as_object_mut(), more) {
            body.extend(more);
        }
        let made = self.make("/v1/offers", &body);
        let text = |name: &str| made[name].as_str().expect(name).to_owned();
        let path = path_of(&text("click_url")).replace("{affiliate_id}", affiliate);
        (text("id"), path)
    }
}

/// Trades with the demo's first tenant; gives a word for each postback: its reason, or else its outcome.
pub fn trade(server: &Server) -> Vec<String> {
    let (mut admin, tenant) = (Admin::of(server), server.url("/demo/tenant"));
    let advertisers = admin.ask(&tenant, "GET", "/v1/advertisers", &json!({}))["items"].take();
    let affiliates = admin.ask(&tenant, "GET", "/v1/affiliates", &json!({}))["items"].take();
    let mut token_of = |advertiser: &Value| {
        let id = advertiser["id"].as_str().unwrap();
        let path = format!("/v1/advertisers/{id}/rotate-token");
        let rotated = admin.ask(&tenant, "POST", &path, &json!({}));
        rotated["postback_token"].as_str().unwrap().to_owned()
    };
    let (token, other_token) = (token_of(&advertisers[0]), token_of(&advertisers[1]));
    let mut reasons = Vec::new();
    let mut trader = Trader {
        admin,
        client: Client::new(&server.url("/traffic")),
        tenant,
        token,
        other_token,
        pixel_key: advertisers[0]["pixel_key"].as_str().unwrap().to_owned(),
        reasons: &mut reasons,
    };
    let affiliate = affiliates[0]["id"].as_str().unwrap();
    under_a_cap(&mut trader, &advertisers[0], affiliate);
    without_a_cap(&mut trader, &advertisers[0], affiliate);
    reasons
}

/// Three places, which are taken, given back and taken again.
fn under_a_cap(trader: &mut Trader<'_>, advertiser: &Value, affiliate: &str) {
    let caps =
        json!({"caps": [{"metric": "conversions", "period": "day", "limit": 3, "level": "offer"}]});
    let (_, path) = trader.offer(advertiser, affiliate, caps);
    let clicks: Vec<String> = (0..8).map(|_| trader.click(&path, &[PERSON])).collect();
    trader.sell(&clicks[0], "txid=c1&amount=100");
    trader.sell(&clicks[0], "txid=c1&amount=90");
    trader.sell(&clicks[1], "txid=c2&amount=33.333333");
    trader.sell(&clicks[2], "txid=c3");
    trader.sell(&clicks[2], "txid=c3&amount=10&status=pending");
    trader.sell(&clicks[3], "txid=c4&amount=5");
    trader.sell(&clicks[1], "txid=c2&status=rejected");
    trader.sell(&clicks[3], "txid=c4&amount=5");
    trader.sell(&clicks[4], "txid=c5&amount=5");
    trader.sell(&clicks[2], "txid=c3&status=approved");
    trader.sell(&clicks[5], "txid=c6&amount=5&status=frozen");
}

/// Terms that change between sales, goals, other currencies, and staff who changes its mind.
fn without_a_cap(trader: &mut Trader<'_>, advertiser: &Value, affiliate: &str) {
    let (offer, path) = trader.offer(advertiser, affiliate, json!({}));
    let clicks: Vec<String> = (0..8).map(|_| trader.click(&path, &[PERSON])).collect();
    for event in ["signup", "signup", "nothing"] {
        trader.sell(&clicks[0], &format!("event={event}"));
    }
    let foreign = trader.sell(&clicks[1], "txid=f1&amount=20&currency=EUR");
    let sold = trader.sell(&clicks[2], "txid=f2&amount=20&currency=USD");
    let fixed = json!({"type": "cpa", "amount": "4.00"});
    trader.change(
        &offer,
        &json!({"payout": fixed, "min_seconds_to_convert": 3600}),
    );
    trader.sell(&clicks[3], "txid=f3&amount=20");
    trader.change(
        &offer,
        &json!({"min_seconds_to_convert": 0, "repeat": "all"}),
    );
    for _ in 0..2 {
        trader.sell(&clicks[3], "txid=f4&amount=20");
    }
    by_others(trader, &clicks[4]);
    others_clicks(trader, &path, &offer);
    trader.decide(&sold, "rejected");
    trader.decide(&sold, "approved");
    trader.decide(&foreign, "rejected");
}

/// Conversions that another advertiser, a pixel and a forger report.
fn by_others(trader: &mut Trader<'_>, click: &str) {
    let (token, key) = (trader.other_token.clone(), trader.pixel_key.clone());
    trader.send(&format!(
        "/postback?click_id={click}&token={token}&amount=1"
    ));
    trader.send(&format!("/px?click_id={click}&key={key}&amount=8&txid=p1"));
    let other_end = if click.ends_with('0') { '1' } else { '0' };
    trader.sell(&format!("{}{other_end}", &click[..31]), "amount=1");
}

/// Conversions of a test, of a bot and of house traffic.
fn others_clicks(trader: &mut Trader<'_>, path: &str, offer: &str) {
    let test = trader.click(&format!("{path}&test=1"), &[PERSON]);
    trader.sell(&test, "txid=t1&amount=1000");
    let bot = trader.click(path, &[BOT]);
    trader.sell(&bot, "txid=b1&amount=7");
    let arms = json!([{"offer_id": offer}]);
    let house = json!({"name": "House", "distribution": {"mode": "fixed"}, "arms": arms});
    let house = trader.make("/v1/campaigns", &house);
    let url = house["click_url"].as_str().unwrap();
    let link = path_of(url).split('?').next().unwrap().to_owned();
    let click = trader.click(&link, &[PERSON]);
    trader.sell(&click, "txid=h1&amount=70");
}
