"""The client libraries that `run` drives, and how each is installed: once, into a cache, and quick when that is done."""

import hashlib
import os
import pathlib
import shutil
import subprocess
import sys

HERE = pathlib.Path(__file__).resolve().parent


def cache_folder():
    """`WIREDOO_CLIENTS_CACHE`, or a folder in the user's cache."""
    cache = os.environ.get('XDG_CACHE_HOME') or pathlib.Path.home() / '.cache'
    return pathlib.Path(os.environ.get('WIREDOO_CLIENTS_CACHE') or pathlib.Path(cache) / 'wiredoo' / 'clients').absolute()


CACHE = cache_folder()


def do(*command, **more):
    """Runs a program; what it says is shown where it fails."""
    done = subprocess.run(command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, **more)
    if done.returncode:
        raise RuntimeError(f'{" ".join(map(str, command))} ended with {done.returncode}:\n{done.stdout}')
    return done.stdout


def install_packages(*packages):
    """Installs packages of the system."""
    root = [] if os.geteuid() == 0 else ['sudo']
    do(*root, 'apt-get', 'update')
    do(*root, 'env', 'DEBIAN_FRONTEND=noninteractive', 'apt-get', 'install', '-y', *packages)


def once(kind, wanted, install):
    """The folder that `install` fills, named by what is wanted of it. It appears when it is complete."""
    name = hashlib.sha256(repr(wanted).encode()).hexdigest()[:16]
    folder = CACHE / kind / name
    if not folder.is_dir():
        draft = folder.with_name(f'{name}.{os.getpid()}')
        shutil.rmtree(draft, ignore_errors=True)
        draft.mkdir(parents=True)
        try:
            install(draft)
            draft.rename(folder)
        except OSError:
            # Somebody else was quicker.
            if not folder.is_dir():
                raise
        finally:
            shutil.rmtree(draft, ignore_errors=True)
    return folder


def pip():
    """A Python that has pip; libraries are not installed into it."""

    def install(folder):
        try:
            do(sys.executable, '-m', 'venv', folder)
        except RuntimeError:
            install_packages('python3-venv')
            do(sys.executable, '-m', 'venv', '--clear', folder)

    return once('pip', sys.version, install) / 'bin' / 'python'


class Python:
    """A script with a library from PyPI, which has a folder to itself."""

    def __init__(self, script, *requirements, since=0, needs_key=False):
        self.script = HERE / script
        self.requirements = requirements
        self.since = since
        self.needs_key = needs_key

    def prepare(self):
        """The command that runs the script, and what it needs of the environment."""
        if not self.requirements:
            return [sys.executable, self.script], {}
        constraints = (HERE / 'constraints.txt').read_text()
        folder = once('python', (sys.version, self.requirements, constraints), self.install)
        return [sys.executable, self.script], {'PYTHONPATH': str(folder)}

    def install(self, folder):
        arguments = ['--quiet', '--disable-pip-version-check', '--constraint', HERE / 'constraints.txt', '--target', folder]
        do(pip(), '-m', 'pip', 'install', *arguments, *self.requirements)


class JavaScript:
    """A script with a library from npm, or with none."""

    since = 0
    needs_key = False

    def __init__(self, script, *requirements):
        self.script = HERE / script
        self.requirements = requirements

    def prepare(self):
        missing = [name for name, package in (('node', 'nodejs'), ('npm', 'npm')) if not shutil.which(name)]
        if missing:
            install_packages('nodejs', 'npm')
        folder = once('npm', self.requirements, self.install) if self.requirements else HERE
        return ['node', self.script], {'CLIENT_FOLDER': str(folder)}

    def install(self, folder):
        (folder / 'package.json').write_text('{"private": true}')
        do('npm', 'install', '--no-audit', '--no-fund', '--ignore-scripts', '--save-exact', *self.requirements, cwd=folder)


class Rust:
    """A program with a library from crates.io."""

    since = 0
    needs_key = False

    def __init__(self, folder):
        self.folder = HERE / folder

    def prepare(self):
        # The library's HTTP client is built against OpenSSL.
        if shutil.which('pkg-config') is None or subprocess.run(['pkg-config', '--exists', 'openssl']).returncode:
            install_packages('pkg-config', 'libssl-dev')
        target = CACHE / 'cargo'
        environ = {**os.environ, 'CARGO_TARGET_DIR': str(target)}
        do('cargo', 'build', '--quiet', '--locked', '--manifest-path', self.folder / 'Cargo.toml', env=environ)
        return [target / 'debug' / 'with-odoo-api'], {}


LIBRARIES = {
    'odoorpc': Python('with_odoorpc.py', 'OdooRPC==0.10.1'),
    'odoo-client-lib': Python('with_odoo_client_lib.py', 'odoo-client-lib==2.0.1'),
    'xmlrpc.client': Python('with_xmlrpc_client.py'),
    'erppeek': Python('with_erppeek.py', 'ERPpeek==1.7.2'),
    'odoo-rpc-client': Python('with_odoo_rpc_client.py', 'odoo-rpc-client==1.2.0', 'setuptools', 'simplejson'),
    'aio-odoorpc': Python('with_aio_odoorpc.py', 'aio-odoorpc==2.0.0', 'httpx'),
    'odoo-connect': Python('with_odoo_connect.py', 'odoo-connect==0.6.0'),
    'pyodoo_client': Python('with_pyodoo_client.py', 'pyodoo_client==19.0.4', since=19, needs_key=True),
    'odoo-await': JavaScript('with_odoo_await.mjs', 'odoo-await@3.4.1'),
    'odoo-xmlrpc': JavaScript('with_odoo_xmlrpc.mjs', 'odoo-xmlrpc@1.0.8'),
    'odoo-xmlrpc-ts': JavaScript('with_odoo_xmlrpc_ts.mjs', 'odoo-xmlrpc-ts@1.3.0'),
    'fetch': JavaScript('with_fetch.mjs'),
    'odoo-api': Rust('odoo-api'),
}
