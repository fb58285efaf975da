# The front door: every target is one script or one cargo command. `make help` lists them.
SHELL := /bin/bash
.DEFAULT_GOAL := help

# Where the demo listens: make demo PORT=9000
PORT ?= 8080
DOCKER ?= docker
# BUILD_BASE and RUNTIME_BASE where the images' bases come from elsewhere; see docs/deploy.md.
DOCKER_ARGS ?=
docker_args = $(if $(BUILD_BASE),--build-arg BUILD_BASE=$(BUILD_BASE)) \
  $(if $(RUNTIME_BASE),--build-arg RUNTIME_BASE=$(RUNTIME_BASE)) $(DOCKER_ARGS)

.PHONY: help demo smoke build package notices test check test-api test-cluster test-faults test-faults-container test-image test-neon fuzz sanitize lint bench bench-index bench-bundle bench-churn bench-day bench-engines bench-ingest bench-live bench-model bench-overload bench-serve bench-train gpu-check libtorch cuda docker-cpu docker-cuda docker-debug docker-base docker-prebuilt clean

help: ## this list
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-15s %s\n", $$1, $$2 }' Makefile

demo: ## build, make a sample shop, serve it on 127.0.0.1:8080 (PORT=…) until Ctrl-C
	@PORT=$(PORT) scripts/demo.sh

smoke: ## the same without staying: post one photo, print and check the answer
	@scripts/smoke.sh

build: ## the programs, into target/release
	@scripts/build.sh

package: ## what is shipped, into target/package: stripped programs, their debug files, licences
	@scripts/build.sh
	@scripts/package.sh

notices: ## what others' licences ask to be told, into target/package/doc; fails on a licence not looked at yet
	@scripts/install-libtorch.sh
	@scripts/notices.py

test: ## install what the tests need, run them all
	@scripts/install-build-tools.sh
	@scripts/install-libtorch.sh
	@scripts/install-test-tools.sh
	cargo test --release --locked --workspace

check: ## format, clippy and unit tests: under a minute once they are built
	@scripts/check.sh

test-api: ## openapi.yaml against the running server: schemathesis, and a generated client
	@scripts/test-api.sh

test-cluster: ## two servers over one Milvus under load, while servers, network and Milvus fail (SHORT=short: two minutes); skipped without Docker
	@scripts/build.sh
	@scripts/test-cluster.sh $(SHORT)

test-faults: ## kills, failing disks, stalled logs under the programs: a table, and target/faults.json (five minutes; HOURS=1 for more)
	@scripts/build.sh
	@scripts/install-test-tools.sh
	@HOURS=$(HOURS) python3 scripts/test-faults.py

test-faults-container: ## a minute of the same in a container: read-only, 1 GB, no capability; skipped without Docker
	@scripts/build.sh
	@scripts/test-faults-container.sh $(FAULT_SECONDS)

FUZZ_SECONDS ?= 60
fuzz: ## coverage-guided fuzzing of what reads photos, under a limit of memory (FUZZ_SECONDS=60)
	@scripts/install-build-tools.sh
	@scripts/fuzz-photos.sh $(FUZZ_SECONDS)

sanitize: ## kernels and team of threads under the address and the thread sanitizer
	@scripts/sanitize.sh

test-neon: ## the NEON kernel, under qemu-user
	@scripts/test-neon.sh

test-image: ## the image of the programs that are built here, as a careful host runs it; skipped where there is no Docker engine
	@scripts/build.sh
	@scripts/test-image.sh

lint: ## format, clippy, shellcheck
	@scripts/lint.sh

bench: bench-index bench-model bench-serve ## benchmarks, into target/bench

bench-index: ## our search beside hnswlib and faiss on 139,709 vectors (PEERS=all: usearch too); takes an hour the first time
	@scripts/install-build-tools.sh
	@scripts/install-libtorch.sh
	@scripts/install-venv.sh target/bench/venv scripts/bench-requirements.txt
	cargo bench --locked --workspace --bench embeddings
	cargo bench --locked --workspace --bench index
	target/bench/venv/bin/python scripts/bench-index-plot.py target/bench/index.json target/bench/index.png

bench-bundle: ## a bundle at full width with 139,709 made-up vectors, into target/bench/full
	@scripts/build.sh
	cargo bench --locked --workspace --bench bundle

bench-live: bench-bundle ## what items that came in online cost a search, beside the base alone
	cargo bench --locked --workspace --bench live

bench-churn: bench-bundle ## half of all items replaced while they are searched, beside hnswlib
	@scripts/install-venv.sh target/bench/venv scripts/bench-requirements.txt
	cargo bench --locked --workspace --bench churn

bench-ingest: bench-bundle ## what writing costs over HTTP: whole searches, photos put a second, shoppers' p99 meanwhile
	cargo bench --locked --workspace --bench ingest

bench-day: bench-bundle ## a shop's day in an hour (HOUR=60 minutes), drawn: latencies, memory, files, recall
	@scripts/install-venv.sh target/bench/venv scripts/bench-requirements.txt
	cargo bench --locked --workspace --bench day
	target/bench/venv/bin/python scripts/bench-day-plot.py target/bench/day.json target/bench/day.png

bench-engines: bench-bundle ## the local engine beside Milvus over 139,709 items: loading, latencies, recall, memory
	@scripts/install-milvus.sh
	scripts/bench-engines.py target/bench/full target/bench/engines.json

bench-model: bench-bundle ## int8, bf16 and f32 alone, and decoding, beside OpenVINO, PyTorch and Pillow (5 GB of peers from PyPI)
	@scripts/install-venv.sh target/bench/peers benches/peers/requirements.txt
	cargo bench --locked --workspace --bench model

bench-serve: bench-bundle ## the whole server beside FastAPI, LitServe and OpenVINO, under load (PEERS=none: ours alone); a quarter of an hour
	@scripts/install-venv.sh target/bench/peers benches/peers/requirements.txt
	@scripts/demo-bundle.sh
	cargo bench --locked --workspace --bench serve

bench-overload: bench-bundle ## 2, 5 and 10 times what can be answered, and 300 exact searches at once
	cargo bench --locked --workspace --bench overload

bench-train: ## ten epochs beside PyTorch and its DataLoader, one after the other (SEEDS=3, EPOCHS=…; PEERS=none: ours alone)
	@scripts/build.sh
	@scripts/install-venv.sh target/bench/peers benches/peers/requirements.txt
	cargo bench --locked --workspace --bench train

gpu-check: ## what a machine with a GPU needs to run scripts/gpu-check.sh, without Rust and network: into target/gpu-check
	@scripts/gpu-check.sh pack

libtorch: ## the pinned libtorch, for the CPU, into .libtorch
	@scripts/install-libtorch.sh

cuda: ## add CUDA to it: the programs already built then find the GPU
	@scripts/install-libtorch.sh --cuda

docker-cpu: ## the image lookalike:cpu
	$(DOCKER) build --target cpu --tag lookalike:cpu $(docker_args) .

docker-cuda: ## the image lookalike:cuda
	$(DOCKER) build --target cuda --tag lookalike:cuda $(docker_args) .

docker-debug: ## the image lookalike:debug: nothing but the programs' debug files
	$(DOCKER) build --target debug --tag lookalike:debug $(docker_args) .

docker-base: ## base images made here, where no registry can be reached
	@scripts/docker-base.sh

docker-prebuilt: ## the image lookalike:prebuilt, of the programs that are built here: what lookalike:cpu is, in a minute
	@scripts/build.sh
	@scripts/docker-prebuilt.sh

clean: ## what was built and made (.libtorch stays: it is a download)
	rm -rf target
