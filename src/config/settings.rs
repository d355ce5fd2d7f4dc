//! The list of all settings: the key in the file, and the environment variable and flag that
//! override it. What is not in this list is an unknown key.

/// One setting.
#[derive(Clone, Copy, Debug)]
pub struct Setting {
    /// `archive.memory`; settings of an account begin with `account.`, in the file once per `[[account]]`.
    pub key: &'static str,
    /// Environment variable. For an account's settings it counts only while one account is configured.
    pub env: &'static str,
    /// Flag, where there is one.
    pub flag: Option<&'static str>,
}

/// A value that no file of settings may hold.
#[derive(Clone, Copy, Debug)]
pub struct SecretSetting {
    /// `account.auth.client_secret`: the key that people try to write.
    pub key: &'static str,
    /// The key that names a file with it.
    pub file_key: &'static str,
    pub env: &'static str,
}

const fn setting(key: &'static str, env: &'static str) -> Setting {
    Setting { key, env, flag: None }
}

const fn flagged(key: &'static str, env: &'static str, flag: &'static str) -> Setting {
    Setting { key, env, flag: Some(flag) }
}

/// Every setting that is not a secret.
pub const SETTINGS: &[Setting] = &[
    flagged("account.id", "LP_ARCHIVE_ACCOUNT_ID", "--account"),
    setting("account.region", "LP_ARCHIVE_REGION"),
    setting("account.base_url", "LP_ARCHIVE_BASE_URL"),
    flagged("account.streams", "LP_ARCHIVE_STREAMS", "--stream"),
    setting("account.auth.method", "LP_ARCHIVE_AUTH_METHOD"),
    setting("account.auth.client_id_file", "LP_ARCHIVE_CLIENT_ID_FILE"),
    setting("account.auth.client_secret_file", "LP_ARCHIVE_CLIENT_SECRET_FILE"),
    setting("account.auth.token_url", "LP_ARCHIVE_TOKEN_URL"),
    setting("account.auth.domain_api_url", "LP_ARCHIVE_DOMAIN_API_URL"),
    setting("account.auth.consumer_key_file", "LP_ARCHIVE_CONSUMER_KEY_FILE"),
    setting("account.auth.consumer_secret_file", "LP_ARCHIVE_CONSUMER_SECRET_FILE"),
    setting("account.auth.token_file", "LP_ARCHIVE_TOKEN_FILE"),
    setting("account.auth.token_secret_file", "LP_ARCHIVE_TOKEN_SECRET_FILE"),
    flagged("account.pgp.key_files", "LP_ARCHIVE_PGP_KEY_FILES", "--pgp-key"),
    flagged("account.pgp.passphrase_file", "LP_ARCHIVE_PGP_PASSPHRASE_FILE", "--pgp-passphrase-file"),
    setting("account.pgp.accept_unprotected", "LP_ARCHIVE_PGP_ACCEPT_UNPROTECTED"),
    flagged("archive.out", "LP_ARCHIVE_OUT", "--out"),
    setting("archive.raw", "LP_ARCHIVE_RAW"),
    setting("archive.spool", "LP_ARCHIVE_SPOOL"),
    setting("archive.batch_bytes", "LP_ARCHIVE_BATCH_BYTES"),
    flagged("archive.memory", "LP_ARCHIVE_MEMORY", "--memory"),
    flagged("archive.threads", "LP_ARCHIVE_THREADS", "--threads"),
    flagged("archive.strict", "LP_ARCHIVE_STRICT", "--strict"),
    setting("service.max_requests", "LP_ARCHIVE_MAX_REQUESTS"),
    setting("service.first_pause", "LP_ARCHIVE_FIRST_PAUSE"),
    setting("service.max_pause", "LP_ARCHIVE_MAX_PAUSE"),
    setting("service.max_tries", "LP_ARCHIVE_MAX_TRIES"),
    setting("service.total_timeout", "LP_ARCHIVE_TOTAL_TIMEOUT"),
    setting("service.read_timeout", "LP_ARCHIVE_READ_TIMEOUT"),
    setting("service.max_listing", "LP_ARCHIVE_MAX_LISTING"),
    setting("limits.max_expanded", "LP_ARCHIVE_MAX_EXPANDED"),
    setting("limits.max_ratio", "LP_ARCHIVE_MAX_RATIO"),
    setting("limits.max_record", "LP_ARCHIVE_MAX_RECORD"),
    setting("limits.max_depth", "LP_ARCHIVE_MAX_DEPTH"),
    setting("lake.row_group_rows", "LP_ARCHIVE_ROW_GROUP_ROWS"),
    setting("lake.zstd_level", "LP_ARCHIVE_ZSTD_LEVEL"),
    setting("lake.max_open_objects", "LP_ARCHIVE_MAX_OPEN_OBJECTS"),
];

