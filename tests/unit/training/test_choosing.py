"""The choice by the board's margin: enough, better, or the board's; lots and plain orders are held against it."""

from __future__ import annotations

import re
from collections.abc import Mapping
from itertools import combinations

import numpy as np
import pytest

from training.judging.bootstrap import Spread
from training.judging.choosing import BETTER, ENOUGH, OPEN, choose_model, compare_models, leave_open
from training.judging.choosing_words import say_choice, say_contradiction

MARGIN, LEVEL = 0.03, 0.95


def spread_of(mean: float, noise: float = 0.002, seed: int = 0) -> Spread:
    """Return a figure that lots hardly move, and draws by `noise`."""
    generator = np.random.default_rng(seed)
    return Spread(np.full(50, mean), mean + noise * generator.normal(size=2000))


def spreads_of(noise: float = 0.002, **means: float) -> dict[str, Spread]:
    return {name: spread_of(mean, noise, seed) for seed, (name, mean) in enumerate(means.items())}


@pytest.mark.parametrize(
    ("more", "noise", "answer"),
    [
        (0.011, 0.004, ENOUGH),  # +0.3 to +1.9: within the margin, though surely better
        (0.044, 0.011, BETTER),  # +2.1 to +6.6
        (0.026, 0.015, OPEN),  # -0.4 to +5.7
        (-0.02, 0.004, ENOUGH),  # the more complex one is worse
        (0.02, 0.015, OPEN),  # -1 to +5
    ],
)
def test_the_answer_is_what_the_whole_interval_says(more: float, noise: float, answer: str) -> None:
    """Broken by asking about 0 before the margin, or by looking at the estimate."""
    simple = spread_of(0.2, noise=0.02, seed=1)
    difference = noise * np.random.default_rng(2).normal(size=2000)
    other = Spread(simple.expected + more, simple.drawn + more + difference)
    step = compare_models({"points": simple, "lightgbm": other}, "points", "lightgbm", MARGIN, LEVEL)
    assert step.answer == answer
    assert step.more == pytest.approx(more)


@pytest.mark.parametrize(
    ("order", "title"), [("practice", "The council's own practice"), ("agreed", "The agreed points list")]
)
def test_an_order_that_was_not_fitted_is_never_chosen_and_said_where_it_beats_all(order: str, title: str) -> None:
    """Broken by the agreed points stepping up with the models, or by practice that nobody looks at."""
    worse = choose_model(spreads_of(**{order: 0.1, "points": 0.20, "logistic": 0.21}), MARGIN, LEVEL)
    assert (worse.model, worse.answer, len(worse.steps)) == ("points", "chosen", 1)
    spreads = spreads_of(**{order: 0.4, "points": 0.20, "logistic": 0.21})
    beaten = choose_model(spreads, MARGIN, LEVEL)
    assert (beaten.answer, beaten.beaten_by, beaten.recommended) == ("beaten", order, False)
    assert say_choice(beaten, spreads, "12 months", LEVEL).startswith(f"{title} lists more families with a need")


@pytest.mark.parametrize(
    ("means", "model", "answer"),
    [
        ({"points": 0.20, "logistic": 0.21, "lightgbm": 0.22}, "points", "chosen"),
        ({"points": 0.20, "logistic": 0.26, "lightgbm": 0.27}, "logistic", "chosen"),
        ({"points": 0.20, "logistic": 0.21, "lightgbm": 0.27}, "lightgbm", "chosen"),
        ({"points": 0.30, "logistic": 0.21, "lightgbm": 0.20}, "points", "chosen"),
        ({"logistic": 0.20, "lightgbm": 0.30}, "lightgbm", "chosen"),
        ({"points": 0.20}, "points", "chosen"),
    ],
)
def test_the_simplest_model_that_is_enough_is_chosen(means: Mapping[str, float], model: str, answer: str) -> None:
    choice = choose_model(spreads_of(random=0.05, last_contact=0.1, **means), MARGIN, LEVEL)
    assert (choice.model, choice.answer) == (model, answer)
    assert choice.recommended


