"""Who the client is, behind proxies."""

from collections.abc import Callable
from ipaddress import ip_address

from django.conf import settings
from django.http import HttpRequest
from django.http.response import HttpResponseBase

MAPPED = "::ffff:"


class ClientAddressMiddleware:
    """Puts the client's address into REMOTE_ADDR where a trusted proxy sent the request on.

    So limits, locks and logs know nothing of proxies. Without a peer's address the request came through a
    Unix socket, whose permissions say who may be the proxy.
    """

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponseBase]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        forwarded, peer = request.META.get("HTTP_X_FORWARDED_FOR"), request.META.get("REMOTE_ADDR", "")
        if peer.startswith(MAPPED):  # what an IPv4 client looks like on a socket of both kinds, as HOST=::
            peer = request.META["REMOTE_ADDR"] = peer.removeprefix(MAPPED)
        if forwarded is not None and (not peer or is_trusted(peer)):
            request.META["REMOTE_ADDR"] = client_address(forwarded, peer)
        return self.get_response(request)


def client_address(forwarded: str, peer: str) -> str:
    """Return the last address of an X-Forwarded-For that is no trusted proxy's.

    Each proxy adds whom it heard at the right; what is left of the client's address came from the client.
    What is no address ends the search: the nearest proxy then stands for the client.
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
    """Return an address in its usual form, without the port that some proxies add, or None for all else."""
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
    """Tell whether an address is one of TRUSTED_PROXIES."""
    return any(ip_address(text) in network for network in settings.TRUSTED_PROXIES)
