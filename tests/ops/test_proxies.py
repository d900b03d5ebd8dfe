from ipaddress import ip_network

from django.http import HttpResponse
from django.test import SimpleTestCase, override_settings

from ops.middleware.requests import Request, RequestMiddleware

TRUSTED = [ip_network(network) for network in ("127.0.0.1", "10.0.0.0/8", "2001:db8::/32")]


@override_settings(TRUSTED_PROXIES=TRUSTED)
class ProxyTests(SimpleTestCase):
    def assertClient(self, client: str, peer: str, forwarded: str | None) -> None:  # noqa: N802
        request = Request()
        request.META["REMOTE_ADDR"] = peer
        if forwarded is not None:
            request.META["HTTP_X_FORWARDED_FOR"] = forwarded
        RequestMiddleware(lambda request: HttpResponse())(request)
        with self.subTest(peer=peer, forwarded=forwarded):
            self.assertEqual(request.META["REMOTE_ADDR"], client)

    def test_the_client_is_the_last_untrusted_address(self) -> None:
        self.assertClient("192.0.2.1", "127.0.0.1", "192.0.2.1")
        self.assertClient("192.0.2.1", "127.0.0.1", "192.0.2.1, 10.9.9.9,10.1.1.1")
        self.assertClient("3fff::1", "2001:db8::2", "3fff:0::0001")
        self.assertClient("192.0.2.1", "", "192.0.2.1")  # through a Unix socket

    def test_addresses_from_the_client_are_ignored(self) -> None:
        self.assertClient("192.0.2.7", "192.0.2.7", "198.51.100.1")
        self.assertClient("192.0.2.7", "127.0.0.1", "198.51.100.1, 192.0.2.7")
        self.assertClient("192.0.2.7", "127.0.0.1", "10.0.0.1, 192.0.2.7, 10.1.1.1")

    def test_ports_and_mapped_addresses_are_normalized(self) -> None:
        self.assertClient("192.0.2.1", "127.0.0.1", "192.0.2.1:4711")
        self.assertClient("3fff::1", "127.0.0.1", "[3fff::1]:4711")
        self.assertClient("3fff::1", "127.0.0.1", "[3fff::1]")
        self.assertClient("192.0.2.1", "127.0.0.1", "::ffff:192.0.2.1")
        self.assertClient("192.0.2.1", "::ffff:127.0.0.1", "192.0.2.1")  # on a socket for both IP versions
        self.assertClient("192.0.2.7", "::ffff:192.0.2.7", None)

    def test_invalid_addresses_end_the_search(self) -> None:
        for invalid in ("", "unknown", "192.0.2.1.7", "_hidden", "192.0.2.1, ", "gf_secret\x00"):
            self.assertClient("127.0.0.1", "127.0.0.1", invalid)
        self.assertClient("10.1.1.1", "127.0.0.1", "unknown, 10.1.1.1")

    def test_without_the_header_nothing_changes(self) -> None:
        self.assertClient("127.0.0.1", "127.0.0.1", None)
        self.assertClient("", "", None)

    @override_settings(TRUSTED_PROXIES=[])
    def test_no_proxy_is_trusted_if_none_is_configured(self) -> None:
        self.assertClient("127.0.0.1", "127.0.0.1", "192.0.2.1")
