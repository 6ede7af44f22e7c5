#!/usr/bin/env bash
# Makes what no repository may hold, in the folder secrets/: a certificate, passwords, and two API keys. Keeps what is
# there. Takes Docker and openssl. The folder is yours alone to read; what the server reads belongs to its user.
set -euo pipefail
cd "$(dirname "$0")"
umask 077

image=${GISTWIRE_SERVER_IMAGE:-gistwire/server:0.1.0-triton}
host=${GISTWIRE_HOST:-localhost}
server_user=10001

# Commands of the server's image, on the folder that the server reads.
in_image() {
    docker run --rm --network none --user 0 --entrypoint "$1" --volume "$PWD/secrets/server:/run/gistwire" "$image" "${@:2}"
}

docker image inspect "$image" >/dev/null 2>&1 ||
    docker build -f ../docker/server.Dockerfile --build-arg LOCAL_MODELS=no -t "$image" ../..
mkdir -p secrets/server

for name in elasticsearch_password grafana_password; do
    if [ ! -e "secrets/$name" ]; then
        openssl rand -hex 24 >"secrets/$name"
        # Two containers read it as two users; the folder keeps it from everybody else.
        chmod 0444 "secrets/$name"
    fi
done

if [ ! -e secrets/server/server.crt ]; then
    # One of your own authority is as good: put it there, with its key.
    openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days 365 \
        -subj "/CN=$host" -addext "subjectAltName=DNS:$host,DNS:server,IP:127.0.0.1" \
        -addext "extendedKeyUsage=serverAuth" \
        -keyout secrets/server/server.key -out secrets/server/server.crt 2>/dev/null
    cp secrets/server/server.crt secrets/ca.crt
fi

if [ ! -e secrets/server/keys.json ]; then
    in_image gistwire keys create search --role search --file /run/gistwire/keys.json >secrets/search.key
    in_image gistwire keys create ingest --role ingest --role search --file /run/gistwire/keys.json >secrets/ingest.key
fi
in_image chown -R "$server_user:$server_user" /run/gistwire

echo "prepared: deploy/compose/secrets (ca.crt, search.key, ingest.key are what clients need)"
