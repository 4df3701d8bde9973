"""The client's address: what a stranger writes into a header never decides it (decision 8)."""

from ipaddress import IPv6Address, ip_address, ip_network

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ostiary.web.address import client_address, counted_as, network

PROXIES = (network("10.0.0.0/8"), network("2001:db8:aaaa::/48"), network("127.0.0.1"))
TRUSTED = st.sampled_from(["10.0.0.1", "10.255.255.255", "127.0.0.1", "2001:db8:aaaa::7", "::ffff:10.1.2.3"])
FOREIGN = (
    (st.ip_addresses(v=4) | st.ip_addresses(v=6))
    .filter(lambda one: not any(one in net for net in PROXIES) and getattr(one, "ipv4_mapped", None) is None)
    .map(str)
)
GARBAGE = st.sampled_from(
    ["", " ", "unknown", "_hidden", "1.2.3", "1.2.3.4.5", "256.1.1.1", "[::1", "::g", "a,b", "-", "\xff"]
)
ANYTHING = FOREIGN | TRUSTED | GARBAGE | st.text(st.characters(codec="latin-1"), max_size=20)
HEADERS = st.lists(st.lists(ANYTHING, max_size=4).map(", ".join), max_size=4)


@settings(deadline=None)
@given(FOREIGN, HEADERS)
def test_a_header_of_an_untrusted_peer_changes_nothing(peer, headers):
    assert client_address(peer, headers, PROXIES) == peer
    assert client_address(peer, headers, ()) == peer


@settings(deadline=None)
@given(TRUSTED, HEADERS, FOREIGN, st.lists(TRUSTED, max_size=5))
def test_the_client_is_the_rightmost_hop_that_is_no_proxy(peer, forged, client, behind):
    """Whatever stands left of the client was written by the client, in as many headers as it likes."""
    assert client_address(peer, [*forged, ", ".join([client, *behind])], PROXIES) == client
    assert client_address(peer, [*forged, client, *behind], PROXIES) == client
    assert client_address(peer, [", ".join([*forged, client, *behind])], PROXIES) == client


@settings(deadline=None)
@given(TRUSTED, HEADERS, st.lists(TRUSTED, max_size=5))
def test_a_hop_that_cannot_be_read_ends_the_walk_at_its_writer(peer, forged, behind):
    chain = [peer, *reversed(behind)]
    writer = str(ip_address(chain[-1].removeprefix("::ffff:")))
    assert client_address(peer, [*forged, ", ".join(["unknown", *behind])], PROXIES) == writer


@settings(deadline=None)
@given(TRUSTED, st.lists(TRUSTED, max_size=5))
def test_a_proxy_that_speaks_for_itself_is_the_client(peer, hops):
    leftmost = (hops or [peer])[0]
    assert client_address(peer, [", ".join(hops)] if hops else [], PROXIES) == leftmost.removeprefix("::ffff:")


@settings(deadline=None)
@given(ANYTHING, HEADERS)
def test_the_answer_is_an_address_or_nothing(peer, headers):
    found = client_address(peer, headers, PROXIES)
    assert found == "" or str(ip_address(found)) == found


@pytest.mark.parametrize(
    ("hop", "read"),
    [
        ("192.0.2.1", "192.0.2.1"),
        (" 192.0.2.1\t", "192.0.2.1"),
        ("192.0.2.1:443", "192.0.2.1"),
        ("2001:DB8::1", "2001:db8::1"),
        ("[2001:db8::1]", "2001:db8::1"),
        ("[2001:db8::1]:443", "2001:db8::1"),
        ("fe80::1%eth0", "fe80::1"),
        ("[fe80::1%25eth0]:443", "fe80::1"),
        ("::ffff:192.0.2.1", "192.0.2.1"),
        ("[::ffff:192.0.2.1]:443", "192.0.2.1"),
        ("2001:db8:0:0:0:0:0:1", "2001:db8::1"),
    ],
)
def test_a_hop_may_carry_port_brackets_and_zone(hop, read):
    assert client_address(hop, [], ()) == read
    assert client_address("10.0.0.1", [hop], PROXIES) == read


@pytest.mark.parametrize("peer", ["", "unix:", "localhost", "1.2.3.4:x:y", "[", "%", ":", "::ffff:1.2.3.400"])
def test_a_peer_without_an_address_has_none(peer):
    assert client_address(peer, ["192.0.2.1"], PROXIES) == ""
    assert counted_as(peer) == ""


def test_a_long_chain_is_walked_from_the_right_only_so_far():
    chain = ["192.0.2.1", *["10.0.0.1"] * 40]
    assert client_address("10.0.0.1", [", ".join(chain)], PROXIES) == "10.0.0.1"
    assert client_address("10.0.0.1", [", ".join(chain[:30])], PROXIES) == "192.0.2.1"


@settings(deadline=None)
@given(st.integers(0, 2**128 - 1).map(IPv6Address).filter(lambda one: not one.ipv4_mapped))
def test_an_ipv6_client_is_counted_by_its_64(address):
    first = ip_network(f"{address}/64", strict=False)
    assert counted_as(str(address)) == counted_as(str(first[0])) == counted_as(str(first[-1])) == str(first)


@settings(deadline=None)
@given(st.ip_addresses(v=4))
def test_an_ipv4_client_is_counted_alone(address):
    assert counted_as(str(address)) == counted_as(f"::ffff:{address}") == str(address)


@pytest.mark.parametrize(
    ("text", "net"), [("10.0.0.7/8", "10.0.0.0/8"), (" ::1 ", "::1/128"), ("192.0.2.1", "192.0.2.1/32")]
)
def test_a_proxy_is_named_by_address_or_block(text, net):
    assert network(text) == ip_network(net)


@pytest.mark.parametrize("text", ["", "proxy.example.test", "10.0.0.0/33", "10.0.0.1:80", "fe80::/129"])
def test_what_is_no_block_is_refused(text):
    with pytest.raises(ValueError, match=r".+"):
        network(text)
