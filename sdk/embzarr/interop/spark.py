"""Spark: runs as a data source, ``embzarr``, and texts as means of vectors (extra ``spark``).

    register(spark)
    words = spark.read.format("embzarr").load("s3://bucket/run")
    spark.read.format("embzarr").option("prefix", "inter").load("s3://bucket/run")  # these alone
    words.write.format("embzarr").mode("overwrite").save("s3://bucket/other")

A row is a ``word``, its ``row``, its ``vectors``, an array, and the further columns by their names.
embzarr must be installed in the Python of every executor.

**Reading.** A data frame, or a temporary view, is the commit that was newest when it was made, or
that of an option ``step``, ``tag`` or ``commit``, whatever is committed while it is used. Options
say what is loaded of it: ``words``, a list as JSON; ``prefix``; ``first`` and ``last``, a range of
words, and ``start`` and ``stop``, of rows, each up to and without its end; ``columns``, such as
``word,counts``, of which Spark tells a source in Python nothing; or ``schema(...)``. ``partitions``
sets how many tasks read rows, by default 32 MiB each, ``by`` how rows are divided: ``rows``,
``weight`` (by ``counts``) or ``hash``, by whole groups of such a placement. ``vectors`` set to
``mllib`` makes them MLlib's.

Filters are Spark's own work, unless the option ``pushdown`` is true: then those on ``word`` (``=``,
``IN``, ``LIKE 'inter%'``, ``<`` and the like) and on ``row`` become partial loads. Give it to a
data frame that *one* query uses: Spark (4.1 to 4.3) remembers the filters that it pushed down last
and leaves their rows out of every later query of the same data frame or view, and of both sides of
a union or join of one with itself.

**Writing.** Each task stores its rows; then the driver makes one commit of them, in the order of
the data frame, or none. Mode ``overwrite`` saves a full step; ``append`` lays rows upon the newest
commit as a delta: words that it has get the new values. Spark's default mode, ErrorIfExists, it
refuses for every source in Python. Options are those of `embzarr.save`: ``step``, ``dtype``,
``placement``, ``compression``, ``chunk_bytes``, ``metadata`` (JSON), ``allow_nonfinite``,
``allow_new_dim``, ``single_writer``; ``text_length`` and ``bytes_length`` for columns of texts and
bytes. ``row`` is not stored: rows are numbered as they come. For a placement in groups or by word
rows must come in that order, as `placed` puts them.

**Where, and as whom.** All other options are ``storage_options``, such as ``endpoint_url``, or, as
JSON, in the option ``storage_options``. Spark shows no options in plans and event logs, but the
text of an SQL statement it does: give keys there by the environment of driver and executors, where
they are looked for if no option has them.

**SQL.** ``CREATE TEMPORARY VIEW words USING embzarr OPTIONS (path 's3://bucket/run')``. A table
that Spark keeps in a catalog forgets the options of a source in Python: use temporary views.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from embzarr._checkpoint import sparing
from embzarr._format import placements, word_table
from embzarr._open import open_checkpoint
from embzarr.errors import InvalidInputError
from embzarr.interop._door import needs
from embzarr.interop._spark.filters import wanted_of
from embzarr.interop._spark.options import READING, parse
from embzarr.interop._spark.read import PushedReader, Reader
from embzarr.interop._spark.rows import FORMS, check_schema, schema_of
from embzarr.interop._spark.write import Writer

with needs("pyspark", extra="spark"):
    import pyarrow as pa
    from pyspark.sql import functions
    from pyspark.sql.datasource import DataSource

if TYPE_CHECKING:
    from embzarr.interop._spark.texts import MeanVectors

__all__ = ["EmbzarrSource", "MeanVectors", "placed", "register"]

_PUSHDOWN = "spark.sql.python.filterPushdown.enabled"


def __getattr__(name: str) -> Any:  # noqa: ANN401 - of the module
    """Import the transformer, and with it MLlib, for who uses it: no worker that reads does."""
    if name != "MeanVectors":
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from embzarr.interop._spark.texts import MeanVectors  # noqa: PLC0415

    return MeanVectors


def register(spark: Any) -> None:  # noqa: ANN401 - pyspark is an extra
    """Let a session read and write ``format("embzarr")``.

    Args:
        spark: a `SparkSession`.

    Example:
        >>> from embzarr.interop.spark import register
        >>> register(spark)
        >>> spark.read.format("embzarr").option("prefix", "ki").load(checkpoint.url).collect()
        [Row(word='king', row=0, vectors=[1.0, 0.0, 0.0, 0.0])]
    """
    spark.conf.set(_PUSHDOWN, "true")
    spark.dataSource.register(EmbzarrSource)


def placed(frame: Any, placement: str, *, partitions: int | None = None) -> Any:  # noqa: ANN401 - pyspark is an extra
    """Return a data frame whose rows come in the order of a placement, to be written with it.

    Args:
        frame: with a column ``word``.
        placement: ``lexical``, by word; or ``hash:64``, in groups by the hash of the word.
        partitions: of the result; by default as many as Spark makes.

    Raises:
        InvalidInputError: code ``input-argument``: another placement.

    Example:
        >>> import embzarr
        >>> from embzarr.interop.spark import placed, register
        >>> register(spark)
        >>> words = spark.read.format("embzarr").load(checkpoint.url)
        >>> ordered = placed(words, "hash:4")
        >>> _ = ordered.write.format("embzarr").option("placement", "hash:4").mode(
        ...     "overwrite"
        ... ).save(folder)
        >>> embzarr.open(folder).load_part(3, 4, by="hash").words
        ('king',)
    """
    order = placements.parse(placement)
    if order.kind not in {"lexical", "hash"}:
        raise InvalidInputError(
            "input-argument", f"placement: expected 'lexical' or 'hash:GROUPS', found {placement!r}"
        )
    word = functions.col("word")
    keys = [word] if order.kind == "lexical" else [_group_of(order.groups)(word), word]
    counted = () if partitions is None else (partitions,)
    return frame.repartitionByRange(*counted, *keys).sortWithinPartitions(*keys)


def _group_of(groups: int) -> Any:  # noqa: ANN401 - pyspark is an extra
    def group(words: pa.Array) -> pa.Array:
        table = word_table.from_words(words.to_pylist())
        return pa.array(placements.group_of([*table.texts()], groups))

    return functions.arrow_udf(group, "long")


class EmbzarrSource(DataSource):  # type: ignore[misc]  # pyspark is an extra
    """The data source ``embzarr``, as Spark's Python API has it; `register` makes it known.

    Example:
        >>> from embzarr.interop.spark import EmbzarrSource
        >>> spark.dataSource.register(EmbzarrSource)
        >>> spark.read.format("embzarr").option("columns", "word").load(checkpoint.url).count()
        4
    """

    def __init__(self, options: Any) -> None:  # noqa: ANN401 - pyspark is an extra
        """Take the options apart; nothing is read."""
        super().__init__(options)
        self._options = parse({name.lower(): text for name, text in dict(options).items()})
        self._commit: int | None = None

    @classmethod
    def name(cls) -> str:
        """Return the name of the format."""
        return "embzarr"

    def schema(self) -> Any:  # noqa: ANN401 - pyspark is an extra
        """Return the columns of the commit that is read from here on."""
        return self._schema(self._open())

    def reader(self, schema: Any) -> Reader:  # noqa: ANN401 - pyspark is an extra
        """Return what reads that commit; of a schema that the caller gave, its columns."""
        checkpoint, own = self._open(), self._options.own
        check_schema(schema, self._schema(checkpoint))
        kind = PushedReader if own.get("pushdown") else Reader
        return kind(
            checkpoint,
            schema,
            wanted_of(own),
            partitions=own.get("partitions"),
            by=own.get("by", "rows"),
        )

    def writer(self, schema: Any, overwrite: bool) -> Writer:  # noqa: ANN401, FBT001 - Spark's call
        """Return what writes a data frame as one commit."""
        return Writer(self._options, schema, overwrite=overwrite)

    def _open(self) -> Any:  # noqa: ANN401 - a Checkpoint
        """Open the commit that was newest, or meant, when this was first asked."""
        options = self._options
        options.require_only(READING, "read")
        named = {
            name: options.own[name] for name in ("step", "tag", "commit") if name in options.own
        }
        checkpoint = open_checkpoint(
            options.url,
            **(named if self._commit is None else {"commit": self._commit}),
            storage_options=options.storage or None,
            pickle_secrets=True,
        )
        self._commit = checkpoint.commit
        return sparing(checkpoint)

    def _schema(self, checkpoint: Any) -> Any:  # noqa: ANN401 - a Checkpoint and a StructType
        own, listed = self._options.own, self._options.own.get("columns")
        form = own.get("vectors", FORMS[0])
        if form not in FORMS:
            raise InvalidInputError(
                "input-argument", f"option 'vectors': expected one of {FORMS}, found {form!r}"
            )
        names = None if listed is None else [name.strip() for name in listed.split(",")]
        return schema_of(checkpoint, names, form)
