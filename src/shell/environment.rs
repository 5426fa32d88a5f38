//! The environment as configuration sees it: its variables, and the two defaults that only this machine knows.

use std::collections::BTreeMap;

/// All variables; where `FRAMEWORK_USER` is not set, the user we run as (D35). Those that are not UTF-8 are none of
/// ours and are left out.
pub fn environment() -> BTreeMap<String, String> {
    let mut env: BTreeMap<_, _> = std::env::vars_os()
        .filter_map(|(name, value)| Some((name.into_string().ok()?, value.into_string().ok()?)))
        .collect();
    if env.get("FRAMEWORK_USER").is_none_or(String::is_empty)
        && let Ok(Some(user)) = nix::unistd::User::from_uid(nix::unistd::Uid::effective())
    {
        env.insert("FRAMEWORK_USER".to_owned(), user.name);
    }
    env
}

/// This machine's name, for our web address.
pub(crate) fn hostname() -> String {
    nix::unistd::gethostname()
        .ok()
        .and_then(|name| name.into_string().ok())
        .unwrap_or_else(|| "localhost".to_owned())
}
