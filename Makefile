# Everyday work. `make` lists the targets; .ci/run calls the same ones.

SHELL := bash
.SHELLFLAGS := -o pipefail -c
.DEFAULT_GOAL := help

# Tools are pinned, and kept outside the tree in a folder of their version and Go's.
GOFUMPT_VERSION := v0.12.0
GOLANGCI_VERSION := v2.15.0
GOVULNCHECK_VERSION := v1.8.0

CACHE := $(or $(XDG_CACHE_HOME),$(HOME)/.cache)
TOOLS := $(CACHE)/tandem-tools/$(shell go env GOVERSION)
GOFUMPT := $(TOOLS)/gofumpt-$(GOFUMPT_VERSION)/gofumpt
GOLANGCI := $(TOOLS)/golangci-lint-$(GOLANGCI_VERSION)/golangci-lint
GOVULNCHECK := $(TOOLS)/govulncheck-$(GOVULNCHECK_VERSION)/govulncheck

# The race detector needs a C compiler. It looks at our own code, and not at SQLite, ciphers, compression, derivation of keys, Go's parser,
# regular expressions, texts and schemas, which compute a lot and share nothing by themselves: the tests would take three times as long. No
# package may join them that uses a generic type of sync or atomic: the linker could take its copy for all, and races would be seen
# where there are none.
BLIND := github.com/ncruces/go-sqlite3-wasm/... crypto/internal/fips140/... crypto/pbkdf2 golang.org/x/crypto/... go/... \
	github.com/klauspost/compress/... github.com/tandemdb/tandem/internal/identity/pkcs \
	regexp/... unicode/... math/big golang.org/x/text/... github.com/santhosh-tekuri/jsonschema/...
# The sample of the tests writes into memory where it can: tests of PostgreSQL need a third less of processor time, others a tenth. Its
# programs collect garbage rarely, and do not check conversions of unsafe pointers. In full the tests have the disk, the usual collector,
# and the checks. What the go command itself writes stays where it was.
ifneq ($(TANDEM_TESTS),all)
UNCHECKED := $(if $(shell command -v $(firstword $(shell go env CC))), -d=checkptr=0)
SAMPLE := export GOGC=400 GOTMPDIR="$${GOTMPDIR:-$${TMPDIR:-/tmp}}" TMPDIR="$$(.ci/memory)";
endif
# Debugging data and symbols are not linked into tests; traces and reports of races name functions and lines all the same. A compiler
# that collects its garbage rarely needs a fifth less of processor time.
COMPILE := -toolexec 'env GOGC=400' -gcflags=all='-dwarf=false$(UNCHECKED)' -ldflags=-s
ifneq ($(shell command -v $(firstword $(shell go env CC))),)
# A program with the detector sleeps for a second before it exits, and many tests start processes: they need not.
RACE := export CGO_ENABLED=1 GORACE=atexit_sleep_ms=0;
TESTBUILD := $(COMPILE) -race $(patsubst %,-gcflags='%=-dwarf=false -race=false',$(BLIND))
else
RACE := echo "without the race detector: it needs a C compiler" >&2; export CGO_ENABLED=0;
TESTBUILD := $(COMPILE)
endif

# Packages that are tested at once. Many tests wait for a peer or a process: more packages than processors keep these busy.
PACKAGES := $(shell expr 2 \* $$(nproc 2>/dev/null || echo 2))

SYSTEMS := linux/amd64 linux/arm64 darwin/amd64 darwin/arm64 windows/amd64 windows/arm64

# May be set on the command line: make test TESTFLAGS='-run TestOpen'
TESTFLAGS ?=
BENCH ?= .
BENCHFLAGS ?=
FUZZTIME ?= 10s
MINUTES ?= 10
SEEDS ?= 1000
BASE ?= main
STEPS ?= 1000000
PEERS ?= 1000

.PHONY: help
help: ## list the targets
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | awk -F ':.*## ' '{printf "  %-12s %s\n", $$1, $$2}'

.PHONY: build
build: ## build the command into bin/
	CGO_ENABLED=0 go build -trimpath -o bin/ ./cmd/tandem

# A release has no paths of this machine, no symbols and no debugging data: two thirds of the size.
RELEASE := bin/release
.PHONY: release
release: ## build the command for every supported system into bin/release/, with checksums
	@rm -rf $(RELEASE) && mkdir -p $(RELEASE)
	@version=$$(sed -n 's/^const Version = "\(.*\)"/\1/p' version.go); \
	for system in $(SYSTEMS); do \
		export CGO_ENABLED=0 GOOS=$${system%/*} GOARCH=$${system#*/}; \
		extension=; [ $$GOOS != windows ] || extension=.exe; \
		go build -trimpath -ldflags '-s -w' -o $(RELEASE)/tandem-$$version-$$GOOS-$$GOARCH$$extension ./cmd/tandem || exit 1; \
	done
	@cd $(RELEASE) && sha256sum tandem-* > SHA256SUMS && ls -l tandem-*

