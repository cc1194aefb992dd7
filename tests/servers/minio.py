"""A real MinIO as a child process; the benchmark starts it the same way."""

from embzarr_bench.servers.minio import MISSING, Minio, find_minio, running_minio

__all__ = ["MISSING", "Minio", "find_minio", "running_minio"]
