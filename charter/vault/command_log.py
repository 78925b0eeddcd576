"""The log of typed commands of one council's workspace: keyed and anchored, with the parts that there are by then."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from charter.contracts.workspace import Workspace
from charter.council.council import Council
from charter.vault.anchors import Anchors
from charter.vault.key import Key
from charter.vault.log import Entry, FileLog
from charter.vault.workspace_parts import find_parts

__all__ = ["LOG_PURPOSE", "CommandLog"]

LOG_PURPOSE = "audit log"
"""What the key of the log and its anchors is derived for."""


@dataclass(frozen=True)
class CommandLog:
    """The log as commands write it; use `CommandLog.open`."""

    workspace: Workspace
    file: FileLog
    anchors: Anchors

    @classmethod
    def open(cls, council: Council, workspace: Workspace) -> CommandLog:
        """Return the log of a workspace. Raises as `Key.load` does."""
        return cls.under(Key.load(council, workspace), workspace)

    @classmethod
    def under(cls, key: Key, workspace: Workspace) -> CommandLog:
        """Return the log of a workspace under a key that was loaded already."""
        sealing = key.derive(LOG_PURPOSE)
        anchors = Anchors.of(workspace, sealing)
        return cls(workspace, FileLog(workspace.log, key=sealing, anchors=anchors), anchors)

    def append(
        self,
        *,
        actor: str,
        role: str,
        action: str,
        subject: str = "",
        purpose: str = "",
        detail: Mapping[str, Any] | None = None,
    ) -> Entry:
        """Add one entry, and name in an anchor what has come to be there; return the entry once it is on disk."""
        entry = self.file.append(actor=actor, role=role, action=action, subject=subject, purpose=purpose, detail=detail)
        self.anchor_parts()
        return entry

    def anchor_parts(self) -> None:
        """Name in an anchor what has come to be there since the last: a request in the ledger, a bundle."""
        if new := find_parts(self.workspace) - self.anchors.parts():
            self.anchors.add({}, sorted(new))
