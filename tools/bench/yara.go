package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"sync"
	"syscall"
	"text/tabwriter"
	"time"

	"mirrorgw/scanner"
	"mirrorgw/scanner/yara"
)

// onlyYARA is the name of what measureYARA measures. It needs no lab, and is measured only when it is asked for.
const onlyYARA = "yara"

// yaraRun is one way to have parts scanned.
type yaraRun struct {
	name    string
	workers int // 0: libyara in this process
	callers int
}

// measureYARA has parts scanned with a thousand rules by libyara in one thread of this process, and by workers.
func measureYARA(ctx context.Context, o options, out io.Writer) error {
	folder, err := os.MkdirTemp("", "mirrorgw-bench-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(folder)
	path := filepath.Join(folder, "rules.yar")
	if err := os.WriteFile(path, []byte(rules(1000)), 0o600); err != nil {
		return err
	}
	cores := runtime.GOMAXPROCS(0)
	runs := []yaraRun{{"libyara, one thread", 0, 1}, {"one worker", 1, 1}, {fmt.Sprintf("%d workers", cores), cores, cores}}
	table := tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)
	fmt.Fprintln(table, "1,000 rules\tparts of\tMB/s\tof libyara\tCPU for each part")
	for _, size := range []int{1 << 20, 4 << 10} {
		var direct float64
		for _, r := range runs {
			var rates []float64
			var each time.Duration
			for range o.runs {
				rate, cpu, err := r.measure(ctx, path, size)
				if err != nil {
					return fmt.Errorf("%s: %w", r.name, err)
				}
				rates, each = append(rates, rate), cpu
			}
			slices.Sort(rates)
			median := rates[len(rates)/2]
			if r.workers == 0 {
				direct = median
			}
			fmt.Fprintf(table, "%s\t%d kB\t%.0f\t%.2f\t%v\n", r.name, size>>10, median, median/direct, each.Round(100*time.Nanosecond))
		}
	}
	return table.Flush()
}

// measure returns octets by the microsecond, and the processor time of one part, that of the workers included, with a share of their start.
func (r yaraRun) measure(ctx context.Context, path string, size int) (rate float64, each time.Duration, err error) {
	engine, err := yara.New(yara.Config{Rules: []string{path}, Workers: r.workers})
	if err != nil {
		return 0, 0, err
	}
	content := scanner.Spool{Memory: 64 << 20}.NewBuffer()
	defer content.Close()
	if _, err := content.Write([]byte(strings.Repeat("The quick brown fox jumps over the lazy dog, and 0123456789.\r\n", size/62+1)[:size])); err != nil {
		return 0, 0, err
	}
	part := scanner.NewPart("1", "", "", content)
	parts := max(8, (64<<20)/size/r.callers)
	before := usedBy(syscall.RUSAGE_SELF) + usedBy(syscall.RUSAGE_CHILDREN) // the compiling is over
	started := time.Now()
	var calling sync.WaitGroup
	faults := make([]error, r.callers)
	for i := range r.callers {
		calling.Go(func() {
			for range parts {
				if _, faults[i] = engine.Scan(ctx, part); faults[i] != nil {
					return
				}
			}
		})
	}
	calling.Wait()
	took := time.Since(started)
	if err := errors.Join(append(faults, engine.Close())...); err != nil {
		return 0, 0, err
	}
	spent := usedBy(syscall.RUSAGE_SELF) + usedBy(syscall.RUSAGE_CHILDREN) - before
	total := parts * r.callers
	return float64(total) * float64(size) / float64(took.Microseconds()), spent / time.Duration(total), nil
}

// usedBy returns the processor time of this process, or of those it has waited for.
func usedBy(who int) time.Duration {
	var r syscall.Rusage
	if syscall.Getrusage(who, &r) != nil {
		return 0
	}
	return time.Duration(r.Utime.Nano() + r.Stime.Nano())
}
