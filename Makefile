# `make help` lists what there is to make.

SHELL := bash
.SHELLFLAGS := -eu -o pipefail -c
.DEFAULT_GOAL := help

PREFIX   ?= /usr/local
DESTDIR  ?=
VERSION  ?= $(shell git describe --tags --match 'v[0-9]*' --always --dirty 2>/dev/null || echo devel)
FUZZTIME ?= 10s
TESTFLAGS ?=
JSONFILE ?=

LINTBIN   := tools/lint/bin
GOTESTSUM := $(LINTBIN)/gotestsum
GOLANGCI  := $(LINTBIN)/golangci-lint

.PHONY: help
help: ## list the targets
	@sed -n 's/^\([a-z][a-z.]*\):.*## \(.*\)/\1\t\2/p' Makefile | while IFS=$$'\t' read -r name what; do printf '  %-9s %s\n' "$$name" "$$what"; done

.PHONY: demo
demo: build ## set up and build, then show the mirror at work in a lab of network namespaces (root)
	bin/mirrorgw lab demo

.PHONY: test
test: setup $(GOTESTSUM) ## set up, then run every test, those included that need root
	@if [ "$$(id -u)" != 0 ]; then echo "test: not root, so what needs network namespaces is skipped"; fi
	$(GOTESTSUM) --format pkgname $(if $(JSONFILE),--jsonfile $(JSONFILE)) -- -count=1 -parallel 3 -timeout 15m $(TESTFLAGS) ./...

.PHONY: race
race: setup $(GOTESTSUM) ## run every test under the race detector
	$(GOTESTSUM) --format pkgname -- -race -count=1 -parallel 3 -timeout 30m $(TESTFLAGS) ./...

.PHONY: build
build: setup ## build bin/mirrorgw and the developers' tools
	go build -trimpath -ldflags '-X main.version=$(VERSION)' -o bin/ ./cmd/... ./tools/...

.PHONY: check
check: setup $(GOLANGCI) ## format, vet, linters, import table, cgo-free build, go.mod and generated files
	$(GOLANGCI) fmt --diff
	go vet ./...
	$(GOLANGCI) run ./...
	CGO_ENABLED=0 go build -tags noyara -o /dev/null ./cmd/mirrorgw
	CGO_ENABLED=0 go vet -tags noyara ./...
	go test -count=1 .
	tools/tidy.sh --check
	tools/generated.sh

.PHONY: bench
bench: build ## measure forwarding beside the kernel, and mail beside other proxies and a bare relay, as ratios (root)
	bin/bench

.PHONY: corpus
corpus: build ## count what mail parsers, clamd and the gateway miss of some thousand ambiguous mails
	bin/corpus

.PHONY: fuzz
fuzz: setup ## run each fuzz target for FUZZTIME (10s)
	tools/fuzz.sh $(FUZZTIME)

.PHONY: install
install: ## install what is built, below DESTDIR and PREFIX (/usr/local)
	@[ -x bin/mirrorgw ] || $(MAKE) build
	DESTDIR='$(DESTDIR)' PREFIX='$(PREFIX)' tools/package/install.sh "$(CURDIR)/bin/mirrorgw"

.PHONY: uninstall
uninstall: ## remove what make install put there, but for configuration and mail
	DESTDIR='$(DESTDIR)' PREFIX='$(PREFIX)' tools/package/install.sh --remove

.PHONY: deb
deb: setup ## build a Debian package in bin/, and test it
	go build -trimpath -buildmode=pie -ldflags '-X main.version=$(VERSION) -extldflags=-Wl,-z,relro,-z,now' -o bin/deb/ ./cmd/mirrorgw
	rm -f bin/mirrorgw_*.deb
	tools/package/test.sh "$$(tools/package/deb.sh bin/deb/mirrorgw '$(VERSION)' bin)"

SOAKFRAMES ?= 100000000
SOAKKILLS ?= 1000

.PHONY: soak
soak: setup ## the long runs: SOAKFRAMES (100000000) mutated frames, link flaps, a SYN flood, sessions and mails by the thousand and gigabyte, SOAKKILLS (1000) kills in mid-mail (root)
	MIRRORGW_SOAK=1 MIRRORGW_SOAK_FRAMES=$(SOAKFRAMES) go test -count=1 -timeout 12h -v -run '^TestRouter(A16|B4|C10|C17|A12)' ./cmd/mirrorgw
	MIRRORGW_SOAK=1 go test -count=1 -timeout 1h -v -run '^Test(Dialogues|ManySessions|ConcurrentSessions|IdleSessions|StalledClients|HugeMail|MemoryGuardInTheLab|WorkersKilledUnderLoad)$$' ./cmd/mirrorgw
	MIRRORGW_SOAK_KILLS=$(SOAKKILLS) go test -count=1 -timeout 12h -v -run '^TestKillAnywhere' ./cmd/mirrorgw

.PHONY: fmt
fmt: setup $(GOLANGCI) ## format the code
	$(GOLANGCI) fmt

.PHONY: tidy
tidy: setup ## bring go.mod and go.sum in line with the code
	tools/tidy.sh

.PHONY: setup
setup: ## install what is missing, and write go.work
	@tools/setup.sh

.PHONY: clean
clean: ## remove what was built
	rm -rf bin $(LINTBIN)

# The linters are a module of their own: what they need is none of the product's business. They are built outside the
# workspace, since -modfile and go tool know nothing of one, and run inside it, so that they see go-yara.
$(GOTESTSUM): tools/lint/go.mod tools/lint/go.sum
	cd tools/lint && GOWORK=off go build -o bin/ gotest.tools/gotestsum && touch bin/gotestsum

$(GOLANGCI): tools/lint/go.mod tools/lint/go.sum
	cd tools/lint && GOWORK=off go build -o bin/ github.com/golangci/golangci-lint/v2/cmd/golangci-lint && touch bin/golangci-lint
