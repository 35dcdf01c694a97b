//! In and out: passwords, certificates, and what is refused, by the clients that people use.
//!
//! Certificates are made by `openssl` in the test's own folder, as docs/security.md makes them.

use crate::setup::{CVX, Running, cvx, required, start, stderr, stdout};
use cvx_testkit::client::{self, sqlstate};
use cvx_testkit::server::{Launch, Server};
use futures::StreamExt as _;
use std::io::Write as _;
use std::net::{IpAddr, SocketAddr};
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};
use std::time::{Duration, Instant};
use tempfile::TempDir;

/// psql shows no SQLSTATE of a connection that failed.
const WRONG: &str = "password authentication failed for user";

/// A password that is looked for in logs.
const SECRET: &str = "correct-horse-battery";

fn tools_are_here() -> bool {
    let here = |tool: &str| Command::new(tool).arg("--version").output().is_ok();
    let openssl = Command::new("openssl").arg("version").output().is_ok();
    required("psql", here("psql")) && required("openssl", openssl)
}

fn openssl(dir: &Path, arguments: &str) {
    let mut command = Command::new("openssl");
    let output = command.args(arguments.split('|')).current_dir(dir).output().unwrap();
    assert!(output.status.success(), "openssl {arguments}: {}", stderr(&output));
}

/// A folder with an authority, and certificates that it signed.
struct Certificates {
    dir: TempDir,
}

impl Certificates {
    fn new() -> Self {
        let made = Self { dir: tempfile::tempdir().unwrap() };
        openssl(
            made.dir.path(),
            "req|-x509|-newkey|ec|-pkeyopt|ec_paramgen_curve:P-256|-nodes|-keyout|ca.key|-out|ca.crt|\
             -days|2|-subj|/CN=test authority",
        );
        made.sign("server", "localhost", "ec|-pkeyopt|ec_paramgen_curve:P-256");
        made
    }

    fn sign(&self, name: &str, common_name: &str, key: &str) {
        let dir = self.dir.path();
        std::fs::write(
            dir.join("names"),
            "subjectAltName=DNS:localhost,IP:127.0.0.1\nbasicConstraints=CA:FALSE\n",
        )
        .unwrap();
        openssl(
            dir,
            &format!(
                "req|-newkey|{key}|-nodes|-keyout|{name}.key|-out|{name}.csr|-subj|/CN={common_name}"
            ),
        );
        openssl(
            dir,
            &format!(
                "x509|-req|-in|{name}.csr|-CA|ca.crt|-CAkey|ca.key|-CAcreateserial|-days|2|\
                 -extfile|names|-out|{name}.crt"
            ),
        );
        let key = dir.join(format!("{name}.key"));
        let mode = std::os::unix::fs::PermissionsExt::from_mode(0o600);
        std::fs::set_permissions(key, mode).unwrap();
    }

    fn path(&self, file: &str) -> String {
        self.dir.path().join(file).display().to_string()
    }

    /// A server with the first certificate that asks for passwords.
    fn on(&self, launch: Launch) -> Launch {
        launch
            .set("tls_cert", self.path("server.crt"))
            .set("tls_key", self.path("server.key"))
            .set("trust_loopback", false)
    }
}

fn passwd(data_dir: &Path, role: &str, password: &str) -> Output {
    let mut command = Command::new(CVX);
    command.args(["passwd", role, "--data-dir"]).arg(data_dir);
    command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = command.spawn().unwrap();
    writeln!(child.stdin.take().unwrap(), "{password}").unwrap();
    child.wait_with_output().unwrap()
}

/// A server that asks for passwords, over TLS, where `cvx` has one.
fn guarded(certificates: &Certificates, more: impl FnOnce(Launch) -> Launch) -> Running {
    let dir = tempfile::tempdir().unwrap();
    let launch = more(certificates.on(Launch::new(CVX, dir.path())));
    let set = passwd(&launch.data_dir, "cvx", SECRET);
    assert!(set.status.success(), "{}", stderr(&set));
    let server = launch.start().unwrap();
    Running { server, launch, dir }
}

