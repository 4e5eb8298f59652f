# One image for two jobs; which one, its arguments say.
#
# Launcher or replica: arguments of the command `ebb`.
#     docker build --tag ebb .
#     docker run --rm --volume ebb-home:/var/lib/ebb ebb run service-logs --from pubsub:PROJECT/SUBSCRIPTION
# Beam worker (Dataflow, Flink, Prism): a runner that is given this image starts it with --id=…, --provision_endpoint=…
# and further endpoints; those go to Beam's own boot program, which starts the worker.
#     ebb run … --environment_type=DOCKER --environment_config=ebb
#
# The tags are exact; pin them by digest where the registry can be asked for one.

FROM apache/beam_python3.11_sdk:2.77.0 AS beam

FROM python:3.11.14-slim-bookworm AS build
ENV PIP_NO_CACHE_DIR=1 PIP_DISABLE_PIP_VERSION_CHECK=1
RUN python -m venv /opt/ebb
WORKDIR /src
COPY requirements.txt ./
RUN /opt/ebb/bin/pip install --no-deps --require-hashes -r requirements.txt
COPY . .
RUN /opt/ebb/bin/pip install --no-deps --no-build-isolation .

FROM python:3.11.14-slim-bookworm
COPY --from=build /opt/ebb /opt/ebb
COPY --from=beam /opt/apache/beam /opt/apache/beam
# Beam's boot would otherwise start the worker in a new virtual environment that does not see /opt/ebb.
ENV PATH=/opt/ebb/bin:$PATH \
    PYTHONUNBUFFERED=1 \
    RUN_PYTHON_SDK_IN_DEFAULT_ENVIRONMENT=1 \
    EBB_HOME=/var/lib/ebb
RUN useradd --system --uid 10001 --no-create-home --home-dir /var/lib/ebb ebb \
    && install -d -o ebb -g ebb -m 0700 /var/lib/ebb
USER 10001
WORKDIR /var/lib/ebb
VOLUME /var/lib/ebb

ENTRYPOINT ["sh", "-c", "case \" $*\" in *' --provision_endpoint='*|*' --worker_pool'*) exec /opt/apache/beam/boot \"$@\" ;; *) exec ebb \"$@\" ;; esac", "ebb"]
CMD ["--help"]
