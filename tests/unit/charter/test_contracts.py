"""Contracts of files that cross rooms: every schema reads, and a document that breaks one is told where."""

from __future__ import annotations

import pytest

from charter.contracts import check_document, document_names, read_table_contract, table_names
from charter.errors import DataError


def test_each_table_has_a_key_of_its_own_columns_and_says_what_each_means() -> None:
    assert {"events", "people", "residence", "permission", "scores", "issued", "actions"} <= set(table_names())
    for name in table_names():
        contract = read_table_contract(name)
        assert contract.name == name
        assert set(contract.key) <= set(contract.names), name
        assert all(column.description and column.type for column in contract.columns), name


def test_a_columns_rules_are_those_of_its_schema() -> None:
    columns = {column.name: column for column in read_table_contract("issued").columns}
    assert columns["arm"].allowed == ("ranked", "random", "control", "baseline")
    assert columns["arm"].required
    assert not {column.name: column for column in read_table_contract("events").columns}["end_at"].required


def test_an_unknown_table_is_a_key_error_and_no_file_name() -> None:
    for name in ("nothing", "../schemas/events"):
        with pytest.raises(KeyError):
            read_table_contract(name)


def test_a_document_that_keeps_its_contract_passes_and_one_that_breaks_it_is_told_where() -> None:
    assert {"matrix", "findings", "decision", "release", "bundle"} <= set(document_names())
    decision = {"schema_version": 1, "decision": "maybe"}
    with pytest.raises(DataError, match=r"a decision document breaks its contract at (the top level|decision): "):
        check_document("decision", decision)
    with pytest.raises(DataError, match="at the top level") as refused:
        check_document("run", {})
    assert refused.value.next_step == "Make it again with this version of Sooner."


def test_a_long_reason_is_cut_so_that_no_row_is_printed_whole() -> None:
    with pytest.raises(DataError) as refused:
        check_document("matrix", "a row of somebody " * 100)
    assert len(refused.value.message) < 300
