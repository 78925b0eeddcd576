"""`python docs`: make the generated pages again; `python docs --check` says which ones lag behind the code."""

from __future__ import annotations

import re
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from access_reference import access_reference
from api_page import notebook_names
from api_reference import api_reference
from decision_index import decision_index
from deep_tests import deep_tests
from fault_reference import fault_reference
from file_reference import FILES, file_reference
from page_reference import page_reference

from charter.contracts import document_names, read_table_contract, table_names
from charter.contracts.files import write_text
from charter.council.council import Council

FOLDER = Path(__file__).parent
NOTICE = "<!-- Made by `make docs`; edit the code it describes instead. -->\n\n"


def commands() -> str:
    """Return the reference of every verb, from the verbs themselves, under the headings of `sooner --help`."""
    from charter.verbs import HEADINGS
    from sooner.command import list_verbs

    lines = [NOTICE + "# Commands\n", "Every verb also takes the options of the table at the end.\n"]
    for heading, title in HEADINGS.items():
        lines.append(f"## {title}\n")
        for verb in list_verbs():
            if verb.heading == heading:
                lines += _command(f"sooner {verb.name}", verb.make())
    lines.append("## Options of every verb\n\n| option | meaning |\n|---|---|")
    lines.append("| `--council DIR` | the council's folder (default `council`, else the shipped fictional borough) |")
    lines.append("| `--programme NAME` | the programme (default: the only or first one) |")
    lines.append("| `--workspace DIR` | where results are left (default `workspace`) |")
    lines.append("| `--json` | print the result as JSON |\n| `--quiet` | say nothing but errors |")
    return "\n".join(lines) + "\n"


def _command(typed: str, command: Any) -> list[str]:
    """Return a verb's section, with those of the verbs under its name."""
    example = (command.epilog or "").splitlines()[-1].strip()
    lines = [f"### `{typed}`\n", f"{(command.help or '').strip()}\n"]
    shared = {"--council", "--programme", "--workspace", "--json", "--quiet", "--help"}
    lines += [f"- {_parameter(parameter)}" for parameter in command.params if not shared & set(parameter.opts)]
    lines += ["" if lines[-1].startswith("-") else None, f"Example: `{example}`\n"]
    for name, verb in getattr(command, "commands", {}).items():
        lines += _command(f"{typed} {name}", verb)
    return [line for line in lines if line is not None]


def _parameter(parameter: Any) -> str:
    names = ", ".join(f"`{name}`" for name in parameter.opts) if parameter.param_type_name == "option" else ""
    label = names or f"`{parameter.name}`"
    help_text = getattr(parameter, "help", None) or ""
    return f"{label}: {help_text}".rstrip(": ")


def contracts() -> str:
    """Return the reference of every file that crosses rooms, from its schema."""
    lines = [NOTICE + "# Files that cross rooms\n"]
    lines.append("The schemas themselves are in `charter/contracts/schemas/`.\n")
    for name in table_names():
        contract = read_table_contract(name)
        lines.append(f"## Table `{name}`\n\n{contract.title}. Key: {', '.join(f'`{k}`' for k in contract.key)}.\n")
        lines.append("| column | type | may be empty | meaning |\n|---|---|---|---|")
        for column in contract.columns:
            allowed = f" One of: {', '.join(column.allowed)}." if column.allowed else ""
            empty = "" if column.required else "yes"
            lines.append(f"| `{column.name}` | {column.type} | {empty} | {column.description}{allowed} |")
        lines.append("")
    lines.append("## Documents\n")
    lines.append("JSON Schema 2020-12: " + ", ".join(f"`{name}`" for name in document_names()) + ".")
    return "\n".join(lines) + "\n"


def spec() -> str:
    """Return the specification of what a row means: the pages whose every case the tests run on both engines."""
    folder = FOLDER.parent / "tests" / "spec"
    parts = [folder / "README.md", *sorted(folder.glob("[0-9]_*.md"))]
    opening, *chapters = [part.read_text(encoding="utf-8") for part in parts]
    # Each file of tests/spec is a page of its own there and a chapter here: its headings go down by one.
    return NOTICE + "\n".join([opening, *(re.sub(r"^#", "##", chapter, flags=re.MULTILINE) for chapter in chapters)])


