"""`tower` is one home on either database; `device` a device there."""

from contextlib import closing

import pytest

from tests.login.email_code.handset import Handset, Tower
from tests.sessions.home import Home


@pytest.fixture
def tower(database_url, tmp_path):
    with closing(Home(tmp_path, url=database_url, TRUSTED_PROXIES="127.0.0.1")) as home:
        yield Tower(home)


@pytest.fixture
def device(tower):
    return Handset(tower)
