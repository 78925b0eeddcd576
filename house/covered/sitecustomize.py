"""Read by Python itself at the start of every process that finds this folder on its path: see house/covering.py."""

import os

if "SOONER_COVERED" in os.environ:
    from house.covering import start_covering

    start_covering()
