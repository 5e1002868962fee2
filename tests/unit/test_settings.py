"""Settings that cannot be meant are refused by name, before anything starts."""

from dataclasses import fields

import pytest

from fhir_server.settings import Settings, SettingsError, load

NUMBERS = [field.name for field in fields(Settings) if type(field.default) is int]


@pytest.mark.parametrize("name", NUMBERS)
def test_no_number_is_negative(name: str) -> None:
    with pytest.raises(SettingsError, match=f"setting {name}: expected at least"):
        load({name: -1}, {})


@pytest.mark.parametrize("bind", ["localhost", ":8080", "127.0.0.1:", "127.0.0.1:http", "127.0.0.1:65536"])
def test_an_address_has_a_host_and_a_port(bind: str) -> None:
    with pytest.raises(SettingsError, match="setting bind"):
        load({"bind": bind}, {})


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("base_url", "fhir.example.org"),
        ("trusted_proxies", "10.0.0.1, proxy.example.org"),
        ("database", "sqlite:///:memory:"),
    ],
)
def test_urls_and_networks_are_checked(name: str, value: str) -> None:
    with pytest.raises(SettingsError, match=f"setting {name}"):
        load({name: value}, {})


@pytest.mark.parametrize("bind", ["127.0.0.1:0", "[::1]:8080", "localhost:8080"])
def test_loopback_may_be_open(bind: str) -> None:
    assert load({"bind": bind, "access": "open", "trusted_proxies": "10.0.0.0/8, ::1"}, {}).is_loopback
