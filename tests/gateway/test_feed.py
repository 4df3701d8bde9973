"""The feed: who holds it may trust a memory, is told what to forget, and whoever ends something waits for them."""

import asyncio
from contextlib import closing

import msgspec
import pytest

from ostiary.gateway import feed as gateway_feed
from ostiary.gateway.feed import Asked, Feed
from ostiary.kernel.errors import StoreUnavailable
from ostiary.kernel.refusals import Code
from ostiary.storage.outbox import Change
from tests.rigs.databases import migrated_url
from tests.sessions.home import HOUR, SPRING, Home


class Store:
    """What is followed, and where leave is put on record."""

    def __init__(self):
        self.counted, self.position, self.changes, self.pledges, self.now = 0, 0, [], [], 1000.0
        self.looks, self.fault = [], None

    def look(self):
        if self.looks:
            self.looks.pop(0)()
        else:
            self.now += gateway_feed.HOLD / 2
        if self.fault:
            raise self.fault
        return self.now

    def since(self, position):
        return None if position < 0 else [change for at, change in self.changes if at > position]

    def pledge(self, until, confirmed):
        self.pledges.append((round(until - self.now, 6), confirmed))

    def end(self, session, kind="session"):
        self.counted += 1
        self.position += 1
        self.changes.append((self.position, Change(kind, session)))


@pytest.fixture
def store():
    return Store()


@pytest.fixture
def feed(store):
    ids = iter(range(1, 10_000))
    made = Feed(
        None,
        store,
        store,
        lambda service, session: f"{service}:{session}",
        (lambda: SPRING, lambda: store.now),
        lambda count: next(ids).to_bytes(count, "big"),
        HOUR,
    )

    async def ask(told=None, **given):
        asked = {"feed": told.feed, "count": told.count} if told else {}
        return await made.ask(Asked(**asked | given), 1)

    made.asked = ask
    return made


@pytest.fixture
def postgres_home(tmp_path):
    with migrated_url() as url, closing(Home(tmp_path, url=url)) as made:
        yield made


async def test_a_fresh_memory_is_told_to_be_empty_and_gets_leave_that_was_recorded_first(feed, store):
    told = await feed.asked()
    assert (told.all, told.ended, told.lease, told.again) == (True, [], gateway_feed.LEASE, 36.0)
    assert store.pledges == [(gateway_feed.LEASE, 0)]


async def test_what_was_ended_is_told_by_the_callers_reference_only_and_confirmed_by_the_next_question(feed, store):
    told = await feed.asked()
    store.looks = [lambda: None, lambda: store.end("ses-1")]
    told = await feed.asked(told)
    assert (told.all, told.ended, told.count) == (False, ["1:ses-1"], 1)
    assert store.pledges[-1] == (gateway_feed.LEASE, 0), "told is not yet taken in"
    store.looks = [lambda: None, lambda: store.end("ses-2")]
    told = await feed.asked(told)
    assert store.pledges[-1][1] == 1
    assert told.ended == ["1:ses-2"]


async def test_whoever_repeats_something_else_than_what_it_was_last_told_begins_anew(feed, store):
    first = await feed.asked()
    store.end("ses-1")
    second = await feed.asked(first)
    assert second.ended == ["1:ses-1"]
    for count in (0, 7):
        again = await feed.asked(msgspec.structs.replace(second, count=count))
        assert again.all
        assert again.feed != first.feed


async def test_the_leave_of_an_answer_that_was_lost_stays_outstanding_until_it_runs_out(feed, store):
    """The answer that named the end never arrived: that memory still trusts what it has, and says so to nobody."""
    first = await feed.asked()
    store.end("ses-1")
    await feed.ask(Asked(feed=first.feed, count=first.count), 1)  # answered, and lost on its way
    again = await feed.ask(Asked(feed=first.feed, count=first.count), 1)
    assert again.all
    assert store.pledges[-1][1] == 0, "the old leave has not confirmed the end"
    store.now += gateway_feed.LEASE + 0.001
    later = await feed.ask(Asked(), 1)
    assert later.all
    assert store.pledges[-1][1] == 1, "and has run out by now"


async def test_the_slowest_of_several_memories_counts(feed, store):
    quick, slow = await feed.asked(), await feed.asked()
    store.end("ses-1")
    quick = await feed.ask(Asked(feed=quick.feed, count=quick.count), 1)
    store.looks = [lambda: None, lambda: store.end("ses-2")]
    await feed.ask(Asked(feed=quick.feed, count=quick.count), 1)
    assert store.pledges[-1][1] == 0
    slow = await feed.ask(Asked(feed=slow.feed, count=slow.count), 1)
    store.looks = [lambda: None, lambda: store.end("ses-3")]
    await feed.ask(Asked(feed=slow.feed, count=slow.count), 1)
    assert store.pledges[-1][1] == 1


async def test_what_is_no_session_empties_every_memory(feed, store):
    told = await feed.asked()
    store.end("default", kind="service")
    assert (await feed.asked(told)).all


