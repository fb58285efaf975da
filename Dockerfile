# The images of one build: the same programs, with libtorch's CPU half or with CUDA beside it.
#
#   docker build --target cpu  -t lookalike:cpu .
#   docker build --target cuda -t lookalike:cuda .
#   docker build --target debug -t lookalike:debug .      the programs' debug files alone
#
# Of programs that are built already: scripts/docker-prebuilt.sh, on the same stage `runtime`.
# Every RUN is a script that `make` runs too. Where no registry can be reached: docs/deploy.md.
ARG BUILD_BASE=rust:1-bookworm
ARG RUNTIME_BASE=debian:bookworm-slim

# What every image has beside its files. It comes first: the older builder makes every stage before the one it is asked for.
FROM ${RUNTIME_BASE} AS runtime
COPY scripts/healthcheck.sh /usr/local/bin/lookalike-healthcheck
ENV LOOKALIKE_BUNDLE=/bundle \
    LOOKALIKE_LISTEN=0.0.0.0:8080
EXPOSE 8080
# A number, so that an orchestrator can tell that it is not root.
USER 10001:10001
HEALTHCHECK --interval=10s --timeout=5s --start-period=60s --retries=3 CMD ["lookalike-healthcheck"]
CMD ["lookalike-server"]

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
COPY crates/catalogue/Cargo.toml crates/catalogue/
COPY crates/common/Cargo.toml crates/common/
COPY crates/int7/Cargo.toml crates/int7/
COPY crates/items/Cargo.toml crates/items/
COPY crates/libtorch/Cargo.toml crates/libtorch/
COPY crates/milvus/Cargo.toml crates/milvus/
COPY crates/model/Cargo.toml crates/model/
COPY crates/photo/Cargo.toml crates/photo/
COPY crates/sample-shop/Cargo.toml crates/sample-shop/
COPY crates/sync/Cargo.toml crates/sync/
COPY crates/telemetry/Cargo.toml crates/telemetry/
COPY crates/trainer/Cargo.toml crates/trainer/
RUN scripts/build.sh --deps
COPY *.yaml ./
COPY crates crates
COPY src src
COPY clients/javascript clients/javascript
RUN scripts/build.sh

# What is shipped of it: programs without debug lines, those lines apart, licences.
FROM build AS package
COPY LICENSE ./
COPY scripts/package.sh scripts/notices.py scripts/
COPY scripts/notices scripts/notices
RUN scripts/package.sh

FROM runtime AS cpu
COPY --from=libtorch /src/.libtorch/lib /usr/local/lib/libtorch
COPY --from=package /src/target/package/doc /usr/share/doc/lookalike
COPY --from=package /src/target/package/bin /usr/local/bin

# The debug files of the same programs; docs/deploy.md says how to use them.
FROM scratch AS debug
COPY --from=package /src/target/package/debug /debug

FROM libtorch AS libtorch-cuda
RUN scripts/install-libtorch.sh --cuda

FROM package AS package-cuda
COPY --from=libtorch-cuda /src/.libtorch/licenses .libtorch/licenses
RUN scripts/notices.py

FROM runtime AS cuda
# Asks NVIDIA's container runtime for the driver.
ENV NVIDIA_VISIBLE_DEVICES=all \
    NVIDIA_DRIVER_CAPABILITIES=compute,utility
COPY --from=libtorch-cuda /src/.libtorch/lib /usr/local/lib/libtorch
COPY --from=package-cuda /src/target/package/doc /usr/share/doc/lookalike
COPY --from=package /src/target/package/bin /usr/local/bin
