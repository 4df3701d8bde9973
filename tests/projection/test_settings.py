"""Settings of the projection: each has an effect, and what contradicts itself stops the start."""

import re
import time
from pathlib import Path

import msgspec
import pytest

from ostiary.kernel.errors import BootRefused, SettingsError
from ostiary.projection.model import MirrorUnavailable, entry_of
from ostiary.projection.redis import RedisMirror
from ostiary.settings import read_settings
from tests.projection.stage import Stage
from tests.rigs.redises import redis_cluster, redis_server
from tests.rigs.tls import authority

PAGE = Path(__file__).parents[2] / "docs" / "projection.md"
PASSWORD = "correct-horse-battery-staple"


def read(folder, **environ):
    return read_settings({f"OSTIARY_{name}": str(value) for name, value in environ.items()}, folder).projection


def why(stage, folder, **environ):
    """Write a session by these settings; the machine word of what failed, or ""."""
    mirror = RedisMirror(read(folder, **environ))
    stage.mirrors.append(mirror)
    try:
        stage.run(mirror.about())
    except MirrorUnavailable as fault:
        return fault.why if PASSWORD not in str(fault) else str(fault)
    return ""


@pytest.fixture
def stage(stages, redis):
    return stages(redis)


@pytest.mark.redis
def test_sessions_are_written_to_the_redis_that_is_named(tmp_path, stage, redis):
    assert read(tmp_path).addr is None
    assert why(stage, tmp_path, REDIS_ADDR=redis.addr) == ""
    assert why(stage, tmp_path, REDIS_ADDR="127.0.0.1:1") == "unreachable"


@pytest.mark.redis
def test_redis_is_used_signed_in(tmp_path, stages):
    (tmp_path / "password").write_text(PASSWORD + "\n")
    (tmp_path / "wrong").write_text("wrong\n")
    with redis_server() as server:
        stage = stages(server)
        stage.client.execute_command("ACL", "SETUSER", "projector", "on", f">{PASSWORD}", *rights())
        stage.client.execute_command("CONFIG", "SET", "requirepass", PASSWORD)
        named = {"REDIS_ADDR": server.addr, "REDIS_PASSWORD_FILE": tmp_path / "password"}
        assert why(stage, tmp_path, REDIS_ADDR=server.addr) == "sign_in"
        assert why(stage, tmp_path, **named) == ""
        assert why(stage, tmp_path, REDIS_ADDR=server.addr, REDIS_PASSWORD=PASSWORD) == ""
        assert PASSWORD not in repr(read(tmp_path, REDIS_ADDR=server.addr, REDIS_PASSWORD=PASSWORD))
        assert why(stage, tmp_path, **named, REDIS_USERNAME="projector") == ""
        mirror = RedisMirror(read(tmp_path, **named, REDIS_USERNAME="projector"))
        stage.mirrors.append(mirror)
        stage.mirror, stage.publisher = mirror, stage.publishing(mirror)
        assert stage.published(stage.opened().id)
        stage.followed()
        assert (stage.rebuilt(), stage.verified()[0]) == ((0, 0), {})
        assert why(stage, tmp_path, **named, REDIS_USERNAME="nobody") == "sign_in"
        assert why(stage, tmp_path, **named | {"REDIS_PASSWORD_FILE": tmp_path / "wrong"}) == "sign_in"
        other = {"REDIS_USERNAME": "projector", "REDIS_KEY_PREFIX": "other:"}
        assert why(stage, tmp_path, **named, **other) == "permission"


def rights():
    """What the page says a user needs at Redis."""
    line = re.search(r"^ACL SETUSER ostiary on >… (.+)$", PAGE.read_text(encoding="utf-8"), re.MULTILINE)
    return line[1].split()


def test_a_password_that_cannot_be_read_stops_the_start(tmp_path):
    given = read(tmp_path, REDIS_ADDR="127.0.0.1:6379", REDIS_PASSWORD_FILE=tmp_path / "none")
    with pytest.raises(BootRefused, match="cannot read the secret in"):
        RedisMirror(given)


@pytest.mark.redis
def test_the_line_is_encrypted_and_the_server_known(tmp_path, stage):
    root, certificate, key = authority(tmp_path, "localhost")
    with redis_server(tls=(certificate, key)) as server:
        by_name = {"REDIS_ADDR": f"localhost:{server.port}", "REDIS_OPERATION_TIMEOUT": "2s"}
        assert why(stage, tmp_path, **by_name, REDIS_TLS="true", REDIS_TLS_CA_FILE=root) == ""
        assert why(stage, tmp_path, **by_name, REDIS_TLS="true") == "tls"
        assert (
            why(stage, tmp_path, **by_name | {"REDIS_ADDR": server.addr}, REDIS_TLS="true", REDIS_TLS_CA_FILE=root)
            == "tls"
        )
        assert why(stage, tmp_path, **by_name) != ""


@pytest.mark.redis
def test_keys_stand_under_the_prefix_in_the_database_and_the_stream_has_the_length(tmp_path, redis):
    given = {"REDIS_DB": 3, "REDIS_KEY_PREFIX": "edge:", "REDIS_STREAM_MAXLEN": 1000}
    stage = Stage(tmp_path, redis, REDIS_ADDR=redis.addr, **{name: str(value) for name, value in given.items()})
    mirror = RedisMirror(stage.settings.projection)
    stage.mirrors.append(mirror)
    stage.publisher = stage.publishing(mirror)
    one = stage.opened()
    assert stage.published(one.id)
    stage.run(stage.publisher._round())
    with redis.client(db=3) as client:
        assert set(client.keys()) >= {f"edge:session:{one.id}", "edge:session_events"}
        assert all(name.startswith("edge:") for name in client.scan_iter())
    assert stage.client.dbsize() == 0
    many = [entry_of(msgspec.structs.replace(one, id=f"dev-{number}"), 0) for number in range(2500)]
    stage.run(mirror.write(many))
    with redis.client(db=3) as client:
        assert 1000 <= client.xlen("edge:session_events") < 1200
    stage.run(stage.publisher._restorer.stop())
    stage.close()


