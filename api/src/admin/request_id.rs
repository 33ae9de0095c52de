//! The id of a request: the client's `X-Request-Id` when it is a plain word, else a random one.

use poem::Request;

use super::context::Random;

/// Characters that a client's id may have.
const LENGTH_MAX: usize = 64;

pub(super) fn of(request: &Request, random: &Random) -> String {
    let given = request
        .headers()
        .get("x-request-id")
        .and_then(|id| id.to_str().ok());
    match given.filter(|id| is_plain(id)) {
        Some(id) => id.to_owned(),
        None => format!("req_{:032x}", random.number()),
    }
}

fn is_plain(id: &str) -> bool {
    let is_plain_byte = |b: u8| b.is_ascii_alphanumeric() || b"-_.".contains(&b);
    (1..=LENGTH_MAX).contains(&id.len()) && id.bytes().all(is_plain_byte)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_plain_word_is_taken_from_the_client() {
        let long = "a".repeat(65);
        for (id, expect) in [
            ("abc-1_2.3", true),
            ("", false),
            ("a b", false),
            ("a\u{1b}[31m", false),
            (&long, false),
        ] {
            assert_eq!(is_plain(id), expect, "{id:?}");
        }
    }
}
