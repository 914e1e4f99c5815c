//! The binary as a process of its own.

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::TcpStream;
use std::process::{Child, Command, Output, Stdio};

use serde_json::{Value, json};

pub const BINARY: &str = env!("CARGO_BIN_EXE_wiredoo");

/// The command with these arguments.
pub fn wiredoo(args: &[&str]) -> Command {
    let mut command = Command::new(BINARY);
    command.args(args).env_remove("WIREDOO_DATABASE_URL").stdin(Stdio::null());
    command
}

/// What becomes of the command with these arguments.
pub fn run(args: &[&str]) -> Output {
    wiredoo(args).output().unwrap()
}

/// What a command has printed that has succeeded.
#[track_caller]
pub fn printed(output: &Output) -> String {
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout.clone()).unwrap()
}

/// A server that runs as a process of its own.
pub struct Server {
    pub child: Child,
    pub ready: Value,
}

impl Server {
    pub fn start(args: &[&str]) -> Self {
        Self::run(wiredoo(&[&["--port", "0"], args].concat()).stderr(Stdio::piped()))
    }

    /// The server that a command runs.
    pub fn run(command: &mut Command) -> Self {
        let mut child = command.stdout(Stdio::piped()).spawn().unwrap();
        let mut line = String::new();
        BufReader::new(child.stdout.as_mut().unwrap()).read_line(&mut line).unwrap();
        let ready = serde_json::from_str(&line).unwrap_or_else(|_| {
            child.kill().unwrap();
            panic!("not ready: {line}")
        });
        Self { child, ready }
    }

    pub fn url(&self) -> &str {
        self.ready["url"].as_str().unwrap()
    }

    pub fn address(&self) -> &str {
        self.url().strip_prefix("http://").unwrap()
    }

    /// Sends a request on a connection of its own and returns the answer, headers and all.
    pub fn post(&self, path: &str, headers: &str, body: &str) -> String {
        let mut stream = TcpStream::connect(self.address()).unwrap();
        let length = body.len();
        let head = format!(
            "POST {path} HTTP/1.1\r\nHost: x\r\nConnection: close\r\nContent-Type: application/json\r\n{headers}Content-Length: {length}\r\n\r\n"
        );
        stream.write_all((head + body).as_bytes()).unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).unwrap();
        answer
    }

    pub fn log_in(&self, login: &str, password: &str) -> Value {
        let body = json!({"login": login, "password": password}).to_string();
        let answer = self.post("/session/auth/login", "", &body);
        serde_json::from_str(answer.split_once("\r\n\r\n").unwrap().1).unwrap()
    }

    /// Calls a JSON-RPC route and answers with its envelope.
    pub fn call(&self, path: &str, sid: &Value, params: &Value) -> Value {
        let header = format!("X-Openerp-Session-Id: {}\r\n", sid.as_str().unwrap_or_default());
        let answer = self.post(path, &header, &json!({"jsonrpc": "2.0", "id": 1, "params": params}).to_string());
        let body = answer.split_once("\r\n\r\n").unwrap_or_else(|| panic!("no answer: {answer}")).1;
        serde_json::from_str(body).unwrap_or_else(|_| panic!("no JSON: {answer}"))
    }

    pub fn lives(&self, sid: &Value) -> bool {
        let header = format!("X-Openerp-Session-Id: {}\r\n", sid.as_str().unwrap());
        self.post("/web/session/get_session_info", &header, "{}").contains("\"uid\":2")
    }

    pub fn signal(&self, name: &str) {
        let sent = Command::new("kill").args([name, &self.child.id().to_string()]).status().unwrap();
        assert!(sent.success());
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        drop(self.child.kill());
        drop(self.child.wait());
    }
}
