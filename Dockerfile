# It runs as a user of no rights, and with a read-only root: only /data and /tmp are written.
FROM python:3.12-slim

# HOME: under a number of the cluster's own choice there is no account, and slack_sdk wants a home
ENV PIP_NO_CACHE_DIR=1 PYTHONUNBUFFERED=1 XDG_DATA_HOME=/data HOME=/data
RUN useradd --uid 10001 bot && mkdir /data && chown bot:bot /data

WORKDIR /app
COPY requirements.lock ./
RUN pip install --requirement requirements.lock
COPY pyproject.toml README.md LICENSE ./
COPY bot bot
COPY handlers handlers
RUN pip install --no-deps .

# by number, or an orchestrator could not tell that it is not root
USER 10001:10001
VOLUME /data /tmp
EXPOSE 8765 9090
HEALTHCHECK --interval=30s --timeout=10s --start-period=20s CMD ["tls-audit", "health", "--or-demo"]
ENTRYPOINT ["tls-audit"]
CMD ["serve"]
