import re

import jinja2
import pytest

from ostiary.console.model import SessionRow
from ostiary.console.pages import Pages
from ostiary.identities.model import METHODS
from ostiary.recovery.routes import RecoveryView


def session(*, current=True, label="Firefox on Linux"):
    times = {"created_at": "2026-11-21T08:05:00Z", "last_seen_at": "2026-11-21T09:05:00Z"}
    end = {"expires_at": "2026-11-21T16:05:00.250000+00:00"}
    return SessionRow(id="ses-1", label=label, handheld=False, current=current, factor_text="A passkey", **times, **end)


NO_RECOVERY = RecoveryView([], 0, None, None)
FIELD = {"name": "attempt", "type": "string", "required": True, "text": ""}
OPERATION = {"id": "a.b", "method": "POST", "path": "/a", "summary": "Do a.", "audience": "everyone"}
CONTEXTS = {
    "sign_in": {"next": None, "reason": "idle_timeout", "unset": True, "methods": METHODS},
    "enrol": {},
    "account": {"name": "Ann", "sessions": [session()], "passkeys": [], "recovery": NO_RECOVERY, "mailed": True},
    "recovery": {"tenant": "tenant_node:default", "fixture": False},
    "recovery_undo": {"act": "cancel", "tenant": "tenant_node:default"},
    "presence": {
        "title": "Pay an invoice",
        "name": "Ann",
        "able": True,
        "mailed": True,
        "place": "https://id.example.test/bills",
        "back": "/bills",
        "purpose": "invoice.pay",
        "operation": "",
        "says": "Pay 1 €",
    },
    "letters": {
        "letters": [
            {"id": "let-1", "at": "2026-11-21T08:05:00Z", "to": "a@b.test", "subject": "s", "text": "t", "purpose": "p"}
        ]
    },
    "signed_out": {},
    "error": {"status": 404, "title": "No", "message": "m", "code": "c", "request_id": "", "action": ""},
    "refusals": {"refusals": [{"code": "login_refused", "status": 401, "meaning": "m", "action": "a"}]},
    "operations": {
        "operations": [{**OPERATION, "request": [FIELD], "response": [], "refusals": ["login_refused"]}],
        "openapi_url": "/openapi.json",
    },
}


@pytest.fixture(scope="module")
def pages():
    return Pages("Example House")


@pytest.mark.parametrize("name", CONTEXTS)
def test_a_page_needs_no_inline_code_and_names_only_versioned_files(pages, name):
    html = pages.render(name, **CONTEXTS[name])
    assert not re.search(r"<style|<script(?![^>]*\ssrc=)|\s(?:style|on\w+)=|javascript:|data:", html)
    known = {asset.url for asset in pages.assets.values()}
    assert set(re.findall(r'(?:src|href)="(/static/[^"]+)"', html)) <= known
    assert html.count("<h1>") == 1


@pytest.mark.parametrize("name", [name for name, context in CONTEXTS.items() if context])
def test_a_missing_value_is_an_error(pages, name):
    with pytest.raises(jinja2.UndefinedError):
        pages.render(name)


def test_what_a_person_typed_is_shown_as_text(pages):
    rows = [session(), session(current=False, label='<b onclick="x">')]
    html = pages.render("account", **CONTEXTS["account"] | {"name": "<i>Ann</i>", "sessions": rows})
    assert "<i>Ann" not in html
    assert "<b onclick" not in html


def test_times_are_written_in_utc_and_kept_for_machines(pages):
    html = pages.render("account", **CONTEXTS["account"])
    assert '<time datetime="2026-11-21T08:05:00Z">21 Nov 2026, 08:05 UTC</time>' in html


def test_backticks_are_code_and_the_rest_is_text(pages):
    html = pages.render("error", **{**CONTEXTS["error"], "action": "Run `a <b>` <i>now</i>."})
    assert "Run <code>a &lt;b&gt;</code> &lt;i&gt;now" in html


def test_an_unknown_reason_still_says_something(pages):
    shown = pages.render("sign_in", **CONTEXTS["sign_in"] | {"reason": "invented_later"})
    assert "Your session has ended" in shown


def test_a_module_imports_the_very_version_that_the_page_would_name(pages):
    script = pages.assets["sign-in.js"].body.decode()
    named = re.findall(r'from "\./([a-z-]+\.js)\?v=(\w+)"', script)
    assert named == [(name, pages.assets[name].version) for name in ("api.js", "passkey.js")]


def test_the_scripts_stay_small(pages):
    scripts = [asset.body for asset in pages.assets.values() if asset.name.endswith(".js")]
    assert (
        sum(body.count(b"\n") for body in scripts) < 740
    )  # of which recovery and its pages are 220, and codes by mail 200
