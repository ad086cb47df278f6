package main

import (
	"bytes"
	"math"
	"os"
	"slices"
	"strings"
	"testing"
	"time"
)

func TestUsage(t *testing.T) {
	for _, args := range []string{"x", "-only post", "-ways nginx,post", "-runs 0", "-pings 0", "-sessions 15", "-large 0", "-idle 0", "-concurrency 0", "-time 1500ms", "-time 0s", "-udptime 99ms", "-udptime 2h", "-nosuch"} {
		var stderr bytes.Buffer
		if status := run(t.Context(), strings.Fields(args), nil, &stderr); status != 2 || stderr.Len() == 0 {
			t.Errorf("%s: status %d, %q", args, status, &stderr)
		}
	}
	var help bytes.Buffer
	if status := run(t.Context(), []string{"-help"}, nil, &help); status != 0 || !strings.Contains(help.String(), "-mirrorgw PATH") {
		t.Errorf("help: status %d, %q", status, &help)
	}
	o, err := parse([]string{"-time", "7s", "-only", "sessions", "-ways", "nginx, bare relay"}, nil)
	if err != nil || o.upload != 7*time.Second || o.only != "sessions" || o.runs != 5 || !slices.Equal(o.ways, []way{nginx, relay}) {
		t.Errorf("%+v, %v", o, err)
	}
}

func TestMissingTools(t *testing.T) {
	t.Setenv("PATH", t.TempDir())
	err := needTools(options{gateway: "/nonexistent/mirrorgw", bareloop: "/nonexistent/bareloop", barerelay: "/nonexistent/barerelay"})
	for _, want := range []string{"no gateway", "no bare loop", "no bare relay", "make build", "apt-get install iperf3", "apt-get install iputils-ping"} {
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("error %v, want %q in it", err, want)
		}
	}
	for _, only := range []string{"mail", "sessions", "packets"} {
		err = needTools(options{gateway: "/proc/self/exe", bareloop: "/proc/self/exe", barerelay: "/proc/self/exe", only: only})
		if err == nil || strings.Contains(err.Error(), "iperf3") {
			t.Errorf("for %s: %v", only, err)
		}
	}
}

func TestSubjects(t *testing.T) {
	for only, want := range map[string]string{
		"": "upload packets roundtrip idle sessions large", "forwarding": "upload packets roundtrip", "mail": "idle sessions large",
		"upload": "upload", "packets": "packets", "roundtrip": "roundtrip", "sessions": "sessions",
	} {
		var got []string
		for _, s := range subjects() {
			if (options{only: only}).measures(s) {
				got = append(got, s.name)
			}
		}
		if strings.Join(got, " ") != want || !knownSubject(only) {
			t.Errorf("-only %q measures %v, want %s", only, got, want)
		}
	}
}

func TestReports(t *testing.T) {
	got, err := readTransfer([]byte(`{"end":{"sum_sent":{"bits_per_second":3e9,"bytes":4e9},"sum_received":{"bits_per_second":2.5e9,"bytes":3e9}}}`))
	if want := (transfer{rate: 2.5e9, bytes: 3e9}); got != want || err != nil {
		t.Errorf("upload %v, %v", got, err)
	}
	for _, bad := range []string{"", "{}", `{"error":"unable to connect","end":{}}`} {
		if got, err := readTransfer([]byte(bad)); err == nil {
			t.Errorf("upload from %q: %v", bad, got)
		}
	}
	const out = `PING 198.51.100.80 (198.51.100.80) 56(84) bytes of data.
64 bytes from 198.51.100.80: icmp_seq=1 ttl=62 time=3.00 ms
64 bytes from 198.51.100.80: icmp_seq=2 ttl=62 time=0.040 ms
64 bytes from 198.51.100.80: icmp_seq=3 ttl=62 time=0.060 ms

3 packets transmitted, 3 received, 0% packet loss, time 20ms
`
	times, err := roundTrips(out)
	if got := times.median(); err != nil || got < 59e-6 || got > 61e-6 {
		t.Errorf("ping %v, %v", times, err)
	}
	if got := times.percentile(99); got < 2.9e-3 || got > 3.1e-3 {
		t.Errorf("ping: p99 %v", got)
	}
	if times, err := roundTrips("3 packets transmitted, 0 received"); err == nil {
		t.Errorf("ping without an answer: %v", times)
	}
	const stat = "4242 (a) b (c) S 1 4242 4242 0 -1 4194304 100 0 0 0 100 200 50 50 20 0 9 0 100 0 0"
	if got, err := parseStat(stat); got != 4 || err != nil {
		t.Errorf("CPU time %v, %v", got, err)
	}
	for _, bad := range []string{"", "1 (a) S 1 2 3 4 5 6 7 8 9 10 11", "1 a S 1 2 3 4 5 6 7 8 9 10 11 12 13 14", "1 (a) S 1 2 3 4 5 6 7 8 9 10 11 12 13", "1 (a) S 1 2 3 4 5 6 7 8 9 10 x 12 13 14"} {
		if got, err := parseStat(bad); err == nil {
			t.Errorf("CPU time from %q: %v", bad, got)
		}
	}
	if got, err := cpuTime(os.Getpid()); err != nil || got < 0 {
		t.Errorf("own CPU time %v, %v", got, err)
	}
}