/// psql with a connection string, a password and one command.
fn psql(addr: SocketAddr, words: &str, password: &str, command: &str) -> Output {
    let target = format!("port={} dbname=cvx {words}", addr.port());
    let target = if words.contains("host=") { target } else { format!("host=localhost {target}") };
    let target = if words.contains("user=") { target } else { format!("user=cvx {target}") };
    let mut psql = Command::new("psql");
    psql.args(["-X", "-A", "-t", "-w", "-v", "VERBOSITY=verbose", "-d", &target, "-c", command]);
    psql.env("PGPASSWORD", password).env("PGSSLROOTCERT", "/nonexistent").output().unwrap()
}

#[track_caller]
fn lets_in(output: &Output, answer: &str) {
    assert!(output.status.success(), "{}", stderr(output));
    assert_eq!(stdout(output).trim(), answer);
}

#[track_caller]
fn refuses(output: &Output, words: &str) {
    assert!(!output.status.success(), "let in: {}", stdout(output));
    assert!(stderr(output).contains(words), "{words:?} is not in: {}", stderr(output));
}

#[test]
fn every_sslmode() {
    if !tools_are_here() {
        return;
    }
    let certificates = Certificates::new();
    let running = guarded(&certificates, |launch| launch);
    let addr = running.server.addr();
    let ca = certificates.path("ca.crt");
    let as_cvx = |words: &str| psql(addr, words, SECRET, "SELECT current_user");
    for words in [
        "sslmode=disable".to_owned(),
        "sslmode=prefer".to_owned(),
        "sslmode=require".to_owned(),
        format!("sslmode=verify-ca sslrootcert={ca}"),
        format!("sslmode=verify-full sslrootcert={ca}"),
        format!("sslmode=verify-full sslrootcert={ca} channel_binding=require"),
        "sslmode=require channel_binding=disable".to_owned(),
        "sslmode=require ssl_max_protocol_version=TLSv1.2".to_owned(),
    ] {
        lets_in(&as_cvx(&words), "cvx");
    }
    let other = Certificates::new();
    let foreign = other.path("ca.crt");
    refuses(&as_cvx(&format!("sslmode=verify-full sslrootcert={foreign}")), "certificate verify");
    refuses(&as_cvx("sslmode=disable channel_binding=require"), "channel binding");
    refuses(
        &as_cvx("sslmode=require ssl_max_protocol_version=TLSv1.1 ssl_min_protocol_version=TLSv1"),
        "",
    );
}

#[test]
fn passwords_and_roles() {
    if !tools_are_here() {
        return;
    }
    let certificates = Certificates::new();
    let running = guarded(&certificates, |launch| launch);
    let addr = running.server.addr();
    let as_user = |user: &str, password: &str, sql: &str| {
        psql(addr, &format!("sslmode=require user={user}"), password, sql)
    };
    refuses(&as_user("cvx", "wrong", "SELECT 1"), WRONG);
    refuses(&as_user("nobody", SECRET, "SELECT 1"), WRONG);
    let made = "CREATE ROLE ada LOGIN PASSWORD 'café'; CREATE ROLE group_role PASSWORD 'x';
                CREATE ROLE late LOGIN PASSWORD 'x' VALID UNTIL '2020-01-01';
                CREATE TABLE docs (id INT PRIMARY KEY); GRANT SELECT ON docs TO ada";
    assert!(as_user("cvx", SECRET, made).status.success());
    lets_in(&as_user("ada", "café", "SELECT count(*) FROM docs"), "0");
    refuses(&as_user("ada", "café", "INSERT INTO docs VALUES (1)"), "42501");
    refuses(&as_user("group_role", "x", "SELECT 1"), "is not permitted to log in");
    refuses(&as_user("late", "x", "SELECT 1"), WRONG);
    // psql's \password sends a verifier of its own making.
    let verifier = "SCRAM-SHA-256$4096:c2FsdHNhbHRzYWx0c2FsdA==$iCqt+TsGJA3TYlTpEbSFhAJwkBNa3PyRjfKBQuFnYKc=:EbbPEQWTHlRxMuzmSEOuXbnaTKXArkVjTqvTLqrUQOA=";
    let change = format!("ALTER ROLE ada PASSWORD '{verifier}'");
    assert!(as_user("cvx", SECRET, &change).status.success());
    refuses(&as_user("ada", "café", "SELECT 1"), WRONG);
    assert!(as_user("cvx", SECRET, "ALTER ROLE ada PASSWORD NULL").status.success());
    refuses(&as_user("ada", "", "SELECT 1"), "password");
    assert!(as_user("cvx", SECRET, "REVOKE CONNECT ON DATABASE cvx FROM PUBLIC").status.success());
    assert!(as_user("cvx", SECRET, "ALTER ROLE ada PASSWORD 'again'").status.success());
    refuses(&as_user("ada", "again", "SELECT 1"), "permission denied for database");
}

