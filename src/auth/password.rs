//! Passwords, hashed as passlib does for Odoo: `$pbkdf2-sha512$<rounds>$<salt>$<checksum>`, where salt and checksum
//! are base64 with `.` for `+` and without padding.
//!
//! A check costs hundreds of milliseconds by design, so checks run on blocking threads, as many at once as there are
//! cores, and the rest of the server never waits for them.

use std::collections::HashSet;
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::available_parallelism;

use base64::Engine as _;
use base64::alphabet::Alphabet;
use base64::engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig};
use hmac::{Hmac, KeyInit, Mac};
use sha2::{Sha256, Sha512};
use subtle::ConstantTimeEq;
use tokio::sync::Semaphore;

/// The rounds of new password hashes, as Odoo 15.0 to 19.0 write them.
pub const ROUNDS: u32 = 600_000;
/// The rounds where everything is gone with the process, and speed is worth more than strength.
pub const EPHEMERAL_ROUNDS: u32 = 1_000;
/// passlib refuses longer passwords, before it hashes anything.
pub const MAX_LENGTH: usize = 4096;

const PREFIX: &str = "$pbkdf2-sha512$";
const SALT_LENGTH: usize = 16;
const CHECKSUM_LENGTH: usize = 64;
/// How many verified credentials are remembered.
const REMEMBERED: usize = 4096;

/// A parsed hash.
#[derive(Debug, PartialEq, Eq)]
pub struct Hash {
    rounds: u32,
    salt: Vec<u8>,
    checksum: Vec<u8>,
}

impl Hash {
    /// Reads `$pbkdf2-sha512$<rounds>$<salt>$<checksum>`; nothing where the text is no such hash.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let mut parts = text.strip_prefix(PREFIX)?.split('$');
        let (rounds, salt, checksum) = (parts.next()?, parts.next()?, parts.next()?);
        let canonical = rounds.bytes().all(|b| b.is_ascii_digit()) && !rounds.starts_with('0');
        if parts.next().is_some() || !canonical {
            return None;
        }
        let hash = Self {
            rounds: rounds.parse().ok()?,
            salt: ab64().decode(salt).ok()?,
            checksum: ab64().decode(checksum).ok()?,
        };
        (hash.checksum.len() == CHECKSUM_LENGTH).then_some(hash)
    }

    /// Hashes `password` with a new salt.
    #[must_use]
    pub fn new(password: &str, rounds: u32) -> Self {
        let salt = super::random::<SALT_LENGTH>().to_vec();
        let checksum = derive(password, &salt, rounds).to_vec();
        Self { rounds, salt, checksum }
    }

    /// How often the hash was repeated.
    #[must_use]
    pub fn rounds(&self) -> u32 {
        self.rounds
    }

    /// Whether `password` is the one that was hashed; takes the same time for every password.
    #[must_use]
    pub fn verifies(&self, password: &str) -> bool {
        derive(password, &self.salt, self.rounds).ct_eq(&self.checksum).into()
    }
}

impl std::fmt::Display for Hash {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{PREFIX}{}${}${}", self.rounds, ab64().encode(&self.salt), ab64().encode(&self.checksum))
    }
}

fn derive(password: &str, salt: &[u8], rounds: u32) -> [u8; CHECKSUM_LENGTH] {
    let mut checksum = [0; CHECKSUM_LENGTH];
    pbkdf2::pbkdf2_hmac::<Sha512>(password.as_bytes(), salt, rounds, &mut checksum);
    checksum
}

/// passlib's variant of base64.
fn ab64() -> GeneralPurpose {
    let alphabet = Alphabet::new("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789./")
        .expect("these are 64 different characters");
    let config =
        GeneralPurposeConfig::new().with_encode_padding(false).with_decode_padding_mode(DecodePaddingMode::RequireNone);
    GeneralPurpose::new(&alphabet, config)
}

/// What a check of a password found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// It is wrong, or there is none.
    Wrong,
    /// It is right.
    Right,
    /// It is right, and this stronger hash should take the place of the stored one.
    Rehashed(String),
}

/// Hashes and checks passwords, bounded by the number of cores.
#[derive(Debug)]
pub struct Passwords {
    rounds: u32,
    permits: Arc<Semaphore>,
    /// Stands in where there is no hash, so that a login that does not exist takes as long as one that does.
    decoy: Hash,
    verified: Mutex<HashSet<[u8; 32]>>,
    /// Keys `verified`; never leaves the process.
    key: [u8; 32],
}

impl Passwords {
    /// Forgets which passwords were right.
    pub fn forget(&self) {
        self.verified.lock().unwrap_or_else(PoisonError::into_inner).clear();
    }

