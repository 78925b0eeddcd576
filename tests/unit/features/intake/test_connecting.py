"""Databases and servers are asked for rows: real ones, with their faults, and with secrets that nothing repeats."""

from __future__ import annotations

import json
import select
import socket
import threading
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import psycopg
import pymysql
import pytest

from charter.council.connections import ServerConnection
from charter.council.register import ExtractFile, Register
from charter.errors import DataError, UsageError
from features.intake.connecting.server import ServerRows
from tests.unit.features.conftest import REGISTER

POSTGRES = "postgresql://postgres@127.0.0.1:5432/test"
MARIADB = "mysql+pymysql://root@127.0.0.1:3306/test"
SECRET = "s3cret-Quillfeather"  # noqa: S105 - made up, to be looked for


def listens(port: int) -> bool:
    with socket.socket() as asked:
        asked.settimeout(1)
        return asked.connect_ex(("127.0.0.1", port)) == 0


def register_for(url_from: str, query: str, cursor: str = "") -> str:
    head, arrears = REGISTER.split('  [[source.file]]\n  name = "arrears.csv"')
    head = head[: head.index("  [[source.file]]")]
    kind = "incremental" if cursor else "full"
    asked = f'  query = "{query}"\n' + (f'  cursor = "{cursor}"\n' if cursor else "")
    arrears = arrears.replace("\n  key", f"\n{asked}  key", 1).replace('recorded = "date"', 'recorded = "datetime"')
    arrears = arrears.replace('versions = ["corrected"]\n', "").replace('  corrected = "date"\n', "")
    arrears = arrears.replace('"coalesce(corrected, recorded)"', '"recorded"')
    connection = f'  [source.connection]\n  kind = "database"\n  url_from = "{url_from}"\n  covers_from = 2020-01-01\n'
    head = head.replace('service = "housing"', f'service = "housing"\ndeliveries = "{kind}"')
    return f'{head}{connection}  [[source.file]]\n  name = "arrears"{arrears}'


@pytest.fixture(params=["postgresql", "mariadb"])
def rents(request, monkeypatch) -> Iterator[tuple[str, object]]:
    """Give a table of arrears in a real database: its name, and what runs a statement there."""
    port = 5432 if request.param == "postgresql" else 3306
    if not listens(port):
        pytest.skip(f"no {request.param} runs here")
    table = f"rents_{uuid.uuid4().hex[:8]}"
    if request.param == "postgresql":
        connection = psycopg.connect(POSTGRES, autocommit=True)
        monkeypatch.setenv("RENTS_DATABASE", POSTGRES)
    else:
        connection = pymysql.connect(host="127.0.0.1", user="root", autocommit=True)
        connection.cursor().execute("create database if not exists test")
        connection.select_db("test")
        monkeypatch.setenv("RENTS_DATABASE", MARIADB)

    def run(statement: str) -> None:
        with connection.cursor() as cursor:
            cursor.execute(statement)

    run(f"create table {table} (id varchar(9), person_ref varchar(9), day date, balance numeric(12,2), "
        "stage varchar(20), recorded timestamp(6))")  # fmt: skip
    run(f"insert into {table} values ('A1', 'H1', '2024-06-30', 120.50, 'letter', '2024-07-02 09:00:00.000001'), "
        "('A2', '007', '2024-07-31', 1000, 'court', '2024-08-02 10:00:00')")  # fmt: skip
    yield table, run
    run(f"drop table {table}")
    connection.close()


def events(town, rows_of) -> list[tuple[object, ...]]:
    from features.pull_plan import find_newest_snapshot

    newest = find_newest_snapshot(town.workspace / "store")
    rows = rows_of(newest / "records/events.parquet", "valid_at, known_at")
    return [(row["amount"], row["detail"], row["known_at"], row["known_until"] is None) for row in rows]


