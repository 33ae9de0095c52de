//! A shell in an empty folder, with the binary on its path and ports of its own.
//!
//! Always true: what the shell started ends with the session, by its process group, whether the test passes or
//! not; pages name the default ports, and here each is another one that is free.

use std::fs;
use std::io::{BufRead, BufReader, Write};
use std::net::TcpListener;
use std::os::unix::fs::symlink;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, Command, Stdio};
use std::sync::atomic::{AtomicU16, Ordering};
use std::sync::mpsc::{Receiver, channel};
use std::time::Duration;

use tempfile::TempDir;

/// The longest that a command may take.
const PATIENCE: Duration = Duration::from_secs(60);
/// What ends the output of a command.
const MARK: &str = "--- end of the command, with";
/// Ports as the pages name them, with their settings.
const PORTS: [(&str, &str); 3] = [
    ("8080", "WEIR_LISTEN__TRAFFIC_PORT"),
    ("8081", "WEIR_LISTEN__ADMIN_PORT"),
    ("9091", "WEIR_LISTEN__OPS_PORT"),
];

/// The binary that is documented.
pub fn binary(root: &Path) -> PathBuf {
    if let Some(named) = std::env::var_os("WEIR_TEST_BINARY") {
        return PathBuf::from(named);
    }
    let built = ["release", "debug"].map(|profile| root.join("target").join(profile).join("weir"));
    let newest = built
        .into_iter()
        .filter(|file| file.exists())
        .max_by_key(|file| fs::metadata(file).and_then(|m| m.modified()).ok());
    newest.expect("no binary: run `cargo build -p weir` first, or name one in WEIR_TEST_BINARY")
}

/// See the module.
pub struct Session {
    folder: TempDir,
    shell: Child,
    input: ChildStdin,
    lines: Receiver<String>,
    ports: Vec<(String, String)>,
}

impl Session {
    /// Starts a shell.
    pub fn start(binary: &Path) -> Self {
        let folder = TempDir::new().expect("a folder");
        let (bin, home) = (folder.path().join("bin"), folder.path().join("home"));
        fs::create_dir_all(&bin).expect("bin");
        fs::create_dir_all(&home).expect("home");
        symlink(binary.canonicalize().expect("the binary"), bin.join("weir"))
            .expect("a link to the binary");
        let path = std::env::var("PATH").expect("a path");
        let mut command = Command::new("bash");
        command
            .args(["--noprofile", "--norc"])
            .current_dir(&home)
            .env("PATH", format!("{}:{path}", bin.display()))
            .env("HOME", &home)
            .env("LC_ALL", "C.UTF-8")
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .process_group(0);
        let mut ports = Vec::new();
        for (documented, setting) in PORTS {
            let port = free_port();
            command.env(setting, &port);
            ports.push((documented.to_owned(), port));
        }
        let mut shell = command.spawn().expect("bash starts");
        let output = shell.stdout.take().expect("its output");
        let (send, lines) = channel();
        std::thread::spawn(move || {
            for line in BufReader::new(output).lines().map_while(Result::ok) {
                if send.send(line).is_err() {
                    break;
                }
            }
        });
        let mut input = shell.stdin.take().expect("its input");
        writeln!(input, "exec 2>&1").expect("the shell reads");
        Self {
            folder,
            shell,
            input,
            lines,
            ports,
        }
    }

    /// Text of a page, with the ports of this session.
    pub fn here(&self, text: &str) -> String {
        self.ports
            .iter()
            .fold(text.to_owned(), |text, (page, own)| {
                text.replace(&format!(":{page}"), &format!(":{own}"))
            })
    }

    /// Runs a command of a page; gives what it prints, and its exit status.
    pub fn run(&mut self, command: &str) -> (Vec<String>, i32) {
        let file = self.folder.path().join("command");
        fs::write(&file, self.here(command) + "\n").expect("the command is written");
        // In the shell itself, so that variables stay; with no input, so that nothing reads what comes next.
        let line = format!(
            ". {} </dev/null; printf '\\n{MARK} %s\\n' $?",
            file.display()
        );
        writeln!(self.input, "{line}").expect("the shell reads");
        let mut printed = Vec::new();
        loop {
            let line = self.lines.recv_timeout(PATIENCE).unwrap_or_else(|_| {
                let log = self.file("serve.log");
                panic!(
                    "no end of `{command}` in {PATIENCE:?}; so far:\n{}\n{log}",
                    printed.join("\n")
                )
            });
            if let Some(status) = line.strip_prefix(MARK) {
                // The mark begins a line of its own: the line break before it is not the command's.
                if printed.last().is_some_and(String::is_empty) {
                    printed.pop();
                }
                return (printed, status.trim().parse().expect("a status"));
            }
            printed.push(line);
        }
    }

    /// What a file in the folder of the session holds.
    pub fn file(&self, name: &str) -> String {
        fs::read_to_string(self.folder.path().join("home").join(name)).unwrap_or_default()
    }
}

impl Drop for Session {
    fn drop(&mut self) {
        // The group of the shell: itself and every server that it started.
        let group = format!("-{}", self.shell.id());
        let killed = Command::new("kill").args(["-KILL", "--", &group]).status();
        if !killed.is_ok_and(|status| status.success()) {
            eprintln!("process group {group} could not be ended");
        }
        // It has been killed, so this does not wait.
        drop(self.shell.wait());
    }
}

/// A port that nobody listens on, below those that the system gives to others who ask for any; each is given once,
/// because sessions of one run start side by side.
fn free_port() -> String {
    static GIVEN: AtomicU16 = AtomicU16::new(0);
    let first = 20_000 + (std::process::id() % 9_000) as u16;
    loop {
        let port = first + GIVEN.fetch_add(1, Ordering::Relaxed);
        assert!(port < 32_000, "no free port");
        if TcpListener::bind(("0.0.0.0", port)).is_ok() {
            return port.to_string();
        }
    }
}
