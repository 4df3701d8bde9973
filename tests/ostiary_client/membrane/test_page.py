"""docs/sdk.md says what is so: its first lines run, its tables are those of the code."""

import re
from pathlib import Path

from ostiary_client.membrane import Patience, refusals
from tests.ostiary_client.membrane.askers import OPERATIONS
from tests.ostiary_client.membrane.fake import CLIENT, FakeMembrane, served

PAGE = (Path(__file__).parents[3] / "docs" / "sdk.md").read_text(encoding="utf-8")


def test_the_first_lines_that_a_user_types_run(capsys):
    lines = re.search(r"```python\n(.*?)```", PAGE, re.DOTALL)[1]
    fake = FakeMembrane()
    with served(fake) as url:
        known = {}
        exec(lines.replace('"https://id.example.test", "ock', f'"{url}", "ock'), known)
        known["membrane"].close()
    assert capsys.readouterr().out == "admitted human_auth_challenge:la-1 receipt:rcp-1\n"
    assert fake.seen[0][1]["authorization"] == f"Bearer {CLIENT}"


def test_the_table_of_refusals_is_the_codes():
    rows = dict(re.findall(r"^\| `(\w+)` \| ([^|]+) \|", PAGE, re.MULTILINE))
    stated = {int(status): name for name, told in rows.items() for status in re.findall(r"\b\d{3}\b", told)}
    assert stated == {status: kind.__name__ for status, kind in refusals._BY_STATUS.items()}
    assert rows["Unavailable"].startswith("5xx")


def test_what_the_page_says_is_sent_twice_is_what_is():
    told = PAGE.split("are sent again with the very same bytes:")[1].split("**Nothing else")[0]
    again = {name for name, request in OPERATIONS.items() if request.again}
    options = {name for name in again if name.endswith("_options")}
    assert set(re.findall(r"`(\w+)`", told)) == again - options - {"authority_session_revoke"}
    assert "both options" in told
    assert len(options) == 2
    given = Patience()
    said = f"Patience(tries={given.tries}, first={given.first}, longest={given.longest}, within={given.within})"
    assert said in PAGE
