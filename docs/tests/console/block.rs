//! Console blocks of a page: commands, and what they are said to print.
//!
//! ````text
//! ```console
//! $ echo hello \
//! > world
//! hello world
//! ```
//! ````
//! A line that begins with `$ ` is a command, lines after it that begin with `> ` go on with it, and what follows
//! up to the next command is what it prints. `…` stands for any text within a line; a line that is nothing but `…`
//! stands for any number of lines, also none.

/// A command with what it is said to print.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Step {
    /// Line in the page, from 1.
    pub line: usize,
    /// The command, perhaps of several lines.
    pub command: String,
    /// What it is said to print.
    pub output: Vec<String>,
}

/// The steps of all console blocks of a page, in order.
pub fn steps(page: &str) -> Vec<Step> {
    let mut steps: Vec<Step> = Vec::new();
    let mut is_inside = false;
    let mut begun = 0;
    for (number, line) in (1..).zip(page.lines()) {
        match (is_inside, line) {
            (false, "```console") => (is_inside, begun) = (true, steps.len()),
            (false, _) => {}
            (true, "```") => is_inside = false,
            (true, line) => match line.strip_prefix("$ ") {
                Some(command) => steps.push(Step {
                    line: number,
                    command: command.to_owned(),
                    output: Vec::new(),
                }),
                None => {
                    assert!(
                        steps.len() > begun,
                        "line {number}: output before any command"
                    );
                    let step = steps.last_mut().expect("a command");
                    go_on(step, line);
                }
            },
        }
    }
    assert!(!is_inside, "a block without an end");
    steps
}

fn go_on(step: &mut Step, line: &str) {
    match line.strip_prefix("> ") {
        Some(more) if step.output.is_empty() => {
            step.command.push('\n');
            step.command.push_str(more);
        }
        _ => step.output.push(line.to_owned()),
    }
}

/// Whether what was printed is what was said.
pub fn matches(said: &[String], printed: &[String]) -> bool {
    let Some((first, rest)) = said.split_first() else {
        return printed.is_empty();
    };
    if first.trim() == "…" {
        return (0..=printed.len()).any(|skipped| matches(rest, &printed[skipped..]));
    }
    printed
        .split_first()
        .is_some_and(|(line, after)| line_matches(first, line) && matches(rest, after))
}

fn line_matches(said: &str, printed: &str) -> bool {
    let mut pieces = said.trim_end().split('…');
    let first = pieces.next().unwrap_or_default();
    let Some(mut rest) = printed.trim_end().strip_prefix(first) else {
        return false;
    };
    let mut pieces = pieces.peekable();
    if pieces.peek().is_none() {
        return rest.is_empty();
    }
    while let Some(piece) = pieces.next() {
        let is_last = pieces.peek().is_none();
        match rest.find(piece) {
            _ if is_last => return rest.ends_with(piece),
            Some(at) => rest = &rest[at + piece.len()..],
            None => return false,
        }
    }
    true
}

/// What was said and what was printed, line by line, for a person.
pub fn difference(said: &[String], printed: &[String]) -> String {
    let mut out = String::new();
    for line in said {
        out += &format!("  said     {line}\n");
    }
    for line in printed {
        out += &format!("  printed  {line}\n");
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lines(text: &str) -> Vec<String> {
        text.lines().map(str::to_owned).collect()
    }

    #[test]
    fn a_block_is_read_as_commands_with_their_output() {
        let page = "text\n```console\n$ a \\\n> b\nout\n$ c\n```\n```sh\n$ not this\n```\n";
        let read = steps(page);
        assert_eq!(read.len(), 2);
        assert_eq!((read[0].line, &*read[0].command), (3, "a \\\nb"));
        assert_eq!(read[0].output, ["out"]);
        assert_eq!((&*read[1].command, read[1].output.len()), ("c", 0));
    }

    #[test]
    fn an_ellipsis_stands_for_text_or_for_lines_and_nothing_else_does() {
        let cases = [
            ("same", "same", true),
            ("same", "other", false),
            ("same", "same, and more", false),
            ("id …, name …", "id 7, name x", true),
            ("id …, name …", "id 7", false),
            ("begin … end", "begin end", false),
            ("… end", "the end", true),
            ("a…a", "a", false),
            ("first\n…\nlast", "first\nlast", true),
            ("first\n…\nlast", "first\nsecond\nthird\nlast", true),
            ("first\n…", "second", false),
            ("", "unasked", false),
        ];
        for (said, printed, expect) in cases {
            let got = matches(&lines(said), &lines(printed));
            assert_eq!(got, expect, "{said:?} {printed:?}");
        }
    }
}
