//! `completions` and `man`: scripts that shells take, pages that say what the help says.

use std::fs;
use std::process::Command;

use super::program::{lp, run};

#[test]
fn bash_completes_commands_and_flags() {
    let folder = tempfile::tempdir().unwrap();
    let script = folder.path().join("lp-archive.bash");
    fs::write(&script, lp(&["completions", "bash"]).exits(0).stdout).unwrap();
    for (words, expected) in [
        ("lp-archive do", "doctor"),
        ("lp-archive sync --metr", "--metrics-file"),
        ("lp-archive schema --ddl d", "duckdb"),
        ("lp-archive config in", "init"),
    ] {
        let line = format!(
            "source {script:?}; COMP_WORDS=({words}); COMP_CWORD=$((${{#COMP_WORDS[@]}} - 1)); \
             named=$(complete -p lp-archive); named=${{named#*-F }}; ${{named%% *}} lp-archive \"${{COMP_WORDS[-1]}}\" \"${{COMP_WORDS[-2]}}\"; echo \"${{COMPREPLY[@]}}\""
        );
        let done = run(Command::new("bash").args(["-c", &line])).exits(0);
        assert_eq!(done.stdout.trim(), expected, "{words}: {}", done.stderr);
    }
}

#[test]
fn every_shell_has_a_script() {
    for shell in ["bash", "elvish", "fish", "powershell", "zsh"] {
        let script = lp(&["completions", shell]).exits(0).stdout;
        for word in ["doctor", "metrics-file", "lp-archive"] {
            assert!(script.contains(word), "{word} is not in the script of {shell}");
        }
    }
    let done = lp(&["completions", "cmd"]).exits(2);
    assert!(done.stderr.contains("fish"), "the shells are not named: {}", done.stderr);
}

#[test]
fn pages_for_every_command() {
    let folder = tempfile::tempdir().unwrap();
    let pages = folder.path().join("a/man1");
    let done = lp(&["man", pages.to_str().unwrap()]).exits(0);
    assert_eq!((done.stdout.as_str(), done.stderr.as_str()), ("", ""));
    let main = fs::read_to_string(pages.join("lp-archive.1")).unwrap();
    assert_eq!(main, lp(&["man"]).exits(0).stdout);
    for command in ["sync", "plan", "convert", "config-init", "doctor", "completions", "man"] {
        let page = fs::read_to_string(pages.join(format!("lp-archive-{command}.1"))).unwrap();
        assert!(page.contains(".SH OPTIONS"), "{command}");
    }
    let sync = fs::read_to_string(pages.join("lp-archive-sync.1")).unwrap();
    assert!(sync.contains("a PGP key is missing or wrong"), "the exit codes are not in the page");

    fs::write(folder.path().join("file"), "x").unwrap();
    let refused = lp(&["man", folder.path().join("file/man1").to_str().unwrap()]).exits(2);
    assert!(refused.stderr.contains("can be written"), "{}", refused.stderr);
}
