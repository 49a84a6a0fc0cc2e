# Build: docker build -t ges-exporter .
# Run:   docker run --rm -p 10437:10437 ges-exporter --demo
#        docker run --rm -p 10437:10437 -v "$PWD/config.yaml:/etc/ges-exporter/config.yaml:ro" ges-exporter
FROM python:3.13-slim AS build

ENV PIP_NO_CACHE_DIR=1 PIP_DISABLE_PIP_VERSION_CHECK=1
WORKDIR /src
# pip itself stays in this stage: the final image has nothing that installs packages into the exporter.
RUN python -m venv --without-pip /opt/ges-exporter
COPY requirements.txt ./
RUN python -m pip --python /opt/ges-exporter install --require-hashes -r requirements.txt
COPY pyproject.toml README.md LICENSE ./
COPY ges_exporter ges_exporter
RUN python -m pip wheel --no-deps --wheel-dir /wheels . \
    && python -m pip --python /opt/ges-exporter install --no-deps /wheels/*.whl

FROM python:3.13-slim

LABEL org.opencontainers.image.title="ges-exporter" \
      org.opencontainers.image.description="Prometheus exporter for the backups of Huawei Cloud GES graphs" \
      org.opencontainers.image.licenses="Apache-2.0" \
      org.opencontainers.image.base.name="docker.io/library/python:3.13-slim"

COPY --from=build /opt/ges-exporter /opt/ges-exporter

# pip compiled the modules above; at run time nothing is written, so that a read-only root will do.
ENV PATH="/opt/ges-exporter/bin:$PATH" PYTHONDONTWRITEBYTECODE=1 PYTHONUNBUFFERED=1

# The default of --config.file is config.yaml in the working folder. Set this way, and not through CMD, it holds
# whatever flags are given. There is no HEALTHCHECK: it would be wrong as soon as TLS or another address is set.
WORKDIR /etc/ges-exporter

# A number, because Kubernetes' runAsNonRoot cannot judge a name.
USER 65534:65534
EXPOSE 10437
ENTRYPOINT ["ges-exporter"]
