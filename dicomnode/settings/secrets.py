"""URLs that may hold a secret: nothing prints them whole, only the code that connects asks for the value."""

from __future__ import annotations

from typing import Any

from pydantic import Secret

from dicomnode.redaction import hidden_in, redacted_url


class SecretUrl(Secret[str]):
    """A URL whose text, in print, in logs and in JSON, lacks its password and query values."""

    hides_path = False
    """Whether the path is a secret too."""

    def _display(self) -> str:
        return redacted_url(self.get_secret_value(), hides_path=self.hides_path)

    def __bool__(self) -> bool:
        """Whether there is a URL."""
        return bool(self.get_secret_value())

    def hidden_in(self, text: str) -> str:
        """A text that may quote the URL or pieces of it, an error message for example, without its secrets."""
        return hidden_in(text, self.get_secret_value(), hides_path=self.hides_path)


class WebhookUrl(SecretUrl):
    """A URL whose path is a secret, too: whoever knows it may post."""

    hides_path = True


SECRET_TYPES: tuple[Any, ...] = (SecretUrl, WebhookUrl)
"""Types of the settings whose values are never shown."""
