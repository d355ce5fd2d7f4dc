//! Secrets: from the environment (while one account is configured) or from a file, never from the
//! text of the settings and never from arguments.

use std::fs;
use std::path::Path;

use super::environment::Environment;
use super::layers::{Layers, Origin};
use super::settings::SecretSetting;
use crate::model::Secret;

/// The text that stands for a secret in anything printed.
pub const REDACTED: &str = "**redacted**";

/// Editors and `echo` end files with it, and so do secrets made of such files.
const LINE_END: [char; 2] = ['\r', '\n'];

/// Reads one secret of account `index`; the environment wins over the file. A missing one is a
/// problem if it is `needed`.
pub fn read(
    layers: &mut Layers,
    env: &Environment,
    index: usize,
    setting: &SecretSetting,
    needed: bool,
) -> Option<Secret> {
    let key = numbered(setting.key, index);
    let file_key = numbered(setting.file_key, index);
    let file = layers.path(&file_key);
    match env.get(setting.env) {
        Some(text) if layers.accounts == 1 => {
            layers.note(&key, REDACTED, Origin::Environment(setting.env));
            return Some(Secret::new(text.trim_end_matches(LINE_END)));
        }
        Some(_) => warn_once(
            layers,
            format!(
                "{} is ignored: it speaks of one account and {} are configured",
                setting.env, layers.accounts
            ),
        ),
        None => {}
    }
    if let Some(path) = file {
        return match read_file(&path) {
            Ok(secret) => {
                warn_if_open(layers, &path);
                layers.note(&key, REDACTED, Origin::SecretFile(path));
                Some(secret)
            }
            Err(why) => {
                let called = layers.called(&file_key);
                layers.problems.push(format!(
                    "{called}: cannot read {}: {why}; check the path and its permissions",
                    path.display()
                ));
                layers.note(&key, "missing", Origin::Missing);
                None
            }
        };
    }
    // One that was written into the file itself is a problem already.
    let misplaced = layers.problems.iter().any(|problem| problem.starts_with(&format!("{key} (")));
    if needed && !misplaced {
        let or = layers.or_variable(setting.env);
        layers
            .problems
            .push(format!("{key} is missing: give {file_key} = \"PATH\" of a file that holds it{or}"));
        layers.note(&key, "missing", Origin::Missing);
    }
    None
}

/// `account.auth.token` of account 1 -> `account[1].auth.token`
pub fn numbered(key: &str, index: usize) -> String {
    match key.strip_prefix("account.") {
        Some(rest) => format!("account[{index}].{rest}"),
        None => key.to_owned(),
    }
}

/// Warns about a file of secrets or keys that every user of the machine can read.
pub fn warn_if_open(layers: &mut Layers, path: &Path) {
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt;
        let open = fs::metadata(path).is_ok_and(|meta| meta.permissions().mode() & 0o004 != 0);
        if open {
            warn_once(
                layers,
                format!(
                    "{} can be read by every user of this machine; run `chmod o-r` on it",
                    path.display()
                ),
            );
        }
    }
}

fn warn_once(layers: &mut Layers, text: String) {
    if !layers.warnings.contains(&text) {
        layers.warnings.push(text);
    }
}

/// The file's text without its line end.
fn read_file(path: &Path) -> Result<Secret, String> {
    let bytes = fs::read(path).map_err(|error| error.to_string())?;
    let text = String::from_utf8(bytes).map_err(|_| "it is not UTF-8 text".to_owned())?;
    let text = text.trim_end_matches(LINE_END);
    if text.is_empty() { Err("it is empty".into()) } else { Ok(Secret::new(text)) }
}
