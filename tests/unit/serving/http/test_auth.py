from __future__ import annotations

import logging
import os
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.errors import ConfigError
from serving.config import AuthConfig, HttpConfig
from serving.errors import ApiError
from serving.http.auth import (
    MIN_KEY_CHARS,
    RELOAD_PERIOD_S,
    VARIABLE,
    Keys,
    check_binding,
    parse_keys,
)

ANNA, BERT = "anna-0123456789abcdef", "bert-0123456789abcdef"
VISIBLE = st.characters(min_codepoint=33, max_codepoint=126, exclude_characters=",")


class Clock:
    def __init__(self) -> None:
        self.now_s = 100.0

    def __call__(self) -> float:
        return self.now_s


def refusal(keys: Keys, header: str | None, host: str | None = "127.0.0.1") -> ApiError:
    with pytest.raises(ApiError) as caught:
        keys.caller(header, host, False)
    assert caught.value.status == 401
    return caught.value


def environment(*entries: str) -> dict[str, str]:
    return {VARIABLE: ",".join(entries)}


def test_lines_commas_and_comments():
    text = f"# staff\n\n anna:{ANNA} ,, bert : {BERT}\r\nc:0123456789:abcdef # not, here"
    with pytest.raises(ConfigError, match=r"line 4.*white space"):
        parse_keys(text)
    keys = parse_keys(text.replace(" # not", ", # not"))
    assert [key.name for key in keys] == ["anna", "bert", "c"]


@pytest.mark.parametrize(
    ("entry", "says"),
    [
        ("hush-hush-hush-hush", "write name:key"),
        (":hush-hush-hush-hush", "write name:key"),
        ("hush:", "write name:key"),
        ("a:hush", "shorter than 16"),
        ("a:hush-hush hush-hush", "white space"),
        ("a:hush-hush\u00a0hush-hush", "white space"),
        ("a:hush-hush-hush-hush-\u00e9", "visible ASCII"),
        ("a\x00:hush-hush-hush-hush", "cannot be printed"),
        ("anna:hush-hush-hush-hush", "line 4: the name is that of keys, line 2"),
        (f"hush:{ANNA}", "line 4: the key is that of keys, line 2"),
    ],
)
def test_a_bad_entry_is_told_by_its_line_and_never_shown(entry: str, says: str):
    with pytest.raises(ConfigError, match=says) as caught:
        parse_keys(f"# keys\nanna:{ANNA}\n\n{entry}", "keys")
    assert "keys, line 4:" in str(caught.value)
    assert "hush" not in str(caught.value)
    assert ANNA not in str(caught.value)


@given(st.text(VISIBLE, min_size=MIN_KEY_CHARS), st.text(VISIBLE, min_size=MIN_KEY_CHARS))
def test_a_key_opens_and_any_other_does_not(right: str, wrong: str):
    keys = Keys(AuthConfig(), environment(f"anna:{right}"))
    assert keys.caller(f"Bearer {right}", "192.0.2.1", True) == "anna"
    if wrong != right:
        assert refusal(keys, f"Bearer {wrong}").code == "invalid_api_key"


@given(st.text(max_size=40))
def test_any_other_header_is_a_401(header: str):
    assert refusal(Keys(AuthConfig(), environment(f"anna:{ANNA}")), header).code in (
        "missing_api_key",
        "invalid_api_key",
    )


@pytest.mark.parametrize("header", [f"bearer {BERT}", f"BEARER   {BERT} "])
def test_the_scheme_is_read_in_any_case_and_the_last_key_found(header: str):
    keys = Keys(AuthConfig(), environment(f"anna:{ANNA}", f"bert:{BERT}"))
    assert keys.names == ("anna", "bert")
    assert keys.caller(header, None, False) == "bert"


@pytest.mark.parametrize("header", [None, "", "Bearer", "Bearer  ", f"Basic {ANNA}", ANNA])
def test_without_a_bearer_the_key_is_missing_even_on_loopback(header: str | None):
    for config in (AuthConfig(), AuthConfig(disabled=True)):
        keys = Keys(config, environment(f"anna:{ANNA}"))
        assert refusal(keys, header).code == "missing_api_key"


def test_a_key_is_in_no_representation():
    (key,) = parse_keys(f"anna:{ANNA}")
    assert "anna" in repr(key)
    assert ANNA not in repr(key)
    assert repr(key.digest) not in repr(key)


@pytest.mark.parametrize(
    ("host", "is_local"),
    [
        ("127.0.0.1", True),
        ("127.8.9.1", True),
        ("::1", True),
        ("::ffff:127.0.0.1", True),
        ("192.168.0.2", False),
        ("::ffff:192.168.0.2", False),
        ("0.0.0.0", False),
        ("::", False),
        ("localhost", False),
        ("", False),
        (None, False),
    ],
)
def test_without_keys_only_this_machine_is_answered(host: str | None, is_local: bool):
    keys = Keys(AuthConfig(), {})
    if is_local:
        assert keys.caller(None, host, False) == "local"
    else:
        error = refusal(keys, f"Bearer {ANNA}", host)
        assert error.code == "no_keys_configured"
        assert VARIABLE in str(error)
    with pytest.raises(ApiError, match="without a proxy"):
        keys.caller(None, host, True)


