//! How far a long command is: a bar that moves on a terminal, and else a line from time to time.

use std::io::{self, IsTerminal as _, Write as _};
use std::time::{Duration, Instant};

use crate::generate::Progress;

/// How many signs the bar has.
const WIDTH: u64 = 30;
/// How long there is no new line where there is no terminal.
const QUIET: Duration = Duration::from_secs(10);

/// What is shown on standard error.
#[derive(Debug)]
pub struct Bar {
    terminal: bool,
    what: &'static str,
    begun: Instant,
    last: Instant,
}

impl Default for Bar {
    fn default() -> Self {
        let now = Instant::now();
        Self { terminal: io::stderr().is_terminal(), what: "", begun: now, last: now }
    }
}

impl Bar {
    /// Shows how far it is. That it cannot be shown is no reason to stop.
    pub fn show(&mut self, progress: Progress) {
        let now = Instant::now();
        if progress.what != self.what {
            (self.what, self.begun, self.last) = (progress.what, self.last, now);
        }
        let ended = progress.done >= progress.all;
        let line = line(progress, now.duration_since(self.begun), self.terminal);
        let mut out = io::stderr().lock();
        if self.terminal {
            drop(write!(out, "\r\x1b[K{line}{}", if ended { "\n" } else { "" }));
            drop(out.flush());
        } else if ended || now.duration_since(self.last) >= QUIET {
            drop(writeln!(out, "{line}"));
        } else {
            return;
        }
        self.last = now;
    }
}

/// `[======        ] 200,000 of 1,000,000 partners, 20 s, 80 s left`
fn line(progress: Progress, time: Duration, bar: bool) -> String {
    let (done, all) = (u64::from(progress.done), u64::from(progress.all));
    let seconds = time.as_secs();
    let told = format!("{} of {} {}, {seconds} s", grouped(done), grouped(all), progress.what);
    let left =
        if done < all && done > 0 { format!(", {} s left", seconds * (all - done) / done) } else { String::new() };
    if !bar {
        return told + &left;
    }
    let full = usize::try_from(WIDTH * done / all.max(1)).unwrap_or_default();
    format!("[{:<width$}] {told}{left}", "=".repeat(full), width = usize::try_from(WIDTH).unwrap_or_default())
}

/// `1,000,000`
fn grouped(number: u64) -> String {
    let digits = number.to_string();
    let mut text = String::new();
    for (place, digit) in digits.chars().enumerate() {
        if place > 0 && (digits.len() - place).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_tells_how_far_it_is() {
        let progress = |done| Progress { what: "partners", done, all: 1_000_000 };
        let after = Duration::from_secs(20);
        assert_eq!(line(progress(200_000), after, false), "200,000 of 1,000,000 partners, 20 s, 80 s left");
        let bar = line(progress(500_000), after, true);
        assert!(bar.starts_with("[===============               ] 500,000 of"), "{bar}");
        assert_eq!(line(progress(1_000_000), after, false), "1,000,000 of 1,000,000 partners, 20 s");
        assert_eq!(line(Progress { what: "users", done: 0, all: 0 }, after, false), "0 of 0 users, 20 s");
    }
}
