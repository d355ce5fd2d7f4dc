//! Broken and odd inputs: `tests/odd/cases.py` makes them and says what must become of each.

use super::program::python;

#[test]
fn every_odd_input_is_accounted_for() {
    let binary = env!("CARGO_BIN_EXE_lp-archive");
    let run = python("odd/check_odd.py", &["--binary".as_ref(), binary.as_ref()]);
    assert_eq!(run.code, Some(0), "{}\n{}", run.stdout, run.stderr);
}
