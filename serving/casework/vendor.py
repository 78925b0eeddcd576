"""Brings GOV.UK Frontend's stylesheet and script into `assets/`, without its fonts and crest.

Its fonts, crest and logo are licensed for GOV.UK domains alone, so they are taken out. Only developers run this, when
a new version is out:

    npm pack govuk-frontend@6.3.0 && tar xf govuk-frontend-6.3.0.tgz
    python -m serving.casework.vendor package
"""

from __future__ import annotations

import re
import sys
from pathlib import Path

from charter.contracts.files import write_text

__all__ = ["vendor_frontend"]

_ASSETS = Path(__file__).parent / "assets"


def vendor_frontend(package: Path, assets: Path = _ASSETS) -> None:
    """Copy the stylesheet and script of the unpacked npm `package` into `assets`, unbranded."""
    source = package / "dist" / "govuk"
    css = (source / "govuk-frontend.min.css").read_text(encoding="utf-8")
    css = re.sub(r"@font-face\{[^}]*\}", "", css)
    css = css.replace("GDS Transport,arial", "Arial,Helvetica")
    css = re.sub(r"[^{}]*\{[^{}]*govuk-crest\.svg[^{}]*\}", "", css)
    css = re.sub(r"/\*# sourceMappingURL=\S+ \*/\s*", "", css)
    js = (source / "govuk-frontend.min.js").read_text(encoding="utf-8")
    js = re.sub(r"//# sourceMappingURL=\S+\s*", "", js)
    write_text(assets / "govuk-frontend.min.css", css)
    write_text(assets / "govuk-frontend.min.js", js)


if __name__ == "__main__":
    vendor_frontend(Path(sys.argv[1]))
