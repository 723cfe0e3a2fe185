# The service for an outside PostGIS (compose.yaml brings one). Runs as an ordinary user on a read-only file system;
# only CAKUPAN_HOME, which keeps the secrets, and /tmp are written.

FROM node:22-slim AS browser
WORKDIR /npm
COPY app/pages/package.json app/pages/package-lock.json ./
RUN npm ci --ignore-scripts --no-audit --no-fund \
    && mkdir /vendor \
    && cd node_modules/maplibre-gl \
    && cp dist/maplibre-gl.mjs dist/maplibre-gl-worker.mjs dist/maplibre-gl.css /vendor/ \
    && cp LICENSE.txt /vendor/maplibre-gl-LICENSE.txt \
    && cp ../pmtiles/dist/pmtiles.js ../uplot/dist/uPlot.esm.js ../uplot/dist/uPlot.min.css /vendor/ \
    && cp ../uplot/LICENSE /vendor/uPlot-LICENSE.txt

FROM python:3.12-slim AS packages
COPY requirements.lock /
RUN python -m venv /venv \
    && /venv/bin/pip install --no-cache-dir --only-binary :all: --require-hashes --no-deps -r /requirements.lock

FROM python:3.12-slim
RUN useradd --system --uid 10001 --user-group --no-create-home --home-dir /var/lib/cakupan --shell /usr/sbin/nologin cakupan \
    && install -d -o cakupan -g cakupan -m 0700 /var/lib/cakupan
COPY --from=packages /venv /venv
COPY . /cakupan
COPY --from=browser /vendor /cakupan/app/pages/vendor
RUN /venv/bin/python -m compileall -q /cakupan
ENV PATH=/venv/bin:$PATH \
    PYTHONPATH=/cakupan \
    PYTHONUNBUFFERED=1 \
    PYTHONDONTWRITEBYTECODE=1 \
    CAKUPAN_HOME=/var/lib/cakupan \
    CAKUPAN_HOST=0.0.0.0 \
    CAKUPAN_PORT=8000
WORKDIR /cakupan
USER 10001:10001
VOLUME /var/lib/cakupan
EXPOSE 8000
STOPSIGNAL SIGTERM
HEALTHCHECK --interval=10s --timeout=5s --start-period=30s --retries=3 \
    CMD ["python", "-c", "import os, urllib.request as r; r.urlopen(f'http://127.0.0.1:{os.environ[\"CAKUPAN_PORT\"]}/readyz', timeout=4)"]
ENTRYPOINT ["python", "-P", "-m", "app.cli"]
CMD ["serve"]
