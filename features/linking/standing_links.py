"""What linking leaves, and whether a snapshot is linked already: told from what goes in, loading nothing that links."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from charter.contracts.files import content_id, read_json, set_current
from charter.errors import CharterError, DataError
from charter.invocation import Invocation
from charter.rules.assessments import require_assessments
from charter.vault.key import Key
from charter.vault.link_judgements import Judgement, find_standing, read_judgements
from charter.vault.vault import Vault
from features.linking.corrections import Correction, digest_corrections, read_corrections
from features.linking.parameters import Parameters
from features.pull_plan import find_newest_snapshot

if TYPE_CHECKING:
    from features.linking.compared_fit import Comparison
    from features.linking.judged_links import Measured

__all__ = ["LinkInputs", "LinkResult", "find_standing_links", "read_link_inputs", "report_links"]


@dataclass(frozen=True)
class LinkResult:
    """What linking found; counts only."""

    snapshot: str
    made: bool
    references: int
    left_out: int
    people: int
    households: int
    by_method: Mapping[str, int]
    for_review: int
    uncertain: int
    expected_wrong: float
    judged: Sequence[Measured] = ()
    compared: Comparison | None = None
    """Of numbers that were fitted now, with labels: whether they are better than those in force."""


@dataclass(frozen=True)
class LinkInputs:
    """What the newest snapshot is linked from, with the numbers in force."""

    invocation: Invocation
    snapshot: Path
    manifest: dict[str, Any]
    key: Key
    vault: Vault
    judgements: tuple[Judgement, ...]
    corrections: Sequence[Correction]
    in_force: Parameters

    def name_tables(self, parameters: Parameters, taught: Sequence[object] = ()) -> str:
        """Return what tables are called: a digest of all they are made from. `taught`: what else is learned from."""
        register, policy = self.invocation.register, self.invocation.policy
        return content_id(
            [
                self.manifest["inputs"],
                register.sha256,
                list(policy.characteristics),
                parameters.sha256,
                [asdict(judgement) for judgement in self.judgements],
                *digest_corrections(self.corrections),
                *taught,
            ]
        )

    def are_linked(self, made_from: str) -> bool:
        """Return whether the snapshot's tables were made from just this."""
        return bool(self.manifest.get("linkage", {}).get("made_from") == made_from)


def read_link_inputs(invocation: Invocation, parameters: Parameters | None = None) -> LinkInputs:
    """Read what the newest snapshot is linked from; `parameters`: others than the council's.

    Raises DataError where there is no snapshot, CharterError for another key than the snapshot's.
    """
    workspace, council = invocation.workspace, invocation.council
    snapshot = find_newest_snapshot(workspace.store)
    if snapshot is None:
        raise DataError(f"there is no snapshot in {workspace.root.name}/store/.", "Run `sooner pull` first.")
    in_force = parameters or Parameters.load_for(council.folder)
    judgements = tuple(find_standing(read_judgements(workspace)).values())
    manifest = read_json(snapshot / "manifest.json")
    require_assessments(invocation.policy.assessments, "link", synthetic=bool(manifest["synthetic"]))
    key = Key.load(council, workspace)
    if manifest["key_id"] != key.id:
        raise CharterError(
            f"the snapshot {snapshot.name} was made with another key.",
            "Give the same key in $SOONER_KEY or $SOONER_KEY_FILE.",
        )
    vault = Vault.open(workspace.vault, key)
    return LinkInputs(invocation, snapshot, manifest, key, vault, judgements, read_corrections(vault), in_force)


def find_standing_links(invocation: Invocation) -> LinkResult | None:
    """Return what linking found where all that the newest snapshot is linked from is as it was; None otherwise."""
    inputs = read_link_inputs(invocation)
    if not inputs.are_linked(inputs.name_tables(inputs.in_force)):
        return None
    set_current(invocation.workspace.store, inputs.snapshot.name)
    return report_links(inputs.snapshot, inputs.manifest, made=False)


def report_links(
    snapshot: Path, manifest: Mapping[str, Any], judged: Sequence[Measured] = (), *, made: bool
) -> LinkResult:
    """Return what a linked snapshot's manifest says was found."""
    linkage = manifest["linkage"]
    return LinkResult(
        snapshot=snapshot.name,
        made=made,
        references=linkage["references"],
        left_out=linkage["left_out"],
        people=manifest["tables"]["people"]["rows"],
        households=manifest["tables"]["households"]["rows"],
        by_method=linkage["by_method"],
        for_review=linkage["for_review"],
        uncertain=linkage.get("uncertain", 0),
        expected_wrong=linkage.get("expected_wrong", 0.0),
        judged=judged,
    )
