"""Behind a real nginx, with the documented file: forms work, headers are there, and no caller speaks for the proxy."""

from __future__ import annotations

import os
import re
import shutil
import socket
import subprocess
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest
import uvicorn

from serving.casework.app import build_app
from serving.desk import Desk
from serving.identity import Identity
from serving.session import Beginning
from serving.web.api import make_routes
from serving.web.guard import Guard
from tests.unit.serving.conftest import ROOT

CONFIGURATION = ROOT / "deploy" / "nginx.conf"
NAME = "sooner.council.example"
SENT = {"reach": "a friend", "words": "A letter went next door."}

pytestmark = pytest.mark.skipif(shutil.which("nginx") is None, reason="needs nginx: sudo apt-get install nginx-light")


def find_port() -> int:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        return int(free.getsockname()[1])


@pytest.fixture
def proxied(desk: Desk, tmp_path: Path) -> Iterator[httpx.Client]:
    """Serve a desk behind nginx; only ports, certificate and the folder of its own files differ from the document."""
    app = Guard(build_app(lambda: desk, make_routes(lambda: desk)), entrance=lambda: desk.entrance, hosts=[NAME])
    # As the supervisor's workers are set.
    server = uvicorn.Server(uvicorn.Config(app, port=find_port(), log_level="error", forwarded_allow_ips="127.0.0.1"))
    thread = threading.Thread(target=server.run, daemon=True)
    thread.start()
    plain, sealed = find_port(), find_port()
    key, certificate = tmp_path / "key.pem", tmp_path / "certificate.pem"
    subprocess.run(
        ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-days", "1",
         "-subj", f"/CN={NAME}", "-keyout", str(key), "-out", str(certificate)], check=True, capture_output=True,
    )  # fmt: skip
    text = CONFIGURATION.read_text(encoding="utf-8")
    for old, new in (
        ("127.0.0.1:3000", f"127.0.0.1:{server.config.port}"), ("listen 80;", f"listen 127.0.0.1:{plain};"),
        ("listen 443 ssl", f"listen 127.0.0.1:{sealed} ssl"), ("/etc/ssl/sooner/certificate.pem", str(certificate)),
        ("/etc/ssl/sooner/key.pem", str(key)),
    ):  # fmt: skip
        assert old in text, old
        text = text.replace(old, new)
    paths = "".join(f"{kind}_temp_path {tmp_path}/{kind};\n" for kind in
                    ("client_body", "proxy", "fastcgi", "uwsgi", "scgi"))  # fmt: skip
    user = "user root;\n" if os.geteuid() == 0 else ""
    (tmp_path / "nginx.conf").write_text(
        f"daemon off;\n{user}worker_processes 1;\npid {tmp_path}/pid;\nerror_log {tmp_path}/error.log;\n"
        f"events {{}}\nhttp {{\n{paths}{text}\n}}\n",
        encoding="utf-8",
    )
    process = subprocess.Popen(["nginx", "-p", str(tmp_path), "-c", str(tmp_path / "nginx.conf")])
    try:
        base = f"https://127.0.0.1:{sealed}"
        with httpx.Client(base_url=base, headers={"host": NAME}, verify=False) as client:  # noqa: S501  # its own
            wait_until_answering(client, process)
            client.headers["x-plain-port"] = str(plain)
            yield client
    finally:
        process.terminate()
        process.wait(timeout=30)
        server.should_exit = True
        thread.join(timeout=30)


def wait_until_answering(client: httpx.Client, process: subprocess.Popen[bytes]) -> None:
    end = time.monotonic() + 60
    while time.monotonic() < end and process.poll() is None:
        try:
            if client.get("/livez").status_code < 500:
                return
        except httpx.TransportError:
            pass
        time.sleep(0.05)
    pytest.fail("nginx did not begin to answer")


def test_forms_and_headers_work_behind_nginx_and_no_caller_speaks_for_it(proxied: httpx.Client, desk: Desk) -> None:
    """Seen to fail without X-Forwarded-Proto, and with `$proxy_add_x_forwarded_for`."""
    token = desk.sessions.begin(Identity("u-1", "lead_practitioner", frozenset({"north"})), Beginning(way="emergency"))
    session = desk.sessions.read(token)
    assert session is not None
    headers = {"origin": f"https://{NAME}", "cookie": f"__Host-sooner_session={token}"}
    page = proxied.get("/worklists/north", headers=headers)
    assert page.status_code == 200
    assert page.headers["strict-transport-security"].startswith("max-age=31536000")
    assert "'none'" in page.headers["content-security-policy"]
    assert not re.search(r"nginx/\d", page.headers.get("server", ""))
    assert proxied.post("/sign-out", data={"form_token": session.form_token}, headers=headers).status_code == 303
    # What a caller says of their own address is nobody's word: all of these are one address's.
    for number in range(3):
        told = {"origin": "https://www.fernhill.example", "x-forwarded-for": f"192.0.2.{number}"}
        assert proxied.post("/public/complaint", data=SENT, headers=told).status_code == 201
    counts = desk.store._engine.connect().exec_driver_sql("SELECT who, count FROM allowances").all()
    assert sorted(count for _, count in counts) == [3, 3], "one of this address, one of all together"
    # A body that is too large is Sooner's to refuse, in its own words; what operators ask is not to be had from here.
    assert proxied.post("/public/complaint", data={**SENT, "words": "x" * 1_500_000}).status_code == 413
    assert proxied.get("/metrics").status_code == 404
    plain = httpx.get(f"http://127.0.0.1:{proxied.headers['x-plain-port']}/sign-in", headers={"host": NAME})
    assert (plain.status_code, plain.headers["location"]) == (308, f"https://{NAME}/sign-in")
    assert proxied.get("/sign-in", headers={"host": "other.example"}).status_code == 400
