package scanner

import (
	"encoding/base64"
	"slices"
	"strings"
	"testing"
)

// TestDigestPutOff: whether the digest of a stretch of the mail is put off or, for a trace, made at once, the engines are asked about the
// same, and the verdict is the same; and a content that stands in several places is judged once.
func TestDigestPutOff(t *testing.T) {
	const text = "a text of some length with " + payload
	encoded := base64.StdEncoding.EncodeToString([]byte(text))
	part := func(encoding, content string) string {
		return "--b\r\nContent-Type: a/b\r\nContent-Transfer-Encoding: " + encoding + "\r\n\r\n" + content + "\r\n"
	}
	multipart := "Content-Type: multipart/mixed; boundary=b\r\n\r\n"
	other := strings.ToUpper(text) // of the same size
	nested := strings.ReplaceAll(multipart, "=b", "=c") + strings.ReplaceAll(part("7bit", text)+part("8bit", text), "--b", "--c") + "--c--"
	for name, test := range map[string]struct {
		parts []string
		want  int // contents that the engines are asked about, but for the whole mail
	}{
		"twice as it is":            {[]string{part("7bit", text), part("8bit", text)}, 1},
		"as it is, then encoded":    {[]string{part("7bit", text), part("base64", encoded)}, 1},
		"encoded, then as it is":    {[]string{part("base64", encoded), part("7bit", text)}, 1},
		"in two encodings":          {[]string{part("quoted-printable", strings.ReplaceAll(text, "o", "=6F")), part("base64", encoded)}, 1},
		"three of one size":         {[]string{part("7bit", other), part("7bit", text), part("base64", encoded)}, 2},
		"none of one size":          {[]string{part("7bit", text), part("7bit", text+"."), part("base64", encoded[:20])}, 3},
		"in what an opener found":   {[]string{part("7bit", text), part("7bit", "crate[x="+text+"]")}, 2},
		"in a message in the mail":  {[]string{part("7bit", text), strings.Replace(part("7bit", nested), "a/b", "message/rfc822", 1)}, 2},
		"in an encoded message":     {[]string{strings.Replace(part("base64", base64.StdEncoding.EncodeToString([]byte(nested))), "a/b", "message/rfc822", 1), part("7bit", text)}, 2},
		"of the size of an earlier": {[]string{part("7bit", text), part("7bit", nested), part("7bit", other), part("7bit", text)}, 3},
	} {
		for _, memory := range []int64{1, 1 << 20} {
			ask := func(explain bool) (asked []string, v Verdict) {
				engine := &seeker{needle: payload}
				s, err := New(Config{Engines: []Engine{engine}, Openers: []Opener{crate{}}, Spool: Spool{Memory: memory}})
				if err != nil {
					t.Fatal(err)
				}
				mail := Spool{Memory: memory}.NewBuffer()
				defer mail.Close()
				if _, err := mail.Write([]byte(multipart + strings.Join(test.parts, "") + "--b--\r\n")); err != nil {
					t.Fatal(err)
				}
				if explain {
					v, _ = s.Explain(t.Context(), mail, true)
				} else {
					v = s.Scan(t.Context(), mail, true)
				}
				return engine.parts(), v
			}
			asked, v := ask(false)
			atOnce, same := ask(true)
			if len(asked) != test.want || !slices.Equal(asked, atOnce) {
				t.Errorf("%s, %d in memory: asked about %q, with digests at once %q", name, memory, asked, atOnce)
			}
			if !slices.Equal(v.Findings, same.Findings) || v.Class != Infected {
				t.Errorf("%s, %d in memory: %v, with digests at once %v", name, memory, v.Findings, same.Findings)
			}
		}
	}
}
