"""The directory over HTTP against a real user service: the contract's words, strictly, and a failure for all else."""

import asyncio
import json
import time
from contextlib import contextmanager, suppress

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from structlog.testing import capture_logs

from ostiary.identities.directory import Context, Kind, Resolved
from ostiary.identities.rest import RestDirectory
from ostiary.identities.settings import DirectorySettings
from ostiary.kernel.clock import SECOND
from ostiary.kernel.errors import BootRefused, SettingsError, StoreUnavailable
from ostiary.kernel.values import Scope
from ostiary.remote.breaker import MOST_FAILURES, PAUSE_S
from ostiary.remote.lately import MEMORY_S
from ostiary.settings import read_settings
from tests.remote.test_breaker import Ticking
from tests.rigs.counterparts import free_port
from tests.rigs.userservice import userservice

HERE, ADA = Scope(), "ada@example.test"
BERLIN = Context("de", "Europe/Berlin")
INTERNAL = "/base/api/v1/internal"


class Asked:
    """A directory on a loop of its own; each method waits for its answer."""

    def __init__(self, runner, directory):
        self.runner, self.directory = runner, directory

    def __getattr__(self, name):
        act = getattr(self.directory, name)
        given = () if name == "reachable" else (HERE,)
        return lambda *more: self.runner.run(_awaited(act, *given, *more))


async def _awaited(act, *given):
    return await act(*given)


@contextmanager
def asking(url, *, timeout=20 * SECOND, token_file=None, ticks=time.monotonic):
    """A directory at that address, for the block."""
    with asyncio.Runner() as runner:
        directory = RestDirectory(DirectorySettings("rest", url, timeout, token_file), ticks)
        try:
            yield Asked(runner, directory)
        finally:
            runner.run(directory.close())


@pytest.fixture
def service():
    with userservice() as made:
        yield made


@pytest.fixture
def directory(service):
    with asking(service.url) as made:
        yield made


OPERATIONS = {
    "resolve": (ADA,),
    "ensure": (ADA, BERLIN),
    "exists": ("user-1",),
    "block_person": ("user-1", "abuse"),
    "block_address": (ADA, "abuse"),
}


def test_an_address_is_nobodys_then_somebodys_then_blocked(service, directory):
    assert directory.resolve(ADA) == Resolved(Kind.CREATABLE)
    assert directory.ensure(ADA, BERLIN) == Resolved(Kind.CREATED, "user-1")
    assert directory.ensure(ADA, Context("fr")) == Resolved(Kind.EXISTING, "user-1")
    assert service.people["user-1"] == (ADA, {"preferred_language": "de", "time_zone": "Europe/Berlin"})
    assert directory.resolve(ADA) == Resolved(Kind.EXISTING, "user-1")
    assert directory.block_person("user-1", "abuse")
    assert directory.resolve(ADA) == Resolved(Kind.BLOCKED, reason="abuse")
    assert directory.ensure(ADA, BERLIN) == Resolved(Kind.BLOCKED, reason="abuse")


def test_a_reason_that_was_told_is_a_reason_that_is_understood(service, directory):
    directory.ensure(ADA, BERLIN)
    assert directory.block_person("user-1", "mißbraucht, zweimal")
    assert directory.resolve(ADA) == Resolved(Kind.BLOCKED, reason="mißbraucht, zweimal")


def test_addresses_match_exactly(service, directory):
    directory.ensure("Pilot@example.test", BERLIN)
    assert directory.resolve("pilot@example.test").kind is Kind.CREATABLE
    assert directory.resolve("Pilot@example.test").person == "user-1"


def test_a_person_is_there_or_not(service, directory):
    assert not directory.exists("user-1")
    service.add(ADA)
    assert directory.exists("user-1")
    service.people["a?b#c%2F"] = ("odd@example.test", {})
    assert directory.exists("a?b#c%2F"), "an id is one part of the path, whatever it holds"
    before = len(service.came)
    for odd in ("", ".", "..", "a b", "a/b", "internal", "a\r\nb", "ü", "x" * 129):
        assert not directory.exists(odd)
        assert not directory.block_person(odd, "abuse")
    assert len(service.came) == before, "what can be nobody's id is not asked"


def test_blocks_may_be_repeated(service, directory):
    assert not directory.block_person("user-1", "abuse")
    assert directory.block_address(ADA, "abuse") == ""
    assert directory.block_address(ADA, "again") == ""
    assert service.blocked_addresses == {ADA: "abuse"}
    service.add("bo@example.test")
    assert directory.block_person("user-1", "abuse")
    assert directory.block_person("user-1", "again")
    assert directory.block_address("bo@example.test", "abuse") == "user-1"


