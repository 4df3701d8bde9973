"""The page in docs says what the code says."""

import re
import tomllib
from pathlib import Path

from ostiary.settings import KEYS, read_settings
from tests.settings import page

PAGE = Path(__file__).parents[2] / "docs" / "settings.md"


def test_the_page_is_current():
    assert PAGE.read_text(encoding="utf-8") == page.page(), "python -m tests.settings.page > docs/settings.md"


def test_the_example_of_the_page_is_read(tmp_path):
    example = re.search(r"```toml\n(.*?)```", page.TAIL, re.DOTALL)[1]
    (tmp_path / "ostiary.toml").write_text(example)
    assert {name.upper() for name in tomllib.loads(example)} <= set(KEYS)
    assert read_settings({}, tmp_path).origin == "https://id.example.test"
