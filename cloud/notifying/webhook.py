"""A webhook: one signed POST of a JSON document, to whatever makes work orders of it.

The receiver checks the signature over the timestamp, a full stop and the body, refuses what is older than it likes,
and recognises a repeated message by its key:

    X-Plantpulse-Timestamp: 1767225600
    X-Plantpulse-Signature: sha256=9f3c…
    Idempotency-Key: 2d9b3c64-…
"""

from __future__ import annotations

import hashlib
import hmac
import http.client
import json
import urllib.error
import urllib.request
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from cloud.notifying.message import Ending, Outcome
from cloud.notifying.templates import fill_template

if TYPE_CHECKING:
    from collections.abc import Callable

    from cloud.notifying.wording import Written

TIMESTAMP: Final = "X-Plantpulse-Timestamp"
SIGNATURE: Final = "X-Plantpulse-Signature"
ANSWER_BYTES: Final = 300
"""Of a refusal: enough for the sentence in which most services say what they missed."""


class _NoRedirects(urllib.request.HTTPRedirectHandler):
    """A redirect is refused: a signed document goes to the configured address and nowhere else."""

    def redirect_request(self, *_args: Any, **_kwargs: Any) -> None:
        """Follow nothing."""


_OPENER: Final = urllib.request.build_opener(_NoRedirects)


@dataclass(frozen=True, slots=True)
class Webhook:
    """A target that takes signed JSON.

    Attributes:
        template: None sends every field.
        now_s: Unix time, for the timestamp that is signed.
    """

    address: str
    secret: str
    template: str | None
    timeout_s: float
    now_s: Callable[[], float]

    def hand_over(self, written: Written, _picture: bytes | None) -> Outcome:
        """Send a message; return how it ended."""
        try:
            document = dict(written.fields) if self.template is None else fill_template(self.template, written.fields)
        except ValueError as error:
            return Outcome(Ending.BROKEN, str(error))
        body = json.dumps(document, ensure_ascii=False).encode()
        timestamp = str(int(self.now_s()))
        headers = {
            "Content-Type": "application/json; charset=utf-8",
            "User-Agent": "plantpulse",
            "Idempotency-Key": str(written.fields["key"]),
            TIMESTAMP: timestamp,
            SIGNATURE: signature(self.secret, timestamp, body),
        }
        request = urllib.request.Request(self.address, body, headers, method="POST")  # noqa: S310 - settings allow http(s)
        return self._post(request)

    def _post(self, request: urllib.request.Request) -> Outcome:
        try:
            with _OPENER.open(request, timeout=self.timeout_s):
                return Outcome(Ending.DELIVERED)
        except urllib.error.HTTPError as error:
            with error:
                return _refusal(error)
        except urllib.error.URLError as error:
            if not isinstance(error.reason, TimeoutError):
                why = getattr(error.reason, "strerror", None) or str(error.reason)
                return Outcome(Ending.REFUSED, f"cannot be reached ({why})")
        except TimeoutError:
            pass
        except (OSError, http.client.HTTPException, ValueError) as error:
            return Outcome(Ending.REFUSED, f"broke off ({type(error).__name__})")
        return Outcome(Ending.TIMED_OUT, f"no answer within {self.timeout_s:g} s")


def signature(secret: str, timestamp: str, body: bytes) -> str:
    """Return the signature of a body at a time.

    Source: RFC 2104; the timestamp is inside so that an old message cannot be played again.
    """
    return "sha256=" + hmac.new(secret.encode(), timestamp.encode() + b"." + body, hashlib.sha256).hexdigest()


def _refusal(error: urllib.error.HTTPError) -> Outcome:
    try:
        said = " ".join(error.read(ANSWER_BYTES).decode(errors="replace").split())
    except (OSError, http.client.HTTPException):
        said = ""
    # A refusal is tried again whatever its number: rights and addresses are repaired while alarms wait.
    asked = error.headers.get("Retry-After", "")
    wait_s = float(asked) if asked.isdigit() else 0.0
    return Outcome(Ending.REFUSED, f"answered {error.code} {error.reason}: {said}".rstrip(": "), wait_s)
