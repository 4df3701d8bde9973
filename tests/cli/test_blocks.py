"""`ostiary people block | unblock`, what `show` and `list` say of it, and `ostiary sessions limit`."""

import pytest

from ostiary import elsewhere
from ostiary.cli import blocks
from ostiary.cli.terminal import house
from ostiary.kernel.errors import StoreUnavailable
from ostiary.kernel.refusals import Refusal
from tests.cli.shell import kinds
from tests.flows.seed import opened_for
from tests.rigs.userservice import userservice

DONE = {
    "outcome": "str",
    "subject_kind": "str",
    "subject_value": "str",
    "people": "list",
    "affected_session_count": "int",
    "affected_device_session_ids": "list",
    "other_sessions_ended": "int",
}


@pytest.fixture
def ann(settled):
    return settled.rows("people", "add", "--email", "Ann@example.test")[0]["person"]


def row(shell, person):
    (found,) = shell.rows("people", "show", person)
    return found


def test_a_person_is_blocked_shown_and_unblocked(settled, ann):
    sessions = list(opened_for(settled, [ann, ann]))
    (done,) = settled.rows("people", "block", ann, "--reason", "policy_blocked")
    assert kinds(done) == DONE
    assert (done["outcome"], done["subject_kind"], done["subject_value"]) == ("blocked", "user_id", ann)
    assert (done["people"], done["affected_session_count"], done["other_sessions_ended"]) == ([ann], 0, 2)
    for session in sessions:
        (shown,) = settled.rows("sessions", "show", session)
        assert (shown["state"], shown["because"]) == ("ended", "user_blocked")
    shown = row(settled, ann)
    assert (shown["blocked"], shown["blocked_because"]) == (True, ["person:policy_blocked"])
    assert shown["blocked_since"].endswith("Z")
    assert settled.rows("people", "list") == [shown]
    head, line = settled.done("people", "list").splitlines()
    assert head.split()[-1] == "BLOCKED"
    assert line.endswith("person:policy_blocked")
    assert shown["blocked_since"][:10] in line
    assert "blocked          yes\n" in settled.done("people", "show", ann)
    assert settled.done("people", "unblock", ann) == f"unblocked: {ann}\n"
    shown = row(settled, ann)
    assert (shown["blocked"], shown["blocked_since"], shown["blocked_because"]) == (False, None, [])
    assert settled.done("people", "list").splitlines()[1].endswith(" -")


def test_a_repeat_is_no_error(settled, ann):
    said = [settled.done("people", "block", ann, "--reason", "abuse") for _ in range(2)]
    assert said == [f"blocked: {ann} (no sessions ended)\n", f"blocked already: {ann} (no sessions ended)\n"]
    said = [settled.done("people", "unblock", ann) for _ in range(2)]
    assert said == [f"unblocked: {ann}\n", f"not blocked: {ann}\n"]


def test_an_address_is_blocked_however_it_is_written(settled, ann):
    list(opened_for(settled, [ann]))
    assert settled.done("people", "block", "ANN@example.test", "--reason", "abuse") == (
        "blocked: ANN@example.test (1 session ended)\n"
    )
    assert row(settled, ann)["blocked_because"] == ["address:abuse"]
    later = settled.rows("people", "add", "--email", "ann@example.test")[0]["person"]
    assert row(settled, later)["blocked"] is True
    (done,) = settled.rows("people", "unblock", "ann@Example.test")
    assert done["outcome"] == "unblocked"
    assert done["still_blocked"] == []
    assert {one["blocked"] for one in settled.rows("people", "list")} == {False}


def test_an_address_is_blocked_before_anybody_has_it(settled):
    (done,) = settled.rows("people", "block", "pilot@example.test", "--reason", "abuse")
    assert (done["outcome"], done["people"], done["affected_device_session_ids"]) == ("blocked", [], [])
    made = settled.rows("people", "add", "--email", "Pilot@example.test")[0]["person"]
    code, out, err = settled("sessions", "issue", "--person", made, "--label", "job")
    assert (code, out) == (1, "")
    assert "This account is blocked." in err


