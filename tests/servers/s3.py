"""What every S3 server of the tests offers, whichever program answers; the benchmark has it too."""

from embzarr_bench.servers.s3 import REGION, S3Server

__all__ = ["REGION", "S3Server"]