def test_what_cannot_be_told_is_left_to_the_board() -> None:
    choice = choose_model(spreads_of(noise=0.02, random=0.05, points=0.2, lightgbm=0.24), MARGIN, LEVEL)
    assert (choice.model, choice.answer, choice.recommended) == ("points", OPEN, False)
    assert choice.open_to == ("lightgbm",)
    sentence = say_choice(choice, spreads_of(points=0.2, lightgbm=0.24), "12 months", LEVEL)
    assert sentence.startswith(
        "Whether the points list is enough cannot be told, and the board chooses: LightGBM lists"
    )
    assert "of 100 listed, 20 (20 to 20) had a need recorded within 12 months" in sentence
    assert "recommended" not in sentence


def test_a_worse_model_is_passed_even_where_the_next_one_cannot_be_told_from_it() -> None:
    """Points are worse than LightGBM; between logistic regression and LightGBM the board chooses."""
    shared = 0.02 * np.random.default_rng(1).normal(size=2000)
    own = 0.02 * np.random.default_rng(2).normal(size=2000)
    spreads = {
        "points": Spread(np.full(50, 0.10), 0.10 + shared),
        "logistic": Spread(np.full(50, 0.24), 0.24 + shared + own),
        "lightgbm": Spread(np.full(50, 0.25), 0.25 + shared),
    }
    choice = choose_model(spreads, MARGIN, LEVEL)
    assert (choice.model, choice.answer) == ("logistic", OPEN)


def test_each_end_is_as_sure_as_the_answer_on_it() -> None:
    """Two steps up share an error of 0.05, nine parts to the upper end. Broken by intervals at the level itself."""
    spreads = {"points": spread_of(0.2, seed=1), "logistic": spread_of(0.21, seed=1)}
    noise = 0.01 * np.random.default_rng(2).normal(size=2000)
    spreads["lightgbm"] = Spread(np.full(50, 0.22), spreads["points"].drawn + 0.02 + noise)
    step = next(step for step in choose_model(spreads, MARGIN, LEVEL).steps if step.other == "lightgbm")
    # Draws are laid around the estimate, so their own mean drops out.
    ends = 0.02 + np.quantile(noise - noise.mean(), [0.005 / 2, 1 - 0.045 / 2])
    assert (step.low, step.high) == (pytest.approx(ends[0]), pytest.approx(ends[1]))


def test_a_model_no_better_than_lots_is_not_recommended() -> None:
    choice = choose_model(spreads_of(noise=0.02, random=0.05, points=0.06), MARGIN, LEVEL)
    assert (choice.answer, choice.beats_lots, choice.recommended) == ("no better than lots", False, False)
    sentence = say_choice(choice, spreads_of(points=0.06), "12 months", LEVEL)
    assert sentence == "No model is recommended: the points list cannot be told from drawing lots."


def test_a_plain_order_that_beats_every_model_is_named() -> None:
    spreads = spreads_of(random=0.05, last_contact=0.3, points=0.2, lightgbm=0.22)
    choice = choose_model(spreads, MARGIN, LEVEL)
    assert (choice.answer, choice.beaten_by) == ("beaten", "last_contact")
    sentence = say_choice(choice, spreads, "12 months", LEVEL)
    assert sentence.startswith("Last contact first lists more families with a need than every model")
    assert "is recommended:" not in sentence
    assert choose_model(
        spreads_of(random=0.05, last_contact=0.21, points=0.2, lightgbm=0.22), MARGIN, LEVEL
    ).recommended


def test_the_sentence_says_what_the_choice_rests_on() -> None:
    spreads = spreads_of(random=0.05, points=0.20, lightgbm=0.21)
    sentence = say_choice(choose_model(spreads, MARGIN, LEVEL), spreads, "6 months", LEVEL)
    assert re.fullmatch(
        r"The points list is recommended: of 100 listed, 20 \(20 to 20\) had a need recorded within 6 months;"
        r" LightGBM lists 1\.0 more \(0\.\d more to 1\.\d more\), within the 3 that the board gives for a simpler"
        r" list\.",
        sentence,
    )
    better = spreads_of(random=0.05, points=0.20, lightgbm=0.30)
    sentence = say_choice(choose_model(better, MARGIN, LEVEL), better, "6 months", LEVEL)
    assert sentence.startswith("LightGBM is recommended: of 100 listed, 30 (30 to 30)")
    assert "; it lists 10.0 more (9." in sentence


