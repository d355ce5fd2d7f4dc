//! What is encrypted inside the JSON, and where the armored message then stands.
//!
//! ```text
//! pen.text("answer", Some("no")) -> ,"answer":{"string":"no"} or ,"answer":{"string":"-----BEGIN PGP MESSAGE…"}
//! pen.item(members)              -> {…} or "-----BEGIN PGP MESSAGE…" or {"string":"-----BEGIN PGP MESSAGE…"}
//! ```
//! The public key block follows in the same string, in a field beside it, or not at all. Encryption cannot
//! fail for a sound key; if it does, the fault is kept and told when the file is done.

use rand::Rng;

use crate::demo::key::DemoKey;

use super::pen::Pen;

impl Pen<'_> {
    /// A string that may hold personal data: it is what an account with encryption sends encrypted.
    pub fn text(&mut self, name: &str, value: Option<&str>) {
        let Some(value) = value else { return self.null(name) };
        if self.sealing || !self.drawn(self.encryption.values) {
            return self.string(name, Some(value));
        }
        let form = self.seal_rng.random_range(0..4);
        let armor = self.seal(value.as_bytes(), form == 0);
        self.string(name, Some(&armor));
        let public = self.key.map(DemoKey::public_armor).unwrap_or_default();
        match form {
            1 => self.string(&format!("{name}PublicKey"), Some(public)),
            2 => {
                self.key(&format!("{name}PublicKey"));
                self.quoted(public);
            }
            _ => {}
        }
    }

    fn drawn(&mut self, share: f64) -> bool {
        share > 0.0 && self.seal_rng.random_bool(share.min(1.0))
    }

    /// In which of `places` the record at hand is to be written encrypted, if at all: never inside of
    /// another that is (see [`Pen::seal_from`]).
    pub fn seal_place(&mut self, places: u32) -> Option<u32> {
        (!self.sealing && self.drawn(self.encryption.records)).then(|| self.seal_rng.random_range(0..places))
    }

    /// Writes what will be encrypted as a whole, or will not.
    pub fn sealing(&mut self, sealed: bool, write: impl FnOnce(&mut Self)) {
        let before = self.sealing;
        self.sealing |= sealed;
        write(self);
        self.sealing = before;
    }

    /// A record as an array item or in its wrapper, or an encrypted message in its place: bare or as a
    /// wrapped string.
    pub fn item(&mut self, members: impl FnOnce(&mut Self)) {
        self.comma();
        let start = self.out.len();
        let place = self.seal_place(2);
        self.sealing(place.is_some(), |pen| {
            pen.raw("{");
            members(pen);
            pen.close();
        });
        if let Some(place) = place {
            self.seal_from(start, place == 1);
        }
    }

    /// Replaces the JSON text from `start` to the end by a string with its armored message, bare or under
    /// the name `string`.
    pub fn seal_from(&mut self, start: usize, named: bool) {
        let plain = self.out.split_off(start);
        let attach = self.seal_rng.random_bool(0.5);
        let armor = self.seal(&plain, attach);
        if named {
            self.raw("{\"string\":");
            self.quoted(&armor);
            self.close();
        } else {
            self.quoted(&armor);
        }
    }

    fn seal(&mut self, plain: &[u8], attach_key: bool) -> String {
        self.counts.messages += 1;
        let sealed = match self.key {
            Some(key) => key.encrypt_armored(plain, attach_key).map_err(|e| e.to_string()),
            None => Err("no key to encrypt with".to_owned()),
        };
        sealed.unwrap_or_else(|error| {
            self.fault = Some(error);
            String::new()
        })
    }
}
