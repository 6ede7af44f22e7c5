# Triton with Gistwire's models. From the root of the repository:
#
#   docker build -f deploy/docker/triton.Dockerfile -t gistwire/triton .
#
# Name a base that is no older than NVIDIA's newest security bulletin for Triton. It brings the server and the Python
# backend; BUILD_BASE brings pip, for the same version of Python.
ARG BASE=nvcr.io/nvidia/tritonserver:25.10-py3
ARG BUILD_BASE=${BASE}

FROM ${BUILD_BASE} AS packages
# As in server.Dockerfile.
ARG PIP_INDEX_URL
ARG PIP_NO_INDEX
ARG PIP_FIND_LINKS
# cuBLAS of the CUDA that ctranslate2 is built for, whichever the base has; "" for the CPU.
ARG GPU_PACKAGES="nvidia-cublas-cu12"
COPY constraints.txt wheel[s] /source/wheels/
# Python models need numpy 1: Triton's stub is built against it. Without what they say they need: models import no more.
RUN python3 -m pip install --no-cache-dir --disable-pip-version-check --no-deps --only-binary :all: \
        --target /opt/gistwire/packages --constraint /source/wheels/constraints.txt \
        ctranslate2 msgspec PyYAML tokenizers typing_extensions ${GPU_PACKAGES} \
    && python3 -m pip install --no-cache-dir --disable-pip-version-check --no-deps --only-binary :all: \
        --target /opt/gistwire/packages numpy==1.26.4

FROM ${BASE}
LABEL org.opencontainers.image.title="Triton with Gistwire's models" \
    org.opencontainers.image.licenses="Apache-2.0"
# Where the base has its backends.
ARG BACKENDS=/opt/tritonserver/backends
COPY --from=packages /opt/gistwire/packages /opt/gistwire/packages
COPY models/gistwire_models /opt/gistwire/code/gistwire_models
COPY protos/gistwire /opt/gistwire/code/gistwire
COPY model_repo /models
ENV GISTWIRE_TRITON_PATH=/opt/gistwire/packages:/opt/gistwire/code \
    GISTWIRE_TRITON_BACKENDS=${BACKENDS} \
    LD_LIBRARY_PATH=/opt/gistwire/packages/nvidia/cublas/lib:${LD_LIBRARY_PATH} \
    PYTHONDONTWRITEBYTECODE=1
USER 1000
# gRPC, HTTP (readiness), metrics. Triton has no authentication: none of them belongs into a public network.
EXPOSE 8001 8000 8002
HEALTHCHECK --interval=10s --timeout=5s --start-period=120s --retries=3 \
    CMD ["python3", "-c", "import urllib.request as r; r.urlopen('http://127.0.0.1:8000/v2/health/ready', timeout=4)"]
# Model control `none` serves what the image holds and lets nobody load anything else. Options may follow.
ENTRYPOINT ["/bin/sh", "-c", "exec tritonserver --model-repository=/models --model-control-mode=none \
--backend-directory=\"${GISTWIRE_TRITON_BACKENDS}\" --disable-auto-complete-config --exit-on-error=true \
--grpc-http2-min-recv-ping-interval-without-data=10000 --grpc-http2-max-ping-strikes=0 \"$@\"", "tritonserver"]
