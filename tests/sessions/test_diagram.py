"""docs/sessions.md shows how a session ends as the table of the model says, and the check says no other word."""

import re

from ostiary.sessions.model import ENDINGS, MOST_SESSIONS, EndReason
from tests.sessions import diagram
from tests.sessions.home import HOUR, cause

PAGE = diagram.PAGE.read_text(encoding="utf-8")


def test_the_page_is_current():
    assert diagram.drawn(PAGE) == PAGE, "python -m tests.sessions.diagram"
    assert diagram.diagram() in PAGE
    assert diagram.table() in PAGE


def test_an_ending_that_is_added_shows():
    more = ENDINGS | {"moved_away": "it moved"}
    assert "alive --> expired: moved_away" in diagram.diagram(more)
    assert "| `moved_away` | time | it moved |" in diagram.table(more)


def test_every_act_that_ends_a_session_is_in_the_table():
    assert set(EndReason) < set(ENDINGS)


def test_the_page_names_the_most_sessions():
    assert f"at most {MOST_SESSIONS}" in PAGE


def test_time_ends_a_session_by_the_words_of_the_table(home):
    _, idle = home.open()
    home.clock.turn(HOUR)
    by_time = [cause(home.check(idle))]
    home.clock.turn(7 * HOUR)
    by_time.append(cause(home.check(idle)))
    assert by_time == [word for word in ENDINGS if word not in set(EndReason)]


def test_every_file_that_the_page_links_to_is_there():
    links = re.findall(r"\]\(([^)#]+)\)", PAGE)
    assert links
    assert [link for link in links if not (diagram.PAGE.parent / link).exists()] == []
