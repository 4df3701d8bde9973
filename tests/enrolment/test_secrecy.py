"""A link's token and what an authenticator sends stay out of everything that a served Ostiary leaves behind."""

from tests.flows.browser import Browser


def left(server):
    """Every byte in the data folder and in the log."""
    files = [path for path in server.folder.rglob("*") if path.is_file() and not path.name.endswith((".kek", ".lock"))]
    assert any(path.suffix == ".sqlite" for path in files)
    assert server.folder / "stderr.log" in files
    return b"\n".join(path.read_bytes() for path in files)


def test_no_token_and_no_credential_is_left_behind(server):
    first, invited = server.token, server.invite("ada@example.test")
    administrator, person = Browser(server), Browser(server)
    person.passkey.behaviour.user_present = False
    assert person.enrol(invited).code == "passkey_refused"
    person.passkey.behaviour.user_present = True
    person.send("GET", f"/enrol?token={invited}")
    answers = [administrator.enrol(first, "Grandmother's key"), person.enrol(invited), Browser(server).enrol(invited)]
    assert [answer.status for answer in answers] == [200, 200, 403]
    assert person.sign_in().status == 200

    receipts = server.cli("receipts", "list", "--json")
    bytes_left = left(server) + receipts.encode() + b"".join(answer.body for answer in answers)
    for secret in (first, invited, "ada@example.test", "Grandmother"):
        assert secret.encode() not in bytes_left, secret
    for browser in (administrator, person):
        credential = browser.passkey.create({**OPTIONS, "rp": {"id": "localhost"}})["id"]
        assert browser.passkey.id not in bytes_left
        assert credential.encode() not in bytes_left
        for cookie in browser.cookies.values():
            assert cookie.encode() not in bytes_left
    assert person.session.encode() in bytes_left  # what is public by design is found, so the search works


OPTIONS = {"pubKeyCredParams": [{"alg": -7}], "user": {"id": ""}, "challenge": ""}
