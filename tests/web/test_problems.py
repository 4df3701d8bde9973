"""Refusals and errors as answers: every code has its words, every status its headers, inner text stays inside."""

import ast
import re
from http import HTTPStatus
from pathlib import Path

import pytest
from structlog.testing import capture_logs

from ostiary.kernel.errors import StoreUnavailable
from ostiary.kernel.refusals import Code, Refusal
from ostiary.web.catalogue import CATALOGUE, FAULT, cause
from ostiary.web.device import device_problem
from ostiary.web.problems import challenge, internal_fault, problem, unable, unavailable

SERVER = Path(__file__).parents[2] / "src" / "ostiary"
CAUSES = {"idle_timeout", "absolute_timeout", "address_mismatch", "agent_mismatch", "ended", "invalid_token"}


def answered(made):
    return made.status_code, dict(made.headers), made.body.decode()


def test_every_code_has_its_words_and_no_words_stand_alone():
    assert list(CATALOGUE) == list(Code), "in the order of the codes, so that a missing one is seen"


def test_codes_are_wire_format_and_each_is_given_somewhere():
    """A refusal that nobody can get is a lie in the catalogue."""
    given = set()
    for path in SERVER.rglob("*.py"):
        if path.relative_to(SERVER).as_posix() not in {"web/catalogue.py", "web/membrane.py", "kernel/refusals.py"}:
            nodes = ast.walk(ast.parse(path.read_text(encoding="utf-8")))
            given |= {n.attr for n in nodes if isinstance(n, ast.Attribute) and ast.unparse(n.value) == "Code"}
    assert {code.name for code in Code} <= given, {code.name for code in Code} - given
    assert all(re.fullmatch(r"[a-z][a-z0-9]*(_[a-z]+)+", code.value) for code in Code)
    assert all(code.value == code.name.lower() for code in Code)


@pytest.mark.parametrize("code", Code)
def test_every_refusal_is_a_whole_answer(code):
    status, headers, body = answered(problem(Refusal(code, ("inner_word",), subject="ses-secret"), "request-1"))
    entry = CATALOGUE[code]
    assert status == entry.status
    assert 400 <= status < 500 or code is Code.STORE_UNAVAILABLE
    for words in (entry.message, entry.remedy):
        assert re.fullmatch(r"[A-Z].+\.", words)
    assert headers["cache-control"] == "no-store"
    assert headers["content-type"] == "application/json"
    shown = {"error", "message", "code", "request_id"}
    assert set(problem(Refusal(code), "-").body.decode().split('"')) >= shown
    assert f'"code":"{code.value}"' in body
    assert '"request_id":"request-1"' in body
    assert f"{entry.message} {entry.remedy}" in body
    assert f'"error":"{HTTPStatus(status).phrase}"' in body or status == 413
    assert "ses-secret" not in body
    assert "inner_word" not in body
    assert ("www-authenticate" in headers) is (status == 401)
    assert ("retry-after" in headers) is (status in {429, 503})


@pytest.mark.parametrize(
    ("service", "event", "words"),
    [
        ("", {"event": "store_unavailable"}, "The store cannot"),
        ("directory", {"event": "service_unavailable", "why": "directory"}, "A service that this needs cannot"),
        ("mail", {"event": "service_unavailable", "why": "mail"}, "A service that this needs cannot"),
    ],
)
def test_nobody_blames_the_store_for_a_service_elsewhere(service, event, words):
    with capture_logs() as logged:
        refusal = unable(StoreUnavailable("inner words", 7, service=service), operation="sign_in")
    assert logged == [{**event, "operation": "sign_in", "log_level": "warning"}]
    told = f'"message":"{words} answer just now. Try again in a moment."'
    for made, code in ((problem(refusal, "-"), "store_unavailable"), (device_problem(refusal), "service_unavailable")):
        status, headers, body = answered(made)
        assert (status, headers["retry-after"]) == (503, "7")
        assert f'"code":"{code}"' in body
        assert told in body


def test_a_refusal_that_passes_says_when():
    assert problem(Refusal(Code.LOGIN_REFUSED, retry_after=30), "-").headers["retry-after"] == "30"
    assert unavailable("-").headers["retry-after"] == "1"
    assert unavailable("-", 7).headers["retry-after"] == "7"


@pytest.mark.parametrize("code", [code for code in Code if CATALOGUE[code].status == 401])
def test_every_401_says_what_is_wanted(code):
    """RFC 6750 section 3: no error where nothing was presented."""
    told = challenge(Refusal(code, ("ended_by_person",)))
    assert told.startswith('Bearer realm="ostiary"')
    if code is Code.SESSION_MISSING:
        assert told == 'Bearer realm="ostiary"'
    elif code is Code.PRESENCE_REQUIRED:
        assert 'error="insufficient_user_authentication"' in told
    else:
        assert f'error="invalid_token", error_description="{cause(Refusal(code, ("ended_by_person",)))}"' in told


def test_causes_are_machine_words():
    assert cause(Refusal(Code.SESSION_ENDED, ("signed_out",))) == "signed_out"
    assert cause(Refusal(Code.SESSION_ENDED)) == "ended"
    assert {cause(Refusal(code)) for code in Code} == CAUSES
    assert cause(Refusal(Code.SESSION_INVALID, ("signing_key_retired",))) == "invalid_token", "no oracle about keys"


def test_a_fault_of_ours_has_an_answer_too():
    status, headers, body = answered(internal_fault("request-1"))
    assert status == FAULT.status == 500
    assert headers["cache-control"] == "no-store"
    assert '"code":"internal_error"' in body
    assert '"request_id":"request-1"' in body
