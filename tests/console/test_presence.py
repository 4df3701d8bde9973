"""The page that asks for presence: what the server puts on it, and what it refuses to put on it."""

import html
import re
from urllib.parse import urlencode

import pytest

from ostiary.kernel.refusals import Code
from ostiary.presence import purposes
from ostiary.presence.model import Minimum, PurposeRule
from ostiary.services import service as services
from ostiary.services.model import Registration
from ostiary.web.catalogue import CATALOGUE
from tests.login.gatehouse import OPERATOR

DIGEST = "sha256:" + "a" * 64
SAYS = "Pay 120.00 € to <b>Huber & Söhne</b>"
RULES = (
    PurposeRule("invoice.pay", "Pay an invoice", commits_operation=True),
    PurposeRule("vault.enter", "Enter the vault"),
)


@pytest.fixture
def person(gatehouse):
    for rule in RULES:
        assert gatehouse.act(lambda tx, rule=rule: purposes.add(tx, OPERATOR, rule)) is None
    return gatehouse.enrolled()


def page(visitor, query=None, **given):
    text = urlencode({"purpose": "vault.enter", "return_to": "/bills?id=7"} | given) if query is None else query
    return visitor.send("GET", f"/presence?{text}", headers={"accept": "text/html"})


def test_it_names_the_purpose_in_its_own_words_and_the_person_and_the_way_back(person):
    answer = page(person)
    text = answer.body.decode()
    assert answer.status == 200
    assert answer.header("cache-control") == "no-store"
    assert "<h1>Enter the vault?</h1>" in text
    assert "example.test</strong>" in text
    assert 'data-purpose="vault.enter" data-operation="" data-place="http://localhost:8080/bills?id=7"' in text
    assert '<span class="place">/bills</span>' in text
    assert 'id="says"' not in text


def test_what_is_shown_is_the_sentence_and_no_code(person):
    text = page(person, purpose="invoice.pay", operation=DIGEST, says=SAYS).body.decode()
    (shown,) = re.findall(r'<p id="says" dir="auto">(.*?)</p>', text)
    assert html.unescape(shown) == SAYS
    assert "<b>Huber" not in text
    assert f'data-operation="{DIGEST}"' in text


@pytest.mark.parametrize(
    ("given", "status", "code"),
    [
        ({"purpose": "nobody.knows"}, 403, "purpose_unknown"),
        ({"purpose": "passkey.remove"}, 403, "purpose_unknown"),
        ({"purpose": "login"}, 403, "purpose_unknown"),
        ({"purpose": "Send all my money"}, 403, "purpose_unknown"),
        ({"purpose": "<script>"}, 403, "purpose_unknown"),
        ({"says": "You have won!"}, 400, "request_malformed"),
        ({"operation": DIGEST}, 400, "request_malformed"),
        ({"purpose": "invoice.pay"}, 400, "request_malformed"),
        ({"purpose": "invoice.pay", "operation": DIGEST}, 400, "request_malformed"),
        ({"purpose": "invoice.pay", "operation": "sha256:x", "says": SAYS}, 400, "request_malformed"),
        ({"purpose": "invoice.pay", "operation": DIGEST, "says": "1 €\u202e9"}, 400, "request_malformed"),
        ({"purpose": "invoice.pay", "operation": DIGEST, "says": "a\0"}, 400, "request_malformed"),
        ({"return_to": "https://evil.test/"}, 400, "return_refused"),
        ({"return_to": "//evil.test"}, 400, "return_refused"),
        ({"return_to": "/\\evil.test"}, 400, "return_refused"),
        ({"return_to": "javascript:alert(1)"}, 400, "return_refused"),
        ({"title": "Something nicer"}, 400, "request_malformed"),
    ],
)
def test_a_forged_link_asks_for_nothing(person, given, status, code):
    answer = page(person, **given)
    text = answer.body.decode()
    assert answer.status == status
    assert f"/docs/refusals#{code}" in text
    assert 'id="presence"' not in text
    for value in given.values():
        assert value not in text
        assert html.escape(value) not in text


@pytest.fixture
def registered(gatehouse, person):
    asked = Registration("app", ("app.example.test", "app.localhost:3000"), (), (), False)
    gatehouse.act(lambda tx: services.add(tx, OPERATOR, asked))
    return person


@pytest.mark.parametrize(
    "place", ["https://app.example.test/bills?id=7", "https://app.example.test", "http://app.localhost:3000/a"]
)
def test_it_leads_back_to_a_page_of_a_registered_host(registered, place):
    answer = page(registered, return_to=place)
    assert answer.status == 200
    whole = place + ("" if place.count("/") > 2 else "/")
    assert f'data-place="{whole}"' in answer.body.decode()
    assert f'<span class="place">{whole.partition("?")[0]}</span>' in answer.body.decode()


