"""The gazetteer: every address, its area, and whether it is a home, communal or protected."""

from __future__ import annotations

from borough.post import Post, take_text
from borough.town import Town

__all__ = ["send_extract"]


def send_extract(town: Town, post: Post) -> None:
    """Write the gazetteer."""
    places = town.population.places
    post.send(
        "addresses",
        "gazetteer",
        {
            "uprn": town.uprns,
            "address": town.address_lines,
            "postcode": town.postcodes,
            "lsoa21": take_text(town.areas, places.address_area()),
            "kind": town.protected_kind(),
        },
    )