def test_the_bytes_are_the_contracts(service, directory):
    service.add(ADA)
    for operation, what in OPERATIONS.items():
        getattr(directory, operation)(*what)
    context = {"preferred_language": "de", "time_zone": "Europe/Berlin"}
    assert [(method, path, json.loads(raw or "null")) for method, path, _, raw in service.came] == [
        ("POST", f"{INTERNAL}/user-resolutions/by-email", {"email": ADA}),
        ("POST", f"{INTERNAL}/users/ensure-by-email", {"email": ADA, "registration_context": context}),
        ("GET", f"{INTERNAL}/users/user-1/exists", None),
        ("POST", f"{INTERNAL}/users/user-1/block", {"reason_code": "abuse"}),
        ("POST", f"{INTERNAL}/user-blocks/by-email", {"email": ADA, "reason_code": "abuse"}),
    ]
    assert {headers.get("content-type") for method, _, headers, _ in service.came if method == "POST"} == {
        "application/json"
    }


def test_without_a_time_zone_none_is_told(service, directory):
    directory.ensure(ADA, Context())
    assert json.loads(service.came[0][3])["registration_context"] == {"preferred_language": "en"}


def test_the_token_is_shown_and_a_wrong_one_is_a_failure(service, tmp_path):
    service.token = "a-token"
    (tmp_path / "token").write_text("a-token\n")
    with asking(service.url, token_file=tmp_path / "token") as directory:
        assert directory.resolve(ADA).kind is Kind.CREATABLE
    (tmp_path / "token").write_text("another\n")
    with asking(service.url, token_file=tmp_path / "token") as directory, pytest.raises(StoreUnavailable):
        directory.resolve(ADA)
    with pytest.raises(BootRefused), asking(service.url, token_file=tmp_path / "none"):
        pass


