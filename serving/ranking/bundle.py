"""The bundle: a promoted model with its words, and nothing else that serving would need.

    bundle/PROGRAMME/ID/
      model.lgb        LightGBM native text, byte for byte the release's
      manifest.json    contract `bundle`: features with their reasons, bands, calibration, services, decision
      check.npz        rows made up from the seed `CHECK_SEED` and the margins the release gives them (no one's data)

`make_bundle` makes it from a release and a definition; `Bundle.open` refuses one whose files are not the ones it was
made with, and `verify_bundle` one that does not give the check margins bit for bit.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from charter.contracts import SCHEMA_VERSION, check_document
from charter.contracts.files import (
    content_id,
    file_digest,
    find_current,
    read_json,
    renew_folder,
    set_current,
    write_json,
)
from charter.contracts.workspace import Workspace
from charter.council.training_settings import POINTS_LISTS
from charter.errors import DataError
from charter.invocation import Invocation
from charter.rules.abstention import Sight
from features.grammar.points_in_words import read_points
from serving.ranking.linear_shap import RowExplainer
from serving.ranking.scoring import Band, Model

__all__ = ["NOT_ENOUGH", "Bundle", "make_bundle", "make_manifest", "verify_bundle", "write_bundle"]

NOT_ENOUGH = "Not enough is visible to say how likely a need is."
"""What is said in place of a band's meaning."""

CHECK_SEED = 20260928
CHECK_ROWS = 64
_CHECK_EXPLAINED, _SAME = 8, 1e-9
"""How many of them are explained both ways, and how far the two may be apart."""


