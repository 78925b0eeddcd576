"""`python -m features.engines.compiled`: compile the engine's loops now, so that no `sooner build` has to.

What is compiled is kept beside the modules, or in NUMBA_CACHE_DIR, for whoever runs on processors of this kind.
"""

from __future__ import annotations

from features.engines.compiled.signatures import compile_loops

if __name__ == "__main__":
    compile_loops()
