import json
import sys

import pytest

from pyvalidators import ConfigError, get

pytest.importorskip("pycld2", reason="the extra language is not installed")
pytest.importorskip("py3langid", reason="the extra language is not installed")

SENTENCES = {
    "de": "Wo bleibt eigentlich meine Bestellung von letzter Woche?",
    "en": "Where is the order that I placed last week?",
    "fr": "Où est la commande que j'ai passée la semaine dernière ?",
    "nb": "Hvor er bestillingen jeg la inn forrige uke? Jeg har ikke hørt noe.",
    "he": "איפה ההזמנה שביצעתי בשבוע שעבר?",
    "zh": "我上周下的订单在哪里？",
    "ja": "先週の注文はどこにありますか。",
    "ru": "Где заказ, который я сделал на прошлой неделе?",
}


@pytest.mark.parametrize("code", SENTENCES)
def test_the_language_of_a_sentence_is_told(verdict, code):
    result = verdict("language", {"allowed": [code]}, SENTENCES[code], None)
    assert (result.passed, json.loads(result.details)) == (True, {"language": code})


@pytest.mark.parametrize(("code", "text"), [("de", " Was ist denn das?"), ("zh", SENTENCES["zh"])])
def test_an_address_does_not_count(verdict, code, text):
    assert verdict("language", {"allowed": [code]}, ADDRESS + text, None).passed is True


def test_another_language_fails_and_is_named(verdict):
    result = verdict("language", {"allowed": ["en", "fr"]}, SENTENCES["de"], None)
    assert (result.passed, result.reason) == (False, "the input is in 'de', allowed: en, fr")


ADDRESS = "https://example.com/where-is-the-order-that-i-placed-last-week"


@pytest.mark.parametrize("text", ["", "   ", "ok", "12345 67", ADDRESS, "\0\ufffe\ud800", "👩‍👩‍👧‍👦"])
def test_too_little_text_abstains(verdict, text):
    result = verdict("language", {"allowed": ["en"]}, text, None)
    assert result[2:] == ("too little text in the input to tell its language", None, "abstained")


def test_odd_characters_within_a_sentence_do_not_matter(verdict):
    odd = SENTENCES["en"].replace(" ", "\0 \ufffe\ud800\x85 \U0010ffff")
    assert verdict("language", {"allowed": ["en"]}, odd, None).passed is True


def test_the_output_is_looked_at_when_the_config_says_so(verdict):
    config = {"allowed": ["de"], "field": "output"}
    assert verdict("language", config, SENTENCES["en"], SENTENCES["de"]).passed is True
    assert verdict("language", config, SENTENCES["de"], None).reason == "output is NULL"


@pytest.mark.parametrize(
    ("allowed", "message"),
    [([], "at least one language"), (["english"], "'english' is none of the ISO 639-1"), (["no"], "nb")],
)
def test_a_bad_config_is_refused(allowed, message):
    with pytest.raises(ConfigError, match=message):
        get("language").check_config({"allowed": allowed})


def test_the_supported_languages_are_those_of_cld2():
    import pycld2

    from pyvalidators.language import LANGUAGES

    named = {code for name, code in pycld2.LANGUAGES if name in pycld2.DETECTED_LANGUAGES}
    now = {"iw": "he", "jw": "jv", "no": "nb"}
    assert {now.get(code, code) for code in named if len(code) == 2} == LANGUAGES
    assert set(get("language").doc.replace(".", "").split()) >= LANGUAGES


def test_without_the_packages_the_config_check_says_what_to_install(monkeypatch):
    from pyvalidators import language

    language._detectors.cache_clear()
    monkeypatch.setitem(sys.modules, "pycld2", None)
    for name, config in (("language", {"allowed": ["en"]}), ("same_language_as_input", {})):
        with pytest.raises(ConfigError, match=r"pg-flywheel\[language\]"):
            get(name).check_config(config)


def test_an_answer_in_the_language_of_the_question_passes(verdict):
    result = verdict("same_language_as_input", {}, SENTENCES["de"], "Sie wird morgen geliefert, versprochen.")
    assert (result.passed, json.loads(result.details)) == (True, {"input": "de", "output": "de"})


def test_an_answer_in_another_language_fails(verdict):
    result = verdict("same_language_as_input", {}, SENTENCES["de"], SENTENCES["en"])
    assert (result.passed, result.reason) == (False, "the output is in 'en', the input in 'de'")


def test_languages_that_are_taken_for_each_other_count_as_one(verdict):
    malay = "Saya ingin tahu di mana pesanan saya yang dibuat minggu lepas kerana belum tiba."
    indonesian = "Kami mohon maaf, pesanan Anda sedang dikirim dan akan tiba besok pagi."
    assert verdict("same_language_as_input", {}, malay, indonesian).passed is True


@pytest.mark.parametrize(("texts", "which"), [(("ok", SENTENCES["en"]), "input"), ((SENTENCES["en"], "42"), "output")])
def test_too_little_of_either_abstains(verdict, texts, which):
    result = verdict("same_language_as_input", {}, *texts)
    assert (result.status, result.reason) == ("abstained", f"too little text in the {which} to tell its language")
