FROM python:3.12-slim

ENV PIP_NO_CACHE_DIR=1 PYTHONUNBUFFERED=1 XDG_DATA_HOME=/data
RUN useradd --create-home --uid 10001 bot && mkdir /data && chown bot /data

WORKDIR /app
COPY requirements.lock ./
RUN pip install --requirement requirements.lock
COPY pyproject.toml README.md LICENSE ./
COPY bot bot
COPY handlers handlers
RUN pip install --no-deps .

USER bot
VOLUME /data
EXPOSE 8765
HEALTHCHECK --interval=30s --timeout=10s --start-period=20s CMD ["tls-audit", "health", "--or-demo"]
ENTRYPOINT ["tls-audit"]
CMD ["serve"]
