"""Certificates of a cluster that lives for an hour: one authority, one pair for each program."""

from __future__ import annotations

import datetime
import ipaddress
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

Key = ec.EllipticCurvePrivateKey
_AGE = datetime.timedelta(days=2)


class Authority:
    """Signs the certificates of a cluster, into a folder: NAME.crt and NAME.key.

    Args:
        folder: Where they are written.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._key = ec.generate_private_key(ec.SECP256R1())
        self._name = _subject("cluster-of-one-node")
        self._write("ca", self._signed(self._name, self._key, self_signed=True), self._key)

    def issue(self, name: str, common: str, group: str = "", hosts: tuple[str, ...] = ()) -> None:
        """Sign for a server, a client, or both.

        Args:
            name: The name of the two files.
            common: Who it is.
            group: Kubernetes' group of a client.
            hosts: Names and addresses of a server.
        """
        key = ec.generate_private_key(ec.SECP256R1())
        self._write(name, self._signed(_subject(common, group), key, hosts), key)

    def _signed(
        self,
        subject: x509.Name,
        key: Key,
        hosts: tuple[str, ...] = (),
        *,
        self_signed: bool = False,
    ) -> x509.Certificate:
        now = datetime.datetime.now(datetime.UTC)
        usage = x509.ExtendedKeyUsage(
            [ExtendedKeyUsageOID.SERVER_AUTH, ExtendedKeyUsageOID.CLIENT_AUTH]
        )
        builder = (
            x509.CertificateBuilder()
            .subject_name(subject)
            .issuer_name(self._name)
            .public_key(key.public_key())
            .serial_number(x509.random_serial_number())
            .not_valid_before(now - _AGE)
            .not_valid_after(now + _AGE)
            .add_extension(x509.BasicConstraints(ca=self_signed, path_length=None), critical=True)
        )
        if not self_signed:
            builder = builder.add_extension(usage, critical=False)
        if hosts:
            names = x509.SubjectAlternativeName([_host(one) for one in hosts])
            builder = builder.add_extension(names, critical=False)
        return builder.sign(self._key, hashes.SHA256())

    def _write(self, name: str, certificate: x509.Certificate, key: Key) -> None:
        pem = serialization.Encoding.PEM
        (self._folder / f"{name}.crt").write_bytes(certificate.public_bytes(pem))
        private = key.private_bytes(
            pem, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        )
        (self._folder / f"{name}.key").write_bytes(private)


def _subject(common: str, group: str = "") -> x509.Name:
    parts = [x509.NameAttribute(NameOID.COMMON_NAME, common)]
    if group:
        parts.insert(0, x509.NameAttribute(NameOID.ORGANIZATION_NAME, group))
    return x509.Name(parts)


def _host(name: str) -> x509.GeneralName:
    try:
        return x509.IPAddress(ipaddress.ip_address(name))
    except ValueError:
        return x509.DNSName(name)
