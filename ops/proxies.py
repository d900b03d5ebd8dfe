"""The client's address behind proxies."""

from ipaddress import ip_address

from django.conf import settings
from django.http import HttpRequest

MAPPED = "::ffff:"


def set_client_address(request: HttpRequest) -> None:
    """Replace REMOTE_ADDR by the client's address if the request came through a trusted proxy.

    Rate limits, sign-in locks and logs then need not know about proxies. A request without a peer address
    came through a Unix socket, whose permissions decide who may be the proxy.
    """
    forwarded, peer = request.META.get("HTTP_X_FORWARDED_FOR"), request.META.get("REMOTE_ADDR", "")
    if peer.startswith(MAPPED):  # an IPv4 client of a socket for both versions (HOST=::)
        peer = request.META["REMOTE_ADDR"] = peer.removeprefix(MAPPED)
    if forwarded is not None and (not peer or is_trusted(peer)):
        request.META["REMOTE_ADDR"] = client_address(forwarded, peer)


def client_address(forwarded: str, peer: str) -> str:
    """Return the last address in X-Forwarded-For that is not a trusted proxy.

    Each proxy appends the address that it received the request from; the client may have sent everything
    before its own address. An invalid address ends the search, and the proxy before it counts as the client.
    """
    nearest = peer
    for part in reversed(forwarded.split(",")):
        address = bare(part.strip())
        if address is None:
            break
        nearest = address
        if not is_trusted(address):
            break
    return nearest


def bare(text: str) -> str | None:
    """Return an address in canonical form, without the port that some proxies add; None if it is invalid."""
    if text.startswith("["):
        text = text[1:].partition("]")[0]
    elif text.count(":") == 1:
        text = text.partition(":")[0]
    try:
        address = ip_address(text)
    except ValueError:
        return None
    mapped = getattr(address, "ipv4_mapped", None)
    return str(mapped or address)


def is_trusted(text: str) -> bool:
    """Return whether an address is in TRUSTED_PROXIES."""
    return any(ip_address(text) in network for network in settings.TRUSTED_PROXIES)