def test_final_weeks_that_contradict_are_said_first() -> None:
    choice = choose_model(spreads_of(random=0.05, points=0.20, lightgbm=0.21), MARGIN, LEVEL)
    final = spreads_of(points=0.2, lightgbm=0.3)
    told = say_contradiction(choice, final, LEVEL)
    assert told.startswith("The final weeks contradict the choice: of 100 listed LightGBM lists 10.0 more (")
    assert say_contradiction(choice, spreads_of(points=0.2, lightgbm=0.21), LEVEL) == ""
    better = choose_model(spreads_of(random=0.05, points=0.20, lightgbm=0.30), MARGIN, LEVEL)
    assert say_contradiction(better, spreads_of(points=0.2, lightgbm=0.1), LEVEL)
    assert not say_contradiction(better, final, LEVEL)


def test_without_weeks_the_simplest_model_stands_in_and_nothing_is_recommended() -> None:
    choice = leave_open(("random", "points", "lightgbm"), MARGIN, LEVEL, "there are 20 weeks")
    assert (choice.model, choice.answer, choice.recommended, choice.beats_lots) == ("points", OPEN, False, None)
    sentence = say_choice(choice, {}, "12 months", LEVEL)
    assert sentence.startswith("Which model lists most families with a need cannot be told: there are 20 weeks.")
    assert "recommended" not in sentence


@pytest.mark.deep
@pytest.mark.parametrize(
    ("logistic", "lightgbm", "model"),
    [
        (None, 0.000, "points"),
        (None, 0.015, "points"),
        (None, 0.060, "lightgbm"),
        (0.000, 0.000, "points"),
        (0.010, 0.015, "points"),
        (0.060, 0.065, "logistic"),
        (0.010, 0.075, "lightgbm"),
        (-0.05, 0.090, "lightgbm"),
    ],
)
def test_the_right_model_is_chosen_nine_times_in_ten(logistic: float | None, lightgbm: float, model: str) -> None:
    """Differences lie 3 standard errors within the margin or beyond it; 4 where a third model takes part."""
    truth = {"points": 0.0} | ({} if logistic is None else {"logistic": logistic}) | {"lightgbm": lightgbm}
    differences = [later - earlier for earlier, later in combinations(truth.values(), 2)]
    error = min(abs(difference - MARGIN) for difference in differences) / (3 if logistic is None else 4)
    right = 0
    for seed in range(400):
        generator = np.random.default_rng(seed)
        shared, own = 0.05 * generator.normal(size=1001), error / np.sqrt(2) * generator.normal(size=(3, 1001))
        spreads = {}
        for (name, mean), noise in zip(truth.items(), own, strict=False):
            # The first of the numbers is the sample's own error, around which the draws lie.
            sample = 0.2 + mean + shared[0] + noise[0]
            spreads[name] = Spread(np.full(20, sample), sample + shared[1:] + noise[1:])
        choice = choose_model(spreads, MARGIN, LEVEL)
        right += (choice.model, choice.answer) == (model, "chosen")
    assert right / 400 >= 0.9


@pytest.mark.deep
@pytest.mark.parametrize(("logistic", "lightgbm"), [(0.0, 0.0), (0.0301, 0.0301), (0.0, 0.0301)])
def test_a_wrong_model_is_chosen_once_in_twenty_at_most(logistic: float, lightgbm: float) -> None:
    """Truths on the very edge: nobody better, and just beyond the margin. Not being told is no wrong answer."""
    wrong, error = 0, 0.01
    for seed in range(2000):
        generator = np.random.default_rng(seed)
        own = error / np.sqrt(2) * generator.normal(size=(3, 1001))
        spreads = {
            name: Spread(np.full(2, 0.2 + mean + noise[0]), 0.2 + mean + noise[0] + noise[1:])
            for (name, mean), noise in zip(
                {"points": 0.0, "logistic": logistic, "lightgbm": lightgbm}.items(), own, strict=True
            )
        }
        choice = choose_model(spreads, MARGIN, LEVEL)
        truth = {"points": 0.0, "logistic": logistic, "lightgbm": lightgbm}
        missed = max(truth.values()) - truth[choice.model] > MARGIN
        simpler = list(truth)[: list(truth).index(choice.model)]
        needless = any(truth[name] >= truth[choice.model] for name in simpler)
        wrong += choice.recommended and (missed or needless)
    assert wrong / 2000 <= 0.05 + 3 * np.sqrt(0.05 * 0.95 / 2000)
