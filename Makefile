# Everything that CI runs can be run here with the same words.
.PHONY: test lint bench scale faults mutants soak fuzz build fabric clients

test: fabric
	go test -timeout 15m ./...

# The modules of Hyperledger Fabric, a module of their own, from which tests build a
# network. The tests themselves download nothing.
fabric:
	go list -modfile=ledgerbridge/devnet/tools/fabric.mod -deps tool > /dev/null

# The modules of the FHIR clients that TestClients runs; without them it skips, and says so.
clients:
	npm ci --prefix testdata/npm --omit=optional --ignore-scripts --no-audit --no-fund

lint:
	@unformatted=$$(gofmt -l $$(git ls-files '*.go')); \
	if [ -n "$$unformatted" ]; then echo "gofmt -w is needed for:" $$unformatted; exit 1; fi
	go vet ./...
	go tool staticcheck ./...
	.ci/miscompiled

# BENCH and TIME narrow it down: make bench BENCH=HTTP TIME=10s.
bench:
	go test -run '^$$' -bench '$(or $(BENCH),.)' -benchtime $(or $(TIME),1s) -benchmem ./...

# Prints one table of what must not grow with the data: the bar of each line, and what was
# measured with SIZE resources and with 32,000. FOLDER keeps the hospitals for the next run.
# PART narrows it down: make scale PART=SQLite/usual/counts.
scale:
	ACESO_BENCH_SCALE=$(or $(SIZE),3200000) ACESO_BENCH_FOLDER=$(FOLDER) \
	go test -p 1 -timeout 0 -run '^$$' -bench 'BenchmarkScale$(addprefix /,$(PART))' -benchtime 1x ./node ./cmd/aceso

# Kills and stops the processes of real Fabric networks while records are anchored, and
# prints what was lost (nothing) and for how long it stood still.
faults:
	ACESO_FAULTS=1 go test -count=1 -timeout 30m -run '^TestFaultMatrix$$' -v ./ledgerbridge/fabric

# Disables each guard of privacy, records and consent in turn (mutants_test.go), and shows
# the test that fails. ONLY='name of a guard', or its first words, tries some.
mutants:
	ACESO_MUTANTS=1 go test -count=1 -v -timeout 1h -run '^TestMutants$$' .

# Lets honest and dishonest parties do 3,000,000 random operations with cells
# (OPERATIONS=...), and asks after each whether the invariants hold. `make test` does 30,000.
soak:
	ACESO_OPERATIONS=$(or $(OPERATIONS),3000000) go test -count=1 -timeout 0 -run '^TestInvariantsHold$$' -v ./therapy/engine

# Sends what nobody expects: documents, searches, Bundles and tokens, each target for
# TIME. None may panic, answer 5xx, or cost more than 200 MB or 1 s of CPU for 100 KB.
# FUZZ names some targets: make fuzz FUZZ=node:FuzzBundle TIME=1m. What fails is kept in
# testdata/fuzz of the package, as a seed that `make test` runs from then on.
FUZZ = fhir:FuzzParse fhir/xml:FuzzRead fhir:FuzzParseBundle fhir/search:FuzzDocument fhir/search:FuzzQuery fhir/search:FuzzFilter fhir/fhirpath:FuzzExpression fhir/patch:FuzzPathPatch fhir/patch:FuzzJSONPatch store/sqlite:FuzzLink \
	auth:FuzzAuthenticate auth:FuzzClaims node:FuzzCreate node:FuzzBundle node:FuzzSearch
fuzz:
	@for target in $(FUZZ); do \
		echo "== $$target"; \
		go test -run '^$$' -fuzz "^$${target#*:}$$" -fuzztime $(or $(TIME),10m) -fuzzminimizetime 2s -timeout 0 ./$${target%:*} || exit 1; \
	done

build:
	CGO_ENABLED=0 go build -trimpath -tags grpcnotrace -ldflags '-s -w' -o aceso ./cmd/aceso
