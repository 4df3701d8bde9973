"""Redis by the source's names."""

import pytest

from ostiary.aliases import ALIASES
from ostiary.kernel.clock import SECOND
from ostiary.settings import KEYS
from tests.settings.test_aliases import read, refusal
from tests.settings.test_read import field

HERE = "127.0.0.1:6379"


def test_there_is_a_key_for_every_name():
    assert {alias.key for alias in ALIASES.values()} - {""} <= set(KEYS)


@pytest.mark.parametrize(
    ("name", "text", "value"),
    [
        ("AUTHSESSION_REDIS_ADDR", "redis:6379", ("redis", 6379)),
        ("AUTHSESSION_REDIS_MASTER_ADDR", "redis:6379", ("redis", 6379)),
        ("AUTHSESSION_REDIS_PASSWORD", "p@ss word", "p@ss word"),
        ("AUTHSESSION_REDIS_DB", "3", 3),
        ("AUTHSESSION_REDIS_OPERATION_TIMEOUT", "0.25s", SECOND // 4),
    ],
)
def test_each_sets_its_key(name, text, value):
    others = {} if name.endswith("_ADDR") else {"AUTHSESSION_REDIS_ADDR": HERE}
    assert field(read(**others | {name: text}), ALIASES[name].key) == value


def test_a_later_deployment_of_the_source_starts_as_it_is():
    given = {
        "AUTHSESSION_REDIS_MASTER_ADDR": HERE,
        "AUTHSESSION_REDIS_PASSWORD": "integration",
        "AUTHSESSION_REDIS_REPLICA_ADDRS": "",
        "AUTHSESSION_REDIS_DB": "0",
        "AUTHSESSION_REDIS_OPERATION_TIMEOUT": "250ms",
    }
    assert read(**given) == read(OSTIARY_REDIS_ADDR=HERE, OSTIARY_REDIS_PASSWORD="integration")


def test_both_addresses_may_be_set_where_they_are_one():
    assert read(AUTHSESSION_REDIS_ADDR=HERE, AUTHSESSION_REDIS_MASTER_ADDR=HERE) == read(OSTIARY_REDIS_ADDR=HERE)
    assert "are one setting" in refusal(AUTHSESSION_REDIS_ADDR=HERE, AUTHSESSION_REDIS_MASTER_ADDR="127.0.0.1:6380")


def test_a_password_that_two_names_give_differently_is_not_shown():
    given = {"AUTHSESSION_REDIS_ADDR": "127.0.0.1:6379", "AUTHSESSION_REDIS_PASSWORD": "hunter2"}
    told = refusal(**given, OSTIARY_REDIS_PASSWORD="hunter3")
    assert "OSTIARY_REDIS_PASSWORD and AUTHSESSION_REDIS_PASSWORD are one setting" in told
    assert "hunter" not in told + repr(read(**given))
    assert "hunter" not in refusal(**given | {"AUTHSESSION_REDIS_PASSWORD": "hunter\n2"})
