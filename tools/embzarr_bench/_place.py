"""Where a peer keeps its data, and how to get in."""

from __future__ import annotations

from dataclasses import dataclass, replace

from embzarr_bench.servers.s3 import REGION


@dataclass(frozen=True, slots=True, kw_only=True, repr=False)
class Place:
    """A folder of a bucket on a server that speaks S3; no repr, since it holds a secret."""

    endpoint_url: str
    access_key: str
    secret_key: str
    bucket: str
    prefix: str

    @property
    def region(self) -> str:
        """Region of the bucket."""
        return REGION

    @property
    def url(self) -> str:
        """``s3://bucket/prefix``."""
        return f"s3://{self.bucket}/{self.prefix}"

    @property
    def options(self) -> dict[str, str]:
        """The ``storage_options`` with which embzarr gets in."""
        return {
            "endpoint_url": self.endpoint_url,
            "access_key_id": self.access_key,
            "secret_access_key": self.secret_key,
            "region": self.region,
        }

    def below(self, name: str) -> Place:
        """Return the folder `name` of this one."""
        return replace(self, prefix=f"{self.prefix}/{name}" if self.prefix else name)
