# Tuwen with the TFX 1.21 stack on Debian 13 (Python 3.13). The image's command is `tuwen`.
#
#   docker build -t tuwen .                              for CPUs
#   docker build -t tuwen:gpu --build-arg GPU=1 .        with CUDA's libraries; the driver is the host's
#   docker run --rm tuwen run demo --smoke               smoke command: the whole pipeline, in minutes
#   docker run --rm -v "$PWD/runs:/home/tuwen/runs" tuwen run demo
#
# Not built by a container engine so far. `make test-image` carries out these very instructions in
# Debian roots and runs the smoke command there; it knows no more of the language than is used here.

FROM debian:trixie-slim AS build
ARG GPU=
RUN apt-get update \
    && apt-get install -y --no-install-recommends ca-certificates g++ make python3 python3-dev python3-venv \
    && rm -rf /var/lib/apt/lists/*
WORKDIR /opt/tuwen
COPY Makefile setup.py pyproject.toml README.md LICENSE NOTICE ./
COPY requirements requirements
COPY data data
COPY trainer trainer
COPY components components
COPY pipeline pipeline
# The same environment as on a machine; the source stays where it is installed from, editable.
RUN make env GPU="$GPU" && rm -rf .tools /root/.cache

FROM debian:trixie-slim
RUN apt-get update \
    && apt-get install -y --no-install-recommends ca-certificates libstdc++6 python3 \
    && rm -rf /var/lib/apt/lists/* \
    && useradd --create-home --uid 1000 tuwen
COPY --from=build /opt/tuwen /opt/tuwen
ENV PATH=/opt/tuwen/.venv/bin:$PATH PYTHONUNBUFFERED=1
USER tuwen
WORKDIR /home/tuwen
ENTRYPOINT ["tuwen"]
CMD ["--help"]