@pytest.mark.parametrize(
    "place",
    [
        "https://other.example.test/",
        "https://sub.app.example.test/",
        "https://app.example.test.evil.test/",
        "https://evil.test/app.example.test/",
        "https://evil.test?https://app.example.test/",
        "http://app.example.test/",
        "http://app.localhost/",
        "http://app.localhost:3001/",
        "ftp://app.example.test/",
        "javascript://app.example.test/%0aalert(1)",
        "data:text/html,https://app.example.test/",
        "HTTPS://app.example.test/",
        "https:app.example.test/",
        "https:/app.example.test/",
        "https:///app.example.test/",
        "//app.example.test/",
        "https://app.example.test@evil.test/",
        "https://evil.test@app.example.test/",
        "https://evil.test:x@app.example.test/",
        "https://evil.test%40app.example.test/",
        "https://app.example.test\\@evil.test/",
        "https://evil.test\\app.example.test/",
        "https:\\\\app.example.test/",
        "https://app.example.test/\\evil.test",
        "https://app.example.test//evil.test",
        "https://app.example.test:443/",
        "https://app.example.test:8443/",
        "https://app.example.test:/",
        "https://app.example.test:99999/",
        "https://APP.example.test/",
        "https://app.example.test./",
        "https://app.example.test/#presence=hp-forged",
        "https://app.example.test/.ostiary/land?code=x",
        "https://app.example.test/\n",
        "https://app.exam\tple.test/",
        " https://app.example.test/",
        "https://app.example.test /",
        "https://\uff41pp.example.test/",
    ],
)
def test_no_spelling_leads_to_a_host_that_is_not_registered(registered, place):
    answer = page(registered, return_to=place)
    assert (answer.status, "/docs/refusals#return_refused" in answer.body.decode()) == (400, True)
    assert 'id="presence"' not in answer.body.decode()


def test_a_host_whose_service_is_gone_is_no_place_any_more(gatehouse, registered):
    place = "https://app.example.test/"
    assert page(registered, return_to=place).status == 200
    gatehouse.act(lambda tx: services.remove(tx, OPERATOR, "app"))
    assert page(registered, return_to=place).status == 400


@pytest.mark.parametrize("query", ["", "purpose=vault.enter", "purpose=a&purpose=b&return_to=/", "%ff"])
def test_a_link_that_cannot_be_read_is_malformed(person, query):
    assert page(person, query).status == 400


@pytest.mark.parametrize(
    ("query", "told"),
    [
        ("purpose=vault.enter", "lacks <code>return_to</code>."),
        ("purpose=vault.enter&return_to=", "Go back to where you came from"),
        ("return_to=%2F", "lacks <code>purpose</code>."),
        ("", "lacks <code>purpose</code> and <code>return_to</code>."),
        ("purpose=vault.enter&return_to=%2F&title=x", "Go back to where you came from and try again."),
        ("purpose=nope.x&return_to=/account", "Tell whoever runs the service that sent you here."),
    ],
)
def test_a_person_is_told_what_a_person_can_do(person, query, told):
    text = page(person, query).body.decode()
    assert told in text
    assert "/openapi.json" not in text
    assert "ostiary purposes" not in text


@pytest.mark.parametrize("query", ["purpose=vault.enter", "purpose=nope.x&return_to=/account"])
def test_a_program_is_told_what_the_catalogue_says(person, query):
    answer = person.send("GET", f"/presence?{query}")
    entry = CATALOGUE[Code(answer.code)]
    assert (answer.status, answer.json["message"]) == (entry.status, f"{entry.message} {entry.remedy}")


def test_nobody_in_particular_is_sent_to_the_door_and_learns_nothing_of_the_purposes(gatehouse, person):
    for purpose in ("vault.enter", "nobody.knows"):
        answer = page(gatehouse.visitor(), purpose=purpose)
        after = f"/presence?purpose={purpose}&return_to=%2Fbills%3Fid%3D7"
        assert (answer.status, answer.header("location")) == (303, "/sign-in?" + urlencode({"next": after}))
        door = gatehouse.visitor().send("GET", answer.header("location")).body.decode()
        assert f'data-next="{html.escape(after)}"' in door


@pytest.mark.parametrize(
    "after", ["/account?", "//evil.test", "/presence", "/presence?\\", "https://evil.test/presence?", "/presence?\n"]
)
def test_the_door_leads_to_the_page_of_presence_and_nowhere_else(gatehouse, person, after):
    link = "/sign-in?" + urlencode({"next": after})
    assert 'data-next="/account"' in gatehouse.visitor().send("GET", link).body.decode()
    assert person.send("GET", link).header("location") == "/account"
    wanted = "/presence?purpose=vault.enter&return_to=%2F"
    assert person.send("GET", "/sign-in?" + urlencode({"next": wanted})).header("location") == wanted


def test_who_has_no_passkey_is_told_so(gatehouse, person):
    owner = person.person
    gatehouse.write("UPDATE passkeys SET removed_at = 1 WHERE person_id = ?", (owner,))
    gatehouse.offer("passkey")
    text = page(person).body.decode()
    assert "you have none yet" in text
    assert 'id="presence"' not in text


def test_a_code_by_mail_is_offered_where_it_suffices(gatehouse, person):
    """Where any method does, or where the person has no passkey (ruling 9); never beside a passkey that is needed."""
    gatehouse.act(lambda tx: purposes.add(tx, OPERATOR, PurposeRule("door.open", "Open the door", Minimum.ANY)))
    byways = {name: "by-code" in page(person, purpose=name).body.decode() for name in ("door.open", "vault.enter")}
    assert byways == {"door.open": True, "vault.enter": False}
    gatehouse.write("UPDATE passkeys SET removed_at = 1 WHERE person_id = ?", (person.person,))
    text = page(person).body.decode()
    assert ("by-code" in text, "by-passkey" in text) == (True, False)


def test_it_changes_nothing_and_leaves_no_receipt(gatehouse, person):
    before = gatehouse.receipts()
    page(person)
    page(person, purpose="nobody.knows")
    assert gatehouse.receipts() == before
