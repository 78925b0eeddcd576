"""Where each file of a workspace is. The only module that spells these paths."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from charter.contracts.files import find_current
from charter.errors import DataError

__all__ = ["Workspace"]


@dataclass(frozen=True)
class Workspace:
    """A council's workspace as one programme sees it.

    The council's data (`extracts`, `store`, `quarantine`, `vault`, MLflow) is one for all programmes; everything a
    programme makes from it is in a folder of the programme's name.
    """

    root: Path
    programme: str

    @property
    def council(self) -> Path:
        """The council folder that a demo made for its borough's size; none where the council is the user's own."""
        return self.root / "council"

    @property
    def extracts(self) -> Path:
        """The fictional borough's extracts, as each service would send them."""
        return self.root / "extracts"

    @property
    def store(self) -> Path:
        """`store/SNAPSHOT/`: `records/` (left by pull), `tables/` (left by link), `manifest.json`; and `current`."""
        return self.root / "store"

    @property
    def quarantine(self) -> Path:
        """`quarantine/SNAPSHOT.parquet`: rows refused by pull, each with its rule id."""
        return self.root / "quarantine"

    @property
    def vault(self) -> Path:
        """Names, addresses and identifiers, sealed; nothing outside it holds any."""
        return self.root / "vault"

    @property
    def judgements(self) -> Path:
        """What people said of pairs of records (`sooner link review`): pseudonyms and roles alone."""
        return self.root / "link_judgements.jsonl"

    @property
    def tracking_uri(self) -> str:
        """MLflow's own store for this workspace."""
        return f"sqlite:///{(self.root / 'mlflow.db').resolve()}"

    @property
    def artifacts(self) -> Path:
        """Where MLflow keeps artifacts."""
        return self.root / "mlartifacts"

    @property
    def matrix(self) -> Path:
        """`matrix/PROGRAMME/ID/as_of=DATE/` with `manifest.json` and `definition.json`; and `current`."""
        return self.root / "matrix" / self.programme

    @property
    def search(self) -> Path:
        """`search/PROGRAMME/ID.db`: the trials of a search over a model's settings, so that it can go on; no rows."""
        return self.root / "search" / self.programme

    @property
    def scores(self) -> Path:
        """`scores/PROGRAMME/RUN/`: scores.parquet, metrics.json, model.lgb, manifest.json; and `current`."""
        return self.root / "scores" / self.programme

    @property
    def looks(self) -> Path:
        """`scores/PROGRAMME/final.json`: which run tested on which dates first; the final period is looked at once."""
        return self.scores / "final.json"

    @property
    def audit(self) -> Path:
        """`audit/PROGRAMME/RUN/`: findings.json, decision.json, signoffs.toml, report.html; and `current`.

        `live/` in it has the same of what that run's release issued.
        """
        return self.root / "audit" / self.programme

    @property
    def release(self) -> Path:
        """`release/PROGRAMME/ID/`: training's model.lgb and manifest.json; and `current`."""
        return self.root / "release" / self.programme

    @cached_property
    def bundle(self) -> Path:
        """`bundle/PROGRAMME/ID/`: what serving needs and nothing else; and `current`."""
        return self.root / "bundle" / self.programme

    @cached_property
    def live(self) -> Path:
        """`live/PROGRAMME/RELEASE.json`: that the second gate opened for a release, and until when."""
        return self.root / "live" / self.programme

    @property
    def worklist(self) -> Path:
        """`worklist/PROGRAMME/LIST/`: issued.csv, list.json, where the council keeps it line.csv; and `current`."""
        return self.root / "worklist" / self.programme

    @property
    def trials(self) -> Path:
        """`trials/PROGRAMME/NAME/`: registration.json, looks.json, plan.html, effect.html; `lots/LIST.json`, `turns/`.

        `line.html` in it is what changes at the line of lists, `history.html` what changed where they began, both
        without any trial.
        """
        return self.root / "trials" / self.programme

    @property
    def value(self) -> Path:
        """`value/PROGRAMME/`: value.html and value.csv, what lists cost for what they reach."""
        return self.root / "value" / self.programme

    @property
    def exchange(self) -> Path:
        """`exchange/PROGRAMME/`: `told/` what other councils were told, `peers/` what they told us; exchange.html."""
        return self.root / "exchange" / self.programme

    @property
    def casework(self) -> Path:
        """The casework database where no URL names another."""
        return self.root / "casework.db"

    @cached_property
    def suspensions(self) -> Path:
        """`suspended/*.json`: the kill switch; plain files, so that it works with every database down."""
        return self.root / "suspended"

    @property
    def panel(self) -> Path:
        """`panel/SESSION.json`: what the residents' panel said in a session, of no household; for all programmes."""
        return self.root / "panel"

    @cached_property
    def closed(self) -> Path:
        """`closed/PROGRAMME.json`: that a programme was closed, by whom and why, with its certificate beside."""
        return self.root / "closed"

    @property
    def known(self) -> Path:
        """`known/PROGRAMME/DATE/NEED.csv`: households with a known need and nobody at work, by the service's places."""
        return self.root / "known" / self.programme

    @property
    def start(self) -> Path:
        """`start/PROGRAMME/DATE/`: the single view, the points list and the need map, made without a model."""
        return self.root / "start" / self.programme

    @property
    def published(self) -> Path:
        """`published/PROGRAMME/`: records for the public, with small counts hidden."""
        return self.root / "published" / self.programme

    @property
    def site(self) -> Path:
        """`site/`: the pages that residents read, of all programmes; static, to be put on any web server."""
        return self.root / "site"

    @property
    def releases(self) -> Path:
        """`published/releases.jsonl`: every table of counts that left, as it was shown."""
        return self.root / "published" / "releases.jsonl"

    @property
    def maps(self) -> Path:
        """`map/TOPIC/`: boundaries, hubs and counts by area; `partners/` and `public/`: what may be shown of them."""
        return self.root / "map"

    @property
    def retention(self) -> Path:
        """`retention/DATE-ID.json`: a certificate for every time that retention was carried out."""
        return self.root / "retention"

    @property
    def log(self) -> Path:
        """The audit log of acts typed at a command line (`charter.vault.log.FileLog`); full files beside, numbered."""
        return self.root / "log.jsonl"

    @property
    def backup_taken(self) -> Path:
        """When the last backup of every part was taken."""
        return self.root / "backup_taken.json"

    @property
    def made_up(self) -> Path:
        """`made_up.json`: what `sooner synth` made here (charter.vault.made_up)."""
        return self.root / "made_up.json"

    @property
    def signoffs(self) -> Path:
        """Sign-offs of the charter made for a demo: read beside the council's own `signoffs.toml`."""
        return self.root / "signoffs.toml"

    def snapshot(self, name: str | None = None) -> Path:
        """Return the folder of snapshot `name`, or of the newest linked one; raise DataError where there is none."""
        chosen = self.store / name if name else find_current(self.store)
        if chosen is None or not (chosen / "tables").is_dir():
            raise DataError(
                f"there is no linked snapshot{f' {name}' if name else ''} in {self.root.name}/store/.",
                "Run `sooner pull`, then `sooner link`.",
            )
        return chosen