    /// Passwords whose new hashes have `rounds` rounds.
    #[must_use]
    pub fn new(rounds: u32) -> Self {
        let cores = available_parallelism().map_or(1, std::num::NonZero::get);
        Self {
            rounds,
            permits: Arc::new(Semaphore::new(cores)),
            decoy: Hash { rounds, salt: vec![0; SALT_LENGTH], checksum: vec![0; CHECKSUM_LENGTH] },
            verified: Mutex::default(),
            key: super::random(),
        }
    }

    /// Whether this password was found right lately for this stored hash; see [`verify_again`](Self::verify_again).
    #[must_use]
    pub fn knows(&self, password: &str, stored: Option<&str>) -> bool {
        self.remembers(&self.digest("password", password, stored.unwrap_or_default()))
    }

    /// The hash of `password`, to be stored.
    pub async fn hash(&self, password: &str) -> String {
        let (password, rounds) = (password.to_owned(), self.rounds);
        self.blocking(move || Hash::new(&password, rounds).to_string()).await
    }

    /// Checks `password` against what is stored. Plain text is accepted as Odoo accepts it (somebody set it by SQL) and
    /// to be rehashed, as is a hash of fewer rounds than new ones have. An empty password is always wrong.
    pub async fn verify(&self, password: &str, stored: Option<&str>) -> Verdict {
        if password.is_empty() || password.len() > MAX_LENGTH {
            return Verdict::Wrong;
        }
        let (password, stored) = (password.to_owned(), stored.unwrap_or_default().to_owned());
        let (rounds, decoy) = (self.rounds, Hash { salt: self.decoy.salt.clone(), checksum: Vec::new(), ..self.decoy });
        self.blocking(move || {
            let rehashed = |password: &str| Verdict::Rehashed(Hash::new(password, rounds).to_string());
            match Hash::parse(&stored) {
                Some(hash) if !hash.verifies(&password) => {
                    // As long as for a login without a hash, which takes the configured rounds.
                    let rest = rounds.saturating_sub(hash.rounds);
                    if rest > 0 {
                        std::hint::black_box(derive(&password, &hash.salt, rest));
                    }
                    Verdict::Wrong
                }
                Some(hash) if hash.rounds < rounds => rehashed(&password),
                Some(_) => Verdict::Right,
                // A hash of another kind is no password that somebody chose.
                None if !stored.starts_with('$') && same(&stored, &password) => rehashed(&password),
                None => {
                    std::hint::black_box(decoy.verifies(&password));
                    Verdict::Wrong
                }
            }
        })
        .await
    }

    /// As [`verify`](Self::verify), for calls that carry the password each time: what was right once is right at once
    /// as long as the stored hash stays the same. Only a keyed digest of it is remembered, in this process.
    pub async fn verify_again(&self, password: &str, stored: Option<&str>) -> Verdict {
        let digest = self.digest("password", password, stored.unwrap_or_default());
        if self.remembers(&digest) {
            return Verdict::Right;
        }
        let verdict = self.verify(password, stored).await;
        if verdict == Verdict::Right {
            self.remember(digest);
        }
        verdict
    }

    /// Whether `key` is the API key of that hash; remembered as in [`verify_again`](Self::verify_again).
    pub async fn verify_key(&self, key: &str, stored: &str) -> bool {
        let digest = self.digest("key", key, stored);
        if self.remembers(&digest) {
            return true;
        }
        let (key, stored) = (key.to_owned(), stored.to_owned());
        let right = self.blocking(move || Hash::parse(&stored).is_some_and(|hash| hash.verifies(&key))).await;
        if right {
            self.remember(digest);
        }
        right
    }

    /// Whether this key was found right lately for this stored hash; see [`verify_key`](Self::verify_key).
    #[must_use]
    pub fn knows_key(&self, key: &str, stored: &str) -> bool {
        self.remembers(&self.digest("key", key, stored))
    }

    fn remembers(&self, digest: &[u8; 32]) -> bool {
        self.verified.lock().unwrap_or_else(PoisonError::into_inner).contains(digest)
    }

    fn remember(&self, digest: [u8; 32]) {
        let mut verified = self.verified.lock().unwrap_or_else(PoisonError::into_inner);
        if verified.len() >= REMEMBERED {
            verified.clear();
        }
        verified.insert(digest);
    }

    /// The digest of a secret that fits what is stored. Whose it is does not matter: that it fits is true in every database.
    fn digest(&self, kind: &str, secret: &str, stored: &str) -> [u8; 32] {
        let mut mac = Hmac::<Sha256>::new_from_slice(&self.key).expect("HMAC takes keys of any length");
        for part in [kind, secret, stored] {
            mac.update(&(part.len() as u64).to_le_bytes());
            mac.update(part.as_bytes());
        }
        mac.finalize().into_bytes().into()
    }

