"""A device's whole life by its own library, at a real server: code, key, signed requests, revocation."""

import asyncio
import json
import re
import time

import httpx2
import pytest

from ostiary_client.device import DeviceKey
from ostiary_client.device.client import AsyncDevice, Device, DeviceRefusal

REVOKE = {"reason_code": "admin_revoke", "actor": {"type": "system"}}


def code_of(server):
    """The code in the letter, once it has been captured."""
    deadline = time.monotonic() + 30
    while True:
        rows = map(json.loads, server.cli("mail", "list", "--json").splitlines())
        found = [
            re.search(r"\b\d{6}\b", server.cli("mail", "show", row["id"])) for row in rows if row["state"] == "captured"
        ]
        if found and found[0]:
            return found[0][0]
        assert time.monotonic() < deadline, "no letter came"


def check(server, envelope):
    """Status and body of one check."""
    answer = httpx2.post(f"{server.internal}/check/device", json=envelope.json())
    return answer.status_code, answer.json()


def refused(server, envelope):
    status, told = check(server, envelope)
    return status, told["error"]["code"]


@pytest.fixture
def key(tmp_path):
    return DeviceKey.open(tmp_path / "device.pem")


def test_a_device_signs_in_signs_requests_and_is_revoked(server, key):
    with Device(server.public, key) as device:
        challenge = device.send_email_code("pilot@example.test", "en")
        with pytest.raises(DeviceRefusal) as caught:
            device.confirm_email_code(challenge, "nonsense")
        assert caught.value.status == 400
        session = device.confirm_email_code(challenge, code_of(server), "Europe/Berlin")
        assert session.startswith("dev-")
        assert device.confirm_email_code(challenge, code_of(server)) == session, "a lost answer is asked for again"
        first, second = device.sign("lobby.join", b'{"lobby":"7"}'), device.sign("lobby.join", b"")
    status, told = check(server, first)
    assert (status, told["device_session_id"], len(told["caller"])) == (200, session, 32)
    assert refused(server, first) == (401, "device_request_replayed")
    httpx2.post(f"{server.internal}/api/v1/internal/sessions/{session}/revoke", json=REVOKE).raise_for_status()
    assert refused(server, second) == (401, "device_session_inactive")


def test_the_same_awaited_and_the_key_is_found_again_after_a_restart(server, key, tmp_path):
    async def signed_in():
        async with AsyncDevice(server.public, key) as device:
            challenge = await device.send_email_code("pilot@example.test")
            return await device.confirm_email_code(challenge, code_of(server))

    session = asyncio.run(signed_in())
    again = Device(server.public, DeviceKey.open(tmp_path / "device.pem"), session)
    envelope = again.sign("lobby.join", b"{}")
    again.close()
    assert check(server, envelope)[0] == 200
