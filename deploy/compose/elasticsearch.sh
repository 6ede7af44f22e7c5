#!/bin/bash
# Starts Elasticsearch with the password of its user `elastic` from a secret; with the argument `health`, asks it.
#
# The official image can read a password from a file, too, but only from one that nobody else may read, which the file
# behind a secret of Compose is for no two users at once.
set -euo pipefail
password_file=/run/secrets/elasticsearch_password

if [ "${1:-}" = health ]; then
    credentials=$(printf 'elastic:%s' "$(cat "$password_file")" | base64 -w 0)
    exec 3<>/dev/tcp/127.0.0.1/9200
    printf 'GET /_cluster/health HTTP/1.0\r\nAuthorization: Basic %s\r\n\r\n' "$credentials" >&3
    grep -qE '"status":"(green|yellow)"' <&3
    exit
fi

cd /usr/share/elasticsearch
bin/elasticsearch-keystore add --force --stdin bootstrap.password <"$password_file"
mkdir -p data/node data/snapshots
exec bin/elasticsearch \
    -Ediscovery.type=single-node \
    -Enetwork.host=0.0.0.0 \
    -Expack.security.enabled=true \
    -Expack.security.http.ssl.enabled=false \
    -Expack.security.transport.ssl.enabled=false \
    -Expack.ml.enabled=false \
    -Epath.data=/usr/share/elasticsearch/data/node \
    -Epath.repo=/usr/share/elasticsearch/data/snapshots
