from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from bot.errors import UserError
from bot.question import views

if TYPE_CHECKING:
    from pathlib import Path

GOOD = """\
-- title: Calls per Region
-- about: How many calls each Region got.
-- chart: bar awsRegion numCalls
SELECT
    awsRegion,
    COUNT(*) AS numCalls
FROM $EDS_ID
WHERE :outdated AND eventTime >= :start AND eventTime < :end
GROUP BY awsRegion
ORDER BY numCalls DESC
"""


def test_every_shipped_view_loads_and_says_where_it_comes_from() -> None:
    loaded = views.load()

    assert set(loaded) == {path.stem for path in views.SHIPPED.glob("*.sql")}
    assert all(view.title and view.about and view.source and view.columns for view in loaded.values())


def test_the_views_of_aws_keep_its_columns_and_their_order() -> None:
    loaded = views.load()
    names = {name: " ".join(column.name for column in loaded[name].columns) for name in loaded}

    assert names["services"] == "eventSource numOutdatedTlsCalls"
    assert names["callers"] == (
        "recipientAccountId year_date month_date eventSource sourceIPAddress userAgent arn accesskeyid "
        "numCalls"
    )
    assert names["calls"] == (
        "accountId recipientAccountId arn eventSource eventName awsRegion tlsVersion cipherSuite userAgent "
        "numOutdatedTlsCalls"
    )
    assert names["addresses"] == (
        "eventSource tlsVersion sourceIPAddress recipientAccountId numOutdatedTlsCalls"
    )
    assert names["requests"] == (
        "eventName awsRegion sourceIPAddress recipientAccountId tlsVersion "
        "eventTime eventID principal userAgent"
    )


def test_a_view_names_the_column_of_which_the_most_come_first() -> None:
    counted = GOOD.replace(
        "COUNT(*) AS numCalls", "COUNT(*) AS numCalls, COUNT(DISTINCT userAgent) AS numClients"
    )

    assert views.parse("mine", GOOD, where="mine.sql").top == "numCalls"
    assert views.parse("mine", f"-- top: numClients\n{counted}", where="mine.sql").top == "numClients"
    with pytest.raises(UserError, match="`top:` takes a column of whole numbers"):
        views.parse("mine", f"-- top: awsRegion\n{counted}", where="mine.sql")


def test_a_folder_of_ones_own_adds_views_without_code(tmp_path: Path) -> None:
    (tmp_path / "my-regions.sql").write_text(GOOD)

    view = views.load(tmp_path)["my-regions"]

    assert view.title == "Calls per Region"
    assert view.measure == "numCalls"
    assert view.has_policy
    assert view.chart == views.Chart("bar", "awsRegion", ("numCalls",))
    assert [column.label for column in view.columns] == ["Region", "Calls"]


def test_a_view_may_not_take_the_name_of_a_shipped_one(tmp_path: Path) -> None:
    (tmp_path / "services.sql").write_text(GOOD)

    with pytest.raises(UserError, match=r"services\.sql has the name of a shipped view"):
        views.load(tmp_path)


def test_a_missing_folder_of_views_is_named(tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"No folder .*nowhere"):
        views.load(tmp_path / "nowhere")


@pytest.mark.parametrize(
    ("change", "to", "line", "why"),
    [
        ("-- title: Calls per Region\n", "", 1, "lacks `-- title"),
        ("-- about:", "-- abuot:", 2, "the header takes"),
        ("GROUP BY awsRegion", "GROUP awsRegion", 9, "Invalid|Required|Expected"),
        ("awsRegion,", "awsRegoin,", 5, "no column `awsRegoin`"),
        ("awsRegion,", "tlsDetails.keyExchange AS x,", 5, r"no column `tlsDetails\.keyExchange`"),
        ("awsRegion,", "tlsDetails.tlsVersion,", 5, "an alias"),
        ("COUNT(*) AS numCalls", "COUNT(*)", None, "an alias"),
        ("awsRegion,", "soundex(awsRegion) AS x,", 5, "not every engine has the function `soundex`"),
        ("awsRegion,", "split(awsRegion, '-') AS x,", 5, "wrap it in CAST"),
        (":outdated", ":outdatet", None, "no blank `:outdatet`"),
        ("AND eventTime < :end", "", None, "eventTime < :end"),
        (":outdated AND eventTime", ":outdated OR eventTime", None, "joined by AND only"),
        (":start AND", ":start OR", None, "joined by AND only"),
        ("FROM $EDS_ID", "FROM events", None, r"FROM \$EDS_ID"),
        ("FROM $EDS_ID", "FROM $EDS_ID JOIN b ON 1 = 1", None, "joins"),
        ("SELECT\n", "WITH a AS (SELECT 1) SELECT\n", None, "WITH"),
        ("ORDER BY numCalls DESC", "LIMIT 5", None, "LIMIT"),
        ("awsRegion,", "*,", None, "name the columns"),
        ("SELECT\n", "SELECT 1; SELECT\n", None, "one SELECT"),
        ("SELECT\n", "DELETE FROM x; SELECT\n", None, "one SELECT"),
        ("bar awsRegion", "bar region", None, "chart"),
    ],
)
def test_a_broken_view_names_itself_its_line_and_what_is_wrong(
    change: str, to: str, line: int | None, why: str
) -> None:
    assert change in GOOD
    with pytest.raises(UserError, match=why) as caught:
        views.parse("broken", GOOD.replace(change, to), where="own/broken.sql")

    place = "own/broken.sql" if line is None else f"own/broken.sql:{line}:"
    assert place in caught.value.message


@pytest.mark.parametrize("name", ["Services", "a b", "today", "", "1st"])
def test_a_view_has_a_name_that_can_be_typed(name: str) -> None:
    with pytest.raises(UserError, match="named with a-z"):
        views.parse(name, GOOD, where="x.sql")


def test_a_name_that_is_too_long_is_told_so() -> None:
    with pytest.raises(UserError, match=r"at most 31 characters, and `a{32}` has 32"):
        views.parse("a" * 32, GOOD, where="x.sql")


def test_conditions_may_stand_in_parentheses() -> None:
    sql = GOOD.replace(
        ":outdated AND eventTime >= :start AND eventTime < :end",
        "(:outdated) AND (eventTime >= :start AND (eventTime < :end))",
    )

    assert views.parse("x", sql, where="x.sql").has_policy


def test_comments_in_the_sql_are_not_sent_along() -> None:
    view = views.parse("x", GOOD.replace("COUNT(*)", "/* secret */ COUNT(*) -- note\n"), where="x.sql")

    assert "secret" not in view.select.sql("trino")
    assert "note" not in view.select.sql("trino")


@pytest.mark.parametrize(
    ("change", "to", "narrows"),
    [
        ("", "", False),
        (":outdated AND", ":outdated AND errorCode IS NOT NULL AND", True),
        ("GROUP BY awsRegion", "GROUP BY awsRegion HAVING COUNT(*) > 9", True),
    ],
)
def test_a_view_that_leaves_out_calls_for_a_reason_of_its_own_narrows(
    change: str, to: str, narrows: bool
) -> None:
    assert views.parse("mine", GOOD.replace(change, to) if change else GOOD, where="x.sql").narrows == narrows


def test_of_shipped_views_with_a_policy_only_those_of_endpoints_and_of_s3_narrow() -> None:
    narrowing = {name for name, view in views.load().items() if view.narrows and view.has_policy}

    assert narrowing == {"endpoints", "what-if"}, "of which no rows clear nobody"
