//! Where in a record we stand: `$.recordCollection[0].body.navigationData[2]`.
//!
//! Union wrappers make no step: the path is the same whether a value came wrapped or not.

use std::fmt::Write;

/// One step of a path.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Step {
    Key(&'static str),
    Index(usize),
}

/// Steps from the record's root to the current value.
#[derive(Clone, Debug, Default)]
pub struct Path {
    steps: Vec<Step>,
}

impl Path {
    pub fn clear(&mut self) {
        self.steps.clear();
    }

    /// Number of steps; a mark for [`Path::truncate`] and [`Path::below`].
    pub fn depth(&self) -> usize {
        self.steps.len()
    }

    pub fn push(&mut self, step: Step) {
        self.steps.push(step);
    }

    pub fn pop(&mut self) {
        self.steps.pop();
    }

    pub fn truncate(&mut self, depth: usize) {
        self.steps.truncate(depth);
    }

    /// `$.a[0].b`, of the whole path.
    pub fn from_root(&self) -> String {
        self.write(0, "$", "")
    }

    /// `$.a[0].b.key`.
    pub fn from_root_to(&self, key: &str) -> String {
        self.write(0, "$", key)
    }

    /// Steps below `depth`, then `key`: `engagement.newField`, `visitorProfiles[1].x`, or `key` alone.
    pub fn below(&self, depth: usize, key: &str) -> String {
        self.write(depth, "", key)
    }

    fn write(&self, from: usize, root: &str, key: &str) -> String {
        let mut text = root.to_owned();
        for step in self.steps.iter().skip(from) {
            match step {
                Step::Key(key) if text.is_empty() => text.push_str(key),
                // Writing to a String cannot fail.
                Step::Key(key) => drop(write!(text, ".{key}")),
                Step::Index(index) => drop(write!(text, "[{index}]")),
            }
        }
        if !key.is_empty() {
            if !text.is_empty() {
                text.push('.');
            }
            text.push_str(key);
        }
        text
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts() {
        let mut path = Path::default();
        assert_eq!(path.from_root(), "$");
        path.push(Step::Key("recordCollection"));
        path.push(Step::Index(3));
        path.push(Step::Key("body"));
        assert_eq!(path.from_root(), "$.recordCollection[3].body");
        assert_eq!(path.from_root_to("x"), "$.recordCollection[3].body.x");
        assert_eq!(path.below(2, "x"), "body.x");
        assert_eq!(path.below(3, "x"), "x");
        assert_eq!(path.below(1, ""), "[3].body");
    }
}
