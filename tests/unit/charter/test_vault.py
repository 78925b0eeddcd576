from __future__ import annotations

import sqlite3
from collections.abc import Mapping
from datetime import date
from pathlib import Path

import pytest

from charter.errors import CharterError, DataError
from charter.vault.check_once import index_row
from charter.vault.key import Key
from charter.vault.vault import NamedPerson, Vault

KEY = Key(bytes(range(32)))
ADA = NamedPerson("Ada Marsh", date(1980, 2, 1), "1 High Street", "Call after six")


def vault(folder: Path, key: Key = KEY) -> Vault:
    return Vault.open(folder / "vault", key)


def identify(folder: Path, *people: str) -> Mapping[str, NamedPerson]:
    return vault(folder).identify(people, role="worker", reason="a visit", log=[].append)


def test_what_goes_in_comes_out_for_the_people_asked_for(tmp_path: Path) -> None:
    nobody = NamedPerson("", None, "", "")
    vault(tmp_path).replace({"p1": ADA, "p2": nobody})
    assert identify(tmp_path, "p1") == {"p1": ADA}
    assert identify(tmp_path, "p1", "p2", "p3") == {"p1": ADA, "p2": nobody}


def test_nobody_is_identified_without_a_role_and_a_reason(tmp_path: Path) -> None:
    vault(tmp_path).replace({"p1": ADA})
    logged: list[object] = []
    for role, reason in (("", "why"), ("worker", " ")):
        with pytest.raises(CharterError, match="without a role and a reason"):
            vault(tmp_path).identify(["p1"], role=role, reason=reason, log=logged.append)
    assert logged == []


def test_who_asked_is_logged_before_anything_is_given(tmp_path: Path) -> None:
    vault(tmp_path).replace({"p1": ADA})

    def refuse(entry: Mapping[str, object]) -> None:
        assert entry == {"action": "identify", "role": "worker", "reason": "a visit", "subjects": ["p1"], "count": 1}
        raise OSError("the log is full")

    with pytest.raises(OSError, match="the log is full"):
        vault(tmp_path).identify(["p1"], role="worker", reason="a visit", log=refuse)


def test_nothing_on_disk_can_be_read_without_the_key(tmp_path: Path) -> None:
    vault(tmp_path).replace({"p1": ADA})
    vault(tmp_path).put_sets("s", {"people": b"Ada Marsh" * 100})
    for path in (tmp_path / "vault").iterdir():
        held = path.read_bytes()
        assert not any(word in held for word in (b"Ada", b"Marsh", b"High Street", b"1980"))
        assert path.stat().st_mode & 0o077 == 0


def test_another_key_is_a_clear_error(tmp_path: Path) -> None:
    vault(tmp_path)
    with pytest.raises(CharterError, match="sealed with another key"):
        vault(tmp_path, Key(bytes(32)))


def test_a_sealed_row_can_not_be_given_to_somebody_else_or_altered(tmp_path: Path) -> None:
    vault(tmp_path).replace({"p1": ADA, "p2": NamedPerson("Ben", None, "", "")})
    with sqlite3.connect(tmp_path / "vault/vault.db") as connection:
        (sealed,) = connection.execute("select sealed from identities where person_id = 'p1'").fetchone()
        connection.execute("update identities set sealed = ? where person_id = 'p2'", (sealed,))
    connection.close()
    with pytest.raises(CharterError, match="altered"):
        identify(tmp_path, "p2")


def test_replacing_leaves_nobody_from_before_and_forgetting_leaves_no_trace(tmp_path: Path) -> None:
    vault(tmp_path).replace({"p1": ADA})
    vault(tmp_path).replace({"p2": ADA, "p3": ADA})
    assert set(identify(tmp_path, "p1", "p2", "p3")) == {"p2", "p3"}
    assert vault(tmp_path).forget(["p2", "p9"]) == 1
    assert set(identify(tmp_path, "p2", "p3")) == {"p3"}
    assert b"p2" not in (tmp_path / "vault/vault.db").read_bytes()


def test_sets_are_kept_by_snapshot(tmp_path: Path) -> None:
    vault(tmp_path).put_sets("s1", {"people": b"one", "places": b"two"})
    vault(tmp_path).put_sets("s2", {"people": b"three"})
    assert vault(tmp_path).get_set("s1", "people") == b"one"
    assert vault(tmp_path).snapshots() == {"s1", "s2"}
    vault(tmp_path).drop_sets("s1")
    with pytest.raises(DataError, match="holds no people of the snapshot s1"):
        vault(tmp_path).get_set("s1", "people")
    assert vault(tmp_path).get_set("s2", "people") == b"three"


def test_a_file_that_is_no_vault_is_said(tmp_path: Path) -> None:
    (tmp_path / "vault").mkdir()
    (tmp_path / "vault/vault.db").write_bytes(b"not a database" * 100)
    with pytest.raises(DataError, match="the vault can't be used"):
        vault(tmp_path)


def test_papers_are_kept_by_kind_and_replaced_by_id(tmp_path: Path) -> None:
    vault(tmp_path).file_paper("challenge", "c1", b"first words")
    vault(tmp_path).file_paper("challenge", "c2", b"other words")
    vault(tmp_path).file_paper("correction", "c1", b"of another kind")
    vault(tmp_path).file_paper("challenge", "c1", b"later words")
    assert vault(tmp_path).papers("challenge") == {"c1": b"later words", "c2": b"other words"}
    vault(tmp_path).drop_papers("challenge", ["c1", "c9"])
    assert vault(tmp_path).papers("challenge") == {"c2": b"other words"}
    assert vault(tmp_path).papers("correction") == {"c1": b"of another kind"}
    assert b"words" not in (tmp_path / "vault/vault.db").read_bytes()


def row(*people: str) -> bytes:
    return index_row(people, ["h" * 32])


def test_the_residence_index_answers_whoever_is_not_there_with_a_row_like_any_other(tmp_path: Path) -> None:
    assert vault(tmp_path).resident("t1") is None
    vault(tmp_path).replace_residents({"t1": row("p1", "p2"), "t2": row("p3")})
    assert vault(tmp_path).resident("t1") == row("p1", "p2")
    assert vault(tmp_path).resident("nobody") == index_row((), ())
    vault(tmp_path).replace_residents({"t3": row("p4")})
    assert vault(tmp_path).resident("t1") == index_row((), ())


def test_nothing_is_told_any_more_of_who_is_forgotten_whomever_they_share_a_row_with(tmp_path: Path) -> None:
    vault(tmp_path).replace_residents({"t1": row("p1", "p2"), "t2": row("p3")})
    vault(tmp_path).forget_residents(["p2", "p9"])
    assert vault(tmp_path).resident("t1") == index_row((), ())
    assert vault(tmp_path).resident("t2") == row("p3")
