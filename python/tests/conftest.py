"""What the tests share: a folder of fixtures, and `pytester` for tests of the plugin."""

from __future__ import annotations

from pathlib import Path

import pytest

pytest_plugins = ["pytester"]


@pytest.fixture
def data() -> Path:
    """The folder with the fixtures."""
    return Path(__file__).parent / "data"