    async fn blocking<T: Send + 'static>(&self, work: impl FnOnce() -> T + Send + 'static) -> T {
        let permit = Arc::clone(&self.permits).acquire_owned().await.expect("the semaphore is never closed");
        let work = move || {
            let value = work();
            drop(permit);
            value
        };
        match tokio::task::spawn_blocking(work).await {
            Ok(value) => value,
            Err(error) => std::panic::resume_unwind(error.into_panic()),
        }
    }
}

/// Compares secrets in a time that does not tell where they differ.
#[must_use]
pub fn same(a: &str, b: &str) -> bool {
    a.as_bytes().ct_eq(b.as_bytes()).into()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Made with passlib 1.7.4: `pbkdf2_sha512.using(rounds=…, salt=…).hash(…)`.
    const VECTORS: [(&str, &str); 3] = [
        (
            "admin",
            "$pbkdf2-sha512$25000$MDEyMzQ1Njc4OWFiY2RlZg$9aXsjEmDMkTAcwh7MM8iQeMku7GeR3z5Oszj1CzutqFqehAijvEOmxzzeTKfZLWzNhqTUOo07Ps2nBHbh69Nxw",
        ),
        (
            "pässwörd ✓",
            "$pbkdf2-sha512$6000$8PHy8/T19vf4.fr7/P3./w$.H7nkTpFehatBiV6wrLVYf0N3OB4lSjjbQujQq84uF8/izHWxo82jO8VJHANSCjRBWiKQXdPdU/pki7Cy4pcFg",
        ),
        (
            "",
            "$pbkdf2-sha512$1$$bS7Lu/subc1wVvr5r2qgbq5ZQ5HbmDJ5pr8n4OsihhQ6sMmW8zyktmfpRYKeppM0DygxeXMk5fMd8Y7RcdGMlw",
        ),
    ];

    #[test]
    fn reads_what_passlib_wrote() {
        for (password, text) in VECTORS {
            let hash = Hash::parse(text).unwrap();
            assert_eq!(hash.to_string(), text);
            assert!(hash.verifies(password), "{text}");
            assert!(!hash.verifies(&format!("{password} ")), "{text}");
        }
    }

    #[test]
    fn other_texts_are_no_hashes() {
        let good = Hash::new("x", 1).to_string();
        assert!(Hash::parse(&good).is_some());
        for text in [
            "",
            "admin",
            "$pbkdf2-sha512$",
            "$pbkdf2-sha512$1$$",
            "$pbkdf2-sha256$1$AAAA$AAAA",
            &good.replace("$1$", "$0$"),
            &good.replace("$1$", "$01$"),
            &good.replace("$1$", "$4294967296$"),
            &good.replace("$1$", "$+1$"),
            &format!("{good}$"),
            &good[..good.len() - 2],
        ] {
            assert_eq!(Hash::parse(text), None, "{text}");
        }
    }

    #[tokio::test]
    async fn verdicts() {
        let passwords = Passwords::new(10);
        let hash = passwords.hash("secret").await;
        assert_eq!(passwords.verify("secret", Some(&hash)).await, Verdict::Right);
        for (password, stored) in
            [("Secret", Some(hash.as_str())), ("", Some("")), ("secret", None), ("$1$x", Some("$1$x"))]
        {
            assert_eq!(passwords.verify(password, stored).await, Verdict::Wrong, "{password} {stored:?}");
        }
        for weak in ["secret".to_owned(), Hash::new("secret", 9).to_string()] {
            let Verdict::Rehashed(hash) = passwords.verify("secret", Some(&weak)).await else { panic!("{weak}") };
            assert_eq!(Hash::parse(&hash).unwrap().rounds(), 10);
        }
        let long = "x".repeat(MAX_LENGTH + 1);
        assert_eq!(passwords.verify(&long, Some(&long)).await, Verdict::Wrong);
    }

    #[tokio::test]
    async fn what_is_remembered_is_bound_to_the_hash() {
        let passwords = Passwords::new(10);
        let hash = passwords.hash("secret").await;
        for _ in 0..2 {
            assert_eq!(passwords.verify_again("secret", Some(&hash)).await, Verdict::Right);
        }
        let changed = passwords.hash("other").await;
        assert_eq!(passwords.verify_again("secret", Some(&changed)).await, Verdict::Wrong);
        assert_eq!(passwords.verify_again("secret", None).await, Verdict::Wrong);
    }
}
