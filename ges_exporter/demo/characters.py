"""The graphs of the made-up project: who each of them is, and what happens to it when, counted from the start."""

from __future__ import annotations

import msgspec


class Character(msgspec.Struct, frozen=True, kw_only=True):
    """One graph and the life of its backups, counted from the moment the made-up cloud started.

    Attributes:
        key: What tells two graphs of one name apart.
        name: The graph's name.
        status: The graph's status code.
        busy_status: The status code while a backup runs, where it differs.
        arch: CPU architecture.
        size_type_index: The vendor's code of the graph's size.
        data_store_version: The graph's version.
        product_type: InMemory or Persistence.
        encrypted: Whether its backups are encrypted.
        age_days: How long before the start it was created.
        daily_since_days: How many days before the start its daily automatic backups began; 0 for none.
        daily_until_days: How many days before the start they ceased; 0 for never.
        failing_days: On how many of the last days before the start they failed.
        first_seconds: When, after the start, the first automatic backup of the watched time begins.
        period_seconds: How often one begins from then on; None for none.
        fails_every: Each how-many-th of those fails; 0 for none.
        instant: Whether automatic backups end in the second they start, as in the vendor's sample.
        megabytes: What a backup holds.
        shrinks: Whether the last backup before the start is far smaller, and each later one smaller still.
        kept: How many successful automatic backups the rotation keeps.
        manual_days: How many days before the start each manual backup was made.
        imported_days: Likewise each backup that was imported.
        hung_hours: How many hours before the start a backup began that never ends; None for none.
    """

    key: str
    name: str
    status: str = "200"
    busy_status: str | None = None
    arch: str = "x86_64"
    size_type_index: str = "2"
    data_store_version: str = "2.3.16"
    product_type: str = "InMemory"
    encrypted: bool = False
    age_days: float = 90
    daily_since_days: int = 0
    daily_until_days: int = 0
    failing_days: int = 0
    first_seconds: int = 0
    period_seconds: int | None = None
    fails_every: int = 0
    instant: bool = False
    megabytes: int = 100
    shrinks: bool = False
    kept: int = 7
    manual_days: tuple[float, ...] = ()
    imported_days: tuple[float, ...] = ()
    hung_hours: float | None = None


def _daily(key: str, name: str, *, first: int, period: int, **rest: object) -> Character:
    """A graph that was backed up daily before the start and is backed up often after it."""
    return msgspec.structs.replace(
        Character(key=key, name=name, daily_since_days=14, first_seconds=first, period_seconds=period), **rest
    )


HEALTHY = (
    _daily("orders", "orders", first=5, period=60, megabytes=420, encrypted=True, manual_days=(31, 3)),
    _daily("customers", "customers", first=20, period=90, arch="aarch64", size_type_index="3", megabytes=2300),
    _daily("spaces", "product recommendations", first=35, period=120, manual_days=(12.5,)),
    _daily("quotes", 'risk "live"', first=50, period=75, data_store_version="2.4.5", encrypted=True),
    _daily("chinese", "知识图谱", first=65, period=100, arch="aarch64", megabytes=730, manual_days=(6,)),
    _daily("apostrophe", "d'Alembert", first=15, period=180, size_type_index="1", megabytes=14),
    _daily("instant", "lookup_table", first=10, period=60, size_type_index="1", instant=True, megabytes=1),
    _daily("busy", "network_topology", first=80, period=150, busy_status="903", size_type_index="4"),
    _daily("importing", "日志 2026", first=45, period=240, status="202", data_store_version="2.4.5"),
    _daily("large", "bill_of_materials", first=25, period=300, size_type_index="401", megabytes=18500),
)

TROUBLED = (
    _daily("flaky", "payments", first=12, period=60, fails_every=3, megabytes=260),
    _daily("failing", "suppliers", first=30, period=90, fails_every=1, failing_days=3, megabytes=150),
    Character(key="hung", name="logistics", daily_since_days=14, hung_hours=5.5, arch="aarch64", megabytes=640),
    _daily("shrinking", "sessions", first=40, period=60, shrinks=True, megabytes=6000, kept=14),
    Character(key="never", name="identities", age_days=10, size_type_index="3"),
    Character(
        key="silent",
        name="archive_2025",
        daily_since_days=20,
        daily_until_days=6,
        imported_days=(0.1,),
        data_store_version="2.2.23",
    ),
)

PECULIAR = (
    Character(key="small", name="sandbox", size_type_index="0", megabytes=1, manual_days=(20,)),
    Character(
        key="persistent",
        name="telemetry",
        size_type_index="6",
        product_type="Persistence",
        data_store_version="2.3.18",
        manual_days=(10,),
        megabytes=52000,
    ),
    Character(key="young", name="experiments", age_days=0.002, first_seconds=3600, period_seconds=3600),
    Character(
        key="deleted",
        name="campaign_2024",
        status="400",
        age_days=400,
        daily_since_days=60,
        daily_until_days=30,
        kept=1,
        manual_days=(50, 41),
        data_store_version="2.2.21",
    ),
    Character(
        key="old life",
        name="social",
        status="400",
        age_days=200,
        daily_since_days=15,
        daily_until_days=5,
        kept=1,
        manual_days=(9, 7),
    ),
    Character(key="new life", name="social", age_days=4, data_store_version="2.4.5"),
)

CHARACTERS = HEALTHY + TROUBLED + PECULIAR
