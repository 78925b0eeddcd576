"""How two records are compared, trait by trait: SQL over `_l` and `_r`, the levels of each from the best to the last.

A level that shares a value counts for more the rarer the value is (RARER: the column whose share it counts by).
"""

from __future__ import annotations

from collections.abc import Mapping

__all__ = ["BEST_REACHED", "COLUMNS", "IN_THE_SURNAME", "LEVELS", "NOTHING_SAID", "RARER", "make_condition"]

IN_THE_SURNAME = "in the surname's place"
SWAPPED = (
    "(left(forename_l, 1) = left(surname_r, 1) and left(surname_l, 1) = left(forename_r, 1) "
    "and forename_l <> forename_r and surname_l <> surname_r "
    "and jaro_winkler_similarity(forename_l, surname_r) >= 0.88 "
    "and jaro_winkler_similarity(surname_l, forename_r) >= 0.88)"
)
"""Each name stands in the other's place: one slip, which the forename's comparison alone counts."""
NOTHING_SAID: Mapping[str, str] = {
    "forename": "forename_l is null or forename_r is null",
    "surname": f"surname_l is null or surname_r is null or {SWAPPED}",
    "birth_date": "birth_date_l is null or birth_date_r is null",
    "home": (
        "(len(homes_l) = 0 or len(homes_r) = 0) and (address_l is null or address_r is null) "
        "and (postcode_l is null or postcode_r is null) and (town_l is null or town_r is null)"
    ),
    "shared_key": "shared_key_l is null or shared_key_r is null",
    "email": "email_l is null or email_r is null",
    "phone": "phone_l is null or phone_r is null",
    "sex": "sex_l is null or sex_r is null",
}
"""Where one of the two says nothing of a trait, or another comparison says all of it."""