const fn secret(key: &'static str, file_key: &'static str, env: &'static str) -> SecretSetting {
    SecretSetting { key, file_key, env }
}

pub const CLIENT_ID: SecretSetting =
    secret("account.auth.client_id", "account.auth.client_id_file", "LP_ARCHIVE_CLIENT_ID");
pub const CLIENT_SECRET: SecretSetting =
    secret("account.auth.client_secret", "account.auth.client_secret_file", "LP_ARCHIVE_CLIENT_SECRET");
pub const CONSUMER_KEY: SecretSetting =
    secret("account.auth.consumer_key", "account.auth.consumer_key_file", "LP_ARCHIVE_CONSUMER_KEY");
pub const CONSUMER_SECRET: SecretSetting =
    secret("account.auth.consumer_secret", "account.auth.consumer_secret_file", "LP_ARCHIVE_CONSUMER_SECRET");
pub const TOKEN: SecretSetting = secret("account.auth.token", "account.auth.token_file", "LP_ARCHIVE_TOKEN");
pub const TOKEN_SECRET: SecretSetting =
    secret("account.auth.token_secret", "account.auth.token_secret_file", "LP_ARCHIVE_TOKEN_SECRET");
pub const PGP_PASSPHRASE: SecretSetting =
    secret("account.pgp.passphrase", "account.pgp.passphrase_file", "LP_ARCHIVE_PGP_PASSPHRASE");

/// Every secret.
pub const SECRETS: [SecretSetting; 7] =
    [CLIENT_ID, CLIENT_SECRET, CONSUMER_KEY, CONSUMER_SECRET, TOKEN, TOKEN_SECRET, PGP_PASSPHRASE];

/// The variable that names the file of settings.
pub const CONFIG_ENV: &str = "LP_ARCHIVE_CONFIG";

/// The setting of a key without account number.
pub fn find(key: &str) -> Option<&'static Setting> {
    SETTINGS.iter().find(|setting| setting.key == key)
}

/// Place of a key's section among the sections: accounts first, as in the default file.
pub fn section_rank(key: &str) -> usize {
    let section = |key: &str| key.split(['.', '[']).next().map(str::to_owned);
    SETTINGS.iter().position(|setting| section(setting.key) == section(key)).unwrap_or(SETTINGS.len())
}

/// The known text closest to `typed`, if it is close enough to be a slip of the fingers.
pub fn nearest<'a>(typed: &str, known: impl Iterator<Item = &'a str>) -> Option<&'a str> {
    known
        .map(|name| (strsim::damerau_levenshtein(typed, name), name))
        .filter(|(distance, name)| *distance <= (name.len() / 3).clamp(1, 2))
        .min()
        .map(|(_, name)| name)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeSet;

    #[test]
    fn keys_and_variables_are_unique() {
        let keys: BTreeSet<_> = SETTINGS.iter().map(|s| s.key).chain(SECRETS.iter().map(|s| s.key)).collect();
        let envs: BTreeSet<_> = SETTINGS.iter().map(|s| s.env).chain(SECRETS.iter().map(|s| s.env)).collect();
        assert_eq!(keys.len(), SETTINGS.len() + SECRETS.len());
        assert_eq!(envs.len(), SETTINGS.len() + SECRETS.len());
        for secret in SECRETS {
            assert!(find(secret.file_key).is_some(), "{}", secret.file_key);
        }
    }

    #[test]
    fn slips_of_the_fingers() {
        for (typed, expected) in [("memroy", Some("memory")), ("thread", Some("threads")), ("colour", None)] {
            assert_eq!(nearest(typed, ["memory", "threads"].into_iter()), expected);
        }
    }
}
