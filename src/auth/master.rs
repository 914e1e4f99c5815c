//! The master password, which clients send to create, copy, rename or drop databases.

use std::path::PathBuf;
use std::sync::{PoisonError, RwLock};
use std::{fs, io};

use super::password::{self, Passwords, Verdict};
use crate::error::{Error, Result};

/// The file beside the databases that has the hash of a master password that was changed over the wire.
const FILE: &str = "master_password";

/// The master password: the configured one, until a client changes it.
pub struct Master {
    configured: String,
    /// The hash of the password that took its place.
    changed: RwLock<Option<String>>,
    keeping: Keeping,
}

/// Where a changed master password is kept.
pub enum Keeping {
    /// In the process, and so as long as its databases.
    Process,
    /// In a file of this folder.
    Folder(PathBuf),
    /// Nowhere: other processes serve the same databases, and they would not know.
    Nowhere,
}

impl Master {
    /// The master password `configured`, or the one that took its place earlier.
    #[must_use]
    pub fn new(configured: &str, keeping: Keeping) -> Self {
        let changed = match &keeping {
            Keeping::Folder(folder) => fs::read_to_string(folder.join(FILE)).ok().map(|hash| hash.trim().to_owned()),
            _ => None,
        };
        Self { configured: configured.to_owned(), changed: RwLock::new(changed), keeping }
    }

    /// Lets the right password through.
    ///
    /// # Errors
    /// `AccessDenied` for a wrong one.
    pub async fn check(&self, passwords: &Passwords, given: &str) -> Result<()> {
        let changed = self.changed.read().unwrap_or_else(PoisonError::into_inner).clone();
        let right = match changed {
            Some(hash) => passwords.verify(given, Some(&hash)).await != Verdict::Wrong,
            None => !given.is_empty() && password::same(given, &self.configured),
        };
        if right { Ok(()) } else { Err(Error::access_denied()) }
    }

    /// Puts another password in its place.
    ///
    /// # Errors
    /// A `UserError` on PostgreSQL, where `--master-password` is the only way; a failure to write the file.
    pub async fn change(&self, passwords: &Passwords, new: &str) -> Result<()> {
        if new.is_empty() {
            return Err(Error::UserError("The master password cannot be empty.".to_owned()));
        }
        let hash = passwords.hash(new).await;
        match &self.keeping {
            Keeping::Process => {}
            Keeping::Folder(folder) => write_secret(&folder.join(FILE), &hash)
                .map_err(|error| Error::UserError(format!("The master password could not be written: {error}")))?,
            Keeping::Nowhere => {
                let why = "On PostgreSQL the master password is set with --master-password, for all processes.";
                return Err(Error::UserError(why.to_owned()));
            }
        }
        *self.changed.write().unwrap_or_else(PoisonError::into_inner) = Some(hash);
        Ok(())
    }
}

/// Writes a file that only its owner can read, at once or not at all.
fn write_secret(path: &std::path::Path, text: &str) -> io::Result<()> {
    use std::io::Write as _;
    let temporary = path.with_extension("new");
    let mut options = fs::OpenOptions::new();
    options.write(true).create(true).truncate(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    options.open(&temporary)?.write_all(text.as_bytes())?;
    fs::rename(temporary, path)
}