def test_behind_haproxy_no_caller_counts_as_local():
    """HAProxy is the peer of every connection and does not pass the client's address on."""
    haproxy = {"RAY_SERVE_ENABLE_HA_PROXY": "1"}
    assert refusal(Keys(AuthConfig(), haproxy), None, "127.0.0.1").code == "no_keys_configured"
    bound_to_loopback = haproxy | {"RAYSCRIBE_BALANCER_IS_LOCAL": "1"}
    assert Keys(AuthConfig(), bound_to_loopback).caller(None, "127.0.0.1", False) == "local"


def test_disabled_auth_answers_every_caller():
    assert Keys(AuthConfig(disabled=True), {}).caller(None, "192.0.2.1", True) == "anonymous"


@pytest.mark.parametrize(
    ("content", "says"),
    [
        (None, "cannot be read: No such file"),
        (b"# nobody\n", "has no keys"),
        (b"\xff\xfe", "not UTF-8"),
        (b"anna:short", "line 1: the key is shorter"),
    ],
)
def test_a_file_that_cannot_be_used_stops_the_start(
    content: bytes | None, says: str, tmp_path: Path
):
    path = tmp_path / "keys"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(ConfigError, match=says) as caught:
        Keys(AuthConfig(keys_file=str(path)), environment(f"anna:{ANNA}"))
    assert str(path) in str(caught.value)


def test_file_and_environment_are_one_list(tmp_path: Path):
    path = tmp_path / "keys"
    path.write_text(f"\ufeffbert:{BERT}\n", encoding="utf-8")
    config = AuthConfig(keys_file=str(path))
    assert Keys(config, environment(f"anna:{ANNA}")).names == ("anna", "bert")
    with pytest.raises(ConfigError, match=f"the name is that of {VARIABLE}, line 1"):
        Keys(config, environment(f"bert:{ANNA}"))


def test_a_swapped_link_is_read_after_a_while(tmp_path: Path):
    (tmp_path / "old").write_text(f"anna:{ANNA}")
    (tmp_path / "new").write_text(f"bert:{BERT}")
    link, fresh = tmp_path / "keys", tmp_path / "fresh"
    link.symlink_to("old")
    clock = Clock()
    keys = Keys(AuthConfig(keys_file=str(link)), {}, clock)
    fresh.symlink_to("new")
    os.replace(fresh, link)
    clock.now_s += RELOAD_PERIOD_S - 0.1
    assert keys.caller(f"Bearer {ANNA}", None, False) == "anna"
    clock.now_s += 0.1
    assert keys.caller(f"Bearer {BERT}", None, False) == "bert"
    assert refusal(keys, f"Bearer {ANNA}").code == "invalid_api_key"


@pytest.mark.parametrize("bad", [None, "", "hush:short", "anna:hush-hush-hush-hush,anna:" + BERT])
def test_a_file_that_became_bad_keeps_the_keys_and_warns_once(
    bad: str | None, tmp_path: Path, caplog: pytest.LogCaptureFixture
):
    path, clock = tmp_path / "keys", Clock()
    path.write_text(f"anna:{ANNA}")
    keys = Keys(AuthConfig(keys_file=str(path)), {}, clock)
    path.unlink() if bad is None else path.write_text(bad)
    with caplog.at_level(logging.WARNING):
        for _ in range(3):
            clock.now_s += RELOAD_PERIOD_S
            assert keys.caller(f"Bearer {ANNA}", None, False) == "anna"
    assert len(caplog.records) == 1
    assert str(path) in caplog.text
    assert "hush" not in caplog.text
    path.write_text(f"bert:{BERT}")
    clock.now_s += RELOAD_PERIOD_S
    assert keys.caller(f"Bearer {BERT}", None, False) == "bert"


@pytest.mark.parametrize("host", ["127.0.0.1", "127.3.2.1", "::1", "localhost", "LocalHost"])
def test_loopback_may_be_bound_without_keys(host: str):
    check_binding(HttpConfig(host=host), AuthConfig(), {})


@pytest.mark.parametrize("host", ["0.0.0.0", "::", "", "192.168.0.2", "ocr.internal"])
def test_other_addresses_need_keys(host: str):
    http = HttpConfig(host=host)
    for nothing in ({}, {VARIABLE: " \n# nobody"}):
        with pytest.raises(ConfigError, match=r"auth\.keys_file, or auth\.disabled"):
            check_binding(http, AuthConfig(), nothing)
    check_binding(http, AuthConfig(disabled=True), {})
    check_binding(http, AuthConfig(keys_file="/elsewhere/keys"), {})
    check_binding(http, AuthConfig(), environment(f"anna:{ANNA}"))
