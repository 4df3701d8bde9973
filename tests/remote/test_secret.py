"""Secrets in files: one line, read as it is, shown nowhere."""

import pytest

from ostiary.kernel.errors import BootRefused
from ostiary.remote.secret import read_secret, read_token

PASSWORD = "correct horse"


@pytest.mark.parametrize("content", [b"", b"\n", b"two\nlines\n", b"\xff\xfe", b"tab\tbed"])
def test_a_secret_that_is_no_secret_is_refused_without_being_shown(tmp_path, content):
    path = tmp_path / "secret"
    path.write_bytes(content)
    with pytest.raises(BootRefused) as caught:
        read_secret(path)
    assert str(path) in str(caught.value)
    assert not {"two", "bed"} & set(str(caught.value).split())
    assert caught.value.__context__ is None or "bed" not in str(caught.value.__context__)


def test_a_secret_that_is_not_there_stops_the_start(tmp_path):
    with pytest.raises(BootRefused, match="No such file"):
        read_secret(tmp_path / "none")
    assert read_secret(None) == read_token(None) == ""


def test_a_secret_is_read_as_it_is(tmp_path):
    (tmp_path / "secret").write_text(f" {PASSWORD} ü\n")
    assert read_secret(tmp_path / "secret") == f" {PASSWORD} ü"


@pytest.mark.parametrize("content", ["two words", "tökén", " lead"])
def test_a_bearer_token_is_one_word_in_ascii(tmp_path, content):
    (tmp_path / "token").write_text(content)
    with pytest.raises(BootRefused) as caught:
        read_token(tmp_path / "token")
    assert content not in str(caught.value)
    (tmp_path / "token").write_text("a-token.of/ours=\n")
    assert read_token(tmp_path / "token") == "a-token.of/ours="
