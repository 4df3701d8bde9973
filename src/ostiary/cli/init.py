"""`ostiary init`: make what a server needs before it can start."""

from ostiary.cli.terminal import one, say
from ostiary.house import guard_kek
from ostiary.kernel.ids import system_secrets
from ostiary.keys.sealing import make_kek, read_kek
from ostiary.settings import read_settings

__all__ = ["init"]


def init(*, json_: bool = False) -> int:
    """Make what a server needs before it can start: data folder and key-encryption key.

    The key is a file of mode 0600 beside the data folder, unless OSTIARY_KEK_FILE says where. What is there is
    left alone: running it again changes nothing. Where the database holds keys that a missing one sealed,
    no new one is made.

    Parameters
    ----------
    json_
        Print one JSON object.
    """
    settings = read_settings()
    folder, kek = settings.data_dir.resolve(), settings.kek.resolve()
    guard_kek(settings)
    made_folder = not folder.exists()
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    made_key = make_kek(kek, system_secrets)
    read_kek(kek)
    if json_:
        row = {"data_dir": str(folder), "data_dir_made": made_folder, "kek_file": str(kek), "kek_made": made_key}
        one(row, as_json=True)
        return 0
    say(f"data folder         {folder}  ({'made' if made_folder else 'was there'})")
    say(f"key-encryption key  {kek}  ({'made' if made_key else 'was there'})")
    if made_key:
        say("Keep a copy of the key, apart from backups of the data: either without the other opens nothing.")
    return 0
