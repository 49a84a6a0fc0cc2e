"""Prometheus exporter for the backups of Huawei Cloud GES graphs."""

__version__ = "0.1.0"