/// Roles, grants and passwords are there after a kill.
#[test]
fn roles_survive() {
    if !tools_are_here() {
        return;
    }
    let certificates = Certificates::new();
    let running = guarded(&certificates, |launch| launch);
    let made = "CREATE ROLE ada LOGIN PASSWORD 'one'; CREATE TABLE docs (id INT PRIMARY KEY);
                GRANT SELECT ON docs TO ada";
    let as_cvx = psql(running.server.addr(), "sslmode=require", SECRET, made);
    assert!(as_cvx.status.success(), "{}", stderr(&as_cvx));
    running.server.kill().unwrap();
    let again = running.launch.start().unwrap();
    let count = "SELECT count(*) FROM docs";
    lets_in(&psql(again.addr(), "user=ada sslmode=require", "one", count), "0");
    refuses(&psql(again.addr(), "user=ada sslmode=require", "two", count), WRONG);
}

#[test]
fn certificates_instead_of_passwords() {
    if !tools_are_here() {
        return;
    }
    let certificates = Certificates::new();
    let ec = "ec|-pkeyopt|ec_paramgen_curve:P-256";
    certificates.sign("ada", "ada", ec);
    let foreign = Certificates::new();
    foreign.sign("ada", "ada", ec);
    let running = guarded(&certificates, |l| l.set("tls_client_ca", certificates.path("ca.crt")));
    let addr = running.server.addr();
    assert!(psql(addr, "sslmode=require", SECRET, "CREATE ROLE ada LOGIN").status.success());
    let shows = |from: &Certificates, user: &str| {
        let (cert, key) = (from.path("ada.crt"), from.path("ada.key"));
        format!("sslmode=require user={user} sslcert={cert} sslkey={key}")
    };
    let who = "SELECT current_user";
    lets_in(&psql(addr, &shows(&certificates, "ada"), "", who), "ada");
    refuses(&psql(addr, &shows(&certificates, "cvx"), SECRET, who), "certificate authentication");
    refuses(&psql(addr, &shows(&foreign, "ada"), "", who), "");
    drop(running);
    let strict = guarded(&certificates, |launch| {
        launch.set("tls_client_ca", certificates.path("ca.crt")).set("tls_client_cert", "required")
    });
    refuses(&psql(strict.server.addr(), "sslmode=require", SECRET, who), "");
}

/// A certificate of 2020, which only `openssl ca` makes.
fn outdated(dir: &Path) {
    let config = "[ca]\ndefault_ca=d\n[d]\ndatabase=index\nserial=serial\nnew_certs_dir=.\n\
                  default_md=sha256\npolicy=p\n[p]\ncommonName=supplied\n";
    for (file, text) in [("ca.cnf", config), ("index", ""), ("serial", "01\n")] {
        std::fs::write(dir.join(file), text).unwrap();
    }
    openssl(
        dir,
        "req|-newkey|ec|-pkeyopt|ec_paramgen_curve:P-256|-nodes|-keyout|old.key|-out|old.csr|\
         -subj|/CN=old",
    );
    openssl(
        dir,
        "ca|-batch|-config|ca.cnf|-selfsign|-keyfile|old.key|-in|old.csr|-out|old.crt|-notext|\
         -startdate|20200101000000Z|-enddate|20200102000000Z",
    );
}

