"""What other councils told: taken in if it is sealed by a peer of exchange.toml, and comparable; then weighed.

exchange/PROGRAMME/peers/COUNCIL.json    the newest of each
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from charter.contracts.files import read_json, write_json
from charter.errors import CharterError, DataError
from charter.rules.certainty.pooling import weigh_ratio, weigh_sides
from charter.rules.certainty.score_test import Side
from charter.signing.exchanges import ExchangeFile, Peer
from fairness_reports.disclosure.rules import Mode, find_mode
from fairness_reports.exchange.sealed_file import is_sealed, read_sealed

__all__ = ["keep_peer_file", "list_peers", "weigh_told"]

Floats = NDArray[np.float64]

_RARE = 1e-7
"""A listing as a share of chances to be listed within a year of one person: small enough never to be near 1."""


def keep_peer_file(path: Path, exchange: ExchangeFile, own: Mapping[str, Any], folder: Path) -> Mapping[str, Any]:
    """Keep a peer's file in `folder`, and return it; `own` has this council's programme, outcome and `synthetic`.

    Raises DataError for what is no such file, or is of another programme or outcome, or older than what is kept;
    CharterError where no peer of exchange.toml sealed it, or one of made-up data would meet real figures.
    """
    document = read_sealed(path)
    peer = _find_peer(document, exchange)
    if document["programme"] != own["programme"] or _list_parts(document) != _list_parts(own):
        raise DataError(
            f"{path.name} is of lists that look for another need: {document['outcome']['title']}, "
            f"{document['outcome']['horizon']}.",
            "Compare lists of one outcome, with the same components and time, alone.",
        )
    if bool(document["synthetic"]) != bool(own["synthetic"]):
        raise CharterError(f"{path.name} is of made-up data, or these figures are.", "Compare like with like.")
    place = folder / f"{peer.id}.json"
    if place.exists() and str(read_json(place)["measured_on"]) > str(document["measured_on"]):
        raise DataError(f"{path.name} is older than what {peer.title} told before.", "Ask for the newest.")
    write_json(place, document)
    return document


def list_peers(exchange: ExchangeFile, folder: Path) -> list[tuple[Peer, Mapping[str, Any]]]:
    """Return what is kept of each peer that exchange.toml still names, its seal looked at again."""
    there = [(peer, folder / f"{peer.id}.json") for peer in exchange.peers]
    documents = [(peer, read_sealed(path)) for peer, path in there if path.exists()]
    for _, document in documents:
        _find_peer(document, exchange)
    return documents


def _find_peer(document: Mapping[str, Any], exchange: ExchangeFile) -> Peer:
    peer = next((peer for peer in exchange.peers if peer.id == document["council"]), None)
    if peer is None:
        raise CharterError(
            f"exchange.toml names no peer {document['council']!r}.", "Add a [[peer]] with its key, and sign again."
        )
    if not is_sealed(document, peer.public_key):
        raise CharterError(
            f"what is said to be of {peer.title} is not as it was sealed, or another's.",
            "Ask the council for its file again, by a way on which nobody can change it.",
        )
    return peer


def _list_parts(document: Mapping[str, Any]) -> tuple[str, tuple[str, ...]]:
    return str(document["outcome"]["horizon"]), tuple(document["outcome"]["components"])


def weigh_told(
    document: Mapping[str, Any], measure: str, characteristic: str, groups: list[str]
) -> list[Floats | None]:
    """Return how likely what a council told of one question is at each log ratio of the pooling grid, by group.

    None for a group of which it told nothing. A rounded count may be any that is rounded so.
    """
    question = next(
        (row for row in document["questions"] if (row["measure"], row["characteristic"]) == (measure, characteristic)),
        None,
    )
    if question is None:
        return [None for _ in groups]
    mode = find_mode(document["mode"])
    return [_weigh_group(question, group, mode) for group in groups]


def _weigh_group(question: Mapping[str, Any], group: str, mode: Mode) -> Floats | None:
    figure = question["groups"].get(group)
    if figure is None:
        return None
    if question["kind"] == "average":
        return weigh_ratio(figure["log_ratio"], figure["error"]) if "log_ratio" in figure else None
    others = [told for name, told in question["groups"].items() if name != group and told is not None]
    counted, worth = (sum(told[part] for told in others) for part in ("counted", "of"))
    if not worth or not figure["of"]:
        return None
    side = _side_of_rate if question["kind"] == "rate" else _side_of_share
    return weigh_sides(side(figure["counted"], figure["of"]), side(counted, worth), rounded=mode.base // 2)


def _side_of_share(counted: float, worth: float) -> Side:
    return Side(min(counted / worth, 1.0), float(worth))


def _side_of_rate(counted: float, years: float) -> Side:
    return Side(_RARE * counted / years, years / _RARE)