@pytest.mark.parametrize("operation", OPERATIONS)
@pytest.mark.parametrize("fault", [400, 401, 404, 409, 500, 503, 302, "close", "slow", "drip", b"junk\r\n"])
def test_every_failure_is_that_it_cannot_answer(service, operation, fault):
    service.fault = fault
    with asking(service.url, timeout=SECOND // 4) as directory, capture_logs() as logs:
        with pytest.raises(StoreUnavailable) as caught:
            getattr(directory, operation)(*OPERATIONS[operation])
        assert not directory.reachable()
    assert "ada" not in str(logs) + str(caught.value)
    assert logs[0]["why"] in str(caught.value)


def test_nobody_there_is_a_failure():
    with asking(f"http://127.0.0.1:{free_port()}") as directory, pytest.raises(StoreUnavailable):
        directory.resolve(ADA)


ODD_IDS = ["", " ", "a b", "a\0b", "a\nb", "user-1\n", "ü", "x" * 129, ".", ".."]
ODD: dict[str, list] = {
    "resolve": [
        {},
        [],
        None,
        "existing",
        {"kind": "existing"},
        {"kind": "existing", "user_id": None},
        {"kind": "existing", "user_id": 1},
        *({"kind": "existing", "user_id": odd} for odd in ODD_IDS),
        {"kind": "existing", "user_id": "user-1", "block_reason_code": "abuse"},
        {"kind": "existing", "user_id": "user-1", "more": 1},
        {"kind": "EXISTING", "user_id": "user-1"},
        {"kind": "created", "user_id": "user-1"},
        {"kind": "creatable", "user_id": "user-1"},
        {"kind": "creatable", "block_reason_code": "abuse"},
        {"kind": "blocked"},
        {"kind": "blocked", "block_reason_code": ""},
        {"kind": "blocked", "block_reason_code": "a\nb"},
        {"kind": "blocked", "block_reason_code": "abuse", "user_id": "user-1"},
        {"outcome": "creatable"},
    ],
    "ensure": [
        {},
        {"outcome": "creatable"},
        {"outcome": "created"},
        {"outcome": "existing"},
        {"outcome": "blocked"},
        {"kind": "existing", "user_id": "user-1"},
        *({"outcome": "created", "user_id": odd} for odd in ODD_IDS),
    ],
    "exists": [{}, True, {"exists": "true"}, {"exists": 1}, {"exists": None}, {"exists": True, "more": 1}],
    "block_person": [
        {},
        {"outcome": "unblocked"},
        {"outcome": "blocked", "user_id": "user-2"},
        {"outcome": "blocked", "affected": 1},
    ],
    "block_address": [{}, {"outcome": ""}, *({"outcome": "blocked", "user_id": odd} for odd in ODD_IDS if odd)],
}


@pytest.mark.parametrize(("operation", "said"), [(name, odd) for name, odds in ODD.items() for odd in odds])
def test_an_answer_that_makes_no_sense_is_a_failure(service, directory, operation, said):
    service.fault = 200, json.dumps(said).encode()
    with pytest.raises(StoreUnavailable, match="answer_malformed"):
        getattr(directory, operation)(*OPERATIONS[operation])


@pytest.mark.parametrize(
    "raw",
    [
        b'{"kind":"creatable","kind":"creatable"}',
        b'{"kind":"creatable"} {}',
        b'\xef\xbb\xbf{"kind":"creatable"}',
        b'{"kind":"creatable"',
        b"[" * 60_000,
    ],
)
def test_what_is_not_one_json_value_is_a_failure(service, directory, raw):
    service.fault = 200, raw
    with pytest.raises(StoreUnavailable, match="answer_malformed"):
        directory.resolve(ADA)


@pytest.fixture(scope="module")
def odd_service():
    with userservice() as service, asking(service.url) as directory:
        yield service, directory


@settings(deadline=None, max_examples=60)
@given(st.sampled_from(sorted(OPERATIONS)), st.integers(200, 599), st.binary(max_size=60))
def test_no_answer_breaks_it(odd_service, operation, status, raw):
    service, directory = odd_service
    service.fault = status, raw
    with suppress(StoreUnavailable):
        getattr(directory, operation)(*OPERATIONS[operation])


def test_a_404_is_nobody_only_where_it_says_so(service, directory):
    unknown = 404, b'{"error":{"code":"subject_not_found","message":"no"}}'
    service.fault = unknown
    assert not directory.block_person("user-1", "abuse")
    assert not directory.exists("user-1")
    for operation, fault in [("resolve", unknown), ("ensure", unknown), ("block_address", unknown), ("exists", 404)]:
        service.fault = fault
        with pytest.raises(StoreUnavailable, match="http_404"):
            getattr(directory, operation)(*OPERATIONS[operation])


def test_a_service_that_is_down_is_left_alone_for_a_while(service):
    ticks = Ticking()
    with asking(service.url, ticks=ticks) as directory:
        service.fault = 503
        for _ in range(MOST_FAILURES):
            with pytest.raises(StoreUnavailable, match="http_503"):
                directory.resolve(ADA)
        service.fault = None
        with pytest.raises(StoreUnavailable, match="circuit_open"):
            directory.resolve(ADA)
        assert not directory.reachable()
        assert len(service.came) == MOST_FAILURES
        ticks.now += PAUSE_S
        assert not directory.reachable(), "as who looks up an address was told a moment ago"
        ticks.now += MEMORY_S
        assert directory.reachable()
        assert directory.resolve(ADA).kind is Kind.CREATABLE
        assert directory.resolve(ADA).kind is Kind.CREATABLE


def test_looking_takes_as_long_as_the_last_lookup(service):
    with asking(service.url, timeout=SECOND // 4) as directory:
        service.faults = ["slow"]
        with pytest.raises(StoreUnavailable, match="timeout"):
            directory.resolve(ADA)
        began = time.monotonic()
        assert not directory.reachable()
        assert time.monotonic() - began >= 0.25


def test_looking_changes_nothing(service, directory):
    assert directory.reachable()
    assert [(method, path) for method, path, *_ in service.came] == [("GET", f"{INTERNAL}/users/user-nobody/exists")]
    assert service.people == {}


def read(**environ):
    return read_settings({f"OSTIARY_{name}": text for name, text in environ.items()}).directory


def test_the_user_service_is_asked_where_and_as_is_set(service, tmp_path):
    service.token, token = "a-token", tmp_path / "token"
    token.write_text("a-token")
    found = read(
        USER_SERVICE_MODE="rest",
        USER_SERVICE_BASE_URL=service.url,
        USER_SERVICE_TOKEN_FILE=str(token),
        USER_SERVICE_REQUEST_TIMEOUT="250ms",
    )
    with asking(found.base_url, timeout=found.timeout, token_file=found.token_file) as directory:
        assert directory.resolve(ADA).kind is Kind.CREATABLE
        service.fault = "slow"
        with pytest.raises(StoreUnavailable, match="timeout"):
            directory.resolve(ADA)


def test_people_are_kept_here_unless_said():
    assert read() == read(USER_SERVICE_MODE="stub") == read(USER_SERVICE_MODE="local") == DirectorySettings()


@pytest.mark.parametrize(
    ("environ", "says"),
    [
        ({"USER_SERVICE_MODE": "remote"}, "local (or stub, its other name) or rest is expected"),
        ({"USER_SERVICE_MODE": "rest"}, "set OSTIARY_USER_SERVICE_BASE_URL too"),
        ({"USER_SERVICE_BASE_URL": "https://users.example.test"}, "set OSTIARY_USER_SERVICE_MODE to rest"),
        ({"USER_SERVICE_TOKEN_FILE": "token"}, "set OSTIARY_USER_SERVICE_MODE to rest"),
        ({"USER_SERVICE_REQUEST_TIMEOUT": "2m"}, "longer than 1m"),
        ({"USER_SERVICE_BASE_URL": "http://users.example.test"}, "https address is expected"),
    ],
)
def test_settings_that_contradict_each_other_or_do_nothing_stop_the_start(environ, says):
    with pytest.raises(SettingsError) as caught:
        read(**environ)
    assert says in str(caught.value)
