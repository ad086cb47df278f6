package forwarder

import (
	"encoding/binary"
	"math/rand/v2"
	"testing"
)

// Requirement A15: the header checksum after the TTL went down is that of a full computation, for random headers and for
// those whose checksum is 0x0000 or arrives as 0xffff.
func TestLowerTTLChecksumEqualsFullComputation(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 2))
	var zeroes, ones int
	for i := range 1_000_000 {
		var h [ipv4Len]byte
		for j := 0; j < len(h); j += 4 {
			binary.BigEndian.PutUint32(h[j:], rng.Uint32())
		}
		h[0], h[8], h[10], h[11] = 0x45, max(h[8], 1), 0, 0
		if i%4 == 0 {
			// Choose the identification so that the checksum before (0) or after (1) is zero.
			binary.BigEndian.PutUint16(h[4:], 0)
			h[8] -= byte(i / 4 % 2)
			binary.BigEndian.PutUint16(h[4:], slowChecksum(h[:]))
			h[8] += byte(i / 4 % 2)
		}
		before := slowChecksum(h[:])
		if before == 0 && i%8 == 0 {
			before = 0xffff // the same number, and a header with it verifies
			ones++
		}
		got := lowerTTLChecksum(before, h[8], h[9])
		h[8]--
		want := slowChecksum(h[:])
		if got != want {
			t.Fatalf("header % x with checksum %#04x: got %#04x, want %#04x", h, before, got, want)
		}
		if want == 0 {
			zeroes++
		}
	}
	if zeroes < 1000 || ones < 1000 {
		t.Errorf("only %d headers came to 0x0000 and %d from 0xffff", zeroes, ones)
	}
}

func TestChecksumEqualsSlowOne(t *testing.T) {
	rng := rand.New(rand.NewPCG(3, 4))
	for length := range 300 {
		b := make([]byte, length)
		for i := range b {
			b[i] = byte(rng.Uint32() >> (rng.Uint32() % 9))
			if length%3 == 0 {
				b[i] = 0xff
			}
		}
		if got, want := checksum(b), slowChecksum(b); got != want {
			t.Errorf("%d octets: got %#04x, want %#04x", length, got, want)
		}
	}
}

func TestSumContinues(t *testing.T) {
	b := make([]byte, 1500)
	for i := range b {
		b[i] = byte(i * 7)
	}
	for cut := 0; cut <= len(b); cut += 2 {
		if got, want := fold(sum(sum(0, b[:cut]), b[cut:])), fold(sum(0, b)); got != want {
			t.Fatalf("cut at %d: %#04x, want %#04x", cut, got, want)
		}
	}
}
