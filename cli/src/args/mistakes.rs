//! What is wrong about arguments, all of it at once.

/// Mistakes of one command line, in the order of its arguments.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Mistakes(Vec<String>);

impl Mistakes {
    pub(crate) fn say(&mut self, mistake: String) {
        self.0.push(mistake);
    }

    /// What was read, where nothing was wrong with it.
    pub(crate) fn none<T>(self, read: T) -> Result<T, Self> {
        if self.0.is_empty() { Ok(read) } else { Err(self) }
    }
}

impl std::fmt::Display for Mistakes {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.0.join("; "))
    }
}

/// The halves of `text`, an argument of `option` that is to look like `shape`.
pub(super) fn pair<'a>(
    option: &str,
    text: &'a str,
    shape: &str,
    mistakes: &mut Mistakes,
) -> Option<(&'a str, &'a str)> {
    let halves = text.split_once('=').filter(|(name, _)| !name.is_empty());
    if halves.is_none() {
        mistakes.say(format!("{option} is {text:?}; {shape} is expected"));
    }
    halves
}

/// Numbers between commas.
pub(super) fn ids(option: &str, text: &str, mistakes: &mut Mistakes) -> Vec<u32> {
    let read = |part: &str| match part.trim().parse() {
        Ok(id) => Some(id),
        Err(_) => {
            mistakes.say(format!("{option} holds {part:?}; ids of brokers are expected, as in 0,1,2"));
            None
        }
    };
    text.split(',').filter_map(read).collect()
}

/// Partitions are named by their number alone, so there must be one topic.
pub(super) fn one_topic(topics: &[String], mistakes: &mut Mistakes) {
    if topics.len() > 1 {
        mistakes.say(format!("--partition goes with one topic; there are {}", topics.join(", ")));
    }
}
