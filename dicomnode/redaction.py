"""Hides secrets in texts that people or log collectors will read.

One place for all: what `config show` prints, the errors of settings and databases, and every log line pass through it.
It hides the password of any URL, the values of telling query parameters, and `password=...` as drivers write it.
"""

from __future__ import annotations

import re
from urllib.parse import unquote, urlsplit

MASK = "***"
_SHORTEST = 3
"""Pieces of a password that are shorter are not looked for."""

_TELLING = (
    r"[\w.-]*(?:pass(?:wd|word|phrase|code)?|pwd|secret|token|api[_-]?key|access[_-]?key|signature|credential)[\w.-]*"
)
# Greedy up to the last "@" of the word: passwords that should have been quoted hold "/", ":" and "@" themselves.
_USER_INFO = re.compile(r"(?P<scheme>[a-zA-Z][\w+.-]*://)(?P<info>[^\s\"'<>]*)@(?=[^\s@])")
_PARAMETER = re.compile(rf"(?P<name>(?<![\w.-])(?:{_TELLING}|sig))(?P<is>=)(?P<value>[^\s&;,\"')\]}}]+)", re.IGNORECASE)
_QUOTED = re.compile(
    rf"(?P<name>(?<![\w.-])[\"']?{_TELLING}[\"']?\s*[=:]\s*)(?P<quote>[\"'])(?P<value>(?:\\.|(?!(?P=quote)).)*)(?P=quote)",
    re.IGNORECASE,
)
_HEADER = re.compile(r"(?P<name>\b(?:Basic|Bearer)\s+)[A-Za-z0-9+/=._~-]{8,}")


def redacted(text: str) -> str:
    """The text with `***` in place of each secret that can be recognised by where it stands."""
    text = _USER_INFO.sub(_without_password, text)
    text = _QUOTED.sub(lambda found: f"{found['name']}{found['quote']}{MASK}{found['quote']}", text)
    text = _PARAMETER.sub(lambda found: f"{found['name']}={MASK}", text)
    return _HEADER.sub(lambda found: f"{found['name']}{MASK}", text)


def _without_password(found: re.Match[str]) -> str:
    return f"{found['scheme']}{_user_alone(found['scheme'], found['info'])}@"


def _user_alone(scheme: str, info: str) -> str:
    """The user of `user:password`; https://TOKEN@host is how some services take a token, which is masked too."""
    user, colon, _ = info.partition(":")
    if colon:
        return f"{user}:{MASK}"
    return MASK if scheme.lower() in ("http://", "https://") else info


def redacted_url(url: str, *, hides_path: bool = False) -> str:
    """A URL without user's password and query values.

    Parameters
    ----------
    hides_path
        Whether its path is a secret too, as that of most chat webhooks.
    """
    scheme, separator, rest = url.partition("://")
    info, at, rest = rest.rpartition("@")  # the last one: passwords hold "@" where nobody has quoted it
    if not separator:
        return MASK if url else ""
    info = _user_alone(f"{scheme}{separator}", info) if at else ""
    base, mark, query = f"{scheme}{separator}{info}{at}{rest}".partition("?")
    if mark:
        names = [pair.partition("=")[0] for pair in query.split("&")]
        query = "&".join(
            f"{name}={MASK}" if "=" in pair else MASK for name, pair in zip(names, query.split("&"), strict=True)
        )
    if hides_path:
        scheme, separator, rest = base.partition("://")
        host, slash, path = rest.partition("/")
        base = f"{scheme}{separator}{host}{slash}{MASK if path else ''}"
    return f"{base}{mark}{query}"


def hidden_in(text: str, url: str, *, hides_path: bool = False) -> str:
    """The text, which may quote a URL or pieces of it, without the secrets of that URL."""
    text = text.replace(url, redacted_url(url, hides_path=hides_path)) if url else text
    for secret in sorted(_secrets_of(url, hides_path=hides_path), key=len, reverse=True):
        text = text.replace(secret, MASK)
    return redacted(text)


def _secrets_of(url: str, *, hides_path: bool) -> set[str]:
    """Every spelling of a secret that an error message could quote, pieces of a password cut in the wrong place too."""
    _, _, rest = url.partition("://")
    info, at, _ = rest.rpartition("@")
    password = info.partition(":")[2] if at else ""
    found = {password, unquote(password), *re.split(r"[:@/?#\[\]]", password)}
    try:
        parts = urlsplit(url)
    except ValueError:  # no URL at all
        return _worth_hiding(found, password)
    found |= {pair.partition("=")[2] for pair in parts.query.split("&")}
    if hides_path:
        found |= {parts.path.strip("/")}
    return _worth_hiding(found | {unquote(secret) for secret in found}, password)


def _worth_hiding(pieces: set[str], password: str) -> set[str]:
    """All but scraps of a letter or two, which would take the words around them apart."""
    return {piece for piece in pieces if len(piece) >= _SHORTEST or (piece and piece == password)}