async def test_a_memory_that_slept_too_long_is_emptied(feed, store):
    told = await feed.asked()
    feed._holders[told.feed].position = -1
    assert (await feed.asked(told)).all


async def test_a_store_that_cannot_answer_gives_no_leave(feed, store):
    told = await feed.asked()
    store.fault = StoreUnavailable("disk I/O error")
    recorded = len(store.pledges)
    for asked in (Asked(), Asked(feed=told.feed, count=told.count)):
        with pytest.raises(StoreUnavailable):
            await feed.ask(asked, 1)
    assert len(store.pledges) == recorded


async def test_too_many_memories_get_no_leave_and_nobody_loses_theirs(feed, store):
    store.looks = [lambda: None] * 1001
    for _ in range(1000):
        assert (await feed.ask(Asked(), 1)).lease
    assert (await feed.ask(Asked(), 1)).lease == 0
    assert len(feed._holders) == 1000


async def test_without_news_the_answer_comes_when_the_hold_is_over(feed, store):
    told, began = await feed.asked(), store.now
    answered = await asyncio.wait_for(feed.asked(told), 5)
    assert (answered.all, answered.ended) == (False, [])
    assert gateway_feed.HOLD <= store.now - began <= 2 * gateway_feed.HOLD


async def test_a_leave_that_ran_out_while_its_holder_waited_is_on_record(feed, store):
    told = await feed.asked()
    store.looks = [lambda: None] * 10_000
    store.now += gateway_feed.LEASE - 0.05  # this memory asks late, but in time
    waiting = asyncio.ensure_future(feed.asked(told))
    await asyncio.sleep(0.001)
    store.now += 0.06
    other = await feed.asked()  # somebody else, after the first one's leave has run out and before it is answered
    store.now += gateway_feed.HOLD
    told = await waiting
    assert told.lease == gateway_feed.LEASE
    assert told.all, "its leave had run out, so it begins anew"
    store.end("ses-x")
    third = await feed.asked(other)  # the other hears of the end
    done = asyncio.ensure_future(feed.asked(third))  # and has confirmed it
    await asyncio.sleep(0.001)
    assert store.pledges[-1][1] == 0, "an end is acknowledged that the first memory has not heard of"
    done.cancel()


async def test_the_same_question_twice_at_once_loses_no_end(feed, store):
    told = await feed.asked()
    store.looks = [lambda: None] * 8
    first, second = (asyncio.ensure_future(feed.asked(told)) for _ in range(2))
    await asyncio.sleep(0.001)
    store.end("ses-x")
    a, b = await first, await second
    assert all(one.all or one.ended for one in (a, b)), (a, b)


async def test_no_leave_outlasts_what_the_node_itself_may_trust(feed, store):
    feed._trusted = lambda: 1000.2
    told = await feed.asked()
    assert round(told.lease, 3) == round(1000.2 - store.now, 3) < gateway_feed.LEASE
    store.now = 1000.2
    assert (await feed.asked(told)).lease == (await feed.asked()).lease == 0
    assert store.pledges[-1] == (round(told.lease, 6), 0)


# Over HTTP, in the assembled application


@pytest.mark.parametrize(
    ("body", "code"),
    [
        (b"", Code.REQUEST_MALFORMED),
        (b"{", Code.REQUEST_MALFORMED),
        (b'{"feed": 1}', Code.REQUEST_MALFORMED),
        (b'{"count": -1}', Code.REQUEST_MALFORMED),
        (b'{"count": 18446744073709551616}', Code.REQUEST_MALFORMED),
        (b'{"more": 1}', Code.REQUEST_MALFORMED),
        (b'{"service": "other"}', Code.SERVICE_UNKNOWN),
        (b'{"service": "' + b"x" * 5000 + b'"}', Code.REQUEST_TOO_LARGE),
    ],
)
def test_an_odd_question_is_refused(home, body, code):
    answer = home.visitor().send("POST", "/feed", internal=True, raw=body, headers={"content-type": "application/json"})
    assert answer.code == code


@pytest.mark.parametrize("setting", ["SESSION_BIND_IP", "SESSION_BIND_USER_AGENT"])
def test_where_sessions_follow_an_address_no_memory_is_trusted(homes, setting):
    home = homes(**{setting: "true"})
    assert home.visitor().send("POST", "/feed", {}, internal=True).status == 404


def test_a_page_cannot_ask_for_it(home):
    answer = home.visitor().send("POST", "/feed", {}, internal=True, headers={"origin": "http://localhost:8080"})
    assert answer.code == "origin_refused"


@pytest.mark.postgres
def test_what_a_service_will_keep_is_never_answered_from_a_nodes_memory(postgres_home):
    """Another node may have told the service to forget what this one has not heard of yet."""
    home = postgres_home
    session, cookie = home.open()
    home.application.internal._check._liveness.grant(float("inf"))  # a node that hears of nothing
    for _ in range(3):
        assert home.check(cookie).status == home.check(cookie, "/feed/check/default").status == 200
    home.beside().end(session.id)
    assert home.check(cookie).status == 200
    assert home.check(cookie, "/feed/check/default").status == 401
