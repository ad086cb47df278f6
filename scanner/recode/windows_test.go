package recode_test

import (
	"encoding/base64"
	"encoding/binary"
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"
	"unicode/utf16"
)

// margin is what stands on each side of what is decoded, at least.
const margin = 64 << 10

// decodeUTF7 decodes a whole text, and returns behind which octets of that there is a character below 256 that was shifted.
func decodeUTF7(text string) (decoded string, shifted []int) {
	var b strings.Builder
	for {
		plain, rest, ok := strings.Cut(text, "+")
		b.WriteString(plain)
		if !ok {
			return b.String(), shifted
		}
		text = strings.TrimLeft(rest, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/")
		shift := rest[:len(rest)-len(text)]
		raw, _ := base64.RawStdEncoding.DecodeString(shift[:len(shift)-len(shift)%4])
		if odd := shift[len(shift)-len(shift)%4:]; odd != "" {
			last, _ := base64.StdEncoding.DecodeString(odd + strings.Repeat("A", 4-len(odd)))
			raw = append(raw, last[:len(odd)*6/8]...)
		}
		var units []uint16
		for ; len(raw) > 1; raw = raw[2:] {
			units = append(units, binary.BigEndian.Uint16(raw))
		}
		for _, r := range utf16.Decode(units) {
			b.WriteRune(r)
			if 0 < r && r < 256 {
				shifted = append(shifted, b.Len())
			}
		}
		if shift == "" && strings.HasPrefix(text, "-") {
			b.WriteByte('+')
		}
		text = strings.TrimPrefix(text, "-")
	}
}

// filler returns about n octets that hold no shifted Latin letter but by chance, and nothing twice that is long.
func filler(random *rand.Rand, n int) string {
	var b strings.Builder
	switch shape := random.IntN(5); shape {
	case 0: // as in a compressed file
		b.WriteString(noise(random, n))
	case 1: // one long shift
		var text []rune
		for range n / 3 {
			text = append(text, rune(0x4E00+random.IntN(0x5000)), rune(0x20000+random.IntN(0x1000)))
		}
		b.WriteString("+" + base64.RawStdEncoding.EncodeToString([]byte(wide(string(text), 2, true))) + "-")
	default:
		for b.Len() < n {
			fmt.Fprintf(&b, []string{"line %d, 1+1 \r\n", "+A-+-%d", "x%d"}[shape-2], random.Uint64())
		}
	}
	return b.String()
}

func noise(random *rand.Rand, n int) string {
	raw := make([]byte, n)
	for i := range raw {
		raw[i] = byte(random.Uint32())
	}
	return string(raw)
}

// Law: whatever decoding all of a text would show within so many octets of a Latin letter that was shifted is shown, and nothing that it would
// not show.
func TestWindows(t *testing.T) {
	parts := 0
	for seed := range uint64(10) {
		random := rand.New(rand.NewPCG(seed, 7))
		var b strings.Builder
		for range 1 + random.IntN(6) {
			b.WriteString(filler(random, random.IntN(400<<10)))
			if random.IntN(2) == 0 {
				b.WriteString(utf7(page, random.IntN(2) == 0))
			}
		}
		decoded, shifted := decodeUTF7(b.String())
		var shown []int // beginnings and ends, in turn
		for _, c := range open(t, "1", b.String()).contents {
			from := 0
			if len(shown) > 0 {
				from = shown[len(shown)-1]
			}
			at := strings.Index(decoded[from:], c)
			if at < 0 {
				t.Fatalf("seed %d: %d octets that stand nowhere", seed, len(c))
			}
			shown = append(shown, from+at, from+at+len(c))
		}
		for _, at := range shifted {
			from, end := max(at-margin, 0), min(at+margin, len(decoded))
			held := false
			for i := 0; i < len(shown); i += 2 {
				held = held || shown[i] <= from && end <= shown[i+1]
			}
			if !held {
				t.Errorf("seed %d: what is around octet %d of %d is not in what is shown: %v", seed, at, len(decoded), shown)
			}
		}
		if len(shifted) == 0 != (len(shown) == 0) {
			t.Errorf("seed %d: %v is shown of %d letters", seed, shown, len(shifted))
		}
		if len(shown) > 2 || len(shown) == 2 && shown[1]-shown[0] < len(decoded) {
			parts++
		}
	}
	if parts < 3 {
		t.Errorf("of only %d texts less than all is shown", parts)
	}
}

// TestChance: what is decoded of a large file in which such letters stand by chance is a small part of it, and no octet twice.
func TestChance(t *testing.T) {
	random := rand.New(rand.NewPCG(1, 1))
	x := func(n int) string { return strings.Repeat("x", n) }
	for _, test := range []struct {
		file        string
		from, end   int // of the sum
		most, least int // windows
	}{
		{noise(random, 4<<20) + "+AGE-" + noise(random, 4<<20), 2 * margin, 20 * margin, 8, 1},
		{x(400<<10) + "+AGE-" + x(400<<10), 2 * margin, 3*margin + 5, 1, 1}, // in memory
		{x(400<<10) + "+AGE-" + x(100<<10) + "+AGE-" + x(400<<10), 2*margin + 100<<10, 3*margin + 100<<10 + 5, 1, 1},
		{x(400<<10) + "+AGE-" + x(600<<10) + "+AGE-" + x(400<<10), 4 * margin, 6*margin + 10, 2, 2},
		{x(40<<10) + "+AGE-" + x(100<<10), 140<<10 + 1, 140<<10 + 1, 1, 1}, // nearly all
	} {
		out := open(t, "1", test.file)
		sum := 0
		for _, c := range out.contents {
			sum += len(c)
		}
		if n := len(out.contents); sum < test.from || sum > test.end || n > test.most || n < test.least {
			t.Errorf("of %d octets in %s", len(test.file), lengths(out.contents))
		}
	}
}

func holds(contents []string, text string) bool {
	for _, c := range contents {
		if strings.Contains(c, text) {
			return true
		}
	}
	return false
}

// TestWindowsHideNothing: a text is found wherever it stands, and however far apart in the octets its letters are.
func TestWindowsHideNothing(t *testing.T) {
	file := noise(rand.New(rand.NewPCG(3, 3)), 1<<20)
	apart := func(between string) string {
		var b strings.Builder
		for _, r := range page {
			b.WriteString(utf7(string(r), true) + between)
		}
		return b.String()
	}
	for name, form := range map[string]string{
		"in one shift":        utf7(page, true),
		"in many":             utf7(page, false),
		"a shift each":        apart(""),
		"far apart":           apart(strings.Repeat("+A-", 10_000)),
		"one letter shifted":  "+ADw-html><script>alert(\"ä 𝄞 1+-1\")</script></html>",
		"one, far behind":     "<html><script>alert(\"ä 𝄞 1+-1\")</script></html>" + strings.Repeat("x", margin-len(page)) + "+ADw-",
		"one, far ahead":      "+ADw-" + strings.Repeat("x", margin-len(page)) + "<html><script>alert(\"ä 𝄞 1+-1\")</script></html>",
		"one, nothing behind": "<html><script>alert(\"ä 𝄞 1+-1\")</script></html>" + strings.Repeat("+-+A-", 5_000) + "+ADw-",
		"in a long shift":     utf7(strings.Repeat("語", 1<<20)+page+strings.Repeat("語", 1<<20), true),
	} {
		for _, cut := range []int{0, 32<<10 + 1, len(file)} {
			if out := open(t, "1", file[:cut]+" \r\n"+form+" \r\n"+file[cut:]); !holds(out.contents, page) {
				t.Errorf("%s, behind %d octets: not in %s", name, cut, lengths(out.contents))
			}
		}
	}
}

func lengths(contents []string) string {
	var b strings.Builder
	for _, c := range contents {
		fmt.Fprintf(&b, "%d ", len(c))
	}
	return b.String()
}

// TestHalfOfAPair: a surrogate without its other half takes no character with it.
func TestHalfOfAPair(t *testing.T) {
	for text, want := range map[string]string{
		"<p>+2AA-+AGEAYg-":   "<p>\uFFFDab",
		"<p>+2AAAYQBi-":      "<p>\uFFFDab",
		"<p>+2ADYAABhAGI-":   "<p>\uFFFD\uFFFDab",
		"<p>+3AAAYQBi-":      "<p>\uFFFDab",
		"<p>+2DTdHgBhAGI-":   "<p>𝄞ab",
		"<p>+2DTdHtg0AGEAYg": "<p>𝄞\uFFFDab",
	} {
		if out := open(t, "1", text); !holds(out.contents, want) {
			t.Errorf("%s: %q, want %q", text, out.contents, want)
		}
	}
}
