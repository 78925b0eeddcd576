"""Read by Python itself at the start of a process that finds this folder on its path: see house/changed_imports.py."""

import os

if "SOONER_CHANGED" in os.environ or "SOONER_REACHED" in os.environ:
    from house.changed_imports import start_changing

    start_changing()
