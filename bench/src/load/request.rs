//! Requests of the mix as bytes, made once; two places are written anew each time they are sent.

use crate::chance::Chance;
use crate::mix::Click;

/// A request, with the places that change.
#[derive(Debug, Clone)]
struct Template {
    bytes: Vec<u8>,
    /// Where the last part of the address stands: three digits.
    address_at: usize,
    /// Where the partner click id stands: 32 digits.
    partner_at: usize,
}

/// Requests in the order in which they are sent, round and round.
#[derive(Debug, Clone)]
pub struct Requests(Vec<Template>);

impl Requests {
    /// Requests of `clicks`, whose campaigns and affiliates have these links and ids.
    ///
    /// # Errors
    /// There are more campaigns or affiliates than links and ids.
    pub fn new(
        clicks: impl Iterator<Item = Click>,
        links: &[String],
        affiliates: &[String],
    ) -> anyhow::Result<Self> {
        let made = clicks.map(|click| {
            let link = links.get(click.campaign);
            let affiliate = affiliates.get(click.affiliate);
            let both = link.zip(affiliate);
            let (link, affiliate) = both.ok_or_else(|| anyhow::anyhow!("too few links"))?;
            Ok(template(&click, link, affiliate))
        });
        Ok(Self(made.collect::<anyhow::Result<_>>()?))
    }

    /// Sends of one thread, which begins somewhere of its own.
    #[must_use]
    pub fn stream(&self, seed: u64) -> Stream<'_> {
        let mut chance = Chance::new(seed);
        Stream {
            next: chance.below(self.0.len()),
            requests: self,
            chance,
            buffer: Vec::with_capacity(2_048),
        }
    }
}

/// The requests of one thread.
pub struct Stream<'a> {
    requests: &'a Requests,
    next: usize,
    chance: Chance,
    buffer: Vec<u8>,
}

impl Stream<'_> {
    /// The next request.
    pub fn next(&mut self) -> &[u8] {
        let template = &self.requests.0[self.next];
        self.next = (self.next + 1) % self.requests.0.len();
        self.buffer.clear();
        self.buffer.extend_from_slice(&template.bytes);
        let last = 100 + self.chance.below(156);
        let digits = [last / 100, last / 10 % 10, last % 10];
        for (place, digit) in self.buffer[template.address_at..].iter_mut().zip(digits) {
            *place = b'0' + digit as u8;
        }
        let partner = &mut self.buffer[template.partner_at..template.partner_at + 32];
        for half in partner.chunks_exact_mut(16) {
            let drawn = self.chance.next();
            for (index, place) in half.iter_mut().enumerate() {
                *place = b"0123456789abcdef"[(drawn >> (4 * index)) as usize & 15];
            }
        }
        &self.buffer
    }
}

fn template(click: &Click, link: &str, affiliate: &str) -> Template {
    let mut bytes = Vec::with_capacity(1_024);
    let mut put = |text: &str| {
        let at = bytes.len();
        bytes.extend_from_slice(text.as_bytes());
        at
    };
    put(&format!("GET /c/{link}?aff={affiliate}"));
    for (number, sub) in (1..).zip(&click.sub) {
        put(&format!("&sub{number}={sub}"));
    }
    put("&aff_click_id=");
    let partner_at = put(&click.partner_id);
    put(" HTTP/1.1\r\nHost: go.example\r\nUser-Agent: ");
    put(click.user_agent);
    put(
        "\r\nAccept: text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8\r\nAccept-Language: ",
    );
    put(click.language);
    put("\r\nAccept-Encoding: gzip, deflate, br\r\nReferer: ");
    put(click.referrer);
    put("\r\nX-Forwarded-For: ");
    let address = click.address.to_string();
    let address_at = put(&address) + address.len() - 3;
    put("\r\n\r\n");
    Template {
        bytes,
        address_at,
        partner_at,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn click() -> Click {
        Click {
            campaign: 1,
            affiliate: 0,
            address: [203, 0, 113, 101].into(),
            user_agent: "UA/1",
            language: "de",
            referrer: "https://r.example/",
            sub: ["a", "b", "c", "d", "e"].map(str::to_owned),
            partner_id: "f".repeat(32),
        }
    }

    #[test]
    fn only_the_last_part_of_the_address_and_the_partner_id_change() {
        let links = ["x".to_owned(), "link".to_owned()];
        let requests = Requests::new([click()].into_iter(), &links, &["aff_1".to_owned()]).unwrap();
        let mut stream = requests.stream(7);
        let texts: Vec<String> = (0..2)
            .map(|_| String::from_utf8(stream.next().to_vec()).unwrap())
            .collect();
        assert_ne!(texts[0], texts[1]);
        for text in &texts {
            let (head, rest) = text.split_once("&aff_click_id=").unwrap();
            assert_eq!(
                head,
                "GET /c/link?aff=aff_1&sub1=a&sub2=b&sub3=c&sub4=d&sub5=e"
            );
            assert!(rest[..32].bytes().all(|b| b.is_ascii_hexdigit()));
            assert!(
                rest[32..].starts_with(" HTTP/1.1\r\nHost: go.example\r\nUser-Agent: UA/1\r\n")
            );
            let address = rest.split_once("X-Forwarded-For: 203.0.113.").unwrap().1;
            let last: u8 = address.trim_end().parse().unwrap();
            assert!(last >= 100, "{last}");
        }
    }

    #[test]
    fn a_campaign_without_a_link_is_refused() {
        let affiliates = ["aff_1".to_owned()];
        assert!(Requests::new([click()].into_iter(), &[], &affiliates).is_err());
    }
}
