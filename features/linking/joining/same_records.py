"""References that are the same in all that matters, found without weighing, and made one record for what follows."""

from __future__ import annotations

import math
from collections.abc import Collection, Mapping, Sequence

import duckdb
import pyarrow as pa

from features.intake.database import Relation, compute_rows, fetch_rows, give_rows, quote_text
from features.linking.parameters import Parameters

__all__ = ["find_same_keys", "find_same_names", "merge_groups"]


def find_same_keys(database: duckdb.DuckDBPyConnection, traits: Relation) -> Sequence[tuple[str, str]]:
    """Return pairs with one key that names and dates bear out: the forename, and the surname or the date of birth.

    A record that says no name and no date (a letter about rent, by tenancy number) has its key alone: it joins the
    others of that key, as long as those who do say one all say the same. Else nobody can tell whose it is.
    """
    return fetch_rows(
        database,
        """
        with keyed as (select ref, shared_key, forename, surname, birth_date from traits
                       where shared_key is not null and forename is not null)
        select first_value(ref) over w, ref from keyed where surname is not null
        window w as (partition by shared_key, forename, surname order by ref) qualify row_number() over w > 1
        union
        select first_value(ref) over w, ref from keyed where birth_date is not null
        window w as (partition by shared_key, forename, birth_date order by ref) qualify row_number() over w > 1
        union
        select first_value(ref) over w, ref
        from (select *, forename is null and surname is null and birth_date is null as is_silent from traits)
        semi join (select shared_key from traits where shared_key is not null group by shared_key
                   having greatest(count(distinct forename), count(distinct surname), count(distinct birth_date)) <= 1)
             using (shared_key)
        window w as (partition by shared_key order by is_silent, ref) qualify row_number() over w > 1 and is_silent
        order by all
        """,
        traits=traits,
    )


def find_same_names(
    database: duckdb.DuckDBPyConnection, traits: Relation, count: int, one_each: Collection[str], parameters: Parameters
) -> Sequence[tuple[str, str]]:
    """Return pairs of the first and each further reference with one whole name and date of birth.

    Only where that is too rare for chance by `certain` bits, and where no service that gives each person one
    reference has two such: else the name doesn't tell them apart, and all of that name are left to the evidence.
    """
    services = ", ".join(quote_text(service) for service in sorted(one_each)) or "''"
    enough = parameters.certain + 3 + math.log2(max(count, 1))
    return fetch_rows(
        database,
        f"""
        with named as (
            select * from traits
            where forename_whole is not null and len(forename) > 1 and surname is not null and birth_date is not null),
        twice as (
            select forename_whole, surname, birth_date from named where service in ({services})
            group by forename_whole, surname, birth_date, service having count(*) > 1),
        clear as (
            select forename_whole, surname, birth_date
            from named anti join twice using (forename_whole, surname, birth_date)
            group by forename_whole, surname, birth_date
            having count(*) > 1 and count(distinct sex) < 2 and count(distinct shared_key) < 2
               and -log2(max(tf_forename) * max(tf_surname) * max(tf_birth_date)) >= {enough})
        select first_value(ref) over w, ref from named semi join clear using (forename_whole, surname, birth_date)
        window w as (partition by forename_whole, surname, birth_date order by ref)
        qualify row_number() over w > 1 order by all
        """,
        traits=traits,
    )


def merge_groups(database: duckdb.DuckDBPyConnection, traits: Relation, node_of: Mapping[str, str]) -> Relation:
    """Return each group so far as one record, for scoring: of each trait what its first reference that has one says.

    r1   bob   (none)        home A                  r2   robert   2010-03-01   home B
    one node, r1:   bob   2010-03-01   homes A, B

    Its `service` is that of all its references, or none where they are of several.
    """
    members = pa.table({"ref": list(node_of), "node": list(node_of.values())})
    first = ", ".join(f"arg_min({name}, ref) filter ({by} is not null) as {name}" for name, by in _FIRST_SAID.items())
    every = ", ".join(f"list_sort(list_distinct(flatten(list({name})))) as {name}" for name in _ALL_SAID)
    shares = ", ".join(f"max(tf_{name}) as tf_{name}" for name in _SHARES)
    return compute_rows(
        database,
        "select node as unique_id, if(count(distinct service) = 1, any_value(service), null) as service, "
        f"{first}, {every}, {shares} from traits join member using (ref) group by node",
        traits=traits,
        member=give_rows(database, members),
    )


_FIRST_SAID = {
    **dict.fromkeys(("forename", "forename_whole", "forename_words", "forename_forms", "forename_sound"), "forename"),
    **dict.fromkeys(("surname", "surname_sound"), "surname"),
    **{name: name for name in ("birth_date", "sex", "shared_key", "address", "postcode", "town", "email", "phone")},
}
_ALL_SAID = ("surnames", "homes", "came", "gone")
_SHARES = (
    "forename",
    "surname",
    "birth_date",
    "birthday",
    "home",
    "address",
    "postcode",
    "town",
    "email",
    "phone",
    "shared_key",
)