def shipped_programmes() -> tuple[str, ...]:
    """Return the programmes of the shipped council."""
    return Council.load(FOLDER.parent / "council").programmes


def features_register(programme: str) -> str:
    """Return a shipped programme's register of features in English."""
    from charter.council.register import Register
    from charter.rules.policy import Policy
    from features.feature_list import render_markdown
    from features.grammar import Definition

    council = FOLDER.parent / "council"
    definition = Definition.load(council / programme / "definition.py")
    register, policy = Register.load(council / "register.toml"), Policy.load(council / "charter.toml")
    return NOTICE + render_markdown(definition, register, policy)


def house_page() -> str:
    """Return the page about the house with the code's shape as it is now between its two marks."""
    from house.shape import as_markdown, house_at

    page = (FOLDER / "explanation" / "house.md").read_text(encoding="utf-8")
    return _fill_part(page, "shape", as_markdown(house_at()))


def wrong_changes_page() -> str:
    """Return the page about wrong changes with what became of the drawn ones between its two marks."""
    from house.mutation_page import mutation_table

    page = (FOLDER / "explanation" / "wrong-changes.md").read_text(encoding="utf-8")
    return _fill_part(page, "mutation", mutation_table())


def savvi_page() -> str:
    """Return the page about SAVVI with its stages, words and entities as `sooner publish savvi` exports them."""
    from savvi_tables import savvi_tables

    page = (FOLDER / "explanation" / "savvi.md").read_text(encoding="utf-8")
    return _fill_part(page, "savvi", savvi_tables())


def _fill_part(page: str, part: str, text: str) -> str:
    """Return a page with `text` between the two marks of a part that is made."""
    before, opening, rest = page.partition(f"<!-- {part}: made by `make docs` -->")
    after = rest.partition(f"<!-- /{part} -->")[2]
    return f"{before}{opening}\n\n{text}\n<!-- /{part} -->{after}"


def pages() -> Mapping[str, str]:
    """Return every generated page by its path below docs/."""
    return {
        "reference/api.md": NOTICE + api_reference(),
        "reference/access.md": NOTICE + access_reference(FOLDER.parent / "council"),
        "reference/commands.md": commands(),
        "reference/contracts.md": contracts(),
        "reference/deep-tests.md": NOTICE + deep_tests(),
        "reference/faults.md": NOTICE + fault_reference(),
        "reference/notebooks.md": NOTICE + notebook_names(),
        "reference/pages.md": NOTICE + page_reference(FOLDER.parent / "council"),
        "reference/spec.md": spec(),
        "explanation/house.md": house_page(),
        "explanation/savvi.md": savvi_page(),
        "explanation/wrong-changes.md": wrong_changes_page(),
        "decisions/README.md": NOTICE + decision_index(FOLDER / "decisions"),
        **{f"reference/files/{name}.md": NOTICE + file_reference(name) for name in FILES},
        **{f"reference/{name}.md": features_register(name) for name in shipped_programmes()},
    }


def main() -> int:
    """Write the pages, or with --check name those that lag."""
    try:
        made = pages()
    except ValueError as slip:
        print(slip, file=sys.stderr)
        return 1
    lagging = [name for name, text in made.items() if _read(FOLDER / name) != text]
    if "--check" in sys.argv[1:]:
        for name in lagging:
            print(f"docs/{name} lags behind the code; run `make docs`.", file=sys.stderr)
        return 1 if lagging else 0
    for name in lagging:
        write_text(FOLDER / name, made[name])
        print(f"docs/{name}")
    return 0


def _read(path: Path) -> str:
    return path.read_text(encoding="utf-8") if path.exists() else ""


if __name__ == "__main__":
    sys.exit(main())