.PHONY: man
man: ## write the man pages of the command into bin/man/
	@mkdir -p bin/man
	@go test -count=1 -run '^TestManPages$$' ./cmd/tandem -man $(CURDIR)/bin/man

.PHONY: demo
demo: ## two peers with real documents sync before your eyes
	@CGO_ENABLED=0 go run ./cmd/tandem demo

# testprogress is built with the flags of the tests: a build without them would compile the standard library a second time.
.PHONY: test
test: ## run the tests, a sample of the costly ones, with the race detector if there is a C compiler
	@$(RACE) $(SAMPLE) go build $(TESTBUILD) -o bin/ ./internal/testprogress && \
	go test -json $(TESTBUILD) -p $(PACKAGES) -vet=off -timeout 30m $(TESTFLAGS) ./... 2>&1 | bin/testprogress

.PHONY: test-all
test-all: ## run every test in full, and those of the store, the replication and meshes over PostgreSQL
	@TANDEM_TESTS=all $(MAKE) --no-print-directory test TESTFLAGS='-timeout 90m $(TESTFLAGS)'
	@$(MAKE) --no-print-directory test-postgres

.PHONY: test-postgres
test-postgres: ## run the tests of the store, the replication and meshes over PostgreSQL, where that is installed, and a part of them with portable nodes
	@CGO_ENABLED=0 TANDEM_TEST_ENGINE=postgres go test -count=1 -timeout 15m ./internal/store ./internal/replication
	@CGO_ENABLED=0 TANDEM_TEST_ENGINE=postgres go test -count=1 -timeout 15m -run '^Test(MeshOf(Processes$$|Many)|A(Group|Device|Conflict|Batch)|Devices)' .
	@CGO_ENABLED=0 TANDEM_TEST_ENGINE=postgres-portable go test -count=1 -timeout 15m -run '^Test(Meshes|A[D-P]|N|P)' ./internal/store ./internal/replication ./internal/replication/converge

.PHONY: test-speed
test-speed: ## run the tests that need the true speed of the machine, and so no race detector
	@CGO_ENABLED=0 TANDEM_TESTS=all go test -count=1 -timeout 30m ./blip ./internal/replication/slowlink
	@CGO_ENABLED=0 TANDEM_TESTS=all go test -count=1 -timeout 30m -run ManyCollections ./internal/replication
	@CGO_ENABLED=0 TANDEM_TESTS=all go test -count=1 -timeout 30m -run Idle ./internal/bench

.PHONY: check
check: $(GOFUMPT) $(GOLANGCI) ## format, vet, lint and test what has changed since BASE (main)
	@.ci/check $(GOFUMPT) $(GOLANGCI) $(BASE)

.PHONY: bench
bench: build ## measure two peers on this machine, in a minute (BENCHFLAGS=--full: everything)
	@bin/tandem bench $(BENCHFLAGS)

.PHONY: microbench
microbench: ## run the Go benchmarks, or those that match BENCH
	go test -run '^$$' -bench '$(BENCH)' -benchmem ./...

.PHONY: bench-query
bench-query: ## compare queries over 100,000 documents with SQL of SQLite's own that asks the same, full-text searches with plain FTS5, and searches of vectors with a scan, in five minutes
	@go test -count=1 -run '^Test(Search|Vector|RandomVector)?Ratios$$' -v ./internal/store -ratios 100000 | grep -v INFO

.PHONY: bench-vectors
bench-vectors: ## the part of bench-query that searches 100,000 vectors, in two minutes
	@CGO_ENABLED=0 go test -count=1 -run '^Test(Random)?VectorRatios$$' -v ./internal/store -ratios 100000 | grep -v INFO

.PHONY: bench-live
bench-live: ## measure what live queries cost those who write, and how soon they tell of a change, in two minutes
	@CGO_ENABLED=0 go test -count=1 -run '^TestLiveFigures$$' -v . -livefigures 500ms | grep 'quer'

.PHONY: bench-hub
bench-hub: ## measure nodes over one PostgreSQL, with COPY into an equal table beside, in two minutes (BENCHFLAGS=-profiles=DIR: profiles of the nodes)
	@CGO_ENABLED=0 go test -count=1 -timeout 30m -run '^TestFigures$$' -v ./hub -figures 100000 $(BENCHFLAGS) | grep -v INFO

.PHONY: bench-rest
bench-rest: ## measure requests to the REST server, its feeds and its page, and SQLite alone beside it, in two minutes
	@CGO_ENABLED=0 go test -count=1 -run '^Test(Feed|Page)?Figures$$' ./rest -figures 3s -v | grep -E '/s|listener|settled|page of|overview'

