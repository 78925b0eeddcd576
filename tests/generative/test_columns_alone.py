"""Columns made alone, of rows that an earlier matrix has, are those of a whole build to the byte."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import fields, replace
from pathlib import Path

import numpy as np
import pytest

from features.engines.engine import Engine
from features.engines.question import ColumnsOnly, Question
from features.engines.rows import Tables

WorldOf = Callable[..., tuple[Question, Tables]]


@pytest.mark.parametrize("seed", range(4))
@pytest.mark.parametrize("entity", ["household", "person"])
def test_columns_made_alone_are_those_of_a_whole_build(
    seed: int, entity: str, world: WorldOf, answers: Callable, tmp_path: Path
) -> None:
    question, tables = world(seed, people=40, entity=entity)
    whole = [answer[0] for answer in answers(question, tables)]
    assert sum(len(date.entity) for date in whole) > 20
    tables.write(tmp_path)
    rng = np.random.default_rng(seed)
    drawn = rng.permutation(len(question.definition.features))[: 1 + 3 * seed]
    definition = replace(question.definition, features=tuple(question.definition.features[n] for n in drawn))
    asked = {part.name: getattr(question, part.name) for part in fields(question)} | {"definition": definition}
    engine = Engine(ColumnsOnly(**asked), tmp_path, ranges=1 + seed % 2)
    blocks = list(engine.columns([date.entity for date in whole]))
    columns = [question.definition.seen.index(name) for name in definition.seen]
    for k, date in enumerate(whole):
        own = [block for block in blocks if block.date_index == k]
        features = np.concatenate([block.features for block in own])
        assert features.tobytes() == np.ascontiguousarray(date.features[:, drawn]).tobytes()
        seen = np.concatenate([block.seen for block in own])
        assert seen.tobytes() == np.ascontiguousarray(date.seen[:, columns]).tobytes()
