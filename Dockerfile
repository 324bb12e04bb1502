# Tuwen with the TFX 1.21 stack on Debian 13, for CPUs. The image's command is `tuwen`.
# NOT RUN in a container engine so far: its steps were carried out one by one in a Debian 13 root.
#
#   docker build -t tuwen .
#   docker run --rm -v "$PWD/runs:/home/tuwen/runs" tuwen run demo

FROM debian:trixie-slim AS build
RUN apt-get update \
    && apt-get install -y --no-install-recommends ca-certificates g++ make python3 python3-dev python3-venv \
    && rm -rf /var/lib/apt/lists/*
WORKDIR /opt/tuwen
COPY Makefile setup.py pyproject.toml README.md ./
COPY requirements requirements
COPY data data
COPY trainer trainer
COPY components components
COPY pipeline pipeline
# The same environment as on a machine; the source stays where it is installed from, editable.
RUN make env && rm -rf .tools /root/.cache

FROM debian:trixie-slim
RUN apt-get update \
    && apt-get install -y --no-install-recommends ca-certificates libstdc++6 python3 \
    && rm -rf /var/lib/apt/lists/* \
    && useradd --create-home --uid 1000 tuwen
COPY --from=build /opt/tuwen /opt/tuwen
ENV PATH=/opt/tuwen/.venv/bin:$PATH \
    PYTHONUNBUFFERED=1
USER tuwen
WORKDIR /home/tuwen
ENTRYPOINT ["tuwen"]
CMD ["--help"]
