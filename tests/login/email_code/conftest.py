"""`tower` is one home on either database; `device` a device there."""

from contextlib import closing

import pytest

from tests.login.email_code.handset import Handset, Tower
from tests.rigs.databases import migrated_url
from tests.sessions.home import Home


@pytest.fixture(params=["sqlite", "postgresql"])
def tower(request, tmp_path):
    given = {"TRUSTED_PROXIES": "127.0.0.1"}
    if request.param == "sqlite":
        with closing(Home(tmp_path, **given)) as home:
            yield Tower(home)
        return
    with migrated_url() as url, closing(Home(tmp_path, url=url, **given)) as home:
        yield Tower(home)


@pytest.fixture
def device(tower):
    return Handset(tower)
