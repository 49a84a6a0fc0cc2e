"""The section `auth` of the config: which proof of who asks, and where its secrets are."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import msgspec

from ges_exporter.secret import Secret, SecretFile
from ges_exporter.yaml_file import Mistakes

_METHODS = ("password", "aksk", "token", "token_file", "ecs_agency")
_ENVIRONMENT = ("HUAWEICLOUD_SDK_AK", "HUAWEICLOUD_SDK_SK", "HUAWEICLOUD_SDK_SECURITY_TOKEN")


class _PasswordSection(msgspec.Struct, kw_only=True):
    domain: str | None
    username: str | None
    password: str | None = None
    password_file: str | None = None


class _AKSKSection(msgspec.Struct, kw_only=True):
    access_key: str | None = None
    access_key_file: str | None = None
    secret_key: str | None = None
    secret_key_file: str | None = None
    security_token: str | None = None
    security_token_file: str | None = None


class _AgencySection(msgspec.Struct):
    """Nothing to say: the machine has an agency or has none."""


class AuthSection(msgspec.Struct, kw_only=True):
    """As it stands in the file: exactly one of these."""

    password: _PasswordSection | None = None
    aksk: _AKSKSection | None = None
    token: str | None = None
    token_file: str | None = None
    ecs_agency: _AgencySection | None = None


@dataclass(frozen=True, slots=True)
class PasswordAuth:
    """A user of IAM."""

    domain: str
    username: str
    password: Secret


@dataclass(frozen=True, slots=True)
class AccessKeyAuth:
    """An access key; with a security token where it is temporary."""

    access_key: Secret
    secret_key: Secret
    security_token: Secret | None


@dataclass(frozen=True, slots=True)
class StaticTokenAuth:
    """A token that somebody else renews."""

    token: Secret


@dataclass(frozen=True, slots=True)
class AgencyAuth:
    """The agency of the ECS that the exporter runs on."""


Auth = PasswordAuth | AccessKeyAuth | StaticTokenAuth | AgencyAuth


def read_auth(section: AuthSection | None, path: str, folder: Path, mistakes: Mistakes) -> Auth | None:
    """Return the one method of a section, its secrets read for the first time.

    Args:
        section: as it stands in the file; None where it is missing.
        path: the section's path in the file.
        folder: what relative paths of secret files are relative to.
        mistakes: where to note what is wrong; then None is returned.
    """
    given = [method for method in _METHODS if section is not None and getattr(section, method) is not None]
    if section is None or len(given) != 1:
        has = f"has {' and '.join(given)}" if given else "is missing or empty"
        mistakes.add_as_a_whole(path, f"{has}: should have exactly one of {', '.join(_METHODS)} (ecs_agency: {{}})")
        return None

    def secret(holder: object, name: str, where: str, *, required: bool = True) -> Secret | None:
        return _secret(getattr(holder, name), getattr(holder, f"{name}_file"), where, name, folder, mistakes, required)

    if section.password is not None:
        password = secret(section.password, "password", f"{path}.password")
        domain, username = section.password.domain, section.password.username
        return PasswordAuth(domain, username, password) if domain and username and password else None
    if section.aksk is not None:
        where = f"{path}.aksk"
        access_key, secret_key = (secret(section.aksk, name, where) for name in ("access_key", "secret_key"))
        security_token = secret(section.aksk, "security_token", where, required=False)
        if access_key is None or secret_key is None:
            return None
        return AccessKeyAuth(access_key, secret_key, security_token)
    if section.ecs_agency is not None:
        return AgencyAuth()
    token = secret(section, "token", path)
    return StaticTokenAuth(token) if token else None


def auth_from_environment(environ: Mapping[str, str], mistakes: Mistakes) -> Auth:
    """Return the access key that the variables of the vendor's SDK hold; what is missing is noted."""
    access_key, secret_key, security_token = (environ.get(name, "") for name in _ENVIRONMENT)
    for name, value in ((_ENVIRONMENT[0], access_key), (_ENVIRONMENT[1], secret_key)):
        if not value:
            mistakes.add(name, "is not set")
    return AccessKeyAuth(Secret(access_key), Secret(secret_key), Secret(security_token) if security_token else None)


def _secret(
    value: str | None,
    file: str | None,
    path: str,
    name: str,
    folder: Path,
    mistakes: Mistakes,
    required: bool,  # noqa: FBT001  # read_auth names it
) -> Secret | None:
    if value is not None and file is not None:
        mistakes.add(path, f"has both {name} and {name}_file: leave one of them")
    elif value is not None:
        if value.strip():
            return Secret(value)
        mistakes.add(f"{path}.{name}", "is empty")
    elif file is not None:
        try:
            return SecretFile(folder / file)
        except ValueError as error:
            mistakes.add(f"{path}.{name}_file", str(error))
    elif required:
        mistakes.add_as_a_whole(path, f"has neither {name} nor {name}_file: set one of them")
    return None
