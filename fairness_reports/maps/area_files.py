"""A map's figures as files: CSV, GeoJSON (RFC 7946) and GeoPackage (OGC 12-128r18, one table of features)."""

from __future__ import annotations

import csv
import io
import sqlite3
import struct
from collections.abc import Iterable, Mapping, Sequence
from contextlib import closing
from pathlib import Path

from charter.contracts.files import new_file, write_json, write_text
from fairness_reports.maps.map_files import Ground, Ring

__all__ = ["Row", "write_csv", "write_geojson", "write_geopackage"]

Row = Mapping[str, str | float | int | None]


def write_csv(path: Path, rows: Sequence[Row], columns: Iterable[str] = ()) -> None:
    """Write rows with a header, of `columns` or else of the first row's; what is not shown is empty."""
    text = io.StringIO()
    writer = csv.DictWriter(text, fieldnames=list(columns or rows[0]), lineterminator="\n")
    writer.writeheader()
    writer.writerows(rows)
    write_text(path, text.getvalue())


def write_geojson(path: Path, ground: Ground, rows: Sequence[Row], notes: Mapping[str, str]) -> None:
    """Write a feature for each area with its row as properties; `notes` are members of the collection."""
    features = [
        {
            "type": "Feature",
            "properties": dict(row),
            "geometry": {"type": "MultiPolygon", "coordinates": [[ring] for ring in rings]},
        }
        for rings, row in zip(ground.outlines, rows, strict=True)
    ]
    write_json(path, {"type": "FeatureCollection", **notes, "features": features})


def write_geopackage(path: Path, ground: Ground, rows: Sequence[Row]) -> None:
    """Write one table `areas` of the rows with their outlines, in WGS 84."""
    columns = list(rows[0])
    kinds = {name: "TEXT" if any(isinstance(row[name], str) for row in rows) else "REAL" for name in columns}
    every = [point for rings in ground.outlines for ring in rings for point in ring]
    box = (min(p[0] for p in every), min(p[1] for p in every), max(p[0] for p in every), max(p[1] for p in every))
    with new_file(path) as beside, closing(sqlite3.connect(beside)) as database, database:
        database.executescript(_TABLES)
        named = ", ".join(f'"{name}" {kinds[name]}' for name in columns)
        database.execute(f"CREATE TABLE areas (fid INTEGER PRIMARY KEY, geom MULTIPOLYGON, {named})")
        database.execute(
            "INSERT INTO gpkg_contents VALUES ('areas', 'features', 'areas', '', '2000-01-01T00:00:00.000Z',"
            " ?, ?, ?, ?, 4326)",
            box,
        )
        database.execute("INSERT INTO gpkg_geometry_columns VALUES ('areas', 'geom', 'MULTIPOLYGON', 4326, 0, 0)")
        places = ", ".join("?" for _ in range(len(columns) + 1))
        heads = ", ".join(f'"{name}"' for name in ("geom", *columns))
        database.executemany(
            f"INSERT INTO areas ({heads}) VALUES ({places})",  # noqa: S608 - our own columns
            [
                (_encode_shape(rings), *(row[name] for name in columns))
                for rings, row in zip(ground.outlines, rows, strict=True)
            ],
        )


def _encode_shape(rings: Sequence[Ring]) -> bytes:
    """Return a GeoPackage blob: its header without an envelope, then a MultiPolygon as well-known binary."""
    polygons = b"".join(
        struct.pack("<BIII", 1, 3, 1, len(ring)) + b"".join(struct.pack("<dd", point[0], point[1]) for point in ring)
        for ring in rings
    )
    return b"GP" + struct.pack("<BBi", 0, 1, 4326) + struct.pack("<BII", 1, 6, len(rings)) + polygons


_TABLES = """
PRAGMA application_id = 1196444487;
PRAGMA user_version = 10300;
CREATE TABLE gpkg_spatial_ref_sys (srs_name TEXT NOT NULL, srs_id INTEGER PRIMARY KEY, organization TEXT NOT NULL,
  organization_coordsys_id INTEGER NOT NULL, definition TEXT NOT NULL, description TEXT);
INSERT INTO gpkg_spatial_ref_sys VALUES
  ('Undefined cartesian', -1, 'NONE', -1, 'undefined', ''), ('Undefined geographic', 0, 'NONE', 0, 'undefined', ''),
  ('WGS 84', 4326, 'EPSG', 4326, 'GEOGCS["WGS 84",DATUM["WGS_1984",SPHEROID["WGS 84",6378137,298.257223563]],
PRIMEM["Greenwich",0],UNIT["degree",0.0174532925199433]]', 'longitude, latitude');
CREATE TABLE gpkg_contents (table_name TEXT PRIMARY KEY, data_type TEXT NOT NULL, identifier TEXT UNIQUE,
  description TEXT DEFAULT '', last_change DATETIME NOT NULL, min_x DOUBLE, min_y DOUBLE, max_x DOUBLE, max_y DOUBLE,
  srs_id INTEGER REFERENCES gpkg_spatial_ref_sys(srs_id));
CREATE TABLE gpkg_geometry_columns (table_name TEXT NOT NULL, column_name TEXT NOT NULL,
  geometry_type_name TEXT NOT NULL,
  srs_id INTEGER NOT NULL, z TINYINT NOT NULL, m TINYINT NOT NULL, PRIMARY KEY (table_name, column_name));
"""
