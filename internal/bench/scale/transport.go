package main

import (
	"bytes"
	"fmt"
	"io"
	"math"
	"os"
	"os/exec"
	"regexp"
	"strconv"
	"strings"
)

// transport runs the benchmarks of package bench, each several times, and takes the best of each:
// what disturbs a benchmark only ever makes it slower.
func (s *scale) transport() error {
	fmt.Println("transport, the best of 5, and a stream of 1 GiB, the best of 3")
	var out bytes.Buffer
	for _, args := range [][]string{{"Stub|Headroom|Otelhttp", "-count=5"}, {"Stream", "-count=3", "-benchtime=1x"}} {
		c := exec.Command("go", append([]string{"test", "-run=^$", "-benchmem", "-bench=" + args[0]}, args[1:]...)...)
		c.Stdout, c.Stderr = io.MultiWriter(&out, os.Stdout), os.Stderr
		if err := c.Run(); err != nil {
			return fmt.Errorf("%v: %w", c.Args, err)
		}
	}
	best := func(name, unit string) float64 { return least(out.String(), name, unit) }
	stub := best("Stub", "ns/op")
	s.bars.atMost("Transport adds, of what otelhttp adds", (best("Headroom", "ns/op")-stub)/(best("Otelhttp", "ns/op")-stub), 0.2, "")
	s.bars.atMost("Transport's own allocations", best("Headroom", "allocs/op")-best("Stub", "allocs/op"), 4, "")
	s.bars.atLeast("stream of 1 GiB, of the bare speed", 100*best("Stream/bare", "ns/op")/best("Stream/headroom", "ns/op"), 95, "%")
	s.bars.atMost("heap while streaming 1 GiB", best("Stream/headroom", "peak-heap-MB"), 32, "MB")
	return nil
}

// least finds the smallest figure of a unit among the lines of a benchmark.
func least(out, name, unit string) float64 {
	least := math.Inf(1)
	for _, m := range regexp.MustCompile(`(?m)^Benchmark`+name+`-?\d*\s.*$`).FindAllString(out, -1) {
		fields := strings.Fields(m)
		for i := 1; i < len(fields); i++ {
			if v, err := strconv.ParseFloat(fields[i-1], 64); err == nil && fields[i] == unit {
				least = min(least, v)
			}
		}
	}
	return least
}