@pytest.mark.redis
def test_one_step_takes_no_longer_than_is_set(tmp_path, stage, redis):
    given = {"REDIS_ADDR": redis.addr, "REDIS_OPERATION_TIMEOUT": "100ms"}
    assert why(stage, tmp_path, **given) == ""
    stage.client.execute_command("CLIENT", "PAUSE", 2000)
    began = time.monotonic()
    assert why(stage, tmp_path, **given) == "timeout"
    assert 0.1 <= time.monotonic() - began < 1
    stage.client.execute_command("CLIENT", "UNPAUSE")


@pytest.mark.redis
def test_on_a_cluster_a_tagged_prefix_is_required_and_works(tmp_path, stages):
    with redis_cluster() as cluster:
        given = {"REDIS_ADDR": cluster.addr, "REDIS_CLUSTER": "true", "REDIS_OPERATION_TIMEOUT": "2s"}
        for untagged in ("gateway:", "{}gateway:", "{gateway:", "gateway}:{"):
            with pytest.raises(SettingsError, match="needs a hash tag"):
                read(tmp_path, **given, REDIS_KEY_PREFIX=untagged)
        stage = stages(cluster.nodes[0])
        mirror = RedisMirror(read(tmp_path, **given, REDIS_KEY_PREFIX="{gateway}:"))
        stage.mirrors.append(mirror)
        stage.mirror, stage.publisher = mirror, stage.publishing(mirror)
        many = [stage.opened() for _ in range(150)]
        assert stage.published(*(one.id for one in many[:100]))
        stage.revoked(many[0].id)
        stage.followed()
        assert (stage.waiting(), stage.verified()[0]) == (0, {})
        assert stage.rebuilt() == (0, 0)
        stage.run(mirror.remove([many[1].id], 0))
        assert {one.fault for one in stage.verified()[0].values()} == {"missing"}
        assert sum(holds(node) for node in cluster.nodes) == 1
        plain = {"REDIS_ADDR": cluster.addr, "REDIS_OPERATION_TIMEOUT": "2s"}
        assert written(stage, tmp_path, **plain) == "cluster", "not told that it is one"


def holds(node):
    """Whether a node of a cluster has sessions."""
    with node.client() as client:
        return bool(client.keys("{gateway}:session:*"))


def written(stage, folder, **environ):
    """What a publication meets that uses these settings."""
    publisher = stage.publishing(RedisMirror(read(folder, **environ)))
    stage.mirrors.append(publisher._mirror)
    for _ in range(3):
        assert stage.run(publisher.publish([stage.opened().id])) is False
    return publisher._why


@pytest.mark.parametrize(
    ("given", "says"),
    [
        ({"REDIS_DB": 1}, "set OSTIARY_REDIS_ADDR too"),
        ({"REDIS_CLUSTER": "true"}, "set OSTIARY_REDIS_ADDR too"),
        ({"REDIS_USERNAME": "u"}, "set OSTIARY_REDIS_PASSWORD_FILE too"),
        ({"REDIS_TLS_CA_FILE": "ca.pem"}, "set OSTIARY_REDIS_TLS to true"),
        ({"REDIS_CLUSTER": "true", "REDIS_KEY_PREFIX": "{g}:", "REDIS_DB": 1}, "only the database 0"),
        ({"REDIS_CLUSTER": "true"}, "needs a hash tag"),
        ({"REDIS_OPERATION_TIMEOUT": "11s"}, "longer than 10s"),
        ({"REDIS_OPERATION_TIMEOUT": "0"}, "a duration such as"),
        ({"REDIS_DB": "-1"}, "a number between 0 and 999"),
        ({"REDIS_DB": "1000"}, "a number between 0 and 999"),
        ({"REDIS_STREAM_MAXLEN": "999"}, "a number between 1000 and 100000000"),
        ({"REDIS_STREAM_MAXLEN": "many"}, "a number between 1000 and 100000000"),
        *(({"REDIS_KEY_PREFIX": odd}, "letters, digits") for odd in ("", "a b", "*", "g?", "[a]", "\\", "ü", "a\n", "x" * 65)),
        *(({"REDIS_ADDR": odd}, "a host and a port") for odd in ("redis", ":6379", "redis:0", "redis:65536", "redis://h:1", "u@h:1", "::1:6379", "h:1\n")),
    ],
)  # fmt: skip
def test_settings_that_contradict_each_other_or_do_nothing_stop_the_start(tmp_path, given, says):
    lacking = "REDIS_ADDR too" in says
    with pytest.raises(SettingsError) as caught:
        read(tmp_path, **({} if lacking else {"REDIS_ADDR": "127.0.0.1:6379"}) | given)
    assert says in str(caught.value)


def test_addresses_are_read(tmp_path):
    for text, addr in (("redis.internal:6380", ("redis.internal", 6380)), ("[::1]:6379", ("::1", 6379)), ("", None)):
        assert read(tmp_path, REDIS_ADDR=text).addr == addr
