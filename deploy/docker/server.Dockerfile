# The Gistwire server, and every `gistwire` command. From the root of the repository:
#
#   docker build -f deploy/docker/server.Dockerfile -t gistwire/server .
#
# Both bases have the same Python in the same place; only the first stage needs pip and strip.
ARG BASE=python:3.11-slim-bookworm
ARG BUILD_BASE=python:3.11-bookworm

FROM ${BUILD_BASE} AS build
# pip's own settings, for an index of your own; they do not reach the image. With PIP_NO_INDEX=1 and
# PIP_FIND_LINKS=/source/wheels everything is installed from the folder `wheels`.
ARG PIP_INDEX_URL
ARG PIP_NO_INDEX
ARG PIP_FIND_LINKS

# Packages change less often than the code, so they are a layer of their own. The pattern also fits no folder at all.
COPY pyproject.toml constraints.txt wheel[s] /source/wheels/
# Tests of packages and debugging symbols would be a fifth of the image. Only ctranslate2 has symbols to speak of, and
# libraries that were patched after linking do not all survive `strip`.
RUN python3 -m venv --without-pip /opt/gistwire \
    && python3 -c "import tomllib; \
print('\n'.join(tomllib.load(open('/source/wheels/pyproject.toml', 'rb'))['project']['dependencies']))" \
        > /tmp/requirements.txt \
    && python3 -m pip --python /opt/gistwire/bin/python3 install --no-cache-dir --no-compile \
        --disable-pip-version-check --only-binary :all: --constraint /source/wheels/constraints.txt \
        --requirement /tmp/requirements.txt \
    && find /opt/gistwire -type d -name tests -prune -exec rm -rf {} + \
    && find /opt/gistwire \( -name '*.pyi' -o -name '*.pxd' \) -delete \
    && strip --strip-unneeded /opt/gistwire/lib/python3.11/site-packages/ctranslate2/_ext*.so \
    && /opt/gistwire/bin/python3 -m compileall -q -j 0 /opt/gistwire/lib

# Whether models can run in the server's own process; "no" leaves out their runtime and weights, for Triton.
ARG LOCAL_MODELS=yes
COPY pyproject.toml README.md LICENSE /source/
COPY protos /source/protos
COPY models /source/models
COPY indexer /source/indexer
COPY server /source/server
COPY client /source/client
COPY training /source/training
COPY model_repo /source/model_repo
RUN python3 -m pip --python /opt/gistwire/bin/python3 install --no-cache-dir --disable-pip-version-check \
        --no-deps /source \
    && if [ "${LOCAL_MODELS}" = no ]; then \
        rm -rf /opt/gistwire/lib/python3.11/site-packages/ctranslate2* \
        && find /opt/gistwire -path '*/gistwire_models/shipped/*' -name model.bin -delete; fi
COPY deploy/docker/probe.py /opt/gistwire/probe.py

FROM ${BASE}
LABEL org.opencontainers.image.title="Gistwire server" \
    org.opencontainers.image.licenses="Apache-2.0"
COPY --from=build /opt/gistwire /opt/gistwire
# The folder belongs to the user, so that a new volume there does, too.
RUN useradd --system --uid 10001 --no-create-home --home-dir /var/lib/gistwire --shell /usr/sbin/nologin gistwire \
    && install -d -o gistwire -g gistwire -m 0700 /var/lib/gistwire
ENV PATH=/opt/gistwire/bin:$PATH \
    GISTWIRE_DATA_DIR=/var/lib/gistwire \
    HOME=/var/lib/gistwire \
    # What probe.py asks; with TLS, name the address of `security.health_listen`.
    GISTWIRE_HEALTH_TARGET=127.0.0.1:50051 \
    # The root file system may be read-only, and logs are read as they are written.
    PYTHONDONTWRITEBYTECODE=1 \
    PYTHONUNBUFFERED=1
USER 10001
WORKDIR /var/lib/gistwire
VOLUME /var/lib/gistwire
EXPOSE 50051
HEALTHCHECK --interval=15s --timeout=10s --start-period=60s --retries=3 \
    CMD ["python3", "/opt/gistwire/probe.py"]
ENTRYPOINT ["gistwire"]
CMD ["serve"]
