"""`--series FILE`: what is understood, and what a bad file is answered with."""

from datetime import date
from decimal import Decimal

import pytest

from farthing.errors import UsageError
from farthing.signals.seriesfile import parse_series

HEADER = "ChargePeriodStart,ServiceName,BilledCost"


def parsed(*lines):
    return parse_series([f"{line}\n" for line in lines], "spend.csv")


def test_the_three_columns_are_enough():
    file = parsed(HEADER, "2026-01-02,S3,1.5", "2026-01-01,S3,2", "2026-01-02,EC2,0.1")

    assert file.amounts == {
        (("S3", "", ""), date(2026, 1, 2)): Decimal("1.5"),
        (("S3", "", ""), date(2026, 1, 1)): Decimal(2),
        (("EC2", "", ""), date(2026, 1, 2)): Decimal("0.1"),
    }
    panel = file.panel()
    assert panel.dates == (date(2026, 1, 1), date(2026, 1, 2))
    assert panel.leaves == (("EC2", "", ""), ("S3", "", ""))
    assert list(panel.values(0)) == [0, 0.1]
    assert file.days_with_rows()["EC2", ""] == {date(2026, 1, 2)}


def test_rows_of_one_day_series_and_category_are_summed_exactly():
    header = "SubAccountId,BilledCost,ServiceName,ChargePeriodStart,ChargeCategory,Region"
    file = parsed(
        header,
        "111,0.1,S3,2026-01-01,usage,eu",
        '111,"0.2","S3",2026-01-01T00:00:00Z,Usage,us',
        "111,5,S3,2026-01-01,Tax,",
        "111,1e-7,S3,2026-01-01,,",
    )

    day = date(2026, 1, 1)
    assert file.amounts == {
        (("S3", "111", "Usage"), day): Decimal("0.3"),
        (("S3", "111", "Tax"), day): Decimal(5),
        (("S3", "111", ""), day): Decimal("0.0000001"),
    }


def test_a_time_is_its_utc_day():
    file = parsed(HEADER, "2026-01-01T23:30:00-01:00,S3,1", "2026-01-05 00:00:00,S3,1")

    assert [day for _, day in file.amounts] == [date(2026, 1, 2), date(2026, 1, 5)]


def test_a_byte_order_mark_and_empty_lines_are_no_harm():
    assert len(parsed("\ufeff" + HEADER, "", "2026-01-01,S3,1", "").amounts) == 1


def test_days_may_be_in_different_currencies():
    file = parsed(HEADER + ",BillingCurrency", "2026-01-01,S3,1,USD", "2026-01-02,S3,1,EUR")

    assert file.panel().currencies == ("USD", "EUR")


@pytest.mark.parametrize(
    ("lines", "says"),
    [
        ([], "spend.csv, line 1: the header has no ChargePeriodStart and no ServiceName and no BilledCost"),
        (["ChargePeriodStart,BilledCost"], "line 1: the header has no ServiceName"),
        ([HEADER + ",BilledCost"], "line 1: the header has BilledCost twice"),
        ([HEADER, "2026-01-01,S3,1", "2026-13-01,S3,1"], "line 3: ChargePeriodStart '2026-13-01' is not a day"),
        ([HEADER, "20260101,S3,1"], "line 2: ChargePeriodStart '20260101'"),
        ([HEADER, "0001-01-01,S3,1"], "line 2: ChargePeriodStart '0001-01-01': the year"),
        ([HEADER, "2026-01-01,S3,"], "line 2: BilledCost: '' is not an amount"),
        ([HEADER, "2026-01-01,S3,nan"], "line 2: BilledCost: 'nan' is not an amount"),
        ([HEADER, "2026-01-01,S3"], "line 2: it ends before BilledCost"),
        ([HEADER, "2026-01-01,,1"], "line 2: ServiceName is empty"),
        ([HEADER + ",ChargeCategory", "2026-01-01,S3,1,Fee"], "line 2: ChargeCategory 'Fee' is none of Usage,"),
        ([HEADER, '2026-01-01,"S3,1'], "line 2: unexpected end of data"),
        (
            [HEADER + ",BillingCurrency", "2026-01-01,S3,1,USD", "2026-01-01,EC2,1,EUR"],
            "line 3: 2026-01-01 has amounts in USD and EUR",
        ),
    ],
)
def test_a_bad_file_is_one_sentence(lines, says):
    with pytest.raises(UsageError) as caught:
        parsed(*lines)

    assert says in str(caught.value)
    assert "\n" not in str(caught.value)
