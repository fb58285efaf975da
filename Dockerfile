# Two images from one build: the same programs, with libtorch's CPU half or with CUDA beside it.
#
#   docker build --target cpu  -t lookalike:cpu .
#   docker build --target cuda -t lookalike:cuda .
#
# Every RUN is a script that `make` runs too. Where no registry can be reached: docs/deploy.md.
ARG BUILD_BASE=rust:1-bookworm
ARG RUNTIME_BASE=debian:bookworm-slim

FROM ${BUILD_BASE} AS libtorch
WORKDIR /src
ENV PIP_NO_CACHE_DIR=1
COPY scripts/install-build-tools.sh scripts/packages.sh scripts/
RUN scripts/install-build-tools.sh
COPY scripts/install-libtorch.sh scripts/libtorch-cpu.txt scripts/libtorch-cuda.txt scripts/
RUN scripts/install-libtorch.sh

FROM libtorch AS build
COPY scripts/build.sh scripts/
COPY .cargo .cargo
COPY Cargo.toml Cargo.lock ./
RUN scripts/build.sh --deps
COPY build.rs *.yaml ./
COPY src src
COPY clients/javascript clients/javascript
RUN scripts/build.sh

FROM ${RUNTIME_BASE} AS runtime
COPY scripts/healthcheck.sh /usr/local/bin/lookalike-healthcheck
ENV LOOKALIKE_BUNDLE=/bundle \
    LOOKALIKE_LISTEN=0.0.0.0:8080
EXPOSE 8080
# A number, so that an orchestrator can tell that it is not root.
USER 10001:10001
HEALTHCHECK --interval=10s --timeout=5s --start-period=60s --retries=3 CMD ["lookalike-healthcheck"]
CMD ["lookalike-server"]

FROM runtime AS cpu
COPY --from=libtorch /src/.libtorch/lib /usr/local/lib/libtorch
COPY --from=build /src/target/release/lookalike-server /src/target/release/lookalike-trainer /usr/local/bin/

FROM libtorch AS libtorch-cuda
RUN scripts/install-libtorch.sh --cuda

FROM runtime AS cuda
# Asks NVIDIA's container runtime for the driver.
ENV NVIDIA_VISIBLE_DEVICES=all \
    NVIDIA_DRIVER_CAPABILITIES=compute,utility
COPY --from=libtorch-cuda /src/.libtorch/lib /usr/local/lib/libtorch
COPY --from=build /src/target/release/lookalike-server /src/target/release/lookalike-trainer /usr/local/bin/
