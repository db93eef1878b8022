# The house's commands. `make` alone lists them.
PG := scripts/postgres.sh
GOLANGCI_LINT := github.com/golangci/golangci-lint/v2/cmd/golangci-lint@v2.15.0

.PHONY: help assets build run test pages lint bench profile proof fuzz rows rules

help: ## show this list
	@sed -n 's/^\([a-z]*\):.*## \(.*\)/make \1\t\2/p' $(MAKEFILE_LIST) | expand -t 14

assets: ## what pages load beside our own style sheet, from npm (internal/web/assets)
	cd internal/web/assets && npm ci --no-audit --no-fund --ignore-scripts && npm run --silent build

# A program without the assets works; its pages do not refresh by themselves. So npm is used where it is.
internal/web/static/dist/console.js: internal/web/assets/package-lock.json $(wildcard internal/web/assets/*.js)
	@if command -v npm >/dev/null; then $(MAKE) --no-print-directory assets; else echo "npm is missing: built without internal/web/static/dist" >&2; fi

build: ## one static binary: bin/hacek
	CGO_ENABLED=0 go build -trimpath -o bin/hacek ./cmd/hacek

run: internal/web/static/dist/console.js build ## the five-minute tour
	bin/hacek demo

test: ## format, vet and every test, with the race detector, on SQLite and PostgreSQL
	@[ "$${CI-}" != true ] || scripts/install.sh
	@$(MAKE) --no-print-directory internal/web/static/dist/console.js
	scripts/test.sh

pages: internal/web/static/dist/console.js ## every page in light, dark, narrow and German (test/browser/shots), judged by axe narrow too
	HACEK_PAGES=all go test -count=1 -timeout 30m ./test/browser

lint: ## gofmt, go vet and golangci-lint (installed into bin/ when missing)
	scripts/format.sh
	go vet ./...
	@PATH="$$PATH:$(CURDIR)/bin"; command -v golangci-lint >/dev/null || GOBIN=$(CURDIR)/bin go install $(GOLANGCI_LINT)
	PATH="$$PATH:$(CURDIR)/bin" golangci-lint run ./...

bench: build ## speed beside a plain relay, on SQLite and PostgreSQL (ARGS="-quick" for a short run)
	$(PG) with sh -c 'go run ./test/load -hacek bin/hacek -postgres "$$HACEK_TEST_POSTGRES" $(ARGS)'

# The compiler reads cmd/hacek/default.pgo by itself: what the benchmark spends its time on is built to be quick.
profile: ## measure anew where the time goes, for the compiler (docs/decisions/0011-profile.md)
	rm -rf bin/profile && mkdir -p bin/profile
	CGO_ENABLED=0 go build -tags profile -trimpath -o bin/profile/hacek ./cmd/hacek
	TMPDIR=$(CURDIR)/bin/profile go run ./test/load -hacek bin/profile/hacek -runs 1 -only connections
	TMPDIR=$(CURDIR)/bin/profile go run ./test/load -hacek bin/profile/hacek -runs 1 -mode receiving
	go tool pprof -proto bin/profile/hacek-*.pprof > cmd/hacek/default.pgo

proof: build ## kill -9 in a loop: nothing accepted is lost, nothing done twice, on SQLite, PostgreSQL and MariaDB (ARGS="-kills 5" for a short run)
	go run ./test/crash -hacek bin/hacek -fsync
	go run ./test/crash -hacek bin/hacek $(ARGS)
	$(PG) with sh -c 'go run ./test/crash -hacek bin/hacek -postgres "$$HACEK_TEST_POSTGRES" $(ARGS)'
	go run ./test/crash -hacek bin/hacek -money 20
	$(PG) with sh -c 'go run ./test/crash -hacek bin/hacek -money 4 -postgres "$$HACEK_TEST_POSTGRES" -erp "$$HACEK_TEST_POSTGRES"'
	$(PG) with scripts/mariadb.sh with sh -c 'go run ./test/crash -hacek bin/hacek -money 4 -postgres "$$HACEK_TEST_POSTGRES" -erp "$$HACEK_TEST_MARIADB"'

fuzz: ## every fuzz test for ten minutes each (TIME=1m for a short run)
	scripts/fuzz.sh $(TIME)

rows: ## which test proves which row of the mission
	go run ./test/house/rows

rules: ## each rule of docs/security.md is taken away, clause by clause, and its test goes red (ARGS="1 4" for some of them)
	go run ./test/house/rules $(ARGS)
