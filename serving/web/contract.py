"""The contract of the API (OpenAPI 3.1), made from the table of endpoints, the types, and the table of problems.

Nothing of it is written twice: a field is added to a type, an endpoint to `ENDPOINTS`, a problem to `PROBLEMS`.
"""

from __future__ import annotations

import re
from functools import cache
from typing import Any

from pydantic import BaseModel
from pydantic.json_schema import models_json_schema

from serving.casework.visit import ANYBODY
from serving.web.answers import Problem
from serving.web.api import ENDPOINTS, Endpoint
from serving.web.bodies import PathNames, UnchangedHeaders
from serving.web.problem import PROBLEMS

__all__ = ["make_contract"]

_REF = "#/components/schemas/{model}"
_SIGNED = "/v1/outcomes"
_APART = frozenset({"title", "description"})
_COUNTED = {
    "RateLimit": {"description": "What is left of this minute's calls.", "schema": {"type": "string"}},
    "X-Request-Id": {"description": "The request's id: the caller's own, where it sent one.",
                     "schema": {"type": "string"}},
}  # fmt: skip
_INFO = {
    "title": "Sooner: worklists, referrals, decisions and scores",
    "version": "1",
    "description": "For a council's own case system. Needs are likelihoods of groups of households, never findings "
    "about one. Names and addresses are in one answer alone, givePeople. Answers may gain fields, and problems codes.",
}


@cache
def make_contract() -> dict[str, Any]:
    """Return the contract; do not change what is returned."""
    described = [endpoint for endpoint in ENDPOINTS if endpoint.answer is not None]
    sent = [(endpoint.body, "validation") for endpoint in described if endpoint.body is not None]
    given = [(endpoint.answer, "serialization") for endpoint in described if endpoint.answer is not None]
    models: list[Any] = [*sent, *given, (Problem, "serialization")]
    _, schemas = models_json_schema(models, ref_template=_REF)
    paths: dict[str, dict[str, Any]] = {}
    for endpoint in described:
        paths.setdefault(endpoint.path, {})[endpoint.method.lower()] = _describe(endpoint)
    schemas["$defs"]["Problem"]["properties"]["code"]["enum"] = sorted(PROBLEMS)
    return {
        "openapi": "3.1.0",
        "info": _INFO,
        "servers": [{"url": "http://127.0.0.1:3000"}],
        "security": [{"token": []}],
        "paths": paths,
        "components": {
            "securitySchemes": {"token": {"type": "http", "scheme": "bearer"}},
            "schemas": schemas["$defs"],
        },
    }


def _describe(endpoint: Endpoint) -> dict[str, Any]:
    operation: dict[str, Any] = {
        "operationId": endpoint.id,
        "summary": endpoint.title,
        "parameters": _list_parameters(endpoint),
        "responses": _list_responses(endpoint),
    }
    if endpoint.body is not None:
        operation["requestBody"] = {"required": True, "content": _content(endpoint.body)}
    if endpoint.act == ANYBODY:
        operation["security"] = []
    return operation


def _content(model: type[BaseModel], kind: str = "application/json") -> dict[str, Any]:
    return {kind: {"schema": {"$ref": _REF.format(model=model.__name__)}}}


def _list_parameters(endpoint: Endpoint) -> list[dict[str, Any]]:
    names = re.findall(r"{([a-z]+)}", endpoint.path)
    parameters = [each for each in _describe_fields(PathNames, "path") if each["name"] in names]
    if endpoint.query is not None:
        parameters += _describe_fields(endpoint.query, "query")
    if endpoint.headers is not None:
        parameters += _describe_fields(endpoint.headers, "header")
    if endpoint.method == "GET":
        parameters += _describe_fields(UnchangedHeaders, "header")
    return parameters


def _describe_fields(model: type[BaseModel], place: str) -> list[dict[str, Any]]:
    """Return a type's fields as parameters, each with its limits."""
    schema = model.model_json_schema()
    parameters = []
    for name, limits in schema["properties"].items():
        parameter = {"name": name, "in": place, "schema": {k: v for k, v in limits.items() if k not in _APART}}
        if "description" in limits:
            parameter["description"] = limits["description"]
        if name in schema.get("required", ()):
            parameter["required"] = True
        parameters.append(parameter)
    return parameters


def _list_responses(endpoint: Endpoint) -> dict[str, Any]:
    counted = _COUNTED if endpoint.handler is not None else {"X-Request-Id": _COUNTED["X-Request-Id"]}
    tagged = {"ETag": {"description": "What the answer is.", "schema": {"type": "string"}}}
    content = _content(endpoint.answer or Problem)
    done = {"description": "The answer", "headers": counted, "content": content}
    if endpoint.method == "GET":
        done["headers"] = counted | tagged
    responses: dict[str, Any] = {str(endpoint.made): done}
    if endpoint.path == _SIGNED:
        responses["200"] = {**done, "description": "Reported before"}
    if endpoint.method == "GET":
        responses["304"] = {"description": "As the caller has it", "headers": tagged}
    return responses | {status: _refusal(status) for status in _list_refusals(endpoint)}


def _list_refusals(endpoint: Endpoint) -> list[str]:
    statuses = ["400", "403"]
    if endpoint.act != ANYBODY:
        statuses.append("401")
    if "{" in endpoint.path:
        statuses += ["404", "409"]
    if endpoint.id == "takeDecision":
        statuses.append("410")
    if endpoint.id == "score":
        statuses.append("409")
    if endpoint.body is not None:
        statuses += ["408", "413", "415"]
    if endpoint.handler is not None:
        statuses.append("429")
    return sorted([*statuses, "503"])


def _refusal(status: str) -> dict[str, Any]:
    words = "Refused; the body repeats nothing that was sent"
    if status == "429":
        words = "Too many calls in this minute: ask again after Retry-After"
    if status == "503":
        words = "A fault of the service: ask again after Retry-After"
    return {"description": words, "content": _content(Problem, "application/problem+json")}
