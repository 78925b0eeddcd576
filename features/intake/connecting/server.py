"""Rows of a server that gives pages of JSON: asked for again where it is busy, broken or cut short, until a limit.

    429, 500, 502, 503, 504   again, after what it says in Retry-After, else after 1, 2, 4, 8 seconds
    half a page               again: the length or the JSON does not hold
    the same page twice       again, and refused if it stays so: rows would be there twice, and others lacking
    401, 403, 404 ...         refused at once

A page that came whole is not asked for again within a pull. A pull that gives up keeps nothing and begins anew.
"""

from __future__ import annotations

import hashlib
import http.client
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from typing import Any
from urllib.parse import urlencode, urljoin, urlsplit

from charter.council.connections import ServerConnection
from charter.council.register import ExtractFile, Source
from charter.errors import DataError
from charter.machine.secret import read_secret
from features.intake.opening.json_lines import parse_json
from features.intake.opening.text_rows import FetchedRows, write_cell

__all__ = ["ServerRows"]

_TRIES = 5
_TIMEOUT = 60
_LARGEST_PAGE = 256 << 20
_AGAIN = (429, 500, 502, 503, 504)
_LONGEST_WAIT = 60.0


class ServerRows:
    """A server of a source, whose files are paths; `wait` sleeps for so many seconds."""

    def __init__(
        self, source: Source, connection: ServerConnection, wait: Callable[[float], object] = time.sleep
    ) -> None:
        self._source, self._connection, self._wait = source, connection, wait
        self._token = read_secret(connection.token_from) if connection.token_from else ""

    def fetch(self, file: ExtractFile, since: str) -> FetchedRows:
        """Return the rows of all pages; `since` is handed on as the query's value of the file's cursor.

        Raises DataError where a page can't be had whole, or rows are no objects of plain values.
        """
        where = f"{self._source.service}/{file.name}"
        objects = list(self._list_objects(file, since, where))
        columns = tuple(dict.fromkeys(name for row in objects for name in row)) or tuple(file.columns)
        rows = FetchedRows(file.name, columns, {}, since)
        rows.write_rows([write_cell(row.get(name), where) for name in columns] for row in objects)
        if file.cursor and objects:
            rows.cursor = max(write_cell(row.get(file.cursor), where) for row in objects)
        return rows

    def _list_objects(self, file: ExtractFile, since: str, where: str) -> Iterator[dict[str, Any]]:
        url = f"{self._connection.url.rstrip('/')}/{file.query.lstrip('/')}"
        if since:
            url += ("&" if "?" in url else "?") + urlencode({file.cursor: since})
        seen: set[str] = set()
        number = 1
        while url:
            page = self._fetch_page(url, f"{where}, page {number}", seen)
            rows = _find(page, self._connection.rows_at)
            if not isinstance(rows, list) or not all(isinstance(row, dict) for row in rows):
                raise DataError(f"{where}, page {number}: it has no list of objects.", "Correct `rows_at`.")
            yield from rows
            following = _find(page, self._connection.next_at) if isinstance(page, dict) else None
            url = self._next_url(url, following, where)
            number += 1

    def _next_url(self, url: str, following: Any, where: str) -> str:
        if not following:
            return ""
        address = urljoin(url, str(following))
        if urlsplit(address)[:2] != urlsplit(self._connection.url)[:2]:
            raise DataError(
                f"{where}: its next page is on another server.", "Ask whose it is; no token was sent there."
            )
        return address

    def _fetch_page(self, url: str, where: str, seen: set[str]) -> Any:
        cause = ""
        for number in range(_TRIES):
            if number:
                self._wait(self._pause or min(2.0 ** (number - 1), _LONGEST_WAIT))
            self._pause = 0.0
            try:
                content = self._ask(url)
                page = parse_json(content, where)
            except urllib.error.HTTPError as error:
                error.close()
                cause = f"it answered {error.code}"
                if error.code not in _AGAIN:
                    break
                self._pause = _read_pause(error.headers.get("Retry-After", "0"))
                continue
            except (OSError, http.client.HTTPException):
                cause = "it broke off"
                continue
            except DataError:
                cause = "it was no whole JSON"
                continue
            digest = hashlib.sha256(content).hexdigest()
            if digest not in seen:
                seen.add(digest)
                return page
            cause = "it is the same as an earlier one"
        raise DataError(
            f"{where} could not be had: {cause}.", "Ask who runs the server. Nothing was pulled; try later."
        )

    _pause = 0.0

    def _ask(self, url: str) -> bytes:
        headers = {"Accept": "application/json"} | ({"Authorization": f"Bearer {self._token}"} if self._token else {})
        request = urllib.request.Request(url, headers=headers)  # noqa: S310 - the register allows http(s) alone
        with _OPENER.open(request, timeout=_TIMEOUT) as answer:
            content: bytes = answer.read(_LARGEST_PAGE + 1)
        if len(content) > _LARGEST_PAGE:
            raise http.client.IncompleteRead(b"")
        return content


class _NoRedirect(urllib.request.HTTPRedirectHandler):
    """Follows no redirect: a token is not carried to where an answer points."""

    def redirect_request(self, *_: Any, **__: Any) -> None:
        return None


_OPENER = urllib.request.build_opener(_NoRedirect)


def _find(page: Any, path: str) -> Any:
    for key in filter(None, path.split(".")):
        page = page.get(key) if isinstance(page, dict) else None
    return page


def _read_pause(seconds: str) -> float:
    try:
        return max(0.0, min(float(seconds), _LONGEST_WAIT))
    except ValueError:
        return 0.0
