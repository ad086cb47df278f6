package metrics

import (
	"math"
	"regexp"
	"strings"
	"testing"
	"time"
)

func TestPage(t *testing.T) {
	var p Page
	frames := p.Family("frames_total", Counter, "Frames by\nfate \\.")
	frames.Add(12345678901, "fate", "drop", "reason", "martian")
	frames.Add(3, "fate", "forward", "reason", "")
	frames.Add(1, "fate", "a\"b\\c\nd\xff")
	p.Family("up", Gauge, "Up.").Add(1)
	p.Family("none", Untyped, "No sample.")
	p.Family("odd", Gauge, "Odd.").Add(0.25)
	const want = `# HELP frames_total Frames by\nfate \\.
# TYPE frames_total counter
frames_total{fate="drop",reason="martian"} 12345678901
frames_total{fate="forward"} 3
frames_total{fate="a\"b\\c\nd` + "\uFFFD" + `"} 1
# HELP up Up.
# TYPE up gauge
up 1
# HELP none No sample.
# TYPE none untyped
# HELP odd Odd.
# TYPE odd gauge
odd 0.25
`
	if got := p.String(); got != want {
		t.Errorf("got\n%s\nwant\n%s", got, want)
	}
}

func TestHistogram(t *testing.T) {
	var h Histogram
	for _, took := range []time.Duration{0, 100 * time.Microsecond, 101 * time.Microsecond, time.Second, time.Hour} {
		h.Observe("yara", took)
	}
	h.Observe("clamd", 2*time.Minute)
	var p Page
	p.Histogram("scan_seconds", "Took.", "engine", &h)
	got := p.String()
	for _, want := range []string{
		"# TYPE scan_seconds histogram\n",
		`scan_seconds_bucket{engine="clamd",le="30"} 0` + "\n" + `scan_seconds_bucket{engine="clamd",le="120"} 1` + "\n" + `scan_seconds_bucket{engine="clamd",le="+Inf"} 1` + "\n",
		`scan_seconds_bucket{engine="yara",le="0.0001"} 2` + "\n" + `scan_seconds_bucket{engine="yara",le="0.00025"} 3` + "\n",
		`scan_seconds_bucket{engine="yara",le="0.5"} 3` + "\n" + `scan_seconds_bucket{engine="yara",le="1"} 4` + "\n",
		`scan_seconds_bucket{engine="yara",le="120"} 4` + "\n" + `scan_seconds_bucket{engine="yara",le="+Inf"} 5` + "\n" + `scan_seconds_sum{engine="yara"} 3601.000201` + "\n" + `scan_seconds_count{engine="yara"} 5` + "\n",
	} {
		if !strings.Contains(got, want) {
			t.Errorf("%s is not in\n%s", want, got)
		}
	}
	if n := strings.Count(got, "_bucket{"); n != 2*(nBounds+1) {
		t.Errorf("%d buckets", n)
	}
	for i, b := range bounds() {
		if i > 0 && b <= bounds()[i-1] {
			t.Errorf("bound %v after %v", b, bounds()[i-1])
		}
	}
}

// sampleLine is the grammar of a sample in the text format.
var sampleLine = regexp.MustCompile(`^[a-zA-Z_:][a-zA-Z0-9_:]*(\{[a-zA-Z_][a-zA-Z0-9_]*="([^"\\\n]|\\["\\n])*"(,[a-zA-Z_][a-zA-Z0-9_]*="([^"\\\n]|\\["\\n])*")*\})? (\+Inf|-?[0-9]+(\.[0-9]+)?(e[+-][0-9]+)?)$`)

// Whatever the value of a label is, a sample is one line of the format.
func FuzzSample(f *testing.F) {
	f.Add("x", 1.0)
	f.Add("a\"\\\n}\r\x00\xff 9", 0.1)
	f.Add("", math.MaxFloat64)
	f.Fuzz(func(t *testing.T, value string, v float64) {
		if math.IsNaN(v) || math.IsInf(v, -1) {
			t.Skip("counts and durations are neither")
		}
		var p Page
		p.sample("name", v, []string{"one", value, "two", "2"})
		line, ok := strings.CutSuffix(p.String(), "\n")
		if !ok || !sampleLine.MatchString(line) {
			t.Errorf("%q", line)
		}
	})
}
