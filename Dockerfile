# `docker build -t mockscope .`, then `docker run -p 8765:8765 mockscope`: docs/container.md
ARG PYTHON=python:3.14-slim

FROM ${PYTHON} AS build
COPY . /src
# Nothing needs a compiler: each dependency has a wheel. pip does not stay.
RUN python -m venv /opt/mockscope \
    && /opt/mockscope/bin/pip install --no-cache-dir /src \
    && /opt/mockscope/bin/pip uninstall --yes pip

FROM ${PYTHON}
COPY --from=build /opt/mockscope /opt/mockscope
# Each option of serve has a variable. On all addresses, the control API demands a token.
ENV PATH=/opt/mockscope/bin:$PATH MOCKSCOPE_HOST=0.0.0.0 MOCKSCOPE_PORT=8765
USER 65532:65532
EXPOSE 8765
HEALTHCHECK --interval=2s --timeout=3s --start-period=10s CMD ["python", "-c", \
    "import os, urllib.request as u; u.urlopen(f'http://127.0.0.1:{os.environ[\"MOCKSCOPE_PORT\"]}/readyz')"]
ENTRYPOINT ["mockscope"]
CMD ["serve"]
