"""Deliveries of a folder elsewhere, of S3-compatible storage or by SFTP, copied beside those that are here already.

    s3://housing-drop/rents/2024-06/arrears.csv               a folder for each delivery; its delivery.json says
    s3://housing-drop/rents/2024-06/delivery.json             that it is whole
    sftp://sooner@files.fernhill.example/rents/2024-06/...    the same

One whose name is here is not asked for again. Each is copied beside and put in its place in one step, so what a kill
left half is copied anew, and what came whole stays. An SFTP server must have the very host key that the register names.
"""

from __future__ import annotations

import asyncio
import shutil
from collections.abc import Awaitable, Callable, Iterable, Mapping
from pathlib import Path, PurePosixPath
from urllib.parse import unquote, urlsplit

from charter.council.connections import FolderConnection
from charter.council.register import Source
from charter.errors import DataError, UsageError
from charter.machine.secret import read_secret

__all__ = ["fetch_deliveries"]

_STATEMENT = "delivery.json"
_TIMEOUT = 60
_BUFFER = 1 << 20

Sizes = Mapping[str, Mapping[str, int]]
"""Files and their sizes in bytes, by delivery."""


def fetch_deliveries(source: Source, connection: FolderConnection, place: Path) -> int:
    """Copy the deliveries that `place` has not got yet; return how many they were.

    Raises DataError where the folder can't be read, or a file broke off; UsageError where a secret is missing.
    """
    if connection.url.startswith("s3://"):
        return _fetch_s3(source, connection, place)
    return asyncio.run(_fetch_sftp(source, connection, place))


def _choose_new(sizes: Sizes, place: Path) -> list[str]:
    """Return the deliveries that are whole and not here, in the order of their names."""
    return [name for name, files in sorted(sizes.items()) if _STATEMENT in files and not (place / name).exists()]


def _gather(files: Iterable[tuple[str, int]]) -> Sizes:
    """Return files by delivery, of paths `NAME/FILE`; what lies deeper, or begins with a dot, is passed over."""
    sizes: dict[str, dict[str, int]] = {}
    for path, size in files:
        parts = PurePosixPath(path).parts
        if len(parts) == 2 and not any(part.startswith(".") for part in parts):
            sizes.setdefault(parts[0], {})[parts[1]] = size
    return sizes


async def _copy_new(source: Source, sizes: Sizes, place: Path, copy: Callable[[str, Path], Awaitable[None]]) -> int:
    names = _choose_new(sizes, place)
    for name in names:
        beside = place.with_name(f".new-{place.name}-{name}")
        shutil.rmtree(beside, ignore_errors=True)
        beside.mkdir(parents=True, mode=0o700)
        for file, size in sorted(sizes[name].items()):
            path = beside / file
            path.touch(mode=0o600)
            await copy(f"{name}/{file}", path)
            if path.stat().st_size != size:
                raise DataError(
                    f"{source.service}/{name}/{file} broke off: it came with other bytes than were announced.",
                    "Pull again: it is copied anew. Nothing was pulled.",
                )
        place.mkdir(parents=True, exist_ok=True, mode=0o700)
        beside.rename(place / name)
    return len(names)


def _refusal(source: Source, connection: FolderConnection, cause: str) -> DataError:
    kind = "storage" if connection.url.startswith("s3://") else "SFTP server"
    return DataError(
        f"the {kind} of {source.service!r} did not give its deliveries ({cause}).",
        "Check its address, its key and what this account may read. Nothing was pulled.",
    )


def _fetch_s3(source: Source, connection: FolderConnection, place: Path) -> int:
    import pyarrow.fs

    if connection.name_from is None:
        raise UsageError(f"the connection of {source.service!r} names no access key.", "Give it `name_from`.")
    parts = urlsplit(connection.url)
    base = f"{parts.netloc}{parts.path}".rstrip("/")
    address = urlsplit(connection.endpoint)
    try:
        storage = pyarrow.fs.S3FileSystem(
            access_key=read_secret(connection.name_from),
            secret_key=read_secret(connection.secret_from),
            endpoint_override=address.netloc or None,
            scheme=address.scheme or "https",
            region=connection.region,
            connect_timeout=_TIMEOUT,
            request_timeout=_TIMEOUT,
        )
        infos = storage.get_file_info(pyarrow.fs.FileSelector(base, recursive=True))
        sizes = _gather(
            (info.path.removeprefix(f"{base}/"), info.size) for info in infos if info.type == pyarrow.fs.FileType.File
        )

        async def copy(name: str, path: Path) -> None:
            with storage.open_input_stream(f"{base}/{name}") as stream, path.open("wb") as into:
                while chunk := stream.read(_BUFFER):
                    into.write(chunk)

        return asyncio.run(_copy_new(source, sizes, place, copy))
    except OSError as error:
        raise _refusal(source, connection, type(error).__name__) from None


async def _fetch_sftp(source: Source, connection: FolderConnection, place: Path) -> int:
    try:
        import asyncssh
    except ImportError:
        raise UsageError("asyncssh is not installed.", 'Install it with: pip install "sooner[sftp]".') from None
    parts = urlsplit(connection.url)
    base = unquote(parts.path).rstrip("/") or "."
    secret = read_secret(connection.secret_from)
    is_key = secret.startswith("-----BEGIN")
    try:
        trusted = asyncssh.import_public_key(connection.host_key)
        async with (
            asyncssh.connect(
                parts.hostname or "",
                parts.port or 22,
                username=unquote(parts.username or ""),
                client_keys=[asyncssh.import_private_key(secret)] if is_key else None,
                password=None if is_key else secret,
                known_hosts=([trusted], [], []),
                agent_path=None,
                config=None,
                connect_timeout=_TIMEOUT,
            ) as session,
            session.start_sftp_client() as client,
        ):
            sizes: dict[str, int] = {}
            for name in await client.listdir(base):
                if not name.startswith(".") and await client.isdir(f"{base}/{name}"):
                    for entry in await client.readdir(f"{base}/{name}"):
                        if entry.attrs.type != asyncssh.FILEXFER_TYPE_DIRECTORY:
                            sizes[f"{name}/{_decode(entry.filename)}"] = int(entry.attrs.size or 0)

            async def copy(name: str, path: Path) -> None:
                await client.get(f"{base}/{name}", str(path))

            return await _copy_new(source, _gather(sizes.items()), place, copy)
    except (OSError, asyncssh.Error, asyncssh.KeyImportError, TimeoutError) as error:
        raise _refusal(source, connection, type(error).__name__) from None


def _decode(name: str | bytes) -> str:
    return name if isinstance(name, str) else name.decode("utf-8", "replace")
