"""What a verb's processor seconds are spent on: the verb runs as ever, and the functions named here are timed in it.

Each second of the process counts once, for the innermost of the functions that it is spent in: starting and importing
(wherever an import is written), what the bare work does too, what was asked for beside it, and a rest that no function
named here holds. Only calls of whole steps are timed, some hundred in a run, so figures are those of the verb alone.

    python -m benchmarks.verb_sections SECTIONS.json link --workspace WORKSPACE

What a start costs is measured too: a process that imports what a verb had imported at its end, and does nothing else.
"""

from __future__ import annotations

import builtins
import functools
import importlib
import json
import resource
import sys
import tempfile
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from benchmarks.whole_process import Cost, run_process

__all__ = [
    "BOUND",
    "NEEDED",
    "REST",
    "SHARED",
    "START",
    "bound_again",
    "bound_verb",
    "measure_start",
    "run_in_sections",
    "time_parts",
]

START, REST = "starting and importing", "the rest"
BOUND = "bound: start and what is asked beside it, times the bare work"
SHARED: Mapping[str, tuple[str, ...]] = {
    "pull": ("files read", "records written"),
    "link": ("pairs compared",),
    "train": ("LightGBM's fits",),
}
"""By verb, what its bare work does too; all else was asked for beside it."""
NEEDED: Mapping[str, tuple[str, ...]] = {
    "build": (START,),
    "train": (
        START,
        "LightGBM's fits",
        "the baselines' fits",
        "fits on folds, beside the fitting",
        "replay of the lists",
        "judging and resampling",
        "MLflow's record",
    ),
    "audit": (START, "figures and groups", "what the list rests on", "pictures"),
}
"""By verb, what one changed column asks for anew at least: a fit looks at all columns, and with it every score changes.

Why each is needed: docs/decisions/0260.
"""
_FUNCTIONS: Mapping[str, Mapping[str, tuple[str, ...]]] = {
    "pull": {
        "files read": ("features.intake.extract:_load_part",),
        "cells, keys and doubles checked": ("features.intake.extract:read_file",),
        "rows made events and people, under pseudonyms": ("features.intake.records:stage_file",),
        "versions settled with what was delivered before": (
            "features.intake.history:settle_versions",
            "features.intake.row_digests:count_unchanged",
        ),
        "names and addresses sealed": (
            "features.intake.snapshot_files:make_sets",
            "charter.vault.vault:Vault.put_sets",
        ),
        "records written": ("features.intake.snapshot_files:write_records",),
    },
    "intake": {
        "cells read": ("features.intake.extract:_load_part",),
        "odd values, doubles and second headers looked for": (
            "features.intake.extract:_look_through",
            "features.intake.extract:_list_unread",
            "features.intake.extract:_set_apart",
        ),
    },
    "link": {
        "evidence gathered, for which the bare work isn't charged": ("features.linking.evidence:gather_evidence",),
        "pairs compared": ("features.linking.joining.people:_score_records",),
        "how common each value is": ("features.linking.matching.comparing:measure_shares",),
        "weights learned of these records": ("features.linking.matching.pair_weights:learn_model",),
        "joining, vetoes and pairs for review": ("features.linking.joining.people:link_people",),
        "homes and tables": ("features.linking.link:_Linking._settle",),
        "index for checks at the door": ("features.linking.check_index:index_checks",),
        "tables written, names sealed, sheets for reviewers": ("features.linking.link:_Linking.write",),
    },
    "build": {"files made safe on the disk": ("charter.contracts.files:_sync_files",)},
    "audit": {
        "figures and groups": ("fairness_reports.audit.run_findings:measure_run",),
        "run and records gathered": ("fairness_reports.audit.run_findings:gather_run",),
        "what the list rests on": ("fairness_reports.whole_audit:_measure_what_it_rests_on",),
        "pictures": (
            "fairness_reports.publish.pictures:draw_beeswarm",
            "fairness_reports.publish.pictures:draw_dependence",
        ),
        "board pack": ("fairness_reports.publish.pack:render_pack",),
    },
    "train": {
        "LightGBM's fits": ("training.models.boosting:lgb.train",),
        "the baselines' fits": ("training.models.contenders:fit_simple",),
        "fits on folds, beside the fitting": ("training.models.fitting:fit_folds",),
        "weekly rows made": ("features.build:build_matrix",),
        "replay of the lists": ("training.judging.replay_run:replay_run",),
        "judging and resampling": ("training.judging.periods:judge_periods",),
        "diagnoses: treated families, strangers, leaks": (
            "training.experiment:_diagnose_model",
            "training.models.leaks:find_suspects",
        ),
        "MLflow's record": ("training.keeping.tracking:Tracking.record",),
    },
}


