"""Word2vec where one machine ends: a block schedule, on Spark or on processes of one machine.

    import embzarr_spark

    with embzarr_spark.SparkEngine(spark, "hdfs://name:9000/texts") as engine:
        checkpoint = embzarr_spark.train(engine, "s3://bucket/run", groups=64)

No node and no driver holds the model: tasks load two groups of rows from the store, train them,
and write them back. ``pip install 'embzarr[spark,train]'``, on the executors too.
"""

from embzarr_spark._local import LocalEngine
from embzarr_spark._session import start_session
from embzarr_spark._spark import SparkEngine
from embzarr_spark._train import BlockProgress, quicker_alone, train

__all__ = ["BlockProgress", "LocalEngine", "SparkEngine", "quicker_alone", "start_session", "train"]
