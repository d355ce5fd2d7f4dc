//! The environment variables that the program minds, read in one place and handed on as a map, so
//! that everything behind it is a function of values.

use std::collections::BTreeMap;

use super::settings::{CONFIG_ENV, SECRETS, SETTINGS, nearest};

/// Variables by name. Has no `Debug`: it holds secrets.
#[derive(Clone, Default)]
pub struct Environment(BTreeMap<String, String>);

impl Environment {
    /// The variables of this process that begin with `LP_ARCHIVE_`, and `NO_COLOR`. The only place
    /// that reads the process environment.
    pub fn of_process() -> Environment {
        let kept = |name: &str| name.starts_with("LP_ARCHIVE_") || name == "NO_COLOR";
        std::env::vars_os()
            .filter_map(|(name, value)| {
                let name = name.into_string().ok().filter(|name| kept(name))?;
                Some((name, value.to_string_lossy().into_owned()))
            })
            .collect()
    }

    /// The value of a variable. An empty one counts as not set, as schedulers like to pass empty ones.
    pub fn get(&self, name: &str) -> Option<&str> {
        self.0.get(name).map(String::as_str).filter(|value| !value.is_empty())
    }

    /// Whether colour is unwanted (<https://no-color.org>).
    pub fn no_color(&self) -> bool {
        self.get("NO_COLOR").is_some()
    }

    /// A warning for each `LP_ARCHIVE_*` variable that means nothing. Those that Kubernetes sets for
    /// a service named `lp-archive` are left in peace.
    pub fn unknown(&self) -> Vec<String> {
        let known: Vec<&str> =
            SETTINGS.iter().map(|s| s.env).chain(SECRETS.iter().map(|s| s.env)).chain([CONFIG_ENV]).collect();
        let foreign = |name: &str| {
            // The last two are for tests alone (`lake::fail_point`).
            matches!(name, "NO_COLOR" | "LP_ARCHIVE_FAIL_AT" | "LP_ARCHIVE_PIECE_BYTES")
                || name.contains("_SERVICE_")
                || name.split('_').any(|word| word == "PORT")
        };
        self.0
            .keys()
            .filter(|name| !known.contains(&name.as_str()) && !foreign(name))
            .map(|name| match nearest(name, known.iter().copied()) {
                Some(meant) => {
                    format!("the environment variable {name} means nothing here; did you mean {meant}?")
                }
                None => format!("the environment variable {name} means nothing here"),
            })
            .collect()
    }
}

impl<K: Into<String>, V: Into<String>> FromIterator<(K, V)> for Environment {
    fn from_iter<I: IntoIterator<Item = (K, V)>>(pairs: I) -> Environment {
        Environment(pairs.into_iter().map(|(name, value)| (name.into(), value.into())).collect())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn unknown_variables_are_named() {
        let env: Environment = [
            ("LP_ARCHIVE_MEMROY", "1GiB"),
            ("LP_ARCHIVE_MOOD", "good"),
            ("LP_ARCHIVE_OUT", "x"),
            ("LP_ARCHIVE_SERVICE_HOST", "10.0.0.1"),
            ("LP_ARCHIVE_PORT_80_TCP", "tcp://10.0.0.1:80"),
            ("NO_COLOR", ""),
        ]
        .into_iter()
        .collect();
        assert_eq!(
            env.unknown(),
            [
                "the environment variable LP_ARCHIVE_MEMROY means nothing here; did you mean LP_ARCHIVE_MEMORY?",
                "the environment variable LP_ARCHIVE_MOOD means nothing here",
            ]
        );
        assert!(!env.no_color());
        assert_eq!(env.get("LP_ARCHIVE_OUT"), Some("x"));
    }
}
