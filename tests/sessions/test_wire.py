"""The cookie's value: one spelling per signature, nothing else opens; the frozen vectors of tests/wire/cookies.json."""

import hmac
import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ostiary.kernel.ids import b64url, unb64url
from ostiary.keys.model import Key, Purpose
from ostiary.sessions import wire

VECTORS = json.loads((Path(__file__).parents[1] / "wire" / "cookies.json").read_text())
ID, OTHER = "ses-AAAAAAAAAAAAAAAAAAAAAA", "ses-BBBBBBBBBBBBBBBBBBBBBA"
KEY_ID, OTHER_KEY = "sk-CCCCCCCCCCCCCCCCCCCCCA", "sk-DDDDDDDDDDDDDDDDDDDDDA"


def key(name=KEY_ID, purpose=Purpose.SESSION, secret=b"k" * 32):
    return Key(name, "default", purpose, 1, secret, b"", 0)


def accepted(value, kind="ses", held=None, purpose=Purpose.SESSION):
    parsed = wire.parse(value, kind)
    return parsed is not None and wire.verify(parsed, held or key(), purpose)


GOOD = wire.seal(ID, key())
VERSION, SUBJECT, KEY_PART, MAC = GOOD.split(".")


@pytest.mark.parametrize("vector", VECTORS["cookies"], ids=lambda one: one["id"])
def test_frozen_vector(vector):
    held = key(vector["key_id"], Purpose(vector["purpose"]), bytes.fromhex(vector["key"]))
    assert wire.seal(vector["id"], held) == vector["value"]
    assert accepted(vector["value"], vector["id"].partition("-")[0], held, held.purpose)


@pytest.mark.parametrize("vector", VECTORS["refused"], ids=lambda one: one["why"])
def test_frozen_refusal(vector):
    held = key(vector["key_id"], secret=bytes.fromhex(vector["key"]))
    assert not accepted(vector["value"], "ses", held)


def test_the_mac_covers_lengths_and_both_ids():
    covered = f"{len(ID)}:{ID}:{len(KEY_ID)}:{KEY_ID}".encode()
    assert unb64url(MAC) == hmac.digest(b"k" * 32, covered, "sha256")
    assert accepted(GOOD)


def test_a_well_formed_value_is_shorter_than_the_longest_that_is_looked_at():
    assert len(GOOD) == 99 < wire.LONGEST


BROKEN = {
    "empty": "",
    "no segment": "v1",
    "three segments": f"{VERSION}.{SUBJECT}.{KEY_PART}",
    "five segments": f"{GOOD}.x",
    "an empty fifth segment": f"{GOOD}.",
    "a leading point": f".{GOOD}",
    "v99": GOOD.replace("v1", "v99", 1),
    "v0": GOOD.replace("v1", "v0", 1),
    "V1": GOOD.replace("v1", "V1", 1),
    "no version": GOOD.replace("v1", "", 1),
    "no prefix": GOOD.replace("ses-", "", 1),
    "prefix in capitals": GOOD.replace("ses-", "SES-", 1),
    "pre-login prefix": GOOD.replace("ses-", "pl-", 1),
    "bearer prefix": GOOD.replace("ses-", "tok-", 1),
    "service prefix": GOOD.replace("ses-", "svc-", 1),
    "empty id": f"{VERSION}.ses-.{KEY_PART}.{MAC}",
    "id too short": f"{VERSION}.{SUBJECT[:-1]}.{KEY_PART}.{MAC}",
    "id too long": f"{VERSION}.{SUBJECT}A.{KEY_PART}.{MAC}",
    "id with spare bits": f"{VERSION}.{SUBJECT[:-1]}B.{KEY_PART}.{MAC}",
    "key without sk-": f"{VERSION}.{SUBJECT}.{KEY_PART.removeprefix('sk-')}.{MAC}",
    "key empty": f"{VERSION}.{SUBJECT}..{MAC}",
    "MAC empty": f"{VERSION}.{SUBJECT}.{KEY_PART}.",
    "MAC of 31 bytes": f"{VERSION}.{SUBJECT}.{KEY_PART}.{b64url(unb64url(MAC)[:31])}",
    "MAC of 33 bytes": f"{VERSION}.{SUBJECT}.{KEY_PART}.{b64url(unb64url(MAC) + b'x')}",
    "MAC with padding": f"{GOOD}=",
    "MAC not base64url": f"{VERSION}.{SUBJECT}.{KEY_PART}.{MAC[:-1]}!",
    "MAC in the other alphabet": f"{VERSION}.{SUBJECT}.{KEY_PART}.{MAC[:-4]}+/+/",
    "MAC with spare bits": GOOD[:-1] + chr(ord(GOOD[-1]) + 1),
    "MAC of an impossible length": f"{VERSION}.{SUBJECT}.{KEY_PART}.{MAC[:41]}",
    "MAC in hex": f"{VERSION}.{SUBJECT}.{KEY_PART}.{unb64url(MAC).hex()}",
    "a trailing newline": f"{GOOD}\n",
    "a leading blank": f" {GOOD}",
    "quoted": f'"{GOOD}"',
    "percent-encoded": GOOD.replace(".", "%2E"),
    "not ASCII": GOOD.replace("s", "\u017f", 1),
    "NUL": f"{GOOD[:-1]}\0",
    "longer than anything": GOOD + "A" * 5000,
}


@pytest.mark.parametrize("fault", BROKEN)
def test_a_broken_value_is_refused(fault):
    assert BROKEN[fault] != GOOD
    assert wire.parse(BROKEN[fault], "ses") is None


@pytest.mark.parametrize("place", range(len(GOOD)))
def test_no_character_may_change(place):
    other = "A" if GOOD[place] != "A" else "Q"
    assert not accepted(GOOD[:place] + other + GOOD[place + 1 :])


@pytest.mark.parametrize("kind", ["pl", "tok", "dev", "svc", "sk", "user"])
def test_a_signed_id_of_another_kind_opens_nothing_here(kind):
    signed = wire.seal(f"{kind}-{ID[4:]}", key())
    assert wire.parse(signed, "ses") is None
    assert accepted(signed, kind)


def test_a_key_of_another_purpose_does_not_verify():
    assert not accepted(wire.seal(ID, key(purpose=Purpose.PRELOGIN)), held=key(purpose=Purpose.PRELOGIN))


def test_a_key_of_another_id_does_not_verify_whatever_its_secret():
    assert not accepted(GOOD, held=key(OTHER_KEY))


def test_another_secret_does_not_verify():
    assert not accepted(GOOD, held=key(secret=b"j" * 32))


@given(st.text(max_size=200))
def test_no_text_is_accepted_and_none_breaks_the_parser(text):
    assert not accepted(text)


@given(st.lists(st.sampled_from([VERSION, SUBJECT, KEY_PART, MAC, OTHER, OTHER_KEY, "", "v2", "="]), max_size=6))
def test_no_other_arrangement_of_the_parts_is_accepted(parts):
    value = ".".join(parts)
    assert accepted(value) is (value == GOOD)
