"""Which IP addresses are on the public internet."""

from __future__ import annotations

import ipaddress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from serving.http.public_address import is_public


@pytest.mark.parametrize(
    "address",
    [
        *("0.0.0.0", "10.1.2.3", "100.64.0.1", "100.100.100.200", "127.0.0.1", "168.63.129.16"),
        *("169.254.169.254", "172.16.0.1", "192.0.0.192", "192.0.2.1", "192.168.0.1", "198.18.0.1"),
        *("198.51.100.1", "203.0.113.1", "224.0.0.1", "240.0.0.1", "255.255.255.255"),
        *("::", "::1", "::8.8.8.8", "64:ff9b:1::808:808", "100::1", "2001:2::1", "2001:db8::1"),
        *("3fff::1", "5f00::1", "fc00::1", "fd00:ec2::254", "fe80::1", "fec0::1", "ff02::1"),
        *("64:ff9b::a9fe:a9fe", "::ffff:10.0.0.1", "2002:7f00:1::", "2001:0:a00:1::f7f7:f7f7"),
        "2001:0:808:808::f5ff:fffe",
    ],
)
def test_addresses_that_are_not_public(address: str):
    assert not is_public(ipaddress.ip_address(address))


@pytest.mark.parametrize(
    "address", ["8.8.8.8", "93.184.215.14", "2606:4700::1111", "64:ff9b::808:808", "2a00::1"]
)
def test_addresses_that_are_public(address: str):
    assert is_public(ipaddress.ip_address(address))


@given(
    st.ip_addresses(v=4),
    st.sampled_from([(0xFFFF << 32, 0), (0x64FF9B << 96, 0), (0x2002 << 112, 80)]),
)
def test_an_embedded_address_decides(inside: ipaddress.IPv4Address, form: tuple[int, int]):
    prefix, shift = form
    outer = ipaddress.IPv6Address(prefix | int(inside) << shift)
    assert is_public(outer) == is_public(inside)
