"""What a cloud is told about its HTTP side: where it listens, how it is encrypted, how long people stay signed in.

    [http]
    host = "127.0.0.1"
    port = 8080
    tls_cert = "cloud.pem"              # with tls_key: HTTPS by ourselves
    tls_key = "cloud.key"
    behind_tls_proxy = true             # or: a proxy before us does TLS
    trusted_proxies = ["10.0.0.5"]      # whose X-Forwarded-For and -Proto are believed
    session_idle_h = 12
    session_longest_h = 168

Passwords and cookies never travel in the open: an address that other machines can reach needs one of the two.
"""

import ipaddress
from pathlib import Path
from typing import Annotated, Self

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, model_validator

from cloud.accounts import check_name
from cloud.errors import RequestError


def _address(text: str) -> str:
    try:
        ipaddress.ip_network(text)
    except ValueError:
        raise ValueError(f"{text!r} is no address or network: give such as 10.0.0.5 or 10.0.0.0/28") from None
    return text


def _name(text: str) -> str:
    try:
        return check_name(text)
    except RequestError as error:
        raise ValueError(str(error)) from error


def is_loopback(host: str) -> bool:
    """Return whether a host name or address means this machine alone.

    >>> is_loopback("127.0.0.1"), is_loopback("::1"), is_loopback("localhost"), is_loopback("0.0.0.0")
    (True, True, True, False)
    """
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


class HttpSettings(BaseModel):
    """The API and the console.

    Attributes:
        tls_cert, tls_key: PEM files; the certificate's with those between it and the root.
        behind_tls_proxy: somebody before us does TLS and is the only one who can reach us.
        trusted_proxies: addresses or networks whose forwarded headers are believed; those of nobody else are.
        signed_in_as: everybody is signed in by this name, as admin; for demos, on loopback only.
        session_idle_h: a session that nobody used for so long is over.
        session_longest_h: a session is over after so long, used or not.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    host: str = "127.0.0.1"
    port: Annotated[int, Field(ge=0, le=65535)] = 8080
    tls_cert: Path | None = None
    tls_key: Path | None = None
    behind_tls_proxy: bool = False
    trusted_proxies: tuple[Annotated[str, AfterValidator(_address)], ...] = ()
    signed_in_as: Annotated[str, AfterValidator(_name)] | None = None
    session_idle_h: Annotated[float, Field(gt=0, le=720)] = 12.0
    session_longest_h: Annotated[float, Field(gt=0, le=720)] = 168.0

    @property
    def has_tls(self) -> bool:
        """Return whether what people type reaches us encrypted."""
        return self.tls_cert is not None or self.behind_tls_proxy

    @property
    def is_private(self) -> bool:
        """Return whether only programs of this machine can reach us."""
        return is_loopback(self.host) and not self.behind_tls_proxy

    @model_validator(mode="after")
    def _check(self) -> Self:
        if (self.tls_cert is None) != (self.tls_key is None):
            raise ValueError("tls_cert and tls_key go together: give both")
        if not is_loopback(self.host) and not self.has_tls:
            raise ValueError(
                f"host = {self.host!r} can be reached by other machines, and passwords would travel in the open:"
                " give tls_cert and tls_key, or behind_tls_proxy = true where a proxy does TLS, or listen on 127.0.0.1"
            )
        if self.signed_in_as is not None and not self.is_private:
            raise ValueError("signed_in_as = is for loopback only: everybody who reaches this cloud would be admin")
        if self.trusted_proxies and not self.behind_tls_proxy:
            raise ValueError("trusted_proxies = needs behind_tls_proxy = true: without a proxy nobody is trusted")
        return self
