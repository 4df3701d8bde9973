"""The letter with the code, in the reader's language."""

from ostiary.kernel.clock import MINUTE
from ostiary.login.methods.email_code.model import LIFE
from ostiary.mail.model import Letter

__all__ = ["code_letter"]

_MINUTES = LIFE // MINUTE
_SUBJECTS = {
    "en": "Your sign-in code",
    "de": "Ihr Code für die Anmeldung",
    "fr": "Votre code de connexion",
}
_TEXTS = {
    "en": """Your code for {origin} is

    {code}

It is good for {minutes} minutes, once. Type it where you asked for it.

Was that not you? Then do nothing: without this code nobody signs in. Give it to nobody, whoever asks.
""",
    "de": """Ihr Code für {origin} ist

    {code}

Er gilt {minutes} Minuten lang, einmal. Geben Sie ihn dort ein, wo Sie ihn angefordert haben.

Das waren nicht Sie? Dann tun Sie nichts: Ohne diesen Code meldet sich niemand an. Geben Sie ihn niemandem weiter.
""",
    "fr": """Votre code pour {origin} est

    {code}

Il est valable {minutes} minutes, une seule fois. Saisissez-le là où vous l’avez demandé.

Ce n’était pas vous ? Ne faites rien : sans ce code, personne ne se connecte. Ne le donnez à personne.
""",
}


def code_letter(origin: str, challenge: str, code: str, to: str, locale: str) -> Letter:
    """Write it. A mail service gets code, language and the challenge's id as its key, and writes its own."""
    text = _TEXTS[locale].format(origin=origin, code=code, minutes=_MINUTES)
    return Letter(to, _SUBJECTS[locale], text, "login_code", LIFE, code=code, locale=locale, key=challenge)
