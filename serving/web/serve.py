"""How the service is started: supervised workers on the ASGI application of the BentoML service, and their settings.

BentoML's own command starts a supervisor and a worker, and each imports everything (docs/decisions/0115); ours loads it
once and forks (serving.web.supervisor, docs/decisions/0195).
"""

from __future__ import annotations

import os
from collections.abc import Mapping

from charter.contracts.files import find_current, read_json
from charter.errors import BlockedError, DataError
from charter.invocation import Invocation
from charter.vault.command_log import LOG_PURPOSE
from charter.vault.key import Key
from charter.vault.rights_ledger import require_carried_out
from charter.vault.vault import Vault
from serving.forget import require_caught_up
from serving.store.place import is_begun
from serving.store.store import open_store
from serving.suspension import require_running
from serving.verification import require_whole

__all__ = ["make_environment"]


def make_environment(invocation: Invocation, *, workers: int = 1) -> Mapping[str, str]:
    """Return the environment the service reads.

    Raises DataError where no bundle was promoted, or a part that was there is not (serving.verification); CharterError
    while a resident's request is not carried out on what is here, or with another key than the vault was sealed with.
    The demonstration's sign-in opens for made-up data alone.
    """
    require_carried_out(invocation.workspace)
    require_caught_up(invocation.workspace)
    key = Key.load(invocation.council, invocation.workspace)
    if invocation.workspace.vault.is_dir():
        Vault.open(invocation.workspace.vault, key)
    if is_begun(invocation.workspace):
        with open_store(invocation.workspace, chain="serve", key=key.derive(LOG_PURPOSE)) as store:
            require_whole(invocation, store)
    folder = find_current(invocation.workspace.bundle)
    if folder is None:
        raise DataError(f"no model of {invocation.programme} was promoted yet.", "Run `sooner promote`.")
    manifest = read_json(folder / "manifest.json")
    try:
        require_running(invocation.workspace)
    except BlockedError as error:
        invocation.say(f"{error.message} The pages say so.")
    return {
        "SOONER_COUNCIL": str(invocation.council.folder.resolve()),
        "SOONER_PROGRAMME": invocation.programme,
        "SOONER_WORKSPACE": str(invocation.workspace.root.resolve()),
        "SOONER_DEMO_SIGN_IN": "1" if manifest.get("synthetic") is True else "0",
        "SOONER_WORKERS": str(workers),
        "BENTOML_DO_NOT_TRACK": "True",
        "OMP_NUM_THREADS": os.environ.get("OMP_NUM_THREADS", "1"),
    }
