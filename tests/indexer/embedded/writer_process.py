"""A process that writes to an index as told by JSON lines on its input, and names what is acknowledged.

Run by test_index.py: ``python writer_process.py FOLDER``. Each line is ``{"write": [ids]}`` or
``{"delete": [ids]}``; the answer is the identifiers, once the index has acknowledged them.
"""

import asyncio
import json
import sys
from pathlib import Path

import numpy as np
from gistwire_indexer.article import Article
from gistwire_indexer.embedded import EmbeddedIndex
from gistwire_indexer.index import ArticleToIndex
from gistwire_models.encoder import ModelVersion

DIMENSION = 16
VECTOR = np.eye(1, DIMENSION, dtype=np.float32)[0]


async def main() -> None:
    index = await EmbeddedIndex.open(
        Path(sys.argv[1]), model=ModelVersion("test-encoder", "1"), dimension=DIMENSION
    )
    for line in sys.stdin:
        command = json.loads(line)
        ids = command.get("write", [])
        await index.write(
            [
                ArticleToIndex(Article(id=name, headline=f"Headline {name}", language="en"), VECTOR)
                for name in ids
            ]
        )
        deleted = command.get("delete", [])
        await index.delete(deleted)
        sys.stdout.write(" ".join([*ids, *deleted]) + "\n")
        sys.stdout.flush()
    await index.close()


if __name__ == "__main__":
    asyncio.run(main())
