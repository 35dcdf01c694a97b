//! At a terminal: `script` of util-linux gives the shell one, and keys are sent to it.

use crate::setup::{CLI, Server};
use std::io::{Read as _, Write as _};
use std::process::{Child, ChildStdin, Command, Stdio};
use std::sync::{Arc, Condvar, Mutex};
use std::time::{Duration, Instant};

const PATIENCE: Duration = Duration::from_secs(30);

/// What the terminal has shown, growing.
type Screen = Arc<(Mutex<String>, Condvar)>;

struct Terminal {
    process: Child,
    keys: ChildStdin,
    screen: Screen,
    /// How much of the screen was looked at, colours left out.
    seen: usize,
}

impl Terminal {
    fn open(server: &Server) -> Option<Self> {
        let mut command = Command::new("script");
        command.args(["-qfec", &format!("stty rows 40 cols 120; exec {CLI}"), "/dev/null"]);
        command.env("PGPORT", &server.port).env("XDG_STATE_HOME", server.dir.path());
        command.env("TERM", "xterm").env_remove("NO_COLOR").env_remove("CVX_HISTORY");
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::null());
        let spawned = command.spawn();
        assert!(
            spawned.is_ok() || std::env::var_os("CI").is_none(),
            "`script` (util-linux) is not here, and CI must have it"
        );
        let mut process = spawned.ok()?;
        let (keys, mut output) = (process.stdin.take().unwrap(), process.stdout.take().unwrap());
        let screen = Screen::default();
        let shared = screen.clone();
        std::thread::spawn(move || {
            let mut chunk = [0; 4096];
            while let Ok(count @ 1..) = output.read(&mut chunk) {
                let text = String::from_utf8_lossy(&chunk[..count]).into_owned();
                shared.0.lock().unwrap().push_str(&text);
                shared.1.notify_all();
            }
        });
        Some(Self { process, keys, screen, seen: 0 })
    }

    fn press(&mut self, keys: &str) {
        self.keys.write_all(keys.as_bytes()).unwrap();
        self.keys.flush().unwrap();
    }

    /// Whether this is shown, in time, behind what was looked at.
    fn shows(&self, text: &str, patience: Duration) -> bool {
        let (lock, changed) = &*self.screen;
        let missing = |shown: &mut String| !plain(shown)[self.seen..].contains(text);
        let waited = changed.wait_timeout_while(lock.lock().unwrap(), patience, missing);
        !waited.unwrap().1.timed_out()
    }

    /// Waits until this is shown, and looks past it. Colours are left out.
    #[track_caller]
    fn expect(&mut self, text: &str) {
        let found = self.shows(text, PATIENCE);
        let shown = plain(&self.screen.0.lock().unwrap())[self.seen..].to_owned();
        assert!(found, "{text:?} is not in:\n{shown:?}");
        self.seen += shown.find(text).unwrap() + text.len();
    }

    /// Waits for the prompt of an empty line: with text behind it, it is only drawn again.
    #[track_caller]
    fn prompt(&mut self, prompt: &str) {
        self.expect(&format!("{prompt}\r"));
    }

    /// Presses Ctrl-C until the statement is cancelled: before it runs, only a line is given up.
    fn cancel(&mut self) {
        let began = Instant::now();
        while !self.shows("57014", Duration::from_millis(300)) {
            assert!(began.elapsed() < PATIENCE, "the statement is not cancelled");
            self.press("\u{3}");
        }
        self.expect("57014");
    }

    /// The same for the end: Ctrl-D, and how the shell left.
    fn leave(mut self) {
        self.press("\u{4}");
        let began = Instant::now();
        loop {
            if let Some(status) = self.process.try_wait().unwrap() {
                return assert!(status.success(), "{status}");
            }
            let shown = plain(&self.screen.0.lock().unwrap());
            assert!(began.elapsed() < PATIENCE, "it stays:\n{shown:?}");
            std::thread::park_timeout(Duration::from_millis(20));
        }
    }
}

impl Drop for Terminal {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

/// Without what moves the cursor and what colours.
fn plain(shown: &str) -> String {
    let mut text = String::new();
    let mut chars = shown.chars();
    while let Some(c) = chars.next() {
        if c == '\u{1b}' {
            // CSI: parameters, then a letter.
            if chars.next() == Some('[') {
                let _ = chars.find(|c| c.is_ascii_alphabetic());
            }
        } else {
            text.push(c);
        }
    }
    text
}

#[test]
fn a_statement_may_take_several_lines() {
    let Some(server) = Server::with_tables() else { return };
    let Some(mut terminal) = Terminal::open(&server) else { return };
    terminal.expect("\\? for help.");
    terminal.prompt("cvx=> ");
    terminal.press("SELECT count(*) AS n\r");
    terminal.press("FROM docs;\r");
    terminal.expect("20\r\n(1 row)");
    terminal.prompt("cvx=> ");
    terminal.leave();
    let history = std::fs::read_to_string(server.dir.path().join("cvx/history")).unwrap();
    assert!(history.contains("SELECT count(*) AS n"), "{history}");
}

#[test]
fn the_prompt_says_where_one_stands() {
    let Some(server) = Server::with_tables() else { return };
    let Some(mut terminal) = Terminal::open(&server) else { return };
    terminal.prompt("cvx=> ");
    terminal.press("BEGIN;\r");
    terminal.prompt("cvx=*> ");
    terminal.press("SELECT missing;\r");
    terminal.prompt("cvx=!> ");
    terminal.press("ROLLBACK;\r");
    terminal.prompt("cvx=> ");
    terminal.press("\\asof '2024-01-03'\r");
    terminal.prompt("cvx as of 2024-01-03=> ");
    terminal.press("SELECT max(title) FROM docs;\r");
    terminal.expect("day 2");
    terminal.press("RESET cvx.valid_time;\r");
    terminal.prompt("cvx=> ");
    terminal.leave();
}

#[test]
fn tab_completes_tables_and_columns() {
    let Some(server) = Server::with_tables() else { return };
    let Some(mut terminal) = Terminal::open(&server) else { return };
    terminal.prompt("cvx=> ");
    // No table is named behind FROM yet, so every table's columns are offered.
    terminal.press("select max(tit\t) from do\t;\r");
    terminal.expect("day 9");
    // Until then the terminal is the statement's, and a tab is a tab.
    terminal.expect("(1 row)");
    terminal.prompt("cvx=> ");
    terminal.press("sel\t count(*) from trajec\t(docs, 1) t where t.embe\t is not null;\r");
    terminal.expect("20\r\n(1 row)");
    terminal.prompt("cvx=> ");
    terminal.leave();
}

#[test]
fn ctrl_c_gives_up_a_line_or_a_statement() {
    let Some(server) = Server::start() else { return };
    let Some(mut terminal) = Terminal::open(&server) else { return };
    terminal.prompt("cvx=> ");
    terminal.press("SELECT 'never\r");
    terminal.expect("never\r\n");
    terminal.press("\u{3}");
    terminal.prompt("cvx=> ");
    terminal.press("SELECT count(*) FROM generate_series(1, 1000000) AS a(x), ");
    terminal.press("generate_series(1, 1000000) AS b(y);\r");
    terminal.cancel();
    terminal.prompt("cvx=> ");
    terminal.press("SELECT 6 * 7 AS answer;\r");
    terminal.expect("42");
    terminal.prompt("cvx=> ");
    terminal.leave();
}