def _spend() -> float:
    """Return the processor seconds of this process until now, and of the children that it waited for."""
    used = [resource.getrusage(of) for of in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    return sum(one.ru_utime + one.ru_stime for one in used)


@dataclass
class _Clock:
    """Processor seconds and calls by section; the innermost section runs."""

    seconds: dict[str, float] = field(default_factory=dict)
    calls: dict[str, int] = field(default_factory=dict)
    stack: list[str] = field(default_factory=lambda: [REST])
    since: float = 0.0

    def charge(self) -> None:
        """Give what was spent since the last call to the section that runs."""
        now = _spend()
        self.seconds[self.stack[-1]] = self.seconds.get(self.stack[-1], 0.0) + now - self.since
        self.since = now

    @contextmanager
    def running(self, section: str) -> Iterator[None]:
        """Let a section run for the length of the block."""
        self.charge()
        self.stack.append(section)
        self.calls[section] = self.calls.get(section, 0) + 1
        try:
            yield
        finally:
            self.charge()
            self.stack.pop()

    def time(self, section: str, function: Callable[..., Any]) -> Callable[..., Any]:
        """Return a function whose calls, by the main thread, count for a section."""

        @functools.wraps(function)
        def timed(*given: Any, **named: Any) -> Any:
            if threading.current_thread() is not threading.main_thread():
                return function(*given, **named)
            with self.running(section):
                return function(*given, **named)

        return timed


def _time_imports(clock: _Clock) -> None:
    plain = builtins.__import__

    def import_timed(
        name: str,
        globals: Any = None,  # noqa: A002  # so the interpreter calls them
        locals: Any = None,  # noqa: A002
        fromlist: Any = (),
        level: int = 0,
    ) -> Any:
        here = threading.current_thread() is threading.main_thread()
        if not here or clock.stack[-1] == START or (not fromlist and name in sys.modules):
            return plain(name, globals, locals, fromlist, level)
        with clock.running(START):
            return plain(name, globals, locals, fromlist, level)

    builtins.__import__ = import_timed


def _time_functions(clock: _Clock, verb: str) -> None:
    """Put timed functions in the place of those named for a verb, wherever a module holds them."""
    for section, functions in _FUNCTIONS[verb].items():
        for named in functions:
            module, _, path = named.partition(":")
            holder: Any = importlib.import_module(module)
            *classes, name = path.split(".")
            for each in classes:
                holder = getattr(holder, each)
            plain = getattr(holder, name)
            timed = clock.time(section, plain)
            setattr(holder, name, timed)
            for loaded in list(sys.modules.values()):
                if not classes and vars(loaded).get(name) is plain:
                    setattr(loaded, name, timed)


def time_parts(what: str) -> _Clock:
    """Time what is named here of a verb, or of the door alone, from now on; until now was starting and importing."""
    clock = _Clock(stack=[START])
    _time_functions(clock, what)
    clock.charge()
    clock.stack[0] = REST
    return clock


def bound_verb(verb: str, sections: Mapping[str, float], bare: float) -> dict[str, float | str]:
    """Return a row's peers: what each part takes, and how many times the bare work the start and what is asked are.

    That is what would be left at today's speed if the bare work, which both do, took no time at all.
    """
    asked = sum(took for name, took in sections.items() if name not in (*SHARED[verb], REST))
    parts = sorted(sections.items(), key=lambda part: -part[1])
    return {
        "of which, processor s": "; ".join(f"{name} {took:.1f}" for name, took in parts if took >= 0.05),
        BOUND: round(asked / bare, 2),
    }


def bound_again(verb: str, sections: Mapping[str, float], first: float) -> dict[str, float | str]:
    """Return a row's peers: what each part takes where one feature changed, and the least of it, as a share."""
    needed = sum(sections.get(name, 0.0) for name in NEEDED[verb])
    parts = sorted(sections.items(), key=lambda part: -part[1])
    return {
        "of which, processor s": "; ".join(f"{name} {took:.1f}" for name, took in parts if took >= 0.05),
        f"bound: {', '.join(NEEDED[verb])}, % of the first run": round(100 * needed / first, 1),
    }


def run_in_sections(root: Path, verb: str, *words: str, ending: Sequence[int] = (0,)) -> tuple[Cost, dict[str, float]]:
    """Run a verb on a workspace; return what the whole process cost, and its sections' processor seconds."""
    with tempfile.TemporaryDirectory() as folder:
        answer = Path(folder) / "sections.json"
        command = ["-m", "benchmarks.verb_sections", str(answer), verb, *words, "--quiet", "--workspace", str(root)]
        cost = run_process(command, ending=ending)
        return cost, json.loads(answer.read_text(encoding="utf-8"))["seconds"]


def measure_start(root: Path, verb: str, ending: Sequence[int] = (0,)) -> float:
    """Return the processor seconds of a process that imports what a verb had imported at its end, and no more."""
    words = [verb, "--quiet", "--workspace", str(root)]
    named = run_process(["-c", _NAME_MODULES, *words], ending=ending).printed.rpartition(_NAMED)[2].split()
    return run_process(["-c", _IMPORT_ALONE, *named]).processor


_NAMED = "modules:"
_NAME_MODULES = f"""
import atexit, sys
atexit.register(lambda: print({_NAMED!r}, *sys.modules))
import sooner
sooner.main()
"""
_IMPORT_ALONE = """
import importlib, sys
for name in sys.argv[1:]:
    try:
        importlib.import_module(name)
    except ImportError:
        pass
"""


def _main(answer: str, *words: str) -> None:
    from charter.contracts.files import write_json

    clock = time_parts(words[0])
    _time_imports(clock)
    import sooner

    sys.argv = ["sooner", *words]
    try:
        sooner.main()
    finally:
        clock.charge()
        write_json(Path(answer), {"seconds": clock.seconds, "calls": clock.calls})


if __name__ == "__main__":
    _main(*sys.argv[1:])
