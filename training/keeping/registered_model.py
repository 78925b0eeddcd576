"""What a registered version answers: MLflow stores this file with each one and runs it when the version is loaded.

    model = mlflow.pyfunc.load_model("models:/borough-of-fernhill-early_help@champion")
    model.predict(rows)          rows: the definition's features as float64 columns; NaN is not seen

    margin            what households are ranked by: log odds, float64
    likelihood        the margin, calibrated as the release says, between 0 and 1
    band              the title of its band, as pages show it to workers; missing where too little is visible to say,
                      and for a model whose bands were never measured on lists
    base              where every margin starts
    contribution.X    what feature X adds to the margin (TreeSHAP); with the base they sum to it

Beside it lie `model.lgb`, LightGBM's native text, and `manifest.json`, what a release says of scoring: nothing is
unpickled. It imports nothing of Sooner, so that a version can be loaded and served where Sooner is not installed; a
test holds its answers equal, bit for bit, to those of the bundle that is served.
"""

import json
from pathlib import Path
from typing import Any

import lightgbm as lgb
import numpy as np
import pandas as pd  # type: ignore[import-untyped]  # it ships no types
from mlflow.models import set_model
from mlflow.pyfunc.model import PythonModel

__all__ = ["RegisteredModel"]

Numbers = np.ndarray[Any, np.dtype[np.float64]]


class RegisteredModel(PythonModel):
    """One model with its calibration and its bands, as MLflow calls it."""

    def load_context(self, context: Any) -> None:
        """Read the model and its manifest; raise ValueError for a calibration that this file does not know."""
        text = Path(context.artifacts["model"]).read_text(encoding="utf-8")
        self.booster = lgb.Booster(model_str=text)
        self.manifest = json.loads(Path(context.artifacts["manifest"]).read_text(encoding="utf-8"))
        method = self.manifest["calibration"].get("method", "platt")
        if method not in ("platt", "isotonic"):
            raise ValueError(f"this version's calibration, {method}, is not known to the file stored with it")

    def predict(self, model_input: pd.DataFrame) -> pd.DataFrame:  # type: ignore[override]  # MLflow passes what is named
        """Return a row for each of `model_input`: margin, likelihood, band, base and contributions."""
        features = self.manifest["features"]
        rows = np.ascontiguousarray(model_input[features].to_numpy(dtype=np.float32))
        explained = np.asarray(self.booster.predict(rows, pred_contrib=True, num_threads=1))
        margin = np.asarray(self.booster.predict(rows, raw_score=True, num_threads=1))
        likelihood = self._likelihood(margin)
        columns: dict[str, Any] = {"margin": margin, "likelihood": likelihood}
        columns["band"] = np.array(self._bands(rows, likelihood), dtype=object)
        columns["base"] = explained[:, -1]
        columns |= {f"contribution.{name}": explained[:, number] for number, name in enumerate(features)}
        return pd.DataFrame(columns, index=model_input.index)

    def _likelihood(self, margin: Numbers) -> Numbers:
        calibration = self.manifest["calibration"]
        if calibration.get("method") == "isotonic":
            return np.asarray(np.interp(margin, calibration["margins"], calibration["likelihoods"]))
        return np.asarray(1.0 / (1.0 + np.exp(-(calibration["slope"] * margin + calibration["intercept"]))))

    def _bands(self, rows: np.ndarray[Any, np.dtype[np.float32]], likelihood: Numbers) -> list[str | None]:
        bands = sorted(self.manifest["bands"], key=lambda band: -float(band["from_score"]))
        if not bands:
            return [None] * len(rows)
        titles = [
            next((band["title"] for band in bands if value >= band["from_score"]), bands[-1]["title"])
            for value in likelihood.tolist()
        ]
        return [title if enough else None for title, enough in zip(titles, self._enough_seen(rows), strict=True)]

    def _enough_seen(self, rows: np.ndarray[Any, np.dtype[np.float32]]) -> list[bool]:
        """Whether enough is visible of each row to say how likely a need is: the release's rule of abstention."""
        rule = self.manifest.get("abstention")
        if not rule:
            return [True] * len(rows)
        lowest, highest = (
            np.array([np.nan if value is None else value for value in rule[name]], dtype=np.float32)
            for name in ("lowest", "highest")
        )
        unseen = np.isnan(rows)
        beyond = (~((rows >= lowest) & (rows <= highest)) & ~unseen).sum(axis=1)
        enough = (unseen.mean(axis=1) <= rule["not_seen"]) & (beyond <= rule["outside"])
        return [bool(value) for value in enough]


set_model(RegisteredModel())
