"""Where a source's rows are asked for, if no file is sent: a database, a server of JSON pages, or a folder elsewhere.

A secret is named and never written: `url_from = "HOUSING_DATABASE"` is the environment variable that holds the URL, or,
with `_FILE` after it, the file outside council folder and workspace that does.
"""

from __future__ import annotations

from datetime import date
from typing import Annotated, Literal, Self
from urllib.parse import urlsplit

from pydantic import AfterValidator, Field, model_validator

from charter.council.reading import MarkedRow, broken

__all__ = ["Connection", "DatabaseConnection", "FolderConnection", "ServerConnection", "Variable", "require_address"]


def _variable(name: str) -> str:
    if not name.isidentifier() or not name.isupper():
        raise broken(
            "is not the name of an environment variable", 'Name the variable: "HOUSING_DATABASE". Write no secret here.'
        )
    return name


def require_address(url: str) -> str:
    """Return an https address without secrets (http on this machine alone); raise the reader's error for another."""
    parts = urlsplit(url)
    local = parts.hostname in ("127.0.0.1", "localhost", "::1")
    if parts.scheme != "https" and not (parts.scheme == "http" and local):
        raise broken("is no https address", "Write https://...; http is for this machine alone.")
    if parts.username or parts.password or parts.query:
        raise broken("holds a name, a password or a query", "Write the address alone; name the token in token_from.")
    return url


Variable = Annotated[str, AfterValidator(_variable)]
"""The name of the environment variable that holds a secret."""

_Since = Annotated[
    date,
    Field(description="From when its rows are whole; until when is the time of asking.", examples=[date(2020, 4, 1)]),
]


class DatabaseConnection(MarkedRow):
    """A database that SQLAlchemy can open; each file's `query` asks for its rows."""

    kind: Annotated[Literal["database"], Field(description="What is asked.", examples=["database"])]
    url_from: Annotated[
        Variable,
        Field(description="The environment variable that holds the database's URL.", examples=["HOUSING_DATABASE"]),
    ]
    covers_from: _Since


class ServerConnection(MarkedRow):
    """A server that gives pages of JSON; each file's `query` is a path below its address."""

    kind: Annotated[Literal["server"], Field(description="What is asked.", examples=["server"])]
    url: Annotated[
        str,
        AfterValidator(require_address),
        Field(description="The server's address, without secrets.", examples=["https://rents.fernhill.example/api"]),
    ]
    token_from: Annotated[
        Variable | None,
        Field(description="The environment variable that holds the bearer token.", examples=["RENTS_TOKEN"]),
    ] = None
    rows_at: Annotated[
        str, Field(description="Where the rows of a page are, by its keys; empty: the page itself.", examples=["data"])
    ] = ""
    next_at: Annotated[
        str, Field(description="Where a page names the next one, by its keys.", examples=["links.next"])
    ] = "next"
    covers_from: _Since


def _folder(url: str) -> str:
    parts = urlsplit(url)
    if parts.scheme not in ("s3", "sftp") or not parts.hostname or not parts.path.strip("/"):
        raise broken("is no folder of S3-compatible storage or of an SFTP server", 'Write "s3://BUCKET/FOLDER".')
    if parts.password or parts.query or (parts.scheme == "s3" and parts.username):
        raise broken("holds a password or a query", "Write the address alone; name the secret in secret_from.")
    return url


class FolderConnection(MarkedRow):
    """A folder elsewhere with a sub-folder for each delivery, copied here before it is read."""

    kind: Annotated[Literal["folder"], Field(description="What is asked.", examples=["folder"])]
    url: Annotated[
        str,
        AfterValidator(_folder),
        Field(
            description="The folder: s3://BUCKET/FOLDER, or sftp://ACCOUNT@SERVER/FOLDER.",
            examples=["sftp://sooner@files.fernhill.example/rents"],
        ),
    ]
    secret_from: Annotated[
        Variable,
        Field(
            description="The environment variable that holds the secret key, of SFTP the private key or password.",
            examples=["RENTS_SFTP"],
        ),
    ]
    host_key: Annotated[
        str,
        Field(
            description="Of an SFTP server, the public key that it must have, as `ssh-keyscan` prints it.",
            examples=["ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIG7cSSvL"],
        ),
    ] = ""
    name_from: Annotated[
        Variable | None,
        Field(description="Of S3, the environment variable that holds the access key's name.", examples=["RENTS_NAME"]),
    ] = None
    endpoint: Annotated[
        str,
        Field(
            description="Of S3-compatible storage, its server's address; left out: Amazon's.",
            examples=["https://storage.fernhill.example"],
        ),
    ] = ""
    region: Annotated[str, Field(description="Of S3, the region.", examples=["eu-west-2"])] = "eu-west-2"

    @model_validator(mode="after")
    def _says_what_its_kind_needs(self) -> Self:
        if self.url.startswith("sftp:") and not self.host_key:
            remedy = "Ask who runs the server, and write it in `host_key`: it is never believed unseen."
            raise broken("names no host key of its SFTP server", remedy)
        if self.url.startswith("s3:") and self.name_from is None:
            raise broken("names no access key", "Give it `name_from`.")
        if self.endpoint:
            require_address(self.endpoint)
        return self


Connection = DatabaseConnection | ServerConnection | FolderConnection
"""Any of the kinds; a row's `kind` says which."""
