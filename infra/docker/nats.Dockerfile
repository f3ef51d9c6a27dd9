# The broker from the same wheel as the embedded one, by its hash. Build context: the root of the repository.
ARG PYTHON_IMAGE=python:3.11-slim

FROM ${PYTHON_IMAGE} AS build
ENV PIP_DISABLE_PIP_VERSION_CHECK=1 PIP_NO_CACHE_DIR=1 PIP_ROOT_USER_ACTION=ignore
RUN python3 -m venv --without-pip /opt/nats
COPY infra/docker/nats.lock /tmp/nats.lock
RUN pip --python /opt/nats/bin/python install --require-hashes --no-deps --only-binary :all: -r /tmp/nats.lock

FROM ${PYTHON_IMAGE}
LABEL org.opencontainers.image.title="summit-nats" \
      org.opencontainers.image.description="NATS with JetStream and MQTT" \
      org.opencontainers.image.licenses="Apache-2.0"
COPY --from=build /opt/nats/bin/nats-server /usr/local/bin/nats-server
COPY packages/core/src/summit_core/http/probe.py /usr/local/lib/probe.py
RUN install -d -m 1777 /var/lib/nats /var/log/nats
USER 10001:10001
EXPOSE 1883 4222
# Asked to stop, it goes on acknowledging MQTT publishes that it no longer keeps; killed, it loses nothing it acknowledged.
STOPSIGNAL SIGKILL
HEALTHCHECK --interval=5s --timeout=5s --start-period=30s --retries=3 \
  CMD ["python3", "/usr/local/lib/probe.py", "http://127.0.0.1:8222/healthz"]
ENTRYPOINT ["nats-server", "--config", "/etc/nats/nats.conf"]
