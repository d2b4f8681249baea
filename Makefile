# Kith: two commands matter. `go run ./cmd/kithd demo` shows it, `make test` proves it.

GO      ?= go
FUZZTIME ?= 10m
# The MLS working group's vectors (test-vectors of github.com/mlswg/mls-implementations):
# set MLS_VECTORS, or keep them beside the checkout.
MLS_VECTORS ?= $(abspath $(firstword $(wildcard ../shared/vectors/mls ../../shared/vectors/mls)))
export MLS_VECTORS
KEYRINGS := /usr/share/keyrings/debian-keyring.gpg /usr/share/keyrings/debian-keyring.pgp

.PHONY: test soak bench fuzz check

# Everything that must hold, in under ten minutes on two cores (twice that and more
# where a machine has much else to do: -timeout is for what hangs). Tests that need
# a service (GnuPG, the keyring of Debian's developers) stand aside where it is
# absent, and the last line says so; with CI set that is a failure.
test:
	$(GO) vet ./...
	$(GO) test -timeout 25m ./...
	@absent=""; \
	command -v gpg >/dev/null 2>&1 || absent="$$absent gnupg"; \
	ls $(KEYRINGS) 2>/dev/null | grep -q . || absent="$$absent debian-keyring"; \
	command -v chromium >/dev/null 2>&1 || absent="$$absent chromium"; \
	/usr/bin/python3 -c 'import srp' 2>/dev/null || absent="$$absent python3-srp"; \
	command -v node >/dev/null 2>&1 || absent="$$absent nodejs"; \
	command -v npm >/dev/null 2>&1 || absent="$$absent npm"; \
	if [ -z "$$absent" ]; then echo "all services present"; \
	elif [ -n "$$CI" ]; then echo "absent services:$$absent (required when CI is set)"; exit 1; \
	else echo "absent services, their tests did not run:$$absent (apt-get install$$absent)"; fi
	@(cd cmd/systemtest/testdata/tessera && GOPROXY=off $(GO) build -o /dev/null . 2>/dev/null) || \
	{ echo "no way to Tessera's modules: its test did not run"; [ -z "$$CI" ]; }
	@[ -f "$$MLS_VECTORS/tree-math.json" ] || \
	{ echo "no MLS vectors: their tests did not run (clone github.com/mlswg/mls-implementations; MLS_VECTORS=its folder test-vectors)"; [ -z "$$CI" ]; }

# Long series: 100 kills of a real process, thousands of random logs.
soak:
	KITH_SOAK=1 $(GO) test -count=1 -timeout 120m ./...

# Figures against their floors; see docs/performance.md.
bench:
	$(GO) run ./cmd/kithd bench

# Every fuzz target of every package, FUZZTIME each.
fuzz:
	@set -e; for pkg in $$($(GO) list ./...); do \
	  for f in $$($(GO) test -list '^Fuzz' $$pkg | grep '^Fuzz' || true); do \
	    echo "$$pkg $$f"; $(GO) test -run '^$$' -fuzz "^$$f$$" -fuzztime $(FUZZTIME) -fuzzminimizetime 3x $$pkg; \
	  done; \
	done

# The cheap static checks of .ci/run.
check:
	@test -z "$$(gofmt -l . | tee /dev/stderr)"
	$(GO) vet ./...
	$(GO) run honnef.co/go/tools/cmd/staticcheck@v0.8.2 ./...