def test_rows_of_a_database_come_as_they_are_and_only_newer_ones_again(town, rows_of, rents) -> None:
    table, run = rents
    (town.council / "register.toml").write_text(register_for("RENTS_DATABASE", f"select * from {table}", "recorded"))
    first = town.pull()
    assert (first.rows, first.quarantined, first.synthetic) == (2, 0, False)
    assert [(float(amount), detail, known) for amount, detail, known, _ in events(town, rows_of)] == [
        (120.5, "letter", datetime(2024, 7, 2, 9, 0, 0, 1)),
        (1000.0, "court", datetime(2024, 8, 2, 10)),
    ]
    assert not town.pull().made
    run(f"insert into {table} values ('A2', '007', '2024-07-31', 900, 'court', '2024-08-09 10:00:00')")
    second = town.pull()
    assert (second.made, second.rows) == (True, 1)
    assert [(float(amount), stands) for amount, _, _, stands in events(town, rows_of)] == [
        (120.5, True),
        (1000.0, False),
        (900.0, True),
    ]
    assert not town.pull().made


def test_a_whole_table_is_a_full_delivery(town, rows_of, rents) -> None:
    table, run = rents
    (town.council / "register.toml").write_text(register_for("RENTS_DATABASE", f"select * from {table}"))
    assert town.pull().rows == 2
    assert not town.pull().made
    run(f"delete from {table} where id = 'A1'")
    assert town.pull().made
    assert [stands for *_, stands in events(town, rows_of)] == [False, True]


@contextmanager
def line_that_breaks(port: int, after: int) -> Iterator[int]:
    """Give a port of this machine that leads to another, until so many bytes have come back."""
    inlet = socket.create_server(("127.0.0.1", 0))

    def carry() -> None:
        near, _ = inlet.accept()
        with near, socket.create_connection(("127.0.0.1", port)) as far:
            left = after
            while left > 0:
                for ready in select.select([near, far], [], [], 10)[0]:
                    content = ready.recv(4096)
                    (far if ready is near else near).sendall(content)
                    left -= len(content) if ready is far else 0

    threading.Thread(target=carry, daemon=True).start()
    yield inlet.getsockname()[1]
    inlet.close()


@pytest.mark.parametrize("rents", ["postgresql"], indirect=True)
def test_a_database_that_stops_in_the_middle_leaves_what_was_there(town, rows_of, rents, monkeypatch) -> None:
    table, run = rents
    (town.council / "register.toml").write_text(register_for("RENTS_DATABASE", f"select * from {table}"))
    assert town.pull().rows == 2
    before = events(town, rows_of)
    numbers = ", ".join(f"('B{n}', 'H1', '2024-06-30', {n}, 'letter', '2024-07-02')" for n in range(1, 5_001))
    run(f"insert into {table} values {numbers}")
    with line_that_breaks(5432, after=60_000) as broken:
        monkeypatch.setenv("RENTS_DATABASE", POSTGRES.replace("5432", str(broken)))
        with pytest.raises(DataError, match="the database of 'housing' did not give arrears"):
            town.pull()
    assert events(town, rows_of) == before
    assert len(town.snapshots) == 1
    monkeypatch.setenv("RENTS_DATABASE", POSTGRES)
    assert town.pull().rows == 5_002


def test_a_secret_is_in_no_error(town, monkeypatch) -> None:
    (town.council / "register.toml").write_text(register_for("RENTS_DATABASE", "select 1"))
    with pytest.raises(UsageError, match=r"\$RENTS_DATABASE is not set"):
        town.pull()
    port = 1 if listens(5432) else 5432
    for url in (f"postgresql://u:{SECRET}@127.0.0.1:{port}/x", f"nonsense://u:{SECRET}@h/x", SECRET):
        monkeypatch.setenv("RENTS_DATABASE", url)
        with pytest.raises((DataError, UsageError)) as refused:
            town.pull()
        assert "Quill" not in str(refused.value)
        assert refused.value.__cause__ is None
    place = town.council.parent / "secret"
    place.write_text(SECRET)
    place.chmod(0o644)
    monkeypatch.delenv("RENTS_DATABASE")
    monkeypatch.setenv("RENTS_DATABASE_FILE", str(place))
    with pytest.raises(UsageError, match="can be read by others"):
        town.pull()


