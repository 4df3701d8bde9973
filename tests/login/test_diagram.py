"""docs/login-methods.md shows the table of moves as it is, and names what there is."""

import re

from ostiary.login.flow import MOVES, Happening
from ostiary.presence.model import State
from tests.login import diagram

PAGE = diagram.PAGE.read_text(encoding="utf-8")


def test_the_diagram_is_current():
    assert diagram.diagram() in PAGE, "python -m tests.login.diagram"


def test_a_move_that_is_added_shows():
    more = MOVES | {(State.PROVED, Happening.WRONG): State.OPEN}
    assert "proved --> open: wrong" in diagram.diagram(more)
    assert "proved --> [*]" not in diagram.diagram(more)


def test_every_file_that_the_page_links_to_is_there():
    links = re.findall(r"\]\(([^)#]+)\)", PAGE)
    assert links
    assert [link for link in links if not (diagram.PAGE.parent / link).exists()] == []
