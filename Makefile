# Go and make are all that is needed; `make check` also wants a C compiler for
# the race detector. Tools are pinned in tools/go.mod.

GO      ?= go
BIN     := bin/migrate$(shell $(GO) env GOEXE)
VERSION ?= $(shell git describe --tags --always --dirty 2>/dev/null || echo dev)
STATIC  := CGO_ENABLED=0 $(GO) build -trimpath -ldflags "-s -w -X main.buildVersion=$(VERSION)"
TOOL    := $(GO) tool -modfile=tools/go.mod
TARGETS := linux/amd64 linux/arm64 darwin/amd64 darwin/arm64 windows/amd64 windows/arm64

# For bench, bench-compare and fuzz.
BENCH    ?= .
COUNT    ?= 1
PKG      ?= ./...
OLD      ?= bench-old.out
NEW      ?= bench.out
FUZZTIME ?= 20s

# For crash.
KILLS ?= 1000
SEED  ?= 1

.DEFAULT_GOAL := help

.PHONY: help
help: ## list the targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "%-14s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

.PHONY: build
build: ## build bin/migrate
	$(STATIC) -o $(BIN) ./cmd/migrate

# Shows a command and runs it in the demo's folder.
try = @printf '\n$$ migrate %s\n' '$(1)' && cd demo && ../$(BIN) $(1)

.PHONY: demo
demo: build ## try it: a small library of real files into a sandbox, twice
	@rm -rf demo
	@printf '\n$$ migrate init demo --sample\n' && $(BIN) init demo --sample
	$(call try,lint manifest.yaml --sandbox)
	$(call try,plan manifest.yaml --sandbox)
	$(call try,run manifest.yaml --sandbox)
	$(call try,verify manifest.yaml --sandbox)
	$(call try,run manifest.yaml --sandbox)
	@./scripts/demo-tour demo ./$(BIN)

.PHONY: test
test: ## run all tests; needs Go alone
	$(GO) test -timeout 20m $$($(GO) list ./... | grep -v '/test/crash$$')
	cd test/crash && $(GO) test -count=1

.PHONY: crash
crash: ## end the program KILLS (1000) times as kill -9 does, seeds from SEED (1) on; about six minutes
	cd test/crash && $(GO) test -count=1 -timeout 1h -crash.kills $(KILLS) -crash.first $(SEED)

.PHONY: bugs
bugs: ## plant bugs in a copy, one at a time: each must make the tests fail that are named for it
	$(GO) run ./test/bugs

.PHONY: check
check: ## format, vet, staticcheck, tidy, Windows, dated idioms, all tests with the race detector
	@unformatted=$$($$($(GO) env GOROOT)/bin/gofmt -l cmd pkg scripts test); \
		if [ -n "$$unformatted" ]; then printf 'not formatted (run gofmt -w):\n%s\n' "$$unformatted"; exit 1; fi
	$(GO) vet -tags integration ./...
	GOOS=windows $(GO) vet ./...
	$(TOOL) staticcheck -tags integration ./...
	$(GO) fix -diff ./...
	$(GO) mod tidy -diff
	@[ "$$($(GO) env CGO_ENABLED)" = 1 ] || { echo 'the race detector needs a C compiler (install gcc or clang)'; exit 1; }
	$(GO) test -race -timeout 20m ./...

# A real S3 server. Its first build takes one to three minutes.
VERSITYGW := .tools/versitygw-v1.8.0/versitygw
$(VERSITYGW):
	GOBIN='$(CURDIR)/$(@D)' GOFLAGS= $(GO) install github.com/versity/versitygw/cmd/versitygw@v1.8.0

# Reads remotes, and serves far ends of its own.
RCLONE := .tools/rclone/rclone
$(RCLONE):
	./scripts/install-rclone '$(CURDIR)/$(@D)'

# Opens the pages.
CHROMIUM := .tools/chromium/chromium
$(CHROMIUM):
	./scripts/install-chromium '$(CURDIR)/$(@D)'

.PHONY: integration
integration: $(VERSITYGW) $(RCLONE) $(CHROMIUM) ## drive the real binary against `migrate sandbox`, a real S3 server, rclone and Chromium, as processes, with faults and kills
	$(GO) test -count=1 -tags integration ./test/integration/...

.PHONY: bench
bench: ## run the benchmarks (BENCH=regexp COUNT=n PKG=./...), into bench.out
	$(GO) test -run '^$$' -bench '$(BENCH)' -benchmem -count $(COUNT) -timeout 2h $(PKG) >bench.out; status=$$?; cat bench.out; exit $$status

.PHONY: bench-compare
bench-compare: ## compare two outputs of bench (OLD=file NEW=file)
	$(TOOL) benchstat $(OLD) $(NEW)

.PHONY: fuzz
fuzz: ## run each fuzz target for FUZZTIME (20s)
	@set -e; for pkg in $$($(GO) list ./...); do \
		for target in $$($(GO) test -list '^Fuzz' $$pkg | grep '^Fuzz' || true); do \
			echo "$$pkg $$target"; \
			$(GO) test -run '^$$' -fuzz "^$$target\$$" -fuzztime $(FUZZTIME) -fuzzminimizetime=10x $$pkg; \
		done; \
	done

.PHONY: cover
cover: ## measure what the tests cover, into cover.out
	$(GO) test -coverprofile=cover.out -coverpkg=./... ./...
	@$(GO) tool cover -func=cover.out | tail -1

.PHONY: release
release: ## build archives for Linux, macOS and Windows with docs, completions and licences into dist/, and their checksums
	$(GO) run ./scripts/release -version '$(VERSION)' -targets '$(TARGETS)'
	@cat dist/SHA256SUMS

.PHONY: clean
clean: ## remove what the targets made
	rm -rf bin dist demo .tools bench.out cover.out