def test_a_register_holds_no_secret(town) -> None:
    path = town.council / "register.toml"
    path.write_text(register_for(POSTGRES, "select 1"))
    with pytest.raises(DataError, match="is not the name of an environment variable"):
        Register.load(path)


class Pages(BaseHTTPRequestHandler):
    """Gives three pages of two rows, each fault of `faults` once: (page, what)."""

    faults: list[tuple[int, str]]
    asked: list[str]

    def do_GET(self) -> None:
        number = int(self.path.partition("page=")[2] or 1)
        self.asked.append(self.headers.get("Authorization", ""))
        fault = next((what for page, what in self.faults if page == number), "")
        if fault:
            self.faults.remove((number, fault))
        rows = [{"id": f"A{2 * number + n}", "n": n, "name": "Quillfeather"} for n in range(2)]
        page = {"data": rows, "next": f"/rows?page={number + 1}" if number < 3 else None}
        if fault == "same":
            page = {
                "data": [{"id": f"A{2 + n}", "n": n, "name": "Quillfeather"} for n in range(2)],
                "next": "/rows?page=2",
            }
        content = json.dumps(page).encode()
        self.send_response(int(fault) if fault.isdigit() else 200)
        if fault == "429":
            self.send_header("Retry-After", "7")
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content[: len(content) // 2] if fault == "half" else content)

    def log_message(self, *_: object) -> None: ...


@pytest.fixture
def server() -> Iterator[tuple[str, type[Pages]]]:
    class Own(Pages):
        faults: list[tuple[int, str]] = []  # noqa: RUF012 - each test has a class of its own
        asked: list[str] = []  # noqa: RUF012

    with ThreadingHTTPServer(("127.0.0.1", 0), Own) as running:
        threading.Thread(target=running.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{running.server_address[1]}", Own
        running.shutdown()


FILE = ExtractFile(name="rows", columns={"id": "text", "n": "integer", "name": "text"}, query="rows", key=("id",))


def ask(town, url: str, monkeypatch) -> tuple[int, list[float]]:
    monkeypatch.setenv("RENTS_TOKEN", SECRET)
    connection = ServerConnection(
        kind="server",
        url=url,
        token_from="RENTS_TOKEN",  # noqa: S106 - the name of a variable
        rows_at="data",
        covers_from=datetime(2020, 1, 1).date(),
    )
    waits: list[float] = []
    rows = ServerRows(town.invocation.register.source("housing"), connection, waits.append).fetch(FILE, "")
    try:
        assert len(set(rows.path.read_text().splitlines())) == rows.rows + 1
        return rows.rows, waits
    finally:
        rows.close()


def test_a_server_that_stumbles_is_asked_again_and_each_row_comes_once(town, server, monkeypatch) -> None:
    url, pages = server
    pages.faults += [(1, "429"), (2, "500"), (2, "half"), (3, "same"), (3, "503")]
    rows, waits = ask(town, url, monkeypatch)
    assert rows == 6
    assert waits == [7.0, 1.0, 2.0, 1.0, 2.0]
    assert set(pages.asked) == {f"Bearer {SECRET}"}
    assert len(pages.asked) == 8


@pytest.mark.parametrize(
    ("fault", "said"), [("500", "answered 500"), ("half", "no whole JSON"), ("same", "the same as")]
)
def test_a_server_that_does_not_recover_is_given_up_and_nothing_is_kept(town, server, monkeypatch, fault, said) -> None:
    url, pages = server
    pages.faults += [(2, fault)] * 9
    with pytest.raises(DataError, match=rf"page 2 could not be had: it.*{said}") as refused:
        ask(town, url, monkeypatch)
    assert "Quill" not in str(refused.value)
    assert len(pages.asked) == 6


def test_who_may_not_ask_is_told_at_once(town, server, monkeypatch) -> None:
    url, pages = server
    pages.faults += [(1, "401")]
    with pytest.raises(DataError, match="it answered 401"):
        ask(town, url, monkeypatch)
    assert len(pages.asked) == 1