def test_whoever_stays_blocked_is_told(settled, ann):
    settled.done("people", "block", ann, "--reason", "abuse")
    settled.done("people", "block", "ann@example.test", "--reason", "spam")
    assert row(settled, ann)["blocked_because"] == ["person:abuse", "address:spam"]
    code, out, err = settled("people", "unblock", ann)
    assert (code, out) == (0, f"unblocked: {ann}\n")
    assert err.startswith(f"{ann} stays blocked")
    assert settled.done("people", "unblock", "ann@example.test") == "unblocked: ann@example.test\n"


@pytest.mark.parametrize("who", ["user-nobody", "user-123", "' OR 1", "--", "x" * 10_000])
@pytest.mark.parametrize("act", [("block", "--reason", "abuse"), ("unblock",)])
def test_nobody_is_blocked_who_is_not_there(settled, who, act):
    word, *options = act
    code, out, err = settled("people", word, *options, "--", who)
    assert (code, out) == (1, "")
    assert "There is no such person." in err


def test_what_is_no_address_or_no_reason_is_refused(settled, ann):
    code, _, err = settled("people", "block", "ann@nowhere", "--reason", "abuse")
    assert (code, "not an e-mail address" in err) == (1, True)
    for reason in ("", " ", "x" * 129):
        code, out, err = settled("people", "block", ann, "--reason", reason)
        assert (code, out, "1 to 128 letters" in err) == (2, "", True)
    assert row(settled, ann)["blocked"] is False


def test_receipts_tell_who_and_why_without_an_address(settled):
    settled.done("people", "block", "pilot@example.test", "--reason", "abuse")
    told = next(one for one in settled.rows("receipts", "list") if one["operation"] == "person.block")
    assert told["reasons"][0] == "abuse"
    assert "pilot" not in str(told)


def test_the_blocks_that_stand_are_listed_those_of_nobodys_address_too(settled, ann):
    assert settled.done("people", "blocks") == "Nobody is blocked.\n"
    settled.done("people", "block", "Pilot@example.test", "--reason", "spam")
    settled.done("people", "block", ann, "--reason", "abuse")
    first, second = settled.rows("people", "blocks")
    receipt = next(one for one in settled.rows("receipts", "list") if one["subject"].startswith("address:"))
    name = first["blocked_by"].removeprefix("operator:")
    assert first == {
        "kind": "address",
        "subject": receipt["subject"],
        "reason": "spam",
        "actor": f"admin:{name}",
        "blocked_by": f"operator:{name}",
        "blocked_since": first["blocked_since"],
    }
    assert (second["kind"], second["subject"], second["reason"]) == ("person", ann, "abuse")
    assert row(settled, ann)["blocked_since"] == second["blocked_since"]
    head, line, _ = settled.done("people", "blocks").splitlines()
    assert head.split() == ["SUBJECT", "REASON", "ACTOR", "SINCE"]
    assert line.startswith(first["subject"])
    assert "pilot" not in settled.done("people", "blocks").lower()
    settled.done("people", "unblock", "pilot@example.test")
    assert settled.rows("people", "blocks") == [second]
    settled.done("people", "unblock", ann)
    assert settled.rows("people", "blocks") == []


def test_an_address_is_shown_by_whose_it_is_and_where_it_is_nobodys_by_its_block(settled, ann):
    assert settled.rows("people", "show", "Ann@example.test") == [row(settled, ann)]
    assert settled.rows("people", "show", "ann@example.test") == [row(settled, ann)]
    for unknown in ("pilot@example.test", "pilot@nowhere", "@"):
        code, out, err = settled("people", "show", unknown)
        assert (code, out, "There is no such person." in err) == (1, "", True)
    settled.done("people", "block", "pilot@example.test", "--reason", "spam")
    shown = row(settled, "Pilot@Example.test")
    assert shown.keys() == row(settled, ann).keys()
    assert (shown["id"], shown["email"], shown["created_at"]) == (None, "Pilot@Example.test", None)
    assert (shown["blocked"], shown["blocked_because"]) == (True, ["address:spam"])
    assert shown["blocked_since"] == settled.rows("people", "blocks")[0]["blocked_since"]
    assert "blocked          yes\n" in settled.done("people", "show", "pilot@example.test")
    settled.done("people", "unblock", "pilot@example.test")
    assert settled("people", "show", "pilot@example.test")[0] == 1