/// A certificate that cannot be served stops the start: no plaintext server comes up instead.
#[test]
fn a_bad_certificate_stops_the_start() {
    if !tools_are_here() {
        return;
    }
    let certificates = Certificates::new();
    let dir = certificates.dir.path();
    certificates.sign("other", "localhost", "ec|-pkeyopt|ec_paramgen_curve:P-256");
    std::fs::write(dir.join("garbage"), "-----BEGIN CERTIFICATE-----\nAAAA\n").unwrap();
    std::fs::write(dir.join("empty"), "").unwrap();
    outdated(dir);
    for (cert, key, words) in [
        ("missing.crt", "server.key", "missing.crt"),
        ("server.crt", "missing.key", "missing.key"),
        ("garbage", "server.key", "certificate"),
        ("empty", "server.key", "no certificate"),
        ("server.crt", "empty", "no private key"),
        ("server.crt", "other.key", "the certificate and the key"),
        ("old.crt", "old.key", "expired"),
    ] {
        let (cert, key) = (certificates.path(cert), certificates.path(key));
        let data = dir.join("data");
        let mut start = vec!["start", "--pg-addr", "127.0.0.1:0", "--data-dir"];
        start.extend([data.to_str().unwrap(), "--tls-cert", &cert, "--tls-key", &key]);
        let refused = cvx(&start);
        assert_eq!(refused.status.code(), Some(2), "{cert} {key}");
        let said = stderr(&refused);
        assert!(said.contains(words) && !said.contains("ready"), "{words:?} is not in: {said}");
    }
}

/// An address of this machine that is not loopback, where it has one.
fn outside() -> Option<IpAddr> {
    let socket = std::net::UdpSocket::bind("0.0.0.0:0").ok()?;
    // Nothing is sent: connecting a datagram socket only chooses its address.
    socket.connect("203.0.113.1:9").ok()?;
    let address = socket.local_addr().ok()?.ip();
    (!address.is_loopback() && !address.is_unspecified()).then_some(address)
}

/// `start_command`, on another address than loopback.
fn start_on(launch: &Launch, address: &str) -> anyhow::Result<Server> {
    let mut command = Command::new(&launch.binary);
    let log = std::fs::OpenOptions::new().create(true).append(true).open(&launch.log)?;
    command.args(["start", "--pg-addr", address, "--data-dir"]).arg(&launch.data_dir);
    command.envs(launch.variables.iter().cloned());
    command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(log);
    launch.start_command(&mut command)
}

#[test]
fn other_machines_need_a_password_and_tls() {
    if !tools_are_here() {
        return;
    }
    let Some(outside) = outside() else { return };
    let certificates = Certificates::new();
    let dir = tempfile::tempdir().unwrap();
    let launch = certificates.on(Launch::new(CVX, dir.path()));
    let refusal = start_on(&launch, "0.0.0.0:0").unwrap_err().to_string();
    assert!(refusal.contains("cvx passwd"), "{refusal}");
    assert!(passwd(&launch.data_dir, "cvx", SECRET).status.success());
    let server = start_on(&launch, "0.0.0.0:0").unwrap();
    let addr = server.addr();
    let from = |words: &str| psql(addr, &format!("host={outside} {words}"), SECRET, "SELECT 1");
    lets_in(&from("sslmode=require"), "1");
    refuses(&from("sslmode=disable"), "is not encrypted");
    let wrong = psql(addr, &format!("host={outside} sslmode=require"), "wrong", "SELECT 1");
    refuses(&wrong, WRONG);
}