_DAY = "strftime(birth_date_{0}, '%Y%m%d')"
_INITIALS = "list_transform(forename_words_{0}[2:], lambda w: left(w, 1))"
_OTHER_MIDDLE_NAMES = (
    "(len(forename_words_l) > 1 and len(forename_words_r) > 1 "
    "and not list_has_any(forename_words_l[2:], forename_words_r[2:]) "
    "and not (least(len(forename_words_l[2]), len(forename_words_r[2])) = 1 "
    f"and list_has_any({_INITIALS.format('l')}, {_INITIALS.format('r')})))"
)
"""Anna Maria and Anna Rose; not Anna M and Anna Maria, nor Anna alone."""
_CONDITIONS: Mapping[tuple[str, str], str] = {
    ("forename", "same"): (
        "(forename_l = forename_r and (len(forename_words_l) > 1) = (len(forename_words_r) > 1) "
        f"and not {_OTHER_MIDDLE_NAMES}) or forename_whole_l = forename_whole_r"
    ),
    ("forename", "same, and one gives more names"): f"forename_l = forename_r and not {_OTHER_MIDDLE_NAMES}",
    ("forename", IN_THE_SURNAME): SWAPPED,
    ("forename", "same by a short form"): (
        "list_contains(forename_forms_l, forename_r) or list_contains(forename_forms_r, forename_l) "
        "or list_has_any(forename_forms_l, forename_forms_r)"
    ),
    ("forename", "alike"): (
        f"(jaro_winkler_similarity(forename_l, forename_r) >= 0.88 and not {_OTHER_MIDDLE_NAMES}) "
        "or (damerau_levenshtein(forename_l, forename_r) <= 1 and least(len(forename_l), len(forename_r)) > 2 "
        f"and not {_OTHER_MIDDLE_NAMES})"
    ),
    ("forename", "an initial, another of several, or alike in sound"): (
        "(least(len(forename_l), len(forename_r)) = 1 and left(forename_l, 1) = left(forename_r, 1)) "
        "or list_has_any(forename_words_l, forename_words_r) or forename_sound_l = forename_sound_r "
        "or (jaro_winkler_similarity(forename_l, forename_r) >= 0.75 "
        "and damerau_levenshtein(forename_l, forename_r) <= 3)"
    ),
    ("surname", "same"): "surname_l = surname_r",
    ("surname", "a part or another name of theirs"): "list_has_any(surnames_l, surnames_r)",
    ("surname", "alike"): (
        "jaro_winkler_similarity(surname_l, surname_r) >= 0.9 "
        "or (damerau_levenshtein(surname_l, surname_r) <= 1 and least(len(surname_l), len(surname_r)) > 2)"
    ),
    ("surname", "an initial or alike in sound"): (
        "(least(len(surname_l), len(surname_r)) = 1 and left(surname_l, 1) = left(surname_r, 1)) "
        "or surname_sound_l = surname_sound_r "
        "or (jaro_winkler_similarity(surname_l, surname_r) >= 0.8 and damerau_levenshtein(surname_l, surname_r) <= 3)"
    ),
    ("birth_date", "same"): "birth_date_l = birth_date_r",
    ("birth_date", "day and month swapped, or one digit off"): (
        f"damerau_levenshtein({_DAY.format('l')}, {_DAY.format('r')}) <= 1 "
        f"or {_DAY.format('l')} = strftime(birth_date_r, '%Y%d%m')"
    ),
    ("birth_date", "two of day, month and year the same"): (
        "(year(birth_date_l) = year(birth_date_r))::int + (month(birth_date_l) = month(birth_date_r))::int "
        "+ (day(birth_date_l) = day(birth_date_r))::int = 2"
    ),
    ("birth_date", "within a month, or two digits off"): (
        f"abs(birth_date_l - birth_date_r) <= 31 or damerau_levenshtein({_DAY.format('l')}, {_DAY.format('r')}) <= 2"
    ),
    ("birth_date", "within a year or so"): "abs(birth_date_l - birth_date_r) <= 400",
    ("home", "shared"): "list_has_any(homes_l, homes_r)",
    ("home", "the same address"): "address_l = address_r",
    ("home", "an address alike"): (
        "(jaro_winkler_similarity(address_l, address_r) >= 0.9 or jaccard(address_l, address_r) >= 0.9) "
        "and damerau_levenshtein(address_l, address_r) <= 5"
    ),
    ("home", "the same postcode"): "postcode_l = postcode_r",
    ("home", "moved from one to the other"): "list_has_any(gone_l, came_r) or list_has_any(gone_r, came_l)",
    ("home", "the same town"): "town_l = town_r or jaro_winkler_similarity(town_l, town_r) >= 0.92",
    ("shared_key", "same"): "shared_key_l = shared_key_r",
    ("shared_key", "one slip off"): "damerau_levenshtein(shared_key_l, shared_key_r) <= 1 and len(shared_key_l) > 4",
    ("email", "same"): "email_l = email_r",
    ("email", "alike"): (
        "split_part(email_l, '@', 1) = split_part(email_r, '@', 1) or jaro_winkler_similarity(email_l, email_r) >= 0.9"
    ),
    ("phone", "same"): "phone_l = phone_r",
    ("sex", "same"): "sex_l = sex_r",
}
RARER: Mapping[tuple[str, str], str] = {
    ("forename", "same"): "forename",
    ("forename", "same, and one gives more names"): "forename",
    ("surname", "same"): "surname",
    ("birth_date", "same"): "birth_date",
    ("home", "shared"): "home",
    ("home", "the same address"): "address",
    ("home", "the same postcode"): "postcode",
    ("home", "the same town"): "town",
    ("shared_key", "same"): "shared_key",
    ("email", "same"): "email",
    ("phone", "same"): "phone",
}
"""The column whose share of the records (tf_...) a level's u is, by comparison and level."""


_LAST = {"home": "none shared"}
LEVELS: Mapping[str, tuple[str, ...]] = {
    comparison: (*(level for name, level in _CONDITIONS if name == comparison), _LAST.get(comparison, "different"))
    for comparison in NOTHING_SAID
}
"""The levels of each comparison, from the best to the last, which is what is left."""

BEST_REACHED: Mapping[str, str] = {
    "home": "case when len(homes_l) > 0 and len(homes_r) > 0 then 0 "
    "when address_l is not null and address_r is not null then 1 "
    "when postcode_l is not null and postcode_r is not null then 3 else 5 end"
}
"""The best level that two records can reach by what both say: two with postcodes alone cannot share an address."""

COLUMNS: Mapping[str, tuple[str, ...]] = {
    "forename": ("forename", "surname", "forename_words", "forename_whole", "forename_forms", "forename_sound"),
    "surname": ("forename", "surname", "surnames", "surname_sound"),
    "birth_date": ("birth_date",),
    "home": ("homes", "came", "gone", "address", "postcode", "town"),
    "shared_key": ("shared_key",),
    "email": ("email",),
    "phone": ("phone",),
    "sex": ("sex",),
}
"""The traits that each comparison reads."""


def make_condition(comparison: str, level: str | None) -> str:
    """Return SQL over two records, `_l` and `_r`, that is true at `level`, or where one says nothing (None)."""
    return NOTHING_SAID[comparison] if level is None else _CONDITIONS.get((comparison, level), "true")
