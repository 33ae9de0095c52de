//! As much of an HTTP/1.1 answer as a closed loop needs: its status and where it ends.

/// An answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Response {
    /// Its status.
    pub status: u16,
    /// Bytes of head and body.
    pub length: usize,
}

/// What a server sent is no answer with a length.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("not an HTTP/1.1 answer with a content length")]
pub struct NotAnAnswer;

/// Reads the answer at the front of `bytes`; `None` while there is more to come.
///
/// # Errors
/// [`NotAnAnswer`].
pub fn read(bytes: &[u8]) -> Result<Option<Response>, NotAnAnswer> {
    let Some(head) = bytes.windows(4).position(|four| four == b"\r\n\r\n") else {
        return Ok(None);
    };
    let (lines, body_at) = (&bytes[..head], head + 4);
    let status = lines
        .strip_prefix(b"HTTP/1.1 ")
        .and_then(number)
        .ok_or(NotAnAnswer)?;
    let mut headers = lines.split(|&b| b == b'\n').skip(1);
    let length = headers.find_map(|line| {
        let (name, value) = line.split_at_checked(15)?;
        name.eq_ignore_ascii_case(b"content-length:")
            .then(|| number(value.trim_ascii()))?
    });
    let length = body_at + length.ok_or(NotAnAnswer)?;
    let is_whole = bytes.len() >= length;
    let status = u16::try_from(status).map_err(|_| NotAnAnswer)?;
    Ok(is_whole.then_some(Response { status, length }))
}

/// The number at the front of `text`.
fn number(text: &[u8]) -> Option<usize> {
    let digits = text.iter().take_while(|b| b.is_ascii_digit()).count();
    std::str::from_utf8(&text[..digits]).ok()?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_answer_is_read_as_soon_as_it_is_whole() {
        let answer =
            b"HTTP/1.1 302 Found\r\nlocation: x\r\nContent-Length: 3\r\n\r\nabcHTTP/1.1 200";
        let whole = Response {
            status: 302,
            length: answer.len() - 12,
        };
        for cut in 0..answer.len() {
            let expect = (cut >= whole.length).then_some(whole);
            assert_eq!(read(&answer[..cut]), Ok(expect), "{cut} bytes");
        }
    }

    #[test]
    fn what_has_no_end_or_no_status_is_no_answer() {
        let cases: [&[u8]; 3] = [
            b"HTTP/1.1 302 Found\r\nlocation: x\r\n\r\n",
            b"HTTP/1.0 200 OK\r\ncontent-length: 0\r\n\r\n",
            b"nonsense\r\n\r\n",
        ];
        for case in cases {
            assert_eq!(read(case), Err(NotAnAnswer));
        }
    }
}
