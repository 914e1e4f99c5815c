//! Against Python: passlib's hashes, and client libraries as they are published. Switched on by `WIREDOO_TEST_PYTHON`.

use std::process::{Command, Stdio};

use wiredoo::auth::password::Hash;
use wiredoo::{Series, Wiredoo};

use crate::common::PYTHON;

/// Runs a script with arguments; nothing where there is no Python for tests.
fn python(script: &str, args: &[&str]) -> Option<String> {
    let python = std::env::var_os(PYTHON)?;
    let output = Command::new(python).arg("-c").arg(script).args(args).stdin(Stdio::null()).output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    Some(String::from_utf8(output.stdout).unwrap())
}

#[test]
fn passlib_and_we_read_each_others_hashes() {
    let script = "
import sys
from passlib.context import CryptContext
context = CryptContext(['pbkdf2_sha512', 'plaintext'], deprecated=['plaintext'], pbkdf2_sha512__rounds=1500)
for password, ours in zip(sys.argv[1::2], sys.argv[2::2]):
    assert context.verify(password, ours), ours
    assert not context.verify(password + 'x', ours), ours
    assert not context.needs_update(ours), ours
    print(context.hash(password))
";
    let passwords = ["admin", "pässwörd ✓", " ", "$pbkdf2-sha512$", &"x".repeat(4000)];
    let ours: Vec<_> = passwords.iter().map(|password| Hash::new(password, 1500).to_string()).collect();
    let args: Vec<_> = passwords.iter().zip(&ours).flat_map(|(password, hash)| [*password, hash]).collect();
    let Some(theirs) = python(script, &args) else { return };
    assert_eq!(theirs.lines().count(), passwords.len());
    for (password, hash) in passwords.iter().zip(theirs.lines()) {
        let parsed = Hash::parse(hash).unwrap();
        assert_eq!((parsed.rounds(), parsed.to_string().as_str()), (1500, hash));
        assert!(parsed.verifies(password), "{hash}");
        assert!(!parsed.verifies(&format!("{password}x")), "{hash}");
    }
}

async fn with_library(script: &str) {
    for series in Series::ALL {
        let server = Wiredoo::builder().series(series).start().await.unwrap();
        let port = server.address().port().to_string();
        let (script, series) = (script.to_owned(), series.name());
        tokio::task::spawn_blocking(move || python(&script, &[&port, series])).await.unwrap();
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn odoorpc_logs_in() {
    with_library(
        "
import sys, odoorpc
odoo = odoorpc.ODOO('127.0.0.1', port=int(sys.argv[1]))
assert odoo.version == sys.argv[2], odoo.version
assert odoo.db.list() == ['odoo']
try:
    odoo.login('odoo', 'admin', 'wrong')
    raise SystemExit('a wrong password was taken')
except odoorpc.error.RPCError as error:
    assert str(error) == 'Wrong login ID or password', error
odoo.login('odoo', 'admin', 'admin')
assert odoo.env.uid == 2 and odoo.env.db == 'odoo' and odoo.env.lang == 'en_US', odoo.env
odoo.logout()
",
    )
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn odoo_client_lib_logs_in() {
    with_library(
        "
import sys, odoolib
connect = lambda password: odoolib.get_connection(
    hostname='127.0.0.1', port=int(sys.argv[1]), protocol='jsonrpc', database='odoo', login='admin', password=password)
connection = connect('admin')
connection.check_login()
assert connection.user_id == 2
try:
    connect('wrong').check_login()
    raise SystemExit('a wrong password was taken')
except odoolib.tools.AuthenticationError:
    pass
",
    )
    .await;
}
