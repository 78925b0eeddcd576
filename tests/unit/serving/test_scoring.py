from __future__ import annotations

import lightgbm
import numpy as np

from serving.ranking.scoring import Model


def test_rows_score_to_the_same_bits_alone_and_among_many() -> None:
    """Many rows are shared out between threads, a single case is not: neither may move a margin."""
    generator = np.random.default_rng(1)
    rows = generator.normal(size=(2000, 6)).astype(np.float32)
    labels = rows[:, 0] + generator.normal(size=2000) > 1
    parameters = {"objective": "binary", "verbosity": -1, "seed": 1, "deterministic": True, "num_threads": 1}
    text = lightgbm.train(parameters, lightgbm.Dataset(rows, labels.astype(np.float32)), 40).model_to_string()
    band = {"id": "a", "title": "All", "meaning": "Of a test.", "from_score": 0.0}
    model = Model.read(text, [f"f{number}" for number in range(6)], {}, [band])
    margins, (contributions, base) = model.margins(rows), model.contributions(rows)
    for row in range(0, 2000, 97):
        one = rows[row : row + 1]
        assert model.margins(one)[0] == margins[row]
        assert (model.contributions(one)[0][0] == contributions[row]).all()
        assert model.contributions(one)[1][0] == base[row]
