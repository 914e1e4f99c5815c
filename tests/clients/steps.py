"""What the Python scripts of this folder share: the server they are pointed at, named steps, comparisons.

`run` says by environment variables which server it is; see docs/clients.md.
"""

import contextlib
import os
import sys
import traceback
import urllib.parse


class Target:
    """The server that the libraries are driven against."""

    def __init__(self, environ):
        self.url = environ['ODOO_URL'].rstrip('/')
        parts = urllib.parse.urlsplit(self.url)
        self.ssl = parts.scheme == 'https'
        self.host = parts.hostname
        self.port = parts.port or (443 if self.ssl else 80)
        self.db = environ['ODOO_DB']
        self.login = environ['ODOO_LOGIN']
        self.password = environ['ODOO_PASSWORD']
        self.series = environ['ODOO_SERIES']
        self.major = int(self.series.split('.')[0])
        # Empty where there is none: what needs one is left out.
        self.api_key = environ['ODOO_API_KEY']
        # Part of the name of every record that a script makes: `run` removes them by it.
        self.unique = environ['ODOO_UNIQUE']
        # An active language besides English.
        self.language = environ['ODOO_LANGUAGE']
        self.library = environ['ODOO_LIBRARY']

    def people(self):
        """Values of three contacts: sorted by name, with two cities and a number to sum up."""
        return [
            {'name': f'{self.unique} Ann', 'city': 'Ath', 'color': 1},
            {'name': f'{self.unique} Bob', 'city': 'Ath', 'color': 2},
            {'name': f'{self.unique} Cid', 'city': 'Gent', 'color': 7},
        ]

    def mine(self, *more):
        """The domain of the contacts of this run."""
        return [('name', 'like', self.unique), *more]


target = Target(os.environ)


@contextlib.contextmanager
def step(name):
    """Runs the block as a step and writes its line; a failure does not stop the script."""
    try:
        yield
    except Exception as error:
        place = traceback.extract_tb(error.__traceback__)
        line = next((frame.lineno for frame in reversed(place) if frame.filename == os.path.abspath(sys.argv[0])), 0)
        why = ' '.join(f'{type(error).__name__}: {error}'.split())[:400]
        print(f'FAILED {target.library}: {name}: {why} (line {line})', flush=True)
    else:
        print(f'ok {target.library}: {name}', flush=True)


def same(actual, expected):
    """Fails, telling both, where they differ."""
    if actual != expected:
        raise AssertionError(f'{actual!r} is not {expected!r}')


def holds(condition, actual=None):
    """Fails, telling the value, where the condition does not hold."""
    if not condition:
        raise AssertionError(f'unexpected {actual!r}')


class raises:
    """Fails unless the block raises an error of this kind whose text has all of these parts; then `error` is that error."""

    def __init__(self, kind, *texts):
        self.kind = kind
        self.texts = texts

    def __enter__(self):
        return self

    def __exit__(self, kind, error, trace):
        if error is None:
            raise AssertionError(f'no {self.kind.__name__} was raised')
        if not isinstance(error, self.kind):
            return False
        for text in self.texts:
            holds(text in str(error), str(error))
        self.error = error
        return True