/// Secrets are in no log, however much is logged, and in no error.
#[test]
fn secrets_stay_out_of_logs() {
    if !tools_are_here() {
        return;
    }
    let certificates = Certificates::new();
    let running = guarded(&certificates, |launch| launch.set("log_level", "trace"));
    let addr = running.server.addr();
    let typed = "typed-out-of-place";
    for sql in [
        format!("CREATE ROLE ada LOGIN PASSWORD '{typed}'"),
        format!("ALTER ROLE ada PASSWORD '{typed}' NONSENSE"),
        format!("ALTER ROLE ada PASSWORD 'x' '{typed}'"),
        format!("CREATE ROLE ada PASSWORD '{typed}'"),
        format!("ALTER ROLE missing PASSWORD '{typed}'"),
    ] {
        let output = psql(addr, "sslmode=require", SECRET, &sql);
        let said = stderr(&output);
        // psql itself repeats the statement's line below the error.
        let lines = said.lines().filter(|line| !line.starts_with("LINE ") && !line.contains("^"));
        assert!(!lines.collect::<String>().contains(typed), "{said}");
    }
    refuses(&psql(addr, "sslmode=require", typed, "SELECT 1"), WRONG);
    let log = std::fs::read_to_string(&running.launch.log).unwrap();
    assert!(log.contains("login refused"), "a failed login leaves a line");
    for secret in [SECRET, typed, "SCRAM-SHA-256$"] {
        assert!(!log.contains(secret), "{secret} is in the log");
    }
}

/// How many bad logins are tried; `CVX_BAD_LOGINS=10000` is the guarantee's figure.
fn bad_logins() -> usize {
    std::env::var("CVX_BAD_LOGINS").map_or(400, |text| text.parse().unwrap())
}

/// One after the other, so that their time can be taken.
const TIMED: usize = 400;

/// None in, one message, and a time that does not tell which users there are.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn bad_logins_come_to_nothing() {
    let dir = tempfile::tempdir().unwrap();
    let launch = Launch::new(CVX, dir.path()).set("trust_loopback", false);
    assert!(passwd(&launch.data_dir, "cvx", SECRET).status.success());
    let server = launch.start().unwrap();
    let addr = server.addr();
    let mut times: [Vec<Duration>; 2] = [Vec::new(), Vec::new()];
    for attempt in 0..TIMED {
        let which = attempt % 2;
        let user = ["cvx", "nobody"][which];
        let began = Instant::now();
        let words = format!("user={user} dbname=cvx password=wrong-{attempt}");
        let error = client::connect_as(addr, &words).await.err().expect("nobody gets in");
        times[which].push(began.elapsed());
        assert_eq!(sqlstate(&error), Some("28P01"));
        let message = error.as_db_error().unwrap().message().replace(user, "?");
        assert_eq!(message, "password authentication failed for user \"?\"");
    }
    let median = |times: &mut Vec<Duration>| {
        times.sort();
        times[times.len() / 2]
    };
    let [known, unknown] = times.each_mut().map(median);
    println!("median {known:?} known, {unknown:?} unknown");
    let (less, most) = (known.min(unknown), known.max(unknown));
    assert!(most < less * 2, "{known:?} and {unknown:?} tell users apart");
    let more = bad_logins().saturating_sub(TIMED);
    futures::stream::iter(0..more)
        .for_each_concurrent(16, async |attempt| {
            let words = format!("user=cvx dbname=cvx password=other-{attempt}");
            let error = client::connect_as(addr, &words).await.err().expect("nobody gets in");
            assert_eq!(sqlstate(&error), Some("28P01"));
        })
        .await;
    println!("{} bad logins, none in", TIMED + more);
    let words = format!("user=cvx dbname=cvx password={SECRET}");
    client::connect_as(addr, &words).await.unwrap();
}

#[test]
fn passwd_says_what_is_wrong() {
    let dir = tempfile::tempdir().unwrap();
    let data = dir.path().join("data");
    assert!(stderr(&passwd(&data, "cvx", "")).contains("empty"));
    assert!(stderr(&passwd(&data, "nobody", "x")).contains("does not exist"));
    let running = start();
    let taken = passwd(running.server.data_dir(), "cvx", "x");
    assert_eq!(taken.status.code(), Some(2), "a server has it open");
}