.PHONY: bench-mesh
bench-mesh: ## print the figures of meshes with their bounds: members in one process and in one each, in simulated time, and PEERS (1000) simulated ones
	@TANDEM_TESTS=all go test -count=1 -timeout 60m -run '^TestMesh' -mesh.hour -v . | grep -E '^(---|ok|FAIL)|_test.go' | sed 's/^ *[a-z_]*_test.go:[0-9]*: figure: //'
	@TANDEM_TESTS=all go test -count=1 -timeout 60m -run '^Test(AMesh|ALargeMesh|FewLinks|Halves|Firewalls|AHostile)' -v ./internal/mesh/overlay -overlay.peers $(PEERS) -overlay.known 4096 -overlay.lying 10m | \
		grep -E '^(---|ok|FAIL)|_test.go' | sed 's/^ *[a-z_]*_test.go:[0-9]*: figure: //'

.PHONY: converge
converge: ## let SEEDS random meshes of peers converge
	@go test -count=1 -timeout 30m ./internal/replication/converge -converge.seeds $(SEEDS)

.PHONY: fleet
fleet: ## let SEEDS random networks of both generations come to rest, of each of eleven shapes
	@go test -count=1 -timeout 0 ./internal/replication/fleet -fleet.seeds $(SEEDS)

.PHONY: model
model: ## play STEPS random steps of a push against its model
	@go test -count=1 -timeout 30m ./internal/replication/outbox -outbox.steps $(STEPS)

.PHONY: fuzz
fuzz: ## fuzz each decoder of foreign bytes for FUZZTIME; counts the inputs
	@.ci/fuzz $(FUZZTIME)

.PHONY: soak
soak: ## one listener and 50 clients at work for MINUTES; leaves soak.csv and soak.png in bin/
	@mkdir -p bin
	go test ./internal/soak -count=1 -v -timeout 0 -soak.minutes $(MINUTES) -soak.out $(CURDIR)/bin

INTEROP := $(CACHE)/tandem-interop
.PHONY: interop
interop: ## let released Couchbase Lite sync with Tandem (needs Java 17, Maven, a C compiler and libicu-dev)
	@interop/couchbaselite/build $(INTEROP)
	go test ./interop/couchbaselite -count=1 -timeout 30m -interop $(INTEROP) -interop.table $(CURDIR)/docs/compatibility.md $(TESTFLAGS)

.PHONY: browser
browser: ## test the page in Chromium, with axe-core (needs chromium, node and npm)
	@cd browser && npm ci --ignore-scripts --no-audit --no-fund --silent
	@cd browser && go vet ./... && TANDEM_BROWSER=required go test -count=1 -timeout 30m $(TESTFLAGS) ./...

.PHONY: pictures
pictures: ## make the pictures of the page for docs/: each view, and what it says when something is wrong
	@rm -rf bin/page && mkdir -p bin/page docs/page
	@cd browser && TANDEM_BROWSER=required go test -count=1 -run 'Test(EachView|Strange|Large|NothingTyped|Selected|AnExpiry|AConnection|Earlier|ADevice|AServer)' -pictures $(CURDIR)/bin/page ./...
	@rm -f docs/page/* && cp bin/page/*-{light-1440,dark-360,light-360}.webp docs/page/
	@cd docs/page && for view in $$(ls *-dark-360.webp | sed 's/-dark-360.webp//'); do rm -f $$view-light-360.webp; done; du -sh .

.PHONY: fmt
fmt: $(GOFUMPT) ## format the code
	@$(GOFUMPT) -w .

.PHONY: tidy
tidy: ## bring go.mod and go.sum up to date
	go mod tidy
	cd browser && go mod tidy

.PHONY: lint
lint: lint-format lint-modules lint-vet lint-code ## run every static check

.PHONY: lint-format
lint-format: $(GOFUMPT)
	@badly=$$($(GOFUMPT) -l .) && [ -z "$$badly" ] || { echo "run make fmt: $$badly"; exit 1; }

.PHONY: lint-modules
lint-modules:
	@go mod verify
	@go mod tidy -diff
	@cd browser && go mod tidy -diff

.PHONY: lint-vet
lint-vet:
	@go vet ./...

.PHONY: lint-code
lint-code: $(GOLANGCI)
	@$(GOLANGCI) run --allow-parallel-runners ./...

.PHONY: vuln
vuln: $(GOVULNCHECK) ## look for known vulnerabilities (asks vuln.go.dev)
	@$(GOVULNCHECK) ./...

.PHONY: cross
cross: ## build, and vet the tests, for every supported system
	@for system in $(SYSTEMS); do \
		echo "$$system"; \
		export CGO_ENABLED=0 GOOS=$${system%/*} GOARCH=$${system#*/}; \
		go build ./... && go vet ./... || exit 1; \
	done

.PHONY: tools
tools: $(GOFUMPT) $(GOLANGCI) ## install the pinned tools

$(GOFUMPT):
	GOBIN=$(@D) go install mvdan.cc/gofumpt@$(GOFUMPT_VERSION)

$(GOLANGCI):
	GOBIN=$(@D) go install github.com/golangci/golangci-lint/v2/cmd/golangci-lint@$(GOLANGCI_VERSION)

$(GOVULNCHECK):
	GOBIN=$(@D) go install golang.org/x/vuln/cmd/govulncheck@$(GOVULNCHECK_VERSION)
