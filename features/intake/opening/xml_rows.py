"""XML as rows: each element of one name is a row, what stands in it its cells, with what its ancestors say beside it.

    <Child>                                              element = "CINdetails" gives a row of
      <ChildIdentifiers><LAchildID>C1</LAchildID>
      </ChildIdentifiers>                                ChildIdentifiers_LAchildID   C1
      <CINdetails>
        <CINreferralDate>2024-10-24</CINreferralDate>    CINreferralDate              2024-10-24
        <Factors><Factor>1C</Factor><Factor>6B</Factor>
        </Factors>                                       Factor                       1C 6B
        <CINPlanDates>...                                (rows of their own, of element = "CINPlanDates")

A cell that XML leaves out is empty. A column of the row's own that nobody declared is refused like that of any file.
There are no entities, document types, or texts beside elements: each is refused, by its line.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import BinaryIO
from xml.parsers import expat

from charter.errors import DataError
from features.intake.opening.text_rows import FetchedRows

__all__ = ["Element", "read_elements", "read_xml"]

_DEEPEST = 40


@dataclass
class Element:
    """An element as it was read: a leaf where it has no others in it."""

    tag: str
    line: int
    text: str = ""
    children: list[Element] = field(default_factory=list)

    @property
    def is_list(self) -> bool:
        """Whether it holds nothing but leaves of one name."""
        return bool(self.children) and len({child.tag for child in self.children}) == 1 and not self._holds_more

    @property
    def _holds_more(self) -> bool:
        return any(child.children for child in self.children)


def read_xml(
    stream: BinaryIO, name: str, where: str, element: str, declared: Sequence[str]
) -> tuple[FetchedRows, list[int], int]:
    """Return the rows that elements of a name are, the line of each, and 0: XML has no blank lines that count.

    Of what ancestors say, only `declared` columns are taken. Raises DataError, naming the line.
    """
    if not element:
        raise DataError(f"{where} is XML.", 'Say in register.toml which element is a row: element = "CINdetails".')
    return read_elements(_parse(stream, where), name, where, element, declared)


def read_elements(
    root: Element, name: str, where: str, element: str, declared: Sequence[str]
) -> tuple[FetchedRows, list[int], int]:
    """Return the same of a document that was read already, whose lines its elements say."""
    places = list(_find_rows(root, (), element, where, frozenset(declared)))
    columns = dict.fromkeys(declared) | dict.fromkeys(column for _, row in places for column in row)
    rows = FetchedRows(name, tuple(columns))
    rows.write_rows([row.get(column, "") for column in columns] for _, row in places)
    return rows, [line for line, _ in places], 0


def _parse(stream: BinaryIO, where: str) -> Element:
    top = Element("", 0)
    path = [top]
    parser = expat.ParserCreate()
    parser.buffer_text = True

    def refuse(why: str, remedy: str) -> DataError:
        return DataError(f"{where}, line {parser.CurrentLineNumber}: {why}.", remedy)

    def start(tag: str, _attributes: dict[str, str]) -> None:
        if len(path) > _DEEPEST:
            raise refuse("its elements lie too deep in each other", "Ask the service what it is.")
        if path[-1].text.strip():
            raise refuse("a text stands beside an element", "Ask for a corrected file.")
        child = Element(tag.rsplit(":", 1)[-1], parser.CurrentLineNumber)
        path[-1].children.append(child)
        path.append(child)

    def end(_tag: str) -> None:
        path.pop()

    def add_text(text: str) -> None:
        if path[-1].children and text.strip():
            raise refuse("a text stands beside an element", "Ask for a corrected file.")
        path[-1].text += text

    def refuse_type(*_of: object) -> None:
        raise refuse("it declares a document type or an entity, which are not read", "Ask for it without.")

    parser.StartElementHandler, parser.EndElementHandler, parser.CharacterDataHandler = start, end, add_text
    parser.StartDoctypeDeclHandler = parser.EntityDeclHandler = refuse_type
    try:
        parser.ParseFile(stream)
    except (expat.ExpatError, LookupError, UnicodeError, ValueError):
        raise refuse("it is not whole XML", "Ask for it again.") from None
    return top


def _find_rows(
    node: Element, ancestors: tuple[Element, ...], element: str, where: str, declared: frozenset[str]
) -> Iterator[tuple[int, dict[str, str]]]:
    if node.tag == element:
        yield node.line, _inherit(node, ancestors, declared) | _read_own(node, where, declared)
    for child in node.children:
        yield from _find_rows(child, (*ancestors, node), element, where, declared)


def _read_own(node: Element, where: str, declared: frozenset[str]) -> dict[str, str]:
    """Return the cells that stand in a row: leaves, and lists of leaves joined by a space.

    A part with one leaf in it is a list of one where that was declared, else a row of its own that says but one thing.
    An empty element that nobody declared says nothing.
    """
    own: dict[str, str] = {}
    for child in node.children:
        if not child.children:
            if not child.text.strip() and child.tag not in declared:
                continue
            if child.tag in own:
                raise DataError(
                    f"{where}, line {child.line}: {child.tag} stands there twice.", "Ask for a corrected file."
                )
            own[child.tag] = child.text.strip()
        elif child.is_list and (len(child.children) > 1 or child.children[0].tag in declared):
            tag, texts = child.children[0].tag, [leaf.text.strip() for leaf in child.children]
            own[tag] = " ".join([*([own[tag]] if tag in own else []), *texts])
    return own


def _inherit(node: Element, ancestors: Sequence[Element], declared: frozenset[str]) -> dict[str, str]:
    """Return the declared cells of a row that lie beside it: `Parent_Leaf`, of its ancestors and of their parts."""
    cells: dict[str, str] = {}
    on_path = {part.tag for part in (*ancestors, node)}
    for ancestor in ancestors:
        for part in ancestor.children:
            if not part.children:
                cells[f"{ancestor.tag}_{part.tag}"] = part.text.strip()
            elif part.tag not in on_path:
                for leaf in part.children:
                    cells[f"{part.tag}_{leaf.tag}"] = leaf.text.strip()
                    if leaf.is_list:
                        texts = (inner.text.strip() for inner in leaf.children)
                        cells[f"{part.tag}_{leaf.children[0].tag}"] = " ".join(texts)
    return {name: text for name, text in cells.items() if name in declared}