func TestPercentile(t *testing.T) {
	var s series
	for i := range 100 {
		s = append(s, float64(100-i))
	}
	for p, want := range map[int]float64{0: 1, 1: 1, 50: 50, 99: 99, 100: 100} {
		if got := s.percentile(p); got != want {
			t.Errorf("percentile %d: %v, want %v", p, got, want)
		}
	}
	if got := (series{7}).percentile(99); got != 7 {
		t.Errorf("of one: %v", got)
	}
	if !math.IsNaN(series{}.percentile(99)) || !math.IsNaN(series{}.median()) {
		t.Error("of none: a number")
	}
}

func TestTable(t *testing.T) {
	forwarders := []way{kernel, bare, offload}
	measures := []*measure{
		{ways: append([]way{plain}, forwarders...), figures: []*figure{
			{name: "upload", unit: gigabits, aims: []aim{{peer: kernel, limit: 0.4}, {peer: bare, limit: 0.95}}, got: map[way]series{
				kernel: {12e9, 9e9, 11e9}, bare: {5e9}, offload: {5e9, 4.4e9}, plain: {1e9},
			}},
			{name: "cost", unit: cpuSeconds, got: map[way]series{kernel: {math.NaN()}, bare: {0.5}, offload: {0.75}}},
		}},
		{ways: forwarders, figures: []*figure{
			{name: "lost", unit: percent, aims: []aim{{alone: true, most: true, limit: 0.001}}, got: map[way]series{kernel: {0}, bare: {0.002}, offload: {0.0005}}},
			{name: "missed", unit: perSecond, aims: []aim{{peer: kernel, limit: 1}}, got: map[way]series{kernel: {1234.5}}},
		}},
		{ways: append([]way{direct}, forwarders...), figures: []*figure{
			{name: "slow", unit: microseconds, aims: []aim{{peer: bare, most: true, limit: 1.3}}, got: map[way]series{
				direct: {20e-6}, kernel: {30e-6}, bare: {60e-6}, offload: {90e-6},
			}},
		}},
	}
	measures = append(measures, &measure{page: mailPage, ways: []way{kernel, nginx, relay, offload, manyRules}, figures: []*figure{
		{name: "rate", unit: perSecond, aims: []aim{{peer: nginx, limit: 0.7}, {of: manyRules, peer: nginx, limit: 0.4}}, got: map[way]series{
			kernel: {2000}, nginx: {1000}, relay: {900}, offload: {800}, manyRules: {300},
		}},
	}})
	var got bytes.Buffer
	if err := writeTable(&got, measures); err != nil {
		t.Fatal(err)
	}
	const want = ` no gateway kernel bare loop mirror of kernel of bare loop aim
upload - 11.00 Gbit/s (9.00–12.00) 5.00 Gbit/s 4.70 Gbit/s (4.40–5.00) 0.43 0.94 at least 0.40 of kernel: holds; at least 0.95 of bare loop: does not hold
upload, offload off - 11.00 Gbit/s (9.00–12.00) 5.00 Gbit/s 1.00 Gbit/s 0.09 0.20 -
cost - - 0.50 s 0.75 s - 1.50 -
cost, offload off - - 0.50 s not measured - - -
lost - 0.00 % 0.20 % 0.05 % - 0.25 at most 0.10 %: holds
missed - 1234 /s not measured not measured - - -
slow 20 µs 30 µs 60 µs 90 µs 3.00 1.50 at most 1.30 of bare loop: does not hold
bare loop: frames go back out with two MAC addresses changed

 kernel nginx dovecot perdition bare relay mirror of kernel of nginx of dovecot of perdition of bare relay aim
rate 2000 /s 1000 /s - - 900 /s 800 /s 0.40 0.80 - - 0.89 at least 0.70 of nginx: holds
rate, 1,000 rules 2000 /s 1000 /s - - 900 /s 300 /s 0.15 0.30 - - 0.33 at least 0.40 of nginx: does not hold
bare relay: both connections of a session end in the mirror's netstack, and octets are copied between them unread
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
