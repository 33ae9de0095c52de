//! A MariaDB of a test's own, which may be killed and frozen.

use std::fs::File;
use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::OnceLock;
use std::sync::atomic::{AtomicU16, Ordering};
use std::time::{Duration, Instant};

use tempfile::TempDir;

use crate::database::try_rows;

/// What is executed at each start.
const ONCE: &str = "CREATE DATABASE IF NOT EXISTS weir;\n\
    CREATE USER IF NOT EXISTS 'weir'@'%' IDENTIFIED BY 'weir';\n\
    GRANT ALL ON *.* TO 'weir'@'%';\n";

/// Where a server listens.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Place {
    /// The network namespace that it runs in, when not that of the test.
    pub namespace: Option<String>,
    /// Its address.
    pub address: String,
}

impl Place {
    /// Beside the test.
    pub fn here() -> Self {
        Self {
            namespace: None,
            address: "127.0.0.1".to_owned(),
        }
    }
}

/// See the module; its data go with it.
pub struct Mariadb {
    folder: TempDir,
    place: Place,
    port: u16,
    options: Vec<String>,
    running: Option<Child>,
}

impl Mariadb {
    /// A server with these options over the usual ones, that answers.
    pub fn start(place: Place, options: &[&str]) -> Self {
        let folder = tempfile::tempdir_in(env!("CARGO_TARGET_TMPDIR")).unwrap();
        let copied = Command::new("cp")
            .arg("-r")
            .arg(template())
            .arg(folder.path().join("data"))
            .status();
        assert!(copied.unwrap().success());
        std::fs::write(folder.path().join("once.sql"), ONCE).unwrap();
        let mut server = Self {
            folder,
            place,
            port: free_port(),
            options: options.iter().map(|&o| o.to_owned()).collect(),
            running: None,
        };
        server.start_again();
        server
    }

    /// Starts on its data, and waits until it answers.
    pub fn start_again(&mut self) {
        self.launch();
        let end = Instant::now() + Duration::from_secs(60);
        while let Err(error) = try_rows(&self.url(), "SELECT 1") {
            let ended = self.running.as_mut().and_then(|c| c.try_wait().unwrap());
            assert!(
                ended.is_none() && Instant::now() < end,
                "MariaDB does not answer: {error}: {}",
                std::fs::read_to_string(self.folder.path().join("log")).unwrap_or_default()
            );
            std::thread::sleep(Duration::from_millis(20));
        }
    }

    /// Starts on its data, and does not wait.
    pub fn launch(&mut self) {
        assert!(self.running.is_none(), "it runs");
        let data = self.folder.path().join("data");
        let log = File::options()
            .create(true)
            .append(true)
            .open(self.folder.path().join("log"))
            .unwrap();
        let mut command = match &self.place.namespace {
            None => Command::new("mariadbd"),
            Some(namespace) => {
                let mut inside = Command::new("ip");
                inside.args(["netns", "exec", namespace, "mariadbd"]);
                inside
            }
        };
        command
            .arg("--no-defaults")
            .arg(format!("--datadir={}", data.display()))
            .arg(format!(
                "--init-file={}",
                self.folder.path().join("once.sql").display()
            ))
            // A socket's path is short: its name is relative to the data folder.
            .args([
                "--socket=mysqld.sock",
                "--pid-file=mysqld.pid",
                "--skip-name-resolve",
                "--skip-log-bin",
            ])
            .args([
                "--default-time-zone=+00:00",
                "--character-set-server=utf8mb4",
                "--collation-server=utf8mb4_bin",
            ])
            .args([
                "--innodb-flush-log-at-trx-commit=1",
                "--innodb-buffer-pool-size=128M",
                "--innodb-log-file-size=48M",
            ])
            .args(["--max-connections=200", "--performance-schema=OFF"])
            .arg(format!("--bind-address={}", self.place.address))
            .arg(format!("--port={}", self.port))
            .args(user_option())
            .args(&self.options)
            .stdin(Stdio::null())
            .stdout(log.try_clone().unwrap())
            .stderr(log);
        let child = command
            .spawn()
            .unwrap_or_else(|e| panic!("mariadbd (package mariadb-server-core): {e}"));
        self.running = Some(child);
    }

    /// SIGKILL.
    pub fn kill(&mut self) {
        let mut running = self.running.take().expect("it runs");
        running.kill().unwrap();
        running.wait().unwrap();
    }

    /// Stops its clock, or lets it go on.
    pub fn freeze(&self, is_frozen: bool) {
        let signal = if is_frozen { "-STOP" } else { "-CONT" };
        let pid = self.running.as_ref().expect("it runs").id().to_string();
        let sent = Command::new("kill").args([signal, &pid]).status().unwrap();
        assert!(sent.success());
    }

    /// Its database.
    pub fn url(&self) -> String {
        format!(
            "mysql://weir:weir@{}:{}/weir",
            self.place.address, self.port
        )
    }

    /// Host and port.
    pub fn authority(&self) -> String {
        format!("{}:{}", self.place.address, self.port)
    }
}

impl Drop for Mariadb {
    fn drop(&mut self) {
        if let Some(running) = &mut self.running {
            drop(running.kill());
            drop(running.wait());
        }
    }
}

/// As root a server must be told that this is meant.
fn user_option() -> Option<&'static str> {
    rustix::process::getuid().is_root().then_some("--user=root")
}

/// A free port below those that the kernel hands out.
fn free_port() -> u16 {
    static NEXT: AtomicU16 = AtomicU16::new(0);
    let begin = 21_000 + (std::process::id() % 8_000) as u16;
    let mut ports = (0..1_000).map(|_| begin + NEXT.fetch_add(1, Ordering::Relaxed));
    let is_free = |port: &u16| TcpListener::bind(("127.0.0.1", *port)).is_ok();
    ports.find(is_free).expect("a free port")
}

/// A new data folder, made once a run, where the next run replaces it.
fn template() -> &'static Path {
    static MADE: OnceLock<PathBuf> = OnceLock::new();
    MADE.get_or_init(|| {
        let data = Path::new(env!("CARGO_TARGET_TMPDIR")).join("mariadb");
        drop(std::fs::remove_dir_all(&data));
        let made = Command::new("mariadb-install-db")
            .arg("--no-defaults")
            .arg(format!("--datadir={}", data.display()))
            .args([
                "--auth-root-authentication-method=normal",
                "--skip-test-db",
                "--innodb-log-file-size=48M",
            ])
            .args(user_option())
            .output()
            .unwrap_or_else(|e| panic!("mariadb-install-db (package mariadb-server-core): {e}"));
        assert!(
            made.status.success(),
            "{}",
            String::from_utf8_lossy(&made.stderr)
        );
        data
    })
}
