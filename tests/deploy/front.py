"""nginx with the deployed configuration, and servers behind it."""

import os
import re
import shutil
import socket
import ssl
import subprocess
import sys
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler
from pathlib import Path
from socketserver import ThreadingMixIn, UnixStreamServer
from threading import Thread

import httpx
from django.conf import settings

from tests.faults.service import WITHIN
from tests.live import free_port, kill

DEPLOY = settings.BASE_DIR / "deploy"
NGINX = shutil.which("nginx", path=f"{os.environ.get('PATH', '')}:/usr/sbin")

AROUND = """
daemon off;
pid {folder}/nginx.pid;
error_log {folder}/nginx.log info;
{user}
events {{ worker_connections 512; }}
http {{
    client_body_temp_path {folder}/body;
    proxy_temp_path {folder}/proxy;
    fastcgi_temp_path {folder}/fastcgi;
    uwsgi_temp_path {folder}/uwsgi;
    scgi_temp_path {folder}/scgi;
    include /etc/nginx/mime.types;
    include {folder}/goatfish.conf;
}}
"""


class Nginx:
    """nginx for https://localhost, with other names, paths and ports than in the deployed file."""

    def __init__(self, folder: Path) -> None:
        """Start nginx."""
        self.folder, self.socket = folder, folder / "goatfish.sock"
        self.port, self.plain_port, self.metrics_port = free_port(), free_port(), free_port()
        make_certificate(folder)
        (folder / "goatfish.conf").write_text(self.configuration())
        user = "user root;" if os.geteuid() == 0 else ""
        (folder / "nginx.conf").write_text(AROUND.format(folder=folder, user=user))
        self.process = subprocess.Popen(
            [str(NGINX), "-c", folder / "nginx.conf", "-e", folder / "nginx.log"],
            stdin=subprocess.DEVNULL,
            start_new_session=True,
        )

    def configuration(self) -> str:
        """Return the deployed file with the names, paths and ports of the test."""
        text = (DEPLOY / "nginx.conf").read_text()
        text = re.sub(r"\n *listen \[::\].*;", "", text)
        for pattern, here in {
            r"/etc/letsencrypt/live/goatfish\.example\.org": str(self.folder),
            r"goatfish\.example\.org": "localhost",
            r"/run/goatfish\.sock": str(self.socket),
            r"listen 443\b": f"listen 127.0.0.1:{self.port}",
            r"listen 80\b": f"listen 127.0.0.1:{self.plain_port}",
            r"listen 127\.0\.0\.1:9180\b": f"listen 127.0.0.1:{self.metrics_port}",
        }.items():
            text, count = re.subn(pattern, here, text)
            assert count, pattern
        return text

    def client(self, address: str = "127.0.0.1") -> httpx.Client:
        """Return an HTTPS client with a local address."""
        transport = httpx.HTTPTransport(verify=self.trust(), local_address=address)
        return httpx.Client(transport=transport, base_url=f"https://localhost:{self.port}", timeout=WITHIN)

    def trust(self) -> ssl.SSLContext:
        """Return a context that trusts only the certificate of this nginx."""
        return ssl.create_default_context(cafile=str(self.folder / "fullchain.pem"))

    def connect(self, name: str = "localhost", protocols: tuple[str, ...] = ("http/1.1",)) -> ssl.SSLSocket:
        """Return a TLS connection, for requests that no HTTP client would send."""
        context = self.trust()
        context.set_alpn_protocols(list(protocols))
        connection = socket.create_connection(("127.0.0.1", self.port), timeout=WITHIN)
        return context.wrap_socket(connection, server_hostname=name)

    def listens(self) -> bool:
        """Return whether nginx accepts connections. Fails if it has exited."""
        assert self.process.poll() is None, (self.folder / "nginx.log").read_text()
        try:
            socket.create_connection(("127.0.0.1", self.port), timeout=WITHIN).close()
        except ConnectionRefusedError:
            return False
        return True

    def kill(self) -> None:
        """Kill nginx."""
        kill(self.process)


def make_certificate(folder: Path) -> None:
    """Write fullchain.pem and privkey.pem, for localhost."""
    command = (
        "openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 2 -subj /CN=localhost"
    )
    name = "-addext subjectAltName=DNS:localhost -keyout privkey.pem -out fullchain.pem"
    subprocess.run(f"{command} {name}".split(), cwd=folder, check=True, capture_output=True)


class Upstream(ThreadingMixIn, UnixStreamServer):
    """A server behind nginx, for tests that control the timing: `act` responds to each request."""

    daemon_threads = True

    def __init__(self, path: Path, act: Callable[[BaseHTTPRequestHandler], None]) -> None:
        """Listen on a Unix socket."""

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_GET(self) -> None:
                act(self)

            do_POST = do_GET  # noqa: N815

            def log_message(self, format: str, *args: object) -> None:
                """Log nothing."""

        super().__init__(str(path), Handler)
        Thread(target=self.serve_forever, daemon=True).start()


# systemd passes a socket as file descriptor 3, to the process that LISTEN_PID names.
HAND_OVER = """
import os, sys
os.dup2(int(sys.argv[1]), 3)
os.environ.update(LISTEN_FDS="1", LISTEN_PID=str(os.getpid()))
os.execv(sys.argv[2], sys.argv[2:])
"""


class Unit:
    """The service as systemd runs it, on a socket that stays open when the service stops."""

    def __init__(self, path: Path, environment: dict[str, str]) -> None:
        """Listen, but do not start gunicorn."""
        self.log, self.environment = path.with_suffix(".log"), environment
        self.socket = socket.socket(socket.AF_UNIX)
        self.socket.bind(str(path))
        self.socket.listen(1024)

    def start(self) -> None:
        """Start gunicorn."""
        number, gunicorn = self.socket.fileno(), Path(sys.executable).with_name("gunicorn")
        with self.log.open("ab") as output:
            self.process = subprocess.Popen(
                [sys.executable, "-c", HAND_OVER, str(number), str(gunicorn)],
                cwd=settings.BASE_DIR,
                env=self.environment,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=output,
                pass_fds=(number,),
                start_new_session=True,
            )

    def runs(self) -> bool:
        """Return True. Fails if gunicorn has exited."""
        assert self.process.poll() is None, self.log.read_text()
        return True

    def stop(self) -> None:
        """Stop gunicorn, as `systemctl stop` does, and wait until it exits."""
        self.process.terminate()
        self.process.wait(WITHIN)

    def kill(self) -> None:
        """Kill gunicorn and close the socket."""
        kill(self.process)
        self.socket.close()