class Elsewhere:
    """A directory that has everybody, or is away."""

    def __init__(self, *, away=False):
        self.away, self.told = away, []

    def close(self):
        self.told.append(("closed", "", ""))

    async def block_person(self, scope, person, reason):
        if self.away:
            raise StoreUnavailable("the directory does not answer")
        self.told.append((scope.tenant, person, reason))
        return person != "user-0"

    async def block_address(self, scope, address, reason):
        self.told.append((scope.tenant, address, reason))
        return "user-7"


def test_a_directory_elsewhere_is_told_first(settled):
    with house() as opened:
        assert elsewhere.directory(opened) is None
        directory = Elsewhere()
        assert blocks.set_over(opened, directory, "user-1", "abuse").people == ("user-1",)
        assert isinstance(blocks.set_over(opened, directory, "user-0", "abuse"), Refusal)
        assert blocks.set_over(opened, directory, "Ann@example.test", "abuse").people == ("user-7",)
        with pytest.raises(StoreUnavailable):
            blocks.set_over(opened, Elsewhere(away=True), "user-2", "abuse")
    assert [subject for _, subject, _ in directory.told if subject] == ["user-1", "user-0", "Ann@example.test"]
    assert {one["id"]: one["email"] for one in settled.rows("people", "list")} == {
        "user-1": "",
        "user-7": "Ann@example.test",
    }
    assert settled.rows("sessions", "list", "--person", "user-1") == []


def test_a_user_service_hears_of_a_block_at_the_command_line(settled):
    with userservice() as service:
        settled.set(USER_SERVICE_MODE="rest", USER_SERVICE_BASE_URL=service.url)
        person = service.add("ann@example.test")
        (done,) = settled.rows("people", "block", person, "--reason", "abuse")
        assert (done["outcome"], done["people"]) == ("blocked", [person])
        assert service.blocked_people == {person: "abuse"}
        code, _, err = settled("people", "block", "user-unknown", "--reason", "abuse")
        assert code == 1
        assert "person" in err
        service.add("bob@example.test")
        assert settled.rows("people", "block", "bob@example.test", "--reason", "abuse")[0]["people"] == ["user-2"]
        assert service.blocked_addresses == {"bob@example.test": "abuse"}
    code, _, err = settled("people", "block", person, "--reason", "abuse")
    assert code != 0
    assert "user service" in err


def test_the_limit_of_device_sessions_is_shown_and_set(settled):
    assert settled.done("sessions", "limit") == "no limit\n"
    assert settled.done("sessions", "limit", "3") == "3 device sessions for each person\n"
    assert settled.rows("sessions", "limit") == [{"most": 3}]
    assert settled.rows("sessions", "limit", "--none") == [{"most": None}]
    assert settled.done("sessions", "limit") == "no limit\n"


@pytest.mark.parametrize("odd", ["0", "-1", str(1 << 31)])
def test_a_limit_is_a_number_from_1_on(settled, odd):
    settled.done("sessions", "limit", "2")
    code, out, err = settled("sessions", "limit", "--", odd)
    assert (code, out, "from 1 on" in err) == (1, "", True)
    assert settled.rows("sessions", "limit") == [{"most": 2}]


def test_a_limit_is_set_one_way(settled):
    code, out, err = settled("sessions", "limit", "2", "--none")
    assert (code, out, "one of the two" in err) == (2, "", True)
