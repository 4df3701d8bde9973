"""What the request says of itself (Host, a second Origin) must steer nothing."""

import http.client
import socket


def _asked(port, lines, body=b""):
    with socket.create_connection(("127.0.0.1", port), 10) as line:
        line.sendall("\r\n".join([*lines, "", ""]).encode() + body)
        answer = http.client.HTTPResponse(line)
        answer.begin()
        return answer


def test_no_redirect_leads_to_the_host_that_the_request_named(server):
    for method in ("GET", "POST"):
        path = "/sign-in/" if method == "GET" else "/login/passkey/finish/"
        answer = _asked(server.public_port, [f"{method} {path} HTTP/1.1", "host: evil.example", "content-length: 0"])
        assert "evil.example" not in (answer.getheader("location") or ""), answer.getheader("location")


def test_a_second_origin_header_that_is_foreign_is_refused(server):
    lines = [
        "POST /login/passkey/begin HTTP/1.1",
        f"host: localhost:{server.public_port}",
        f"origin: {server.origin}",
        "origin: https://evil.example",
        "content-type: application/json",
        "content-length: 2",
    ]
    assert _asked(server.public_port, lines, b"{}").status == 403


def test_a_second_sec_fetch_site_header_that_is_foreign_is_refused(server):
    lines = [
        "POST /login/passkey/begin HTTP/1.1",
        f"host: localhost:{server.public_port}",
        "sec-fetch-site: same-origin",
        "sec-fetch-site: cross-site",
        "content-type: application/json",
        "content-length: 2",
    ]
    assert _asked(server.public_port, lines, b"{}").status == 403


def test_two_host_headers_at_the_internal_listener_are_refused(server):
    lines = ["GET /check HTTP/1.1", "host: evil.example", "host: localhost"]
    assert _asked(server.internal_port, lines).status in {400, 403}
