"""Valkey serves as well as Redis."""

import pytest

from tests.rigs.redises import redis_server, valkey_program


@pytest.mark.valkey
def test_the_whole_life_of_a_session_on_valkey(stages):
    with redis_server(program=valkey_program()) as server:
        stage = stages(server)
        one, two = stage.opened(life=3_600_000_000), stage.opened()
        assert stage.published(one.id, two.id)
        stage.revoked(one.id)
        stage.followed()
        assert stage.run(stage.mirror.about()).version.startswith("Valkey 8.")
        assert [event["status"] for event in stage.events(one.id)] == ["active", "revoked"]
        assert stage.verified()[0] == {}
        server.restart()
        assert len(stage.verified()[0]) == 2
        assert stage.rebuilt() == (2, 0)
        assert stage.verified()[0] == {}
