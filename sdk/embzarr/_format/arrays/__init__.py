"""Arrays as bytes: data types, chunks and shards, codecs, and where each chunk lies."""
