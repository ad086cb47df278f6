package capture

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func TestParseFilter(t *testing.T) {
	for _, c := range []struct{ text, want string }{
		{"", "punted"},
		{" \t\n", "punted"},
		{"punted", "punted"},
		{"host 192.168.1.10", "host 192.168.1.10"},
		{"host FD00:1:0::10", "host fd00:1::10"},
		{"host 192.168.1.10 and host 192.0.2.1", "host 192.168.1.10 and host 192.0.2.1"},
		{"port 110 and punted", "punted and port 110"},
		{"port 1 and port 65535", "port 1 and port 65535"},
		{"flow 192.168.1.10:4000 192.0.2.1:110", "flow 192.168.1.10:4000 192.0.2.1:110"},
		{"flow [fd00::1]:4000 [2001:db8::1]:110", "flow [fd00::1]:4000 [2001:db8::1]:110"},
		{"port 110 and host 192.168.1.10 and punted and flow 192.168.1.10:1 1.2.3.4:110", "punted and host 192.168.1.10 and port 110 and flow 192.168.1.10:1 1.2.3.4:110"},
	} {
		f, err := ParseFilter(c.text)
		if err != nil || f.String() != c.want {
			t.Errorf("%q: %q, %v, want %q", c.text, f, err, c.want)
		}
		if again, err := ParseFilter(f.String()); err != nil || again != f {
			t.Errorf("%q: its words read back as %+v, %v", c.text, again, err)
		}
	}
}

func TestParseFilterRefuses(t *testing.T) {
	for _, c := range []struct{ text, want string }{
		{"tcp", `"tcp" is none of punted, host, port and flow`},
		{"Host 1.2.3.4", `"Host" is none of punted, host, port and flow`},
		{"a\x1b[1m", `"a\x1b[1m" is none of punted, host, port and flow`},
		{"and", `a term is missing before "and"`},
		{"punted and", `a term is missing behind "and"`},
		{"punted and and port 1", `a term is missing before "and"`},
		{"punted port 1", `"port" stands where "and" or the end is expected`},
		{"host 1.2.3.4 or host 1.2.3.5", `"or" stands where "and" or the end is expected`},
		{"punted and punted", "punted is there twice"},
		{"host", "host is followed by 0 words, not by an address"},
		{"host example.org", `host "example.org": it is no address`},
		{"host 192.168.1.0/24", `host "192.168.1.0/24": it is no address`},
		{"host 192.168.01.1", `host "192.168.01.1": it is no address`},
		{"host fe80::1%eth0", `host "fe80::1%eth0": an address in a packet has no zone`},
		{"host ::ffff:1.2.3.4", `host "::ffff:1.2.3.4": in a packet it is 1.2.3.4`},
		{"host 1.2.3.4 and host 1.2.3.4", "host 1.2.3.4 is there twice"},
		{"host 1.2.3.4 and host 1.2.3.5 and host 1.2.3.6", "host 1.2.3.6 is the third, and a frame has two ends"},
		{"port", "port is followed by 0 words, not by a number"},
		{"port 0", `port "0": it is no number from 1 to 65535`},
		{"port 65536", `port "65536": it is no number from 1 to 65535`},
		{"port 0110", `port "0110": it is no number from 1 to 65535`},
		{"port +110", `port "+110": it is no number from 1 to 65535`},
		{"port pop3", `port "pop3": it is no number from 1 to 65535`},
		{"flow 1.2.3.4:1", "flow is followed by 1 words, not by two ends, each ADDRESS:PORT"},
		{"flow 1.2.3.4 1.2.3.5:1", `flow: "1.2.3.4": it is not ADDRESS:PORT`},
		{"flow 1.2.3.4: 1.2.3.5:1", `flow: "1.2.3.4:": port "": it is no number from 1 to 65535`},
		{"flow :1 1.2.3.5:1", `flow: ":1": it is no address`},
		{"flow fd00::1:4000 [2001:db8::1]:110", `flow: "fd00::1:4000": an IPv6 address, and no other, stands in brackets: [2001:db8::1]:110`},
		{"flow [fd00::1:4000 [2001:db8::1]:110", `flow: "[fd00::1:4000": an IPv6 address, and no other, stands in brackets: [2001:db8::1]:110`},
		{"flow [1.2.3.4]:1 1.2.3.5:1", `flow: "[1.2.3.4]:1": an IPv6 address, and no other, stands in brackets: [2001:db8::1]:110`},
		{"flow [fe80::1%eth0]:1 [fe80::2]:1", `flow: "[fe80::1%eth0]:1": an address in a packet has no zone`},
		{"flow 1.2.3.4:1 [fd00::1]:1", "flow: one end is of IPv4, the other of IPv6"},
		{"flow 1.2.3.4:1 1.2.3.5:1 and flow 1.2.3.4:1 1.2.3.5:2", "flow is there twice, and a frame has but one"},
		{strings.Repeat(" ", MaxFilter) + "x", "it has 513 octets, at most 512 can be"},
	} {
		if f, err := ParseFilter(c.text); err == nil || err.Error() != c.want || f != (Filter{}) {
			t.Errorf("%q: %q, %v\nwant %s", c.text, f, err, c.want)
		}
	}
}

// What parses is written in words that mean the same, and again the same.
func FuzzParseFilter(f *testing.F) {
	for _, s := range []string{
		"", "punted", "host 192.168.1.10 and port 110", "flow 1.2.3.4:1 1.2.3.5:2", "flow [fd00::1]:1 [fd00::2]:2 and punted", "host ::1 and", "port 0",
	} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, text string) {
		first, err := ParseFilter(text)
		if err != nil {
			return
		}
		words := first.String()
		second, err := ParseFilter(words)
		if err != nil || second != first || second.String() != words {
			t.Errorf("%q is %q, which is %q, %v", text, words, second, err)
		}
	})
}

// Looking at a frame cannot fail, and does not write.
func FuzzLook(f *testing.F) {
	for _, b := range samples(f) {
		f.Add(b.frame)
	}
	filters := make([]Filter, 0, 4)
	for _, s := range []string{"host 10.0.0.1", "port 110", "flow [fd00::1]:4000 [2001:db8::1]:110", "punted and port 4000"} {
		filter, err := ParseFilter(s)
		if err != nil {
			f.Fatal(err)
		}
		filters = append(filters, filter)
	}
	f.Fuzz(func(t *testing.T, frame []byte) {
		if len(frame) < l3 {
			return // offer passes over it
		}
		before := string(frame)
		packet, quoted := look(frame)
		if quoted.from.IsValid() && !packet.from.IsValid() {
			t.Error("a quote in no packet")
		}
		for i := range filters {
			filters[i].wants(forwarded, frame)
		}
		if string(frame) != before {
			t.Error("the frame was changed")
		}
		complete(frame)
	})
}

// Inputs that were found stay found.
func TestFoundInputsAreKept(t *testing.T) {
	if found, err := filepath.Glob(filepath.Join("testdata", "fuzz", "*", "*")); err == nil {
		for _, name := range found {
			if info, err := os.Stat(name); err != nil || info.Size() == 0 {
				t.Errorf("%s: %v", name, err)
			}
		}
	}
	if len(samples(t)) < 10 {
		t.Error("the fuzz targets have lost their seeds")
	}
}
