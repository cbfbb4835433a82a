.PHONY: build test lint fuzz bench check release

build:
	go build -o headroom .

test:
	go test ./...

lint:
	gofmt -l . | (! grep .)
	go vet ./...
	golangci-lint run

fuzz:
	.ci/fuzz 10s

bench: build
	go test -run '^$$' -bench . -benchmem ./...
	cd internal/bench && go run ./scale -headroom ../../headroom
	internal/bench/proxy.sh ./headroom

check:
	.ci/run

release:
	cd internal/release && go run .
