"""The bundle in use, swapped beside the running one: no request ever waits for a new model or meets half of one."""

from __future__ import annotations

import logging
import threading
import time

from charter.contracts.files import find_current
from charter.contracts.workspace import Workspace
from charter.errors import SoonerError
from serving.ranking.bundle import Bundle, verify_bundle
from serving.ranking.model_in_use import open_in_use
from serving.ranking.standing_in import STANDS_IN_FOR

__all__ = ["Live"]

_LOG = logging.getLogger("sooner.bundle")
_EVERY = 0.5


class Live:
    """Watches the pointer `bundle/current`; a new bundle is opened and tested before it takes over.

    One that fails its self-test is not served: the one before stays, and the log says so once. Where that in use cannot
    be read when the service starts, the points list that was signed with it serves until it can.
    """

    def __init__(self, workspace: Workspace) -> None:
        self._workspace = workspace
        self._bundle = open_in_use(workspace)
        self._bundle.prepare()
        self._refused = ""
        self._looked = time.monotonic()
        self._loading = threading.Lock()

    @property
    def bundle(self) -> Bundle:
        """The bundle in use, after looking for a newer one at most twice a second."""
        if time.monotonic() - self._looked > _EVERY and self._loading.acquire(blocking=False):
            try:
                self._look()
            finally:
                self._looked = time.monotonic()
                self._loading.release()
        return self._bundle

    def _look(self) -> None:
        folder = find_current(self._workspace.bundle)
        stands_in = STANDS_IN_FOR in self._bundle.manifest
        if folder is None or folder.name == self._bundle.id or (folder.name == self._refused and not stands_in):
            return
        try:
            fresh = Bundle.open(folder)
            verify_bundle(fresh)
            fresh.prepare()
        except (SoonerError, OSError) as error:
            if folder.name == self._refused:
                return
            self._refused = folder.name
            _LOG.error("the bundle %s is not served, %s stays: %s", folder.name, self._bundle.id, error)
            return
        self._bundle = fresh
        _LOG.info("the bundle %s is served now", fresh.id)
