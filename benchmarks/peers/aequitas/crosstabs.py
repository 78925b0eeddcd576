"""Run by Aequitas' own Python: a CSV of score, label_value and group in, its rates by group out as JSON."""

from __future__ import annotations

import json
import sys

import pandas as pd
from aequitas.group import Group

TABLE, _ = Group().get_crosstabs(pd.read_csv(sys.argv[1], dtype={"group": str}), attr_cols=["group"])
RATES = ["accuracy", "tpr", "tnr", "for", "fdr", "fpr", "fnr", "npv", "precision", "pprev", "prev"]
print(json.dumps({row["attribute_value"]: {name: row[name] for name in RATES} for _, row in TABLE.iterrows()}))
