# The worker. No Docker engine runs on the development machines: this file stays honest by the syntax check in
# tests/docker. It needs no provision.sh, because the worker is only Python.
FROM python:3.13-slim
COPY pyproject.toml README.md LICENSE /src/
COPY pyvalidators /src/pyvalidators
COPY sql /src/sql
COPY worker /src/worker
RUN pip install --no-cache-dir /src && useradd --system flywheel
USER flywheel
CMD ["flywheel", "worker"]
