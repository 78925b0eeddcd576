"""The reference of the API, made from its contract (serving.web.contract) and the table of problems."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from serving.web.allowance import CALLS
from serving.web.contract import make_contract
from serving.web.problem import PROBLEMS

__all__ = ["api_reference"]

_HEAD = f"""# The API

Every call, what it sends and what comes back, made from the types that read and answer them; the same as OpenAPI 3.1
is served at `/v1/openapi.json`. A walk through it: [call the API](../how-to/call-the-api.md).

* Every answer has `X-Request-Id`, the caller's own where it sent one of 8 to 64 letters, digits, `-` and `_`.
* Every answer but those of `/v1/score` has `RateLimit` and `RateLimit-Policy`: {CALLS} calls a minute for each person
  and worker process, then 429 with `Retry-After`. A program's own limit, which the council states, counts first.
* Every GET has an `ETag`; sent back in `If-None-Match`, an answer that is still the same is 304 without a body.

## Versions

Answers may gain fields, and problems codes, within a version: read what you know and pass over the rest. A field, code
or call is never given another meaning. What is taken away, or means something else, is under the next version
(`/v2`), with `/v1` beside it for a year; from then on what goes has the headers `Deprecation` (RFC 9745) and `Sunset`
(RFC 8594). Nothing of `/v1` is deprecated now.
"""


def api_reference() -> str:
    """Return the page."""
    contract = make_contract()
    lines = [_HEAD, "## Calls\n"]
    for path, operations in contract["paths"].items():
        for method, operation in operations.items():
            lines += _describe_call(method.upper(), path, operation)
    lines.append("## What is sent and answered\n")
    for name, schema in contract["components"]["schemas"].items():
        lines += _describe_type(name, schema)
    lines.append("## Problems\n")
    lines.append(
        "Each refusal is a problem (RFC 9457) with a `code`; a program tells them by it, and not by their English.\n"
    )
    lines.append("| code | what to do |\n|---|---|")
    lines += [f"| `{code}` | {words} |" for code, words in PROBLEMS.items()]
    return "\n".join(lines).rstrip() + "\n"


def _describe_call(method: str, path: str, operation: Mapping[str, Any]) -> Iterator[str]:
    yield f"### `{method} {path}`\n"
    token = "" if operation.get("security") != [] else " No token."
    yield f"{operation['summary']}.{token} Operation `{operation['operationId']}`.\n"
    for parameter in operation["parameters"]:
        if parameter["in"] != "path" and parameter["name"] != "If-None-Match":
            yield f"- {parameter['in']} `{parameter['name']}`: {parameter['description']}"
    if "requestBody" in operation:
        yield f"- sends {_link(operation['requestBody']['content'])}"
    for status, response in operation["responses"].items():
        if status.startswith("2"):
            yield f"- {status}: {_link(response['content'])}"
    refused = [status for status in operation["responses"] if not status.startswith("2")]
    yield f"- else {', '.join(refused)}\n"


def _link(content: Mapping[str, Any]) -> str:
    name = next(iter(content.values()))["schema"]["$ref"].rpartition("/")[2]
    return f"[{name}](#{name.lower()})"


def _describe_type(name: str, schema: Mapping[str, Any]) -> Iterator[str]:
    yield f"### {name}\n"
    yield f"{schema.get('description', '').splitlines()[0]}\n"
    yield "| field | kind | must be there | meaning |\n|---|---|---|---|"
    for field, described in schema.get("properties", {}).items():
        needed = "yes" if field in schema.get("required", ()) else ""
        words = described.get("description", "")
        example = described.get("examples", [""])[0]
        shown = f"{words}{f' `{example}`' if example != '' else ''}".strip()
        yield f"| `{field}` | {_name_kind(described)} | {needed} | {shown} |"
    yield ""


def _name_kind(described: Mapping[str, Any]) -> str:
    if "$ref" in described:
        name = described["$ref"].rpartition("/")[2]
        return f"[{name}](#{name.lower()})"
    if "enum" in described:
        return "a code below" if len(described["enum"]) > 9 else " or ".join(f"`{word}`" for word in described["enum"])
    if "const" in described:
        return f"`{described['const']}`"
    if "anyOf" in described:
        return " or ".join(_name_kind(option) for option in described["anyOf"])
    if described.get("type") == "array":
        return f"list of {_name_kind(described['items'])}"
    return str(described.get("type", "value"))