/// COPY in both directions asks as SELECT and INSERT do, and reads files for those who may.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn copy_asks_too() {
    let running = start();
    let made = "CREATE TABLE docs (id INT PRIMARY KEY); INSERT INTO docs VALUES (1);
                CREATE ROLE reader; CREATE ROLE writer;
                GRANT SELECT ON docs TO reader; GRANT INSERT ON docs TO writer";
    running.connect().await.client.batch_execute(made).await.unwrap();
    for (role, copy, refused) in [
        ("reader", "COPY docs TO STDOUT", false),
        ("reader", "COPY docs FROM STDIN", true),
        ("writer", "COPY docs TO STDOUT", true),
        ("writer", "COPY (SELECT id FROM docs) TO STDOUT", true),
        ("writer", "COPY docs FROM STDIN", false),
        ("writer", "COPY docs FROM 'x.parquet'", true),
    ] {
        let client = running.connect().await.client;
        client.batch_execute(&format!("SET SESSION AUTHORIZATION {role}")).await.unwrap();
        let done = if copy.contains("STDIN") {
            client.copy_in::<_, bytes::Bytes>(copy).await.map(drop)
        } else if copy.contains("STDOUT") {
            client.copy_out(copy).await.map(drop)
        } else {
            client.batch_execute(copy).await
        };
        let state = done.err().map(|error| sqlstate(&error).unwrap_or_default().to_owned());
        assert_eq!(state.as_deref(), refused.then_some("42501"), "{role}: {copy}");
    }
}

/// What was revoked is gone at once, for sessions and blocks that run too.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn revoking_does_not_wait() {
    let running = start();
    let admin = running.connect().await.client;
    let made = "CREATE TABLE docs (id INT PRIMARY KEY); CREATE ROLE ada LOGIN;
                GRANT SELECT ON docs TO ada";
    admin.batch_execute(made).await.unwrap();
    let ada =
        client::connect_as(running.server.addr(), "user=ada dbname=cvx").await.unwrap().client;
    let statement = ada.prepare("SELECT count(*) FROM docs").await.unwrap();
    ada.batch_execute("BEGIN").await.unwrap();
    ada.query_one(&statement, &[]).await.unwrap();
    admin.batch_execute("REVOKE SELECT ON docs FROM ada").await.unwrap();
    let error = ada.query_one(&statement, &[]).await.unwrap_err();
    assert_eq!(sqlstate(&error), Some("42501"));
    ada.batch_execute("ROLLBACK").await.unwrap();
    admin.batch_execute("DROP ROLE ada; CREATE ROLE ada SUPERUSER LOGIN").await.unwrap();
    let error = ada.query_one("SELECT count(*) FROM docs", &[]).await.unwrap_err();
    assert_eq!(sqlstate(&error), Some("42501"), "the old session is not the new role");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_transaction_left_open_is_closed() {
    let running = start();
    let client = running.connect().await.client;
    client.batch_execute("SET idle_in_transaction_session_timeout = 200").await.unwrap();
    tokio::time::sleep(Duration::from_millis(400)).await;
    client.batch_execute("SELECT 1").await.expect("idle outside a transaction is nobody's harm");
    client.batch_execute("BEGIN").await.unwrap();
    tokio::time::sleep(Duration::from_millis(600)).await;
    let error = client.batch_execute("SELECT 1").await.unwrap_err();
    assert!(matches!(sqlstate(&error), Some("25P03") | None), "{error}");
    assert!(client.is_closed());
}

fn resident_bytes(server: &Server) -> usize {
    let statm = std::fs::read_to_string(format!("/proc/{}/statm", server.pid())).unwrap();
    statm.split(' ').nth(1).unwrap().parse::<usize>().unwrap() * 4096
}

