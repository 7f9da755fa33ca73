import json
import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pyvalidators import ConfigError, batch, get


def found(verdict, text, **config):
    passed, score, reason, details, status = verdict("pii", config, text, None)
    assert (score, status) == (None, "ok")
    places = json.loads(details)["found"] if details else []
    assert passed == (not places)
    if places:
        assert sum(json.loads(details)["kinds"].values()) == len(places)
        assert reason.endswith(f"in the input, the first at character {places[0]['start']}")
    return [(each["kind"], text[each["start"] : each["end"]]) for each in places]


@pytest.mark.parametrize(
    ("kind", "text", "value"),
    [
        ("credit_card", "pay with 4111 1111 1111 1111, please", "4111 1111 1111 1111"),
        ("credit_card", "4111-1111-1111-1111", "4111-1111-1111-1111"),
        ("credit_card", "amex 3782 822463 10005.", "3782 822463 10005"),
        ("credit_card", "Kartennummer: 5555555555554444", "5555555555554444"),
        ("credit_card", "my card 9999999999999995 is lost", "9999999999999995"),
        ("iban_code", "an DE89 3704 0044 0532 0130 00 überweisen", "DE89 3704 0044 0532 0130 00"),
        ("iban_code", "to gb82west12345698765432", "gb82west12345698765432"),
        ("us_ssn", "123-45-6789", "123-45-6789"),
        ("us_ssn", "SSN: 123456789", "123456789"),
        ("phone_number", "+49 (0)30 901820", "+49 (0)30 901820"),
        ("phone_number", "(555) 123-4567 ext. 89", "(555) 123-4567 ext. 89"),
        ("phone_number", "at 0171 234 56 78!", "0171 234 56 78"),
        ("phone_number", "call 555-1234", "555-1234"),
        ("email_address", "to jürgen.groß+x@mail.example.de.", "jürgen.groß+x@mail.example.de"),
        ("ip_address", "from 203.0.113.7, again", "203.0.113.7"),
        ("ip_address", "host 2001:db8::8a2e:370:7334", "2001:db8::8a2e:370:7334"),
        ("api_key", "key AKIAIOSFODNN7EXAMPLE", "AKIAIOSFODNN7EXAMPLE"),
        ("api_key", "sk-proj-abcdefghijklmnopqrstuvwxyz", "sk-proj-abcdefghijklmnopqrstuvwxyz"),
        ("api_key", "ghp_" + "a1B2" * 9, "ghp_" + "a1B2" * 9),
        ("api_key", 'api_key = "0123456789abcdef0123"', 'api_key = "0123456789abcdef0123'),
        ("api_key", "-----BEGIN RSA PRIVATE KEY-----", "-----BEGIN RSA PRIVATE KEY-----"),
        ("api_key", "-----BEGIN PGP PRIVATE KEY BLOCK-----", "-----BEGIN PGP PRIVATE KEY BLOCK-----"),
        ("api_key", "gsk_" + "a1B2" * 13, "gsk_" + "a1B2" * 13),
        ("credit_card", "Anna,4111111111111111,12/29", "4111111111111111"),  # a row of a CSV file
        ("credit_card", "No.4111111111111111-", "4111111111111111"),
        ("credit_card", "4111 1111 1111 1111 04/29", "4111 1111 1111 1111"),  # its date and code follow it
        ("credit_card", "4111 1111 1111 1111 123", "4111 1111 1111 1111"),
        ("iban_code", "wire it to LU28 0019 4006 4475 0000 by Friday", "LU28 0019 4006 4475 0000"),
        ("iban_code", "BE68 5390 0754 7034 from here", "BE68 5390 0754 7034"),
        ("iban_code", "ES76-2077-0024-0031-0257-5766", "ES76-2077-0024-0031-0257-5766"),
        ("us_ssn", "123\u201145\u20116789", "123\u201145\u20116789"),
        ("us_ssn", "SSN 123.45.6789", "123.45.6789"),
        ("phone_number", "phone:4155552671", "4155552671"),
        ("phone_number", "Anna,415-555-2671,94107", "415-555-2671"),
        ("phone_number", "Tel.030/1234567", "030/1234567"),
        ("phone_number", "08-123 456 78", "08-123 456 78"),
        ("phone_number", "415\u2011555\u20112671", "415\u2011555\u20112671"),
        ("phone_number", "+55 11 91234-5678", "+55 11 91234-5678"),
        ("phone_number", "mobile 98765 43210", "98765 43210"),
        ("email_address", "__a.b@example.com__", "__a.b@example.com"),
        ("email_address", "a.b@example.com-Anna", "a.b@example.com"),
        ("ip_address", "IP:203.0.113.7:8080", "203.0.113.7"),
        ("ip_address", "::ffff:203.0.113.7", "::ffff:203.0.113.7"),
    ],
)
def test_each_kind_is_found_where_it_is(verdict, kind, text, value):
    assert found(verdict, text) == [(kind, value)]