@dataclass(frozen=True)
class Bundle:
    """A bundle on disk: its manifest (contract `bundle`) and its model."""

    folder: Path
    manifest: Mapping[str, Any]

    @classmethod
    def open(cls, folder: Path) -> Bundle:
        """Open the bundle in `folder`.

        Raises DataError if its manifest breaks the contract, or its id or model is not the one the manifest names.
        """
        manifest = read_json(folder / "manifest.json")
        check_document("bundle", manifest)
        if manifest["id"] != _make_id(manifest):
            raise DataError(f"the manifest of the bundle {manifest['id']} was edited.", "Promote the release again.")
        if file_digest(folder / "model.lgb") != manifest["model_sha256"]:
            raise DataError(
                f"the model of the bundle {manifest['id']} is not the one that was promoted.",
                "Promote the release again with `sooner promote`.",
            )
        return cls(folder, manifest)

    @classmethod
    def current(cls, workspace: Workspace) -> Bundle:
        """Open the bundle that is served now; raise DataError where none was promoted yet."""
        folder = find_current(workspace.bundle)
        if folder is None:
            raise DataError(f"no model of {workspace.programme} was promoted yet.", "Run `sooner promote`.")
        return cls.open(folder)

    @property
    def id(self) -> str:
        """The id: a hash of what the bundle holds."""
        return str(self.manifest["id"])

    @cached_property
    def features(self) -> tuple[str, ...]:
        """The names of the features, in the model's order."""
        return tuple(feature["name"] for feature in self.manifest["features"])

    @cached_property
    def model(self) -> Model:
        """The model, read once."""
        return Model.read(
            (self.folder / "model.lgb").read_text(encoding="utf-8"),
            self.features,
            self.manifest["calibration"],
            self.manifest["bands"],
        )

    @cached_property
    def explainer(self) -> RowExplainer | None:
        """What explains single rows in a fraction of LightGBM's time; None where it does not say what LightGBM says."""
        text = (self.folder / "model.lgb").read_text(encoding="utf-8")
        explainer = RowExplainer.read(text, len(self.features))
        if explainer is None:
            return None
        rows = make_check_rows(len(self.features))[:_CHECK_EXPLAINED]
        pairs = zip(explainer.explain(rows), self.model.contributions(rows), strict=True)
        return explainer if all(np.allclose(ours, theirs, rtol=0, atol=_SAME) for ours, theirs in pairs) else None

    def prepare(self) -> None:
        """Make what single rows need before the first of them comes."""
        _ = self.explainer

    def explain(self, rows: NDArray[np.float32]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Return what each feature adds to each row's margin, (n, features), and the base of each row, (n,).

        They are those of `model.contributions`, which a list's records keep, but for less than 1e-9.
        """
        return self.explainer.explain(rows) if self.explainer else self.model.contributions(rows)

    @cached_property
    def sight(self) -> Sight | None:
        """Whose likelihood is said; None for a release made before there was a rule, which says everybody's."""
        return Sight.read(self.manifest["abstention"]) if "abstention" in self.manifest else None

    def bands(self, rows: NDArray[np.float32], margins: NDArray[np.float64]) -> list[Band | None]:
        """Return the band of each of `rows` (n, features), None where not enough is visible to say, or it has none."""
        if not self.model.bands:
            return [None] * len(rows)
        likelihoods = self.model.likelihoods(margins).tolist()
        enough = self.sight.enough(rows).tolist() if self.sight else [True] * len(rows)
        return [
            self.model.band(likelihood) if sure else None for likelihood, sure in zip(likelihoods, enough, strict=True)
        ]


def make_bundle(
    invocation: Invocation, release_folder: Path, services: Mapping[str, Mapping[str, Any]], *, activate: bool = True
) -> Path:
    """Make the bundle of the release in `release_folder`, test it, make it current and return its folder.

    `services`: by service, at least `title`, `contact`, `promised_lag_days` and `display` (register.toml).
    Raises DataError if the release breaks its contract, its files are not those it names, or the self-test fails:
    then the bundle served before stays.
    """
    release = read_json(release_folder / "manifest.json")
    check_document("release", release)
    text = (release_folder / "model.lgb").read_bytes()
    if hashlib.sha256(text).hexdigest() != release["model_sha256"]:
        raise DataError(f"the model of the release {release['id']} was changed.", "Promote it again.")
    manifest = make_manifest(invocation, release_folder, release, services, text)
    folder = write_bundle(invocation.workspace, manifest, text)
    verify_bundle(Bundle.open(folder), release_folder)
    if activate:
        set_current(invocation.workspace.bundle, folder.name)
    return folder


def make_manifest(
    invocation: Invocation,
    release_folder: Path,
    release: Mapping[str, Any],
    services: Mapping[str, Mapping[str, Any]],
    text: bytes,
) -> dict[str, Any]:
    """Return the manifest, but for its id, of a bundle of one of a release's models, whose text is `text`.

    `release` is the release's manifest, with what scoring needs to know of that model.
    """
    definition = _find_definition(invocation.workspace, release_folder, release)
    by_name = {feature["name"]: feature for feature in definition["features"]}
    missing = [name for name in release["features"] if name not in by_name]
    if missing:
        raise DataError(
            f"the definition has no feature {missing[0]}, which the release's model uses.", "Train again, then promote."
        )
    called = definition["cohort"].get("called")
    manifest: dict[str, Any] = {
        "schema_version": SCHEMA_VERSION,
        "snapshot": release["snapshot"],
        "inputs": {"release": file_digest(release_folder / "manifest.json"), "model.lgb": release["model_sha256"]},
        "programme": release["programme"],
        "release": release["id"],
        "model": release["model"],
        "model_sha256": release["model_sha256"],
        "definition": release["definition"],
        "entity": definition["entity"],
        **({"called": called} if called else {}),
        "cohort": definition["cohort"]["title"],
        "outcome": {key: definition["outcome"][key] for key in ("title", "horizon")},
        "features": [by_name[name] for name in release["features"]],
        "seen": list(release.get("seen", ())),
        "bands": release["bands"],
        "calibration": release["calibration"],
        "services": {name: dict(service) for name, service in sorted(services.items())},
        "decision": release.get("decision", {}),
        "synthetic": release["synthetic"],
    }
    for name in ("charter_sha256", "abstention"):
        if name in release:
            manifest[name] = release[name]
    if release["model"] in POINTS_LISTS:
        model = Model.read(text.decode(), release["features"], release["calibration"], release["bands"])
        if rules := read_points(model.booster.dump_model()["tree_info"], release["features"]):
            manifest["points"] = rules
    return manifest


def write_bundle(workspace: Workspace, manifest: dict[str, Any], text: bytes) -> Path:
    """Write a bundle, named by what it holds, with the margins that it must go on giving; return its folder."""
    manifest["id"] = _make_id(manifest)
    check_document("bundle", manifest)
    folder: Path = workspace.bundle / manifest["id"]
    if not _is_made(folder, manifest):
        rows = make_check_rows(len(manifest["features"]))
        with renew_folder(folder) as beside:
            (beside / "model.lgb").write_bytes(text)
            write_json(beside / "manifest.json", manifest)
            np.savez(beside / "check.npz", rows=rows, margins=Bundle.open(beside).model.margins(rows))
    return folder


def _is_made(folder: Path, manifest: Mapping[str, Any]) -> bool:
    """Whether a bundle's folder has its files as they would be written; of the check rows the self-test tells."""
    names = ("model.lgb", "manifest.json", "check.npz")
    return (
        all((folder / name).is_file() for name in names)
        and read_json(folder / "manifest.json") == manifest
        and file_digest(folder / "model.lgb") == manifest["model_sha256"]
    )


def make_check_rows(features: int) -> NDArray[np.float32]:
    """Return made-up rows (CHECK_ROWS, features) for the self-test: seeded numbers, some of them not seen."""
    numbers = np.random.default_rng(CHECK_SEED)
    rows = np.round(numbers.exponential(5.0, (CHECK_ROWS, features))).astype(np.float32)
    rows[numbers.random(rows.shape) < 0.2] = np.nan
    return rows


def verify_bundle(bundle: Bundle, release_folder: Path | None = None) -> None:
    """Raise DataError unless the bundle gives the margins it should, bit for bit, and explains them.

    Compared are the margins stored when the bundle was made and, with `release_folder`, training's own: the model
    file there, and `check.npz` (rows, margins) if training left one.
    """
    with np.load(bundle.folder / "check.npz", allow_pickle=False) as stored:
        rows, margins = stored["rows"], stored["margins"]
    _require_margins(bundle, rows, margins)
    if release_folder is not None:
        text = (release_folder / "model.lgb").read_text(encoding="utf-8")
        trained = Model.read(text, bundle.features, bundle.manifest["calibration"], bundle.manifest["bands"])
        _require_margins(bundle, rows, trained.margins(rows))
        if (release_folder / "check.npz").exists():
            with np.load(release_folder / "check.npz", allow_pickle=False) as training:
                _require_margins(bundle, training["rows"], training["margins"])
    explained, base = bundle.model.contributions(rows)
    if not np.allclose(explained.sum(axis=1) + base, margins, rtol=0, atol=1e-6):
        raise DataError(
            f"the reasons of the bundle {bundle.id} don't add up to its scores.", "Report this: it should not happen."
        )


def _require_margins(bundle: Bundle, rows: NDArray[np.float32], margins: NDArray[np.float64]) -> None:
    if bundle.model.margins(rows).tobytes() != np.ascontiguousarray(margins, dtype=np.float64).tobytes():
        raise DataError(
            f"the bundle {bundle.id} does not score as its release did, so it is not served.",
            "Use the LightGBM version the model was trained with, or train again.",
        )


def _make_id(manifest: Mapping[str, Any]) -> str:
    return content_id({key: value for key, value in manifest.items() if key != "id"})


def _find_definition(workspace: Workspace, release_folder: Path, release: Mapping[str, Any]) -> Mapping[str, Any]:
    """Return the definition the model was trained with: beside the release, or else beside its matrix."""
    places: Sequence[Path] = (release_folder, workspace.matrix / release["matrix"])
    for place in places:
        if (place / "definition.json").exists():
            definition: Mapping[str, Any] = read_json(place / "definition.json")
            check_document("definition", definition)
            if definition["hash"] == release["definition"]:
                return definition
    raise DataError(
        f"the definition {release['definition']} of the release {release['id']} is not there any more.",
        "Build and train again, then promote.",
    )
