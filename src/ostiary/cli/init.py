"""`ostiary init`: make what a server needs before it can start."""

from ostiary.cli.terminal import say
from ostiary.kernel.ids import system_secrets
from ostiary.keys.sealing import make_kek
from ostiary.settings import read_settings

__all__ = ["init"]


def init() -> int:
    """Make the data folder and the key-encryption key (mode 0600). What is there is left alone."""
    settings = read_settings()
    settings.data_dir.mkdir(mode=0o700, parents=True, exist_ok=True)
    made = make_kek(settings.kek, system_secrets)
    say(f"data folder          {settings.data_dir}")
    say(f"key-encryption key   {settings.kek} ({'made' if made else 'was there'})")
    if made:
        say("Keep a copy of the key apart from backups of the data: one without the other opens nothing.")
    return 0