/// Before login a connection costs 64 KiB at most, whatever it sends and then leaves hanging.
#[test]
fn strangers_are_cheap() {
    if !tools_are_here() {
        return;
    }
    let certificates = Certificates::new();
    let running = guarded(&certificates, |launch| launch);
    let addr = running.server.addr();
    let packet = [10_000_u32.to_be_bytes().to_vec(), vec![0, 3, 0, 0], vec![b'x'; 9_900]].concat();
    let ssl = [8_u32.to_be_bytes(), 80_877_103_u32.to_be_bytes()].concat();
    // A handshake record that promises 16 KiB and stops short.
    let hello = [&ssl[..], &[0x16, 3, 1, 0x40, 0, 1, 0, 0x3f, 0xf0], &[0; 16_000]].concat();
    for (what, bytes) in [("half a startup packet", packet), ("half a handshake", hello)] {
        // The first ones pay for what all share.
        let open = |count: usize| -> Vec<std::net::TcpStream> {
            let one = |_| {
                let mut socket = std::net::TcpStream::connect(addr).unwrap();
                socket.write_all(&bytes).unwrap();
                socket
            };
            (0..count).map(one).collect()
        };
        let warm = open(40);
        std::thread::sleep(Duration::from_millis(300));
        let before = resident_bytes(&running.server);
        let held = open(200);
        std::thread::sleep(Duration::from_millis(700));
        let each = resident_bytes(&running.server).saturating_sub(before) / held.len();
        println!("{what}: {each} bytes a connection");
        assert!(each <= 64 << 10, "{what}: {each} bytes a connection");
        drop((warm, held));
    }
    lets_in(&psql(addr, "sslmode=require", SECRET, "SELECT 1"), "1");
}

/// A statement that outgrows the process is stopped; its neighbours and the server go on.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_largest_statement_goes_before_the_process() {
    let running = crate::setup::start_with(|launch| {
        launch.set("query_memory_bytes", 4_u64 << 30).set("memory_bytes_max", 300 << 20)
    });
    let (large, small) = (running.connect().await.client, running.connect().await.client);
    let sql = "SELECT count(*) FROM (SELECT a.x, b.y, count(*) FROM generate_series(1, 4000) a (x), \
               generate_series(1, 4000) b (y) GROUP BY 1, 2) t";
    let error = large.simple_query(sql).await.unwrap_err();
    assert_eq!(sqlstate(&error), Some("53200"), "{}", client::describe(&error));
    assert!(error.as_db_error().unwrap().message().contains("out of memory"));
    small.batch_execute("SELECT 1").await.unwrap();
    large.batch_execute("SELECT 1").await.unwrap();
}

/// The page's commands, as a reader types them, in a folder of their own.
#[test]
fn the_page_holds() {
    if !tools_are_here() {
        return;
    }
    const PAGE: &str = include_str!("../../../../docs/security.md");
    let blocks = PAGE.split("```sh\n").skip(1).filter_map(|part| part.split_once("```"));
    let script: Vec<&str> = blocks.map(|(block, _)| block).collect();
    assert!(script.len() >= 4, "the page has {} blocks of commands", script.len());
    let dir = tempfile::tempdir().unwrap();
    let bin: PathBuf = Path::new(CVX).parent().unwrap().into();
    let path = format!("{}:{}", bin.display(), std::env::var("PATH").unwrap());
    let port = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    let text = script.concat().replace("5433", &port.to_string());
    let text = format!("set -euo pipefail\ntrap 'kill $(jobs -p) 2>/dev/null' EXIT\n{text}");
    let mut bash = Command::new("bash");
    bash.args(["-c", &text]).current_dir(dir.path()).env("PATH", path).env("HOME", dir.path());
    let began = Instant::now();
    let output = bash.output().unwrap();
    assert!(output.status.success(), "{}{}", stdout(&output), stderr(&output));
    let said = format!("{}{}", stdout(&output), stderr(&output));
    let promised: Vec<&str> = PAGE.lines().filter_map(|line| line.strip_prefix("    ")).collect();
    for line in promised.iter().filter(|line| !line.starts_with('-')) {
        assert!(said.contains(line), "{line:?} is not in:\n{said}");
    }
    println!("the page took {:?}", began.elapsed());
}
