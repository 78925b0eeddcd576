"""The names that a notebook uses, from their signatures and docstrings."""

from __future__ import annotations

import inspect
from collections.abc import Iterator
from typing import Any

WRITTEN_FORM = {"document", "of"}
"""Methods that write or read a value as its contract has it: no notebook needs them."""


def notebook_names() -> str:
    """Return the reference of `training.workbench`, `sooner.notebook` and `features.grammar`."""
    import features.grammar as grammar
    from sooner import notebook
    from training.own_contenders import OwnReplay
    from training.run import Run
    from training.workbench import Workbench

    words = [getattr(grammar, name) for name in grammar.__all__]
    functions = [word for word in words if inspect.isfunction(word)]
    values = [word for word in words if inspect.isclass(word) and inspect.getdoc(word)]
    parts = [
        "# Names for notebooks\n",
        "What the notebooks ([two features](../tutorial/two_features.ipynb),"
        " [three models](../tutorial/three_models.ipynb)) and a programme's `definition.py` import.\n",
        "## `training.workbench`\n",
        *_class(Workbench, properties=True),
        *_class(OwnReplay, properties=True),
        *_class(Run, properties=True),
        "## `sooner.notebook`\n",
        "It is all of `training.workbench`'s Workbench, and this besides.\n",
        *_class(notebook.Workbench, properties=True),
        *_entry("### `read_feature_table`", notebook.read_feature_table),
        "## `features.grammar`: words\n",
        f"{_paragraphs(grammar.__doc__)}\n",
        *(line for function in functions for line in _entry(f"### `{function.__name__}`", function)),
        "## `features.grammar`: values\n",
        *(line for value in values for line in _class(value, properties=False)),
    ]
    return "\n".join(parts).rstrip() + "\n"


def _class(described: type[Any], *, properties: bool) -> Iterator[str]:
    yield from _entry(f"### `{described.__name__}`", described)
    for name, member in vars(described).items():
        if name.startswith("_") or name in WRITTEN_FORM:
            continue
        if isinstance(member, property) and properties:
            yield f"#### `{described.__name__}.{name}`\n"
            yield f"{_paragraphs(inspect.getdoc(member))}\n"
        elif inspect.isfunction(member) or isinstance(member, classmethod):
            yield from _entry(f"#### `{described.__name__}.{name}`", getattr(described, name))


def _entry(heading: str, described: Any) -> Iterator[str]:
    yield f"{heading}\n"
    yield f"```python\n{_signature(described)}\n```\n"
    yield f"{_paragraphs(inspect.getdoc(described))}\n"


class _Annotation:
    """An annotation as it is written in the code, without the quotes that `inspect` puts around a text."""

    def __init__(self, text: str) -> None:
        self.text = text

    def __repr__(self) -> str:
        return self.text


def _signature(described: Any) -> str:
    """Return how it is called: on one line, or a parameter a line where that is too long to read."""
    signature = inspect.signature(described)
    parameters = [
        parameter.replace(annotation=_Annotation(parameter.annotation))
        for parameter in signature.parameters.values()
        if parameter.name != "self"
    ]
    returned = "" if inspect.isclass(described) else f" -> {signature.return_annotation}"
    line = f"{described.__qualname__}{inspect.Signature(parameters)}{returned}"
    if len(line) <= 100:
        return line
    listed = "".join(f"    {parameter},\n" for parameter in parameters)
    return f"{described.__qualname__}(\n{listed}){returned}"


def _paragraphs(text: str | None) -> str:
    return (text or "").strip()
