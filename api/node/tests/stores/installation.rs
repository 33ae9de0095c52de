//! A data folder whose books are in MySQL.

use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use tempfile::TempDir;

use crate::history::Replay;
use crate::support::{Server, binary, weir};

/// See the module; it goes with it.
pub struct Installation {
    folder: TempDir,
    pub data: PathBuf,
}

impl Installation {
    /// A new one.
    pub fn new(url: &str) -> Self {
        let folder = tempfile::tempdir_in(env!("CARGO_TARGET_TMPDIR")).unwrap();
        let data = folder.path().join("data");
        let made = Self { folder, data };
        made.keep_books_at(url);
        made
    }

    /// From now on.
    pub fn keep_books_at(&self, url: &str) {
        let settings = format!("[stores]\nstate = \"{url}\"\n");
        std::fs::write(self.settings(), settings).unwrap();
    }

    /// The settings file.
    pub fn settings(&self) -> PathBuf {
        self.folder.path().join("weir.toml")
    }

    fn with_settings<'a>(settings: &'a Path, arguments: &[&'a str]) -> Vec<&'a str> {
        [arguments, &["--config", settings.to_str().unwrap()]].concat()
    }

    /// A server on it.
    pub fn serve(&self) -> Server {
        Server::start(
            &self.data,
            &Self::with_settings(&self.settings(), &["serve"]),
        )
    }

    /// What a server says that ends by itself.
    pub fn serve_in_vain(&self) -> String {
        let settings = self.settings();
        let output = Command::new(binary())
            .args(Self::with_settings(&settings, &["serve"]))
            .args([
                "--traffic-port",
                "0",
                "--admin-port",
                "0",
                "--ops-port",
                "0",
            ])
            .arg("--data")
            .arg(&self.data)
            .output()
            .unwrap();
        assert!(!output.status.success(), "it ended as if all were well");
        said(&output)
    }

    /// A command on it.
    pub fn run(&self, arguments: &[&str]) -> Output {
        weir(
            &self.data,
            &Self::with_settings(&self.settings(), arguments),
        )
    }

    /// What a command says that succeeds.
    pub fn good(&self, arguments: &[&str]) -> String {
        let output = self.run(arguments);
        assert!(output.status.success(), "{arguments:?}: {}", said(&output));
        said(&output)
    }

    /// What a command says that fails.
    pub fn bad(&self, arguments: &[&str]) -> String {
        let output = self.run(arguments);
        assert!(!output.status.success(), "{arguments:?}: {}", said(&output));
        said(&output)
    }

    /// A replay.
    pub fn replay(&self, arguments: &[&str]) -> Replay {
        let settings = self.settings();
        crate::history::replay(&self.data, &Self::with_settings(&settings, arguments))
    }

    /// Log and books agree with each other and with themselves.
    pub fn books_agree(&self) {
        for command in [
            &["journal", "verify"][..],
            &["replay", "--check"],
            &["verify"],
        ] {
            self.good(command);
        }
    }
}

/// Both of what a command prints.
pub fn said(output: &Output) -> String {
    String::from_utf8_lossy(&output.stdout).into_owned() + &String::from_utf8_lossy(&output.stderr)
}
