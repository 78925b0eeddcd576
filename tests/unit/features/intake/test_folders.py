"""Deliveries of a folder elsewhere: a real SFTP server and a real S3-compatible one, and what goes wrong with them."""

from __future__ import annotations

import asyncio
import os
import shutil
import socket
import subprocess
import sys
import threading
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import asyncssh
import pytest

from charter.errors import DataError, UsageError
from tests.unit.features.conftest import Town
from tests.waiting import PATIENCE

PHRASE = "a long password of nobody"
UV = Path(sys.executable).parent / "uv"
MOTO = [os.environ["SOONER_TEST_S3"]] if "SOONER_TEST_S3" in os.environ else []
MOTO = MOTO or [str(UV), "tool", "run", "--quiet", "--from", "moto[server]==5.2.5", "moto_server"]
"""An S3-compatible server in an environment of its own: the one that is named, or one that uv brings."""


class PasswordServer(asyncssh.SSHServer):
    """Lets in whoever knows the password."""

    def password_auth_supported(self) -> bool:
        return True

    def validate_password(self, username: str, password: str) -> bool:
        return (username, password) == ("sooner", PHRASE)


@contextmanager
def serve_sftp(root: Path) -> Iterator[tuple[int, str, str]]:
    """Serve a folder by SFTP; give the port, the host key and a private key that is let in."""
    host, client = asyncssh.generate_private_key("ssh-ed25519"), asyncssh.generate_private_key("ssh-ed25519")
    loop = asyncio.new_event_loop()
    ready: list[asyncssh.SSHAcceptor] = []

    async def begin() -> None:
        ready.append(
            await asyncssh.listen(
                "127.0.0.1",
                0,
                server_factory=PasswordServer,
                server_host_keys=[host],
                authorized_client_keys=asyncssh.import_authorized_keys(client.export_public_key().decode()),
                sftp_factory=lambda channel: asyncssh.SFTPServer(channel, chroot=str(root).encode()),
            )
        )

    thread = threading.Thread(target=loop.run_forever)
    thread.start()
    asyncio.run_coroutine_threadsafe(begin(), loop).result(PATIENCE)
    try:
        yield ready[0].get_port(), host.export_public_key().decode().strip(), client.export_private_key().decode()
    finally:
        ready[0].close()
        asyncio.run_coroutine_threadsafe(ready[0].wait_closed(), loop).result(PATIENCE)
        loop.call_soon_threadsafe(loop.stop)
        thread.join(PATIENCE)
        loop.close()


def connect(town: Town, **keys: str) -> None:
    """Give the town's housing a connection to a folder elsewhere."""
    stated = {"kind": "folder", "secret_from": "RENTS_DROP", **keys}
    lines = "\n".join(f'{name} = "{value}"' for name, value in stated.items())
    town.register("\n  [[source.signal]]", f"\n  [source.connection]\n{lines}\n\n  [[source.signal]]")


@pytest.fixture
def elsewhere(town: Town, tmp_path: Path) -> Path:
    """Move the town's delivery of housing to a folder elsewhere."""
    folder = tmp_path / "elsewhere"
    (folder / "rents").mkdir(parents=True)
    shutil.move(town.workspace / "extracts/housing", folder / "rents/2024-09")
    return folder


@pytest.mark.parametrize("by", ["password", "private key"])
def test_deliveries_of_an_sftp_server_are_copied_once_and_pulled(
    town: Town, elsewhere: Path, monkeypatch: pytest.MonkeyPatch, by: str
) -> None:
    with serve_sftp(elsewhere) as (port, host_key, private_key):
        url = f"sftp://sooner@127.0.0.1:{port}/rents"
        connect(town, url=url, host_key=host_key)
        monkeypatch.setenv("RENTS_DROP", PHRASE if by == "password" else private_key)
        (elsewhere / "rents/2024-10").mkdir()  # Not whole yet.
        (elsewhere / "rents/2024-10/arrears.csv").write_text("id\n", encoding="utf-8")
        assert town.pull().rows == 5
        here = town.workspace / "extracts/housing"
        assert [path.name for path in here.iterdir()] == ["2024-09"]
        assert all(path.stat().st_mode & 0o077 == 0 for path in here.rglob("*"))
        assert not town.pull().made


def test_a_server_with_another_host_key_or_password_is_refused(
    town: Town, elsewhere: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    other = asyncssh.generate_private_key("ssh-ed25519").export_public_key().decode().strip()
    with serve_sftp(elsewhere) as (port, host_key, _):
        url = f"sftp://sooner@127.0.0.1:{port}/rents"
        connect(town, url=url, host_key=other)
        with pytest.raises(UsageError, match="RENTS_DROP is not set"):
            town.pull()
        monkeypatch.setenv("RENTS_DROP", PHRASE)
        with pytest.raises(DataError, match="HostKeyNotVerifiable") as refused:
            town.pull()
        assert PHRASE not in str(refused.value)
        town.register(other, host_key)
        monkeypatch.setenv("RENTS_DROP", "wrong")
        with pytest.raises(DataError, match="PermissionDenied"):
            town.pull()
    monkeypatch.setenv("RENTS_DROP", PHRASE)
    with pytest.raises(DataError, match="did not give its deliveries"):
        town.pull()
    assert not list((town.workspace / "extracts").glob("housing/*"))


@contextmanager
def serve_s3() -> Iterator[str]:
    """Serve S3 by moto's server, in its own environment; give its address."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    running = subprocess.Popen([*MOTO, "-H", "127.0.0.1", "-p", str(port)], stderr=subprocess.DEVNULL)
    try:
        address = f"http://127.0.0.1:{port}"
        for _ in range(600):
            try:
                urllib.request.urlopen(address, timeout=1).close()
                break
            except OSError:
                time.sleep(0.1)
        yield address
    finally:
        running.terminate()
        running.wait(PATIENCE)


@pytest.mark.deep
@pytest.mark.skipif(not Path(MOTO[0]).exists(), reason="no uv here, and SOONER_TEST_S3 names no server")
def test_deliveries_of_s3_compatible_storage_are_copied_once_and_pulled(
    town: Town, elsewhere: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    import pyarrow.fs

    with serve_s3() as address:
        storage = pyarrow.fs.S3FileSystem(
            access_key="name", secret_key=PHRASE, endpoint_override=address.removeprefix("http://"), scheme="http",
            allow_bucket_creation=True,
        )  # fmt: skip
        storage.create_dir("drop")
        for path in (elsewhere / "rents/2024-09").iterdir():
            with storage.open_output_stream(f"drop/rents/2024-09/{path.name}") as stream:
                stream.write(path.read_bytes())
        connect(town, url="s3://drop/rents", endpoint=address, name_from="RENTS_S3_NAME")
        monkeypatch.setenv("RENTS_S3_NAME", "name")
        monkeypatch.setenv("RENTS_DROP", PHRASE)
        assert town.pull().rows == 5
        assert not town.pull().made
    with pytest.raises(DataError, match="storage of 'housing' did not give"):
        town.pull()