@pytest.mark.parametrize(
    "text",
    [
        "",
        "Where is my order K-11853?",
        "4111 1111 1111 1112",  # the check digit is wrong
        "1234567812345670",  # no issuer has this prefix, and no card is spoken of
        "DE88 3704 0044 0532 0130 00",
        "000-12-3456 and 123-00-4567 and 123-45-0000",
        "12:30:45, 2024-01-31, 31.12.2024 and 1,234,567.89",
        "std::vector, a::b, 127.0.0.1, 1.2.3 and 300.1.2.3",
        "$1 234 567 89 and #123-456-789",
        "me @ home, @user, a@b",
        "the password is long enough",
        "Apartment 1987 74, ZIP 12345-6789",
        "0.4111111111111111 and 0,4111111111111111",
        "version 123.45.6789",
        "Order 1234-5678-90, ticket: 2024-11-0045, part number 12-345-6789",
        "call them in 2024-2025, at 37.7749295, 1.234.567.890 times",
    ],
)
def test_what_only_looks_like_it_is_not(verdict, text):
    assert found(verdict, text) == []


def test_numbers_side_by_side_are_each_found(verdict):
    assert found(verdict, "BE68 5390 0754 7034 BE71 0961 2345 6769") == [
        ("iban_code", "BE68 5390 0754 7034"),
        ("iban_code", "BE71 0961 2345 6769"),
    ]


def test_the_place_of_a_private_key_is_the_whole_of_it(verdict):
    key = "-----BEGIN EC PRIVATE KEY-----\nMHcCAQEEIAAA\n-----END EC PRIVATE KEY-----"
    assert found(verdict, f"It is {key}.") == [("api_key", key)]


def test_the_value_is_nowhere_in_the_verdict(verdict):
    text = "4111111111111111 DE89370400440532013000 a.b@example.com sk-abcdefghijklmnopqrstuv1 +1 212 555 0100"
    result = verdict("pii", {}, text, None)
    stored = f"{result.reason} {result.details}"
    assert not re.search(r"4111|DE89|a\.b@|sk-|212", stored)


def test_a_number_counts_once_as_the_surer_kind(verdict):
    assert found(verdict, "4111111111111111") == [("credit_card", "4111111111111111")]
    assert found(verdict, "4111111111111111", kinds=["phone_number"]) == []


def test_only_the_kinds_asked_for(verdict):
    text = "a@example.com from 203.0.113.7"
    assert found(verdict, text, kinds=["ip_address"]) == [("ip_address", "203.0.113.7")]


def test_an_allowed_value_may_occur(verdict):
    assert found(verdict, "Help@Example.com or me@example.com", allowed=["help@example.com"]) == [
        ("email_address", "me@example.com")
    ]


def test_the_output_is_looked_at_when_the_config_says_so(verdict):
    assert verdict("pii", {"field": "output"}, "a@example.com", "none").passed is True
    assert verdict("pii", {"field": "output"}, "none", "a@example.com").reason.startswith("email_address in the output")


@pytest.mark.parametrize(("field", "texts"), [("input", (None, "x")), ("output", ("x", None))])
def test_null_abstains(verdict, field, texts):
    assert verdict("pii", {"field": field}, *texts)[2:] == (f"{field} is NULL", None, "abstained")


def test_no_more_than_twenty_places_are_listed_and_all_are_counted(verdict):
    details = json.loads(verdict("pii", {}, "a@example.com " * 50, None).details)
    assert details["kinds"] == {"email_address": 50} and len(details["found"]) == 20


@pytest.mark.parametrize(
    ("config", "message"),
    [({"kinds": []}, "at least one kind"), ({"kinds": ["card"]}, "credit_card"), ({"field": "context"}, "output")],
)
def test_a_bad_config_is_refused(config, message):
    with pytest.raises(ConfigError, match=message):
        get("pii").check_config(config)


def luhn(digits):
    doubled = [sum(divmod(2 * int(each), 10)) if i % 2 == 0 else int(each) for i, each in enumerate(reversed(digits))]
    return digits + str(-sum(doubled) % 10)


@given(st.from_regex(r"4[0-9]{14}", fullmatch=True), st.text(max_size=20), st.text(max_size=20))
def test_every_visa_number_between_spaces_is_found(digits, before, after):
    card = luhn(digits)
    text = f"{before} {card} {after}"
    results = batch.run("pii", {"kinds": ["credit_card"]}, [[text], [None]])
    places = json.loads(results.details[0])["found"]
    assert card in [text[each["start"] : each["end"]] for each in places]
