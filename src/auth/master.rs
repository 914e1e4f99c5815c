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
    keeping: Keeping,
}

/// Where the hash of a changed master password is kept.
pub enum Keeping {
    /// In the process, and so as long as its databases.
    Process(RwLock<Option<String>>),
    /// In a file of this folder, for all processes that use it.
    Folder(PathBuf),
    /// Nowhere: other processes serve the same databases, and they would not know.
    Nowhere,
}

impl Master {
    /// The master password `configured`, until another takes its place.
    #[must_use]
    pub fn new(configured: &str, keeping: Keeping) -> Self {
        Self { configured: configured.to_owned(), keeping }
    }

    /// The hash of the password that has taken the place of the configured one.
    fn changed(&self) -> Result<Option<String>> {
        match &self.keeping {
            Keeping::Process(changed) => Ok(changed.read().unwrap_or_else(PoisonError::into_inner).clone()),
            Keeping::Nowhere => Ok(None),
            Keeping::Folder(folder) => match fs::read_to_string(folder.join(FILE)) {
                Ok(hash) => Ok(Some(hash.trim().to_owned())),
                Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
                Err(error) => {
                    tracing::error!(%error, "the master password cannot be read");
                    Err(Error::access_denied())
                }
            },
        }
    }

    /// Lets the right password through.
    ///
    /// # Errors
    /// `AccessDenied` for a wrong one.
    pub async fn check(&self, passwords: &Passwords, given: &str) -> Result<()> {
        let right = match self.changed()? {
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
            Keeping::Process(changed) => {
                *changed.write().unwrap_or_else(PoisonError::into_inner) = Some(hash);
                Ok(())
            }
            Keeping::Folder(folder) => write_secret(&folder.join(FILE), &hash)
                .map_err(|error| Error::UserError(format!("The master password could not be written: {error}"))),
            Keeping::Nowhere => {
                let why = "On PostgreSQL the master password is set with --master-password, for all processes.";
                Err(Error::UserError(why.to_owned()))
            }
        }
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
