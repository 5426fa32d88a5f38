//! The end of a log as lines that may be shown: bounded, without the executor's own, secrets hidden.

use overrider::layer::is_secret;

/// Most lines kept of a log.
pub const LINES: usize = 200;
/// Most bytes kept of a line.
pub const WIDTH: usize = 1024;
/// Shorter secrets are not looked for by themselves: half of the text would be hidden.
const SHORTEST: usize = 4;
const HIDDEN: &str = "[hidden]";

/// The last lines of `text`, whose beginning may be in the middle of a line. `secrets`: values that must not show.
pub fn last(text: &str, secrets: &[String]) -> Vec<String> {
    let lines: Vec<_> = text.lines().filter(|line| !line.trim().is_empty() && !is_ours(line)).collect();
    lines[lines.len().saturating_sub(LINES)..].iter().map(|line| shown(line, secrets)).collect()
}

/// The first lines of `text`.
pub fn first(text: &str, secrets: &[String]) -> Vec<String> {
    let lines = text.lines().filter(|line| !matches!(line.trim(), "" | "#"));
    lines.take(LINES).map(|line| shown(line, secrets)).collect()
}

/// Our own log shares stderr: `2025-01-31T12:00:00.000000Z  INFO executor…`.
fn is_ours(line: &str) -> bool {
    let mut words = line.split_whitespace();
    let time = words
        .next()
        .is_some_and(|word| word.len() > 20 && word.ends_with('Z') && word.as_bytes().get(10) == Some(&b'T'));
    time && words.next().is_some_and(|word| ["ERROR", "WARN", "INFO", "DEBUG", "TRACE"].contains(&word))
}

/// A line as it may be shown. Hidden first, then cut: half of a secret is one too.
fn shown(line: &str, secrets: &[String]) -> String {
    let mut line = line.trim_end().to_owned();
    for secret in secrets.iter().filter(|secret| secret.len() >= SHORTEST) {
        if line.contains(secret.as_str()) {
            line = line.replace(secret.as_str(), HIDDEN);
        }
    }
    cut(&hide_assigned(&line), WIDTH)
}

/// `text`, at most `width` bytes of it and a mark.
pub fn cut(text: &str, width: usize) -> String {
    if text.len() <= width {
        return text.to_owned();
    }
    let end = text.char_indices().map(|(at, _)| at).take_while(|at| *at <= width).last().unwrap_or(0);
    format!("{}…", &text[..end])
}

/// Hides what is assigned to something that is called like a secret: `-Dkey.password=x`, `token: "x"`, `password = x`.
fn hide_assigned(line: &str) -> String {
    if !line.contains(['=', ':']) {
        return line.to_owned();
    }
    let mut out = String::with_capacity(line.len());
    // What the next word is hidden for, if it stands apart: `password = x`.
    let mut expecting = false;
    for word in line.split_inclusive(char::is_whitespace) {
        let body = word.trim_end();
        let end = &word[body.len()..];
        if expecting && !body.is_empty() && !matches!(body, "=" | ":") {
            expecting = false;
            out.push_str(HIDDEN);
            out.push_str(end);
            continue;
        }
        match body.find(['=', ':']) {
            Some(at) if names_secret(&body[..at]) => {
                let (name, value) = body.split_at(at + 1);
                out.push_str(name);
                if value.is_empty() {
                    expecting = true;
                } else {
                    out.push_str(HIDDEN);
                }
                out.push_str(end);
            }
            // `password = x`: the name is a word of its own.
            None if names_secret(body)
                && line[out_end(line, word)..].trim_start().starts_with(['=', ':']) =>
            {
                expecting = true;
                out.push_str(word);
            }
            _ => out.push_str(word),
        }
    }
    out
}

/// Where `word`, a part of `line`, ends in it.
fn out_end(line: &str, word: &str) -> usize {
    word.as_ptr() as usize - line.as_ptr() as usize + word.len()
}

fn names_secret(word: &str) -> bool {
    let word = word.trim_matches(|char: char| !char.is_ascii_alphanumeric());
    !word.is_empty() && word.len() < 100 && is_secret(word.strip_prefix('D').unwrap_or(word))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn without_our_own_lines_and_only_the_last() {
        let text = "one\ntwo\n2026-11-23T06:10:00.123456Z  INFO executor::shell: SIGTERM\nthree\n\nfour\n";
        assert_eq!(last(text, &[]), ["one", "two", "three", "four"]);
        assert!(last("", &[]).is_empty());
        let many: String = (0..300).map(|n| format!("line {n}\n")).collect();
        let kept = last(&many, &[]);
        assert_eq!((kept.len(), kept[0].as_str()), (LINES, "line 100"));
        let long = last(&"é".repeat(2 * WIDTH), &[]);
        assert!(long[0].len() <= WIDTH + '…'.len_utf8() && long[0].ends_with('…'));
    }

    // D45, D4: what may not be in the log of configuration changes may not be here either.
    #[test]
    fn secrets_are_hidden() {
        let secrets = ["swordfish".to_owned(), "no".to_owned()];
        for (line, expect) in [
            ("Invalid value swordfish for configuration x", "Invalid value [hidden] for configuration x"),
            ("no means no", "no means no"),
            ("java -Dkey.password=tuna -Xmx1g", "java -Dkey.password=[hidden] -Xmx1g"),
            ("\tssl.keystore.password = tuna", "\tssl.keystore.password = [hidden]"),
            (
                "PlainLoginModule username=\"x\" password=\"tuna\";",
                "PlainLoginModule username=\"x\" password=[hidden]",
            ),
            ("{\"token\": \"tuna\", \"a\": 1}", "{\"token\": [hidden] \"a\": 1}"),
            ("listeners = PLAINTEXT://:9092", "listeners = PLAINTEXT://:9092"),
            ("the password is wrong: try again", "the password is wrong: try again"),
            (
                "[2026] INFO started (kafka.server.KafkaServer)",
                "[2026] INFO started (kafka.server.KafkaServer)",
            ),
        ] {
            assert_eq!(shown(line, &secrets), expect);
        }
    }
}
