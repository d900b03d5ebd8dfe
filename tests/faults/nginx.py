"""nginx in front of one or several services, with a minimal configuration."""

import shutil
import signal
import subprocess
from pathlib import Path
from unittest import skipUnless

import httpx

from tests.faults.service import Server, wait_until
from tests.live import free_port, kill

needs_nginx = skipUnless(shutil.which("nginx"), "nginx is not installed")

# Errors of nginx itself are problems too, such as when no service is running.
CONFIGURATION = """
daemon off;
user root;
worker_processes 1;
worker_rlimit_nofile 20000;
pid {folder}/pid;
error_log {folder}/error.log;
events {{ worker_connections 16000; }}
http {{
    access_log off;
    client_body_temp_path {folder}/body;
    proxy_temp_path {folder}/proxy;
    fastcgi_temp_path {folder}/fastcgi;
    uwsgi_temp_path {folder}/uwsgi;
    scgi_temp_path {folder}/scgi;
    client_max_body_size 12m;
    keepalive_requests 1000000;
    upstream services {{
{servers}
        {keepalive}
    }}
    server {{
        listen 127.0.0.1:{port} backlog=4096;
        location / {{
            proxy_pass http://services;
            proxy_http_version 1.1;
            proxy_set_header Connection "{connection}";
            proxy_set_header Host $host;
            proxy_set_header X-Forwarded-For $remote_addr;
        }}
        error_page 400 413 502 504 @problem;
        location @problem {{
            internal;
            default_type application/problem+json;
            return 200 '{{"type": "about:blank", "title": "Rejected by the proxy"}}';
        }}
    }}
}}
"""


class Nginx:
    """Forwards requests to services in turn."""

    def __init__(self, folder: Path, servers: list[Server], keepalive: bool = False) -> None:
        """Start nginx. With `keepalive`, it keeps connections to the services open."""
        self.folder, self.keepalive, self.port = folder, keepalive, free_port()
        self.address = f"http://127.0.0.1:{self.port}"
        self.configure(servers)
        self.process = subprocess.Popen(
            ["nginx", "-p", folder, "-c", folder / "nginx.conf", "-e", folder / "error.log"],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
        )
        wait_until(self.is_ready)

    def configure(self, servers: list[Server]) -> None:
        """Write the configuration for these services."""
        text = CONFIGURATION.format(
            folder=self.folder,
            port=self.port,
            servers="\n".join(f"        server 127.0.0.1:{server.port} max_fails=0;" for server in servers),
            keepalive="keepalive 32;" if self.keepalive else "",
            connection="" if self.keepalive else "close",
        )
        (self.folder / "nginx.conf").write_text(text)

    def is_ready(self) -> bool:
        """Return whether nginx and a service respond."""
        assert self.process.poll() is None, (self.folder / "error.log").read_text()
        try:
            return httpx.get(f"{self.address}/healthz").status_code == 200
        except httpx.TransportError:
            return False

    def send_to(self, servers: list[Server]) -> None:
        """Forward requests only to these services. Return once the old workers have exited."""
        before = self.workers()
        self.configure(servers)
        self.process.send_signal(signal.SIGHUP)
        wait_until(lambda: self.workers() and not self.workers() & before)

    def workers(self) -> set[int]:
        """Return the pids of the worker processes."""
        pid = self.process.pid
        return {int(child) for child in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()}

    def kill(self) -> None:
        kill(self.process)
