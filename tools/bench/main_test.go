package main

import (
	"bytes"
	"strings"
	"testing"
	"time"
)

func TestUsage(t *testing.T) {
	for _, args := range []string{"x", "-only mail", "-runs 0", "-sessions 3", "-concurrency 0", "-time 1500ms", "-time 0s", "-nosuch"} {
		var stderr bytes.Buffer
		if status := run(t.Context(), strings.Fields(args), nil, &stderr); status != 2 || stderr.Len() == 0 {
			t.Errorf("%s: status %d, %q", args, status, &stderr)
		}
	}
	var help bytes.Buffer
	if status := run(t.Context(), []string{"-help"}, nil, &help); status != 0 || !strings.Contains(help.String(), "-mirrorgw PATH") {
		t.Errorf("help: status %d, %q", status, &help)
	}
	o, err := parse([]string{"-time", "7s", "-only", "sessions"}, nil)
	if err != nil || o.upload != 7*time.Second || o.only != "sessions" || o.runs != 3 {
		t.Errorf("%+v, %v", o, err)
	}
}

func TestMissingTools(t *testing.T) {
	t.Setenv("PATH", t.TempDir())
	err := needTools(options{gateway: "/nonexistent/mirrorgw"})
	for _, want := range []string{"make build", "apt-get install iperf3", "apt-get install iputils-ping"} {
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("error %v, want %q in it", err, want)
		}
	}
	err = needTools(options{gateway: "/proc/self/exe", only: "sessions"})
	if err == nil || strings.Contains(err.Error(), "iperf3") {
		t.Errorf("for sessions: %v", err)
	}
}

func TestReports(t *testing.T) {
	rate, err := uploadRate([]byte(`{"end":{"sum_sent":{"bits_per_second":3e9},"sum_received":{"bits_per_second":2.5e9}}}`))
	if rate != 2.5e9 || err != nil {
		t.Errorf("upload %v, %v", rate, err)
	}
	for _, bad := range []string{"", "{}", `{"error":"unable to connect","end":{}}`} {
		if rate, err := uploadRate([]byte(bad)); err == nil {
			t.Errorf("upload from %q: %v", bad, rate)
		}
	}
	const out = `PING 198.51.100.80 (198.51.100.80) 56(84) bytes of data.
64 bytes from 198.51.100.80: icmp_seq=1 ttl=62 time=3.00 ms
64 bytes from 198.51.100.80: icmp_seq=2 ttl=62 time=0.040 ms
64 bytes from 198.51.100.80: icmp_seq=3 ttl=62 time=0.060 ms

3 packets transmitted, 3 received, 0% packet loss, time 20ms
`
	if got, err := medianRoundTrip(out); err != nil || got < 59e-6 || got > 61e-6 {
		t.Errorf("ping %v, %v", got, err)
	}
	if got, err := medianRoundTrip("3 packets transmitted, 0 received"); err == nil {
		t.Errorf("ping without an answer: %v", got)
	}
}

func TestTable(t *testing.T) {
	measures := []*measure{
		{name: "upload", unit: gigabits, ways: ways(), aim: uploadAim, got: map[way]series{
			kernel: {12e9, 9e9, 11e9}, offload: {5e9, 4.4e9}, plain: {1e9},
		}},
		{name: "slow", unit: microseconds, ways: []way{kernel, offload}, aim: 1, got: map[way]series{kernel: {60e-6}, offload: {30e-6}}},
		{name: "missed", unit: perSecond, ways: []way{kernel, offload}, got: map[way]series{kernel: {1234.5}}},
	}
	var got bytes.Buffer
	if err := writeTable(&got, measures); err != nil {
		t.Fatal(err)
	}
	const want = `                     kernel forwarding          mirror                  ratio  aim
upload               11.00 Gbit/s (9.00–12.00)  4.70 Gbit/s (4.40–5.00) 0.43   at least 0.33: holds
upload, offload off  11.00 Gbit/s (9.00–12.00)  1.00 Gbit/s             0.09   -
slow                 60 µs                      30 µs                   0.50   at least 1.00: does not hold
missed               1234 /s                    not measured            -      -
`
	if fields(got.String()) != fields(want) {
		t.Errorf("table:\n%s\nwant:\n%s", &got, want)
	}
}

// fields is a table without its widths.
func fields(table string) string {
	var lines []string
	for line := range strings.Lines(table) {
		lines = append(lines, strings.Join(strings.Fields(line), " "))
	}
	return strings.Join(lines, "\n")
}
