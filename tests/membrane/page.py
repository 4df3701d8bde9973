"""Print docs/contracts/membrane.md: `python -m tests.membrane.page > docs/contracts/membrane.md`."""

from ostiary.kernel.refusals import Code
from ostiary.membrane.table import ROWS
from ostiary.web.catalogue import CATALOGUE, codes_of
from ostiary.web.membrane import MEMBRANE
from tests.membrane.recoveries import CASES
from tests.membrane.stage import FIXTURE_ONLY
from tests.membrane.verbatim import EXAMPLES

FILE = "tests/membrane/test_refusals.py"
TEST = "test_it_is_refused_and_nothing_changes"
CALLERS = {
    "client": "the tenant's client key, or the browser of the attempt",
    "token": "a session's bearer token",
    "registrant": "a session's bearer token, or whoever has a one-time link",
    "operator": "the tenant's operator key",
    "fixture": "the word of a seeded fixture tenant",
}
OUTCOMES = {
    "humanAuth.challenge": "verified",
    "humanAuth.passkeyAssertionOptions": "verified",
    "humanAuth.passkeyRegistrationOptions": "verified",
    "humanAuth.verifyPasskey": "verified",
    "authority.sessionRevoke": "admitted; verified where it was over before",
}
UNUSED: dict[Code, str] = {}
"""Codes of the contract that nothing answers, and why."""

HEAD = """\
# The membrane: every operation, every refusal, every proof

Each operation takes and answers JSON by POST. A refusal carries the status that stands here, whatever the operation, and changes nothing but
counters and its own receipt; each was provoked over HTTP by the test that stands beside it. Where a test runs on several tenants, the first
is named. Made from the code and the tests by `python -m tests.membrane.page`; a test fails when this page is not current, when a code has
no test, and when a test provokes a code that its operation does not declare.
"""


def page():
    """The whole page."""
    parts = [HEAD, *operations(), *examples(), *unused(), *refusals()]
    return "\n".join(parts)


def operations():
    """The table of operations."""
    yield "| operation | path | who may call | success | tenants |"
    yield "| --- | --- | --- | --- | --- |"
    for one in (row.operation for row in ROWS):
        caller, outcome = CALLERS[one.audience], OUTCOMES.get(one.name, "admitted")
        where = "fixture" if one.name in FIXTURE_ONLY else "live, fixture"
        yield f"| [`{one.name}`](#{anchor(one.name)}) | `{one.path}` | {caller} | {outcome} | {where} |"
    yield ""


def examples():
    """Which published examples run as they are."""
    yield "## The published examples, verbatim"
    yield "On a seeded fixture tenant (`docs/tenants.md`), with the bearer `fixture-session-token`; `test_verbatim.py` runs each."
    yield ""
    yield "| example | runs | why not |"
    yield "| --- | --- | --- |"
    for one in EXAMPLES:
        runs = f"no: `{one.refused}`" if one.refused else "yes"
        yield f"| `{one.operation}` | {runs} | {one.why or '–'} |"
    yield ""


def unused():
    """Which codes of the contract nothing answers."""
    if UNUSED:
        yield "## Codes of the contract that nothing answers"
        yield from (f"- `{code}`: {why}." for code, why in UNUSED.items())
        yield ""


def refusals():
    """Every refusal of every operation."""
    yield f"## Refusals\nEvery test is `{FILE}::{TEST}[…]` with the words of the last column."
    yield ""
    for one in (row.operation for row in ROWS):
        yield f"### {one.name}\n"
        yield "| code | HTTP | test |"
        yield "| --- | --- | --- |"
        for code in codes_of(one):
            case = CASES[one.name, code]
            yield f"| `{code}` | {CATALOGUE[code].status} | `{case.operation}-{case.code}-{case.stages[0]}` |"
        yield ""


def anchor(name):
    """The anchor of a heading."""
    return name.lower().replace(".", "")


def idle():
    """Codes of the membrane that no operation declares."""
    return set(MEMBRANE) - {code for row in ROWS for code in codes_of(row.operation)}


if __name__ == "__main__":
    print(page(), end="")
