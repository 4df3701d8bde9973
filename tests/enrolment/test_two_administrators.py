"""Two servers that boot at once on one fresh PostgreSQL database must not make two administrators."""

import threading
from concurrent.futures import ThreadPoolExecutor

import pytest

from ostiary.access import service as access
from ostiary.enrolment import service as enrolment
from ostiary.enrolment import store
from ostiary.enrolment.model import BOOT_LIFE
from ostiary.identities import service as identities
from ostiary.kernel.values import SYSTEM
from tests.flows.browser import Browser
from tests.flows.server import Served
from tests.login.gatehouse import opened
from tests.rigs.databases import migrated_url

pytestmark = pytest.mark.postgres


def test_two_first_links_made_at_once_make_one_administrator(tmp_path):
    """Two boots interleaved: each asks "is there an administrator?" before the other's link is committed."""
    with migrated_url() as url, opened(tmp_path, url=url) as first:
        second = first.node()
        both = threading.Barrier(2, timeout=5)

        def slowly(tx):
            token = enrolment.invite_first(tx)
            both.wait()  # neither has committed yet
            return token

        with ThreadPoolExecutor(2) as threads:
            tokens = [made.result() for made in [threads.submit(node.act, slowly) for node in (first, second)]]
        people = []
        for token in tokens:
            visitor = first.visitor()
            if token and visitor.enrol(token).status == 200:
                people.append(visitor.person)
        administrators = [person for person in people if "administrator" in first.roles(person)]
        assert len(administrators) <= 1, administrators


def test_a_link_is_void_once_there_is_an_administrator(tmp_path):
    """A boot that withdraws while the first link is being accepted: its fresh link outlives the question."""
    with migrated_url() as url, opened(tmp_path, url=url) as first:
        second = first.node()
        token = first.first_link()
        asked, accepted = threading.Event(), threading.Event()

        def booting(tx):

            assert not access.has_administrator(tx)
            asked.set()
            assert accepted.wait(5)  # here somebody accepts the link that the other server printed
            store.withdraw(tx, access.ADMINISTRATOR)

            return enrolment.invite(tx, SYSTEM, identities.new_person_id(tx), access.ADMINISTRATOR, BOOT_LIFE)

        with ThreadPoolExecutor(1) as threads:
            late = threads.submit(second.act, booting)
            assert asked.wait(5)
            one = first.visitor()
            assert one.enrol(token).status == 200
            accepted.set()
            token = late.result()
        two = first.visitor()
        answer = two.enrol(token)
        assert answer.status != 200, f"a second administrator: {first.roles(two.person)}"


def test_two_real_servers_that_boot_at_once_make_one_administrator(tmp_path):
    for number in range(3):
        with migrated_url() as url:
            folders = [tmp_path / f"{number}-{n}" for n in (1, 2)]
            for folder in folders:
                folder.mkdir()
            one = Served(folders[0], {"OSTIARY_DATABASE_URL": url})
            kek = str(folders[0] / "data.kek")
            two = Served(folders[1], {"OSTIARY_DATABASE_URL": url, "OSTIARY_KEK_FILE": kek})
            one.cli("init")
            one.cli("migrate")
            with ThreadPoolExecutor(2) as threads:
                list(threads.map(lambda served: served.start(), (one, two)))
            try:
                enrolled = [Browser(served) for served in (one, two) if "/enrol#" in served.printed]
                roles = []
                for browser in enrolled:
                    if browser.enrol(browser.served.token).status == 200:
                        roles.append(browser.send("GET", "/api/v1/auth/me").json["roles"])  # noqa: PERF401 - one act at a time, told apart
                assert roles.count(["administrator"]) <= 1, (number, roles)
            finally:
                one.stop()
                two.stop()
