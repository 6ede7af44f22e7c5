"""The container image of Elasticsearch that tests run: `ELASTICSEARCH_IMAGE`.

Where no registry answers, it is built: the server and a Java of this machine on Debian's packages.
"""

import hashlib
import shutil
from pathlib import Path

from tests.backends.elasticsearch_distribution import VERSION, copy_configuration, installed_elasticsearch
from tests.backends.images import BASE, BackendImage
from tests.backends.java import find_java

# As the official image: without an entry point of its own, `bin/elasticsearch` is a command of both.
_DOCKERFILE = f"""\
FROM {BASE}
RUN useradd --create-home --uid 1000 elasticsearch
COPY --chown=1000:1000 server /usr/share/elasticsearch
COPY java /opt/java
ENV ES_JAVA_HOME=/opt/java
USER elasticsearch
WORKDIR /usr/share/elasticsearch
CMD ["bin/elasticsearch"]
"""


def _write_context(folder: Path) -> None:
    server = folder / "server"
    shutil.copytree(installed_elasticsearch(), server)
    shutil.rmtree(server / "config")
    copy_configuration(server / "config", java=find_java())
    # What only compiles or links programs is half of a Java.
    unused = shutil.ignore_patterns("src.zip", "jmods", "demo", "man")
    shutil.copytree(find_java(), folder / "java", ignore=unused)
    (folder / "Dockerfile").write_text(_DOCKERFILE, encoding="utf-8")


def _built_name() -> str:
    """The name of the image that would be built here, with a hash of what goes in."""
    java = (find_java() / "release").read_text(encoding="utf-8")
    parts = "\0".join((_DOCKERFILE, VERSION, java))
    return f"gistwire-test/elasticsearch:{hashlib.sha256(parts.encode()).hexdigest()[:12]}"


ELASTICSEARCH_IMAGE = BackendImage(
    variable="GISTWIRE_ELASTICSEARCH_IMAGE",
    official=f"docker.elastic.co/elasticsearch/elasticsearch:{VERSION}",
    built=_built_name,
    write_context=_write_context,
)
"""The official image where it can be pulled."""
