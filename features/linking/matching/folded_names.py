"""Names as they are compared: one alphabet, no marks, titles or words that stand for "we don't know".

    Dr Zoë O'Neil-Khan      forename zoe     surname oneilkhan, of the parts khan and oneil
    Mary-Jane               forename mary, of mary and jane; whole: maryjane
    Юлия                    forename yuliya, which sounds as julia does
    Baby of Smith, Twin 2   no forename
    OKAFOR, Jun in one cell surname okafor, forename jun

Other scripts are read into Latin letters by anyascii. What a name sounds like is its consonants, where those that are
written for each other count as one: enough to bring variants of one name together, never to tell two people apart.
"""

from __future__ import annotations

import tomllib
from collections.abc import Iterable
from functools import cache
from pathlib import Path

import duckdb
import pyarrow as pa
from anyascii import anyascii

from features.intake.database import Relation, compute_rows, fetch_rows, give_rows, quote_text

__all__ = ["PLACEHOLDERS", "fold_names", "list_words", "sound_out"]

PLACEHOLDERS = Path(__file__).with_name("placeholders.toml")


@cache
def list_words(kind: str) -> tuple[str, ...]:
    """Return the words of one kind in `placeholders.toml`."""
    return tuple(tomllib.loads(PLACEHOLDERS.read_text(encoding="utf-8"))[kind]["words"])


def _in_list(words: Iterable[str]) -> str:
    return "[" + ", ".join(map(quote_text, words)) + "]::varchar[]"


def fold_names(database: duckdb.DuckDBPyConnection, people: Relation) -> Relation:
    """Return `people` with its names as lists of words: forename_words and surname_words, empty where nothing is said.

    A placeholder anywhere among the words of a forename empties it ("Baby Girl 2"), a surname only where it is all of
    it. A whole name in the surname's cell is taken apart: before a comma stands the surname, else it is the last word.
    """
    latin = _read_other_scripts(database, people)
    plain = "lower(coalesce({0}.latin, strip_accents(n.{1}), ''))"
    words = "list_filter(string_split_regex(regexp_replace({0}, '[''’`´]', '', 'g'), '[^a-z]+'), lambda w: w <> '')"
    titles, forenames, surnames = (_in_list(list_words(kind)) for kind in ("titles", "forenames", "surnames"))
    return compute_rows(
        database,
        f"""
        with plain as (
            select n.*, {plain.format("f", "forename")} as f, {plain.format("s", "surname")} as s
            from people n left join latin f on f.written = n.forename left join latin s on s.written = n.surname
        ),
        one_cell as (
            select * replace (
                case when trim(f) = '' and contains(s, ',') then split_part(s, ',', 2)
                     when trim(f) = '' then regexp_extract(trim(s), '^(.*[^ ]) +[^ ]+$', 1) else f end as f,
                case when trim(f) = '' and contains(s, ',') then split_part(s, ',', 1)
                     when trim(f) = '' then regexp_extract(trim(s), '([^ ]+)$', 1) else s end as s)
            from plain
        ),
        worded as (
            select * exclude (f, s),
                   list_filter({words.format("f")}, lambda w: not list_contains({titles}, w)) as forename_words,
                   list_filter({words.format("s")}, lambda w: not list_contains({titles}, w)) as surname_words,
                   replace(trim(f), ' ', '') as f_whole, replace(trim(s), ' ', '') as s_whole
            from one_cell
        )
        select * exclude (f_whole, s_whole) replace (
            if(list_has_any(forename_words, {forenames}) or list_contains({forenames}, f_whole), [], forename_words)
                as forename_words,
            if(len(list_filter(surname_words, lambda w: not list_contains({surnames}, w))) = 0
               or list_contains({surnames}, s_whole), [], surname_words) as surname_words)
        from worded
        """,
        people=people,
        latin=latin,
    )


def _read_other_scripts(database: duckdb.DuckDBPyConnection, people: Relation) -> Relation:
    """Return (written, latin) of each name that has letters beyond those that lose no more than an accent."""
    rows = fetch_rows(
        database,
        "select distinct name from (select forename as name from people union all select surname from people) "
        "where regexp_matches(strip_accents(name), '[^\\x00-\\x7f]') order by name",
        people=people,
    )
    names = [name for (name,) in rows]
    latin = [anyascii(name) for name in names]
    return give_rows(
        database, pa.table({"written": pa.array(names, pa.string()), "latin": pa.array(latin, pa.string())})
    )


def sound_out(name: str) -> str:
    """Return SQL for what a folded name sounds like: its consonants, written one way and never twice running.

    mohammed, muhamad, mhmd -> mhmd; catherine, kathryn -> ktrn; yuliya, julia -> jl. Null for under two.
    """
    spelled = name
    for written, sound in (
        ("ph", "f"), ("ck", "k"), ("th", "t"), ("gh", "g"), ("kh", "k"), ("sch", "s"), ("sh", "s"), ("zh", "s"),
        ("ch", "k"), ("wh", "w"), ("x", "ks"), ("q", "k"), ("c", "k"), ("z", "s"), ("y", "j"), ("v", "f"), ("w", "f"),
    ):  # fmt: skip
        spelled = f"replace({spelled}, {quote_text(written)}, {quote_text(sound)})"
    spelled = f"left({spelled}, 1) || regexp_replace(substr({spelled}, 2), '[aeiouj]', '', 'g')"
    for letter in "bdfgklmnprst":
        spelled = f"regexp_replace({spelled}, '{letter}+', '{letter}', 'g')"
    return f"(select if(len(s) >= 2, s, null) from (select {spelled} as s))"
