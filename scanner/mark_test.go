package scanner

import (
	"context"
	"strings"
	"testing"
)

// marked is a Marker that says always the same.
type marked struct{ mark Mark }

func (m marked) Mark(context.Context, *Buffer) Mark { return m.mark }

// Only mails that are delivered or tagged are marked, and none that does not begin with a header.
func TestMark(t *testing.T) {
	mark := Mark{Field: "X-Mirrorgw-Spam: no", Subject: "[SPAM] "}
	for _, tt := range []struct {
		name, mail string
		incomplete bool
		want       Mark
	}{
		{"clean", "Subject: x\r\n\r\nhello", false, mark},
		{"tagged", "Content-Type: multipart/mixed\r\n\r\n", false, mark},
		{"infected", infectedMail, false, Mark{}},
		{"not all there", "Subject: x\r\n\r\nhello", true, Mark{}},
		{"no header", "\r\nhello", false, Mark{}},
		{"text", "hello\r\n", false, Mark{}},
		{"nothing", "", false, Mark{}},
	} {
		b := newBench(t, nil, &seeker{needle: payload})
		b.judge.marker = marked{mark}
		r := b.judge.Judge(t.Context(), origin(), newMail(t, tt.mail), !tt.incomplete)
		if r.Mark != tt.want {
			t.Errorf("%s: %s with %+v", tt.name, r.Action, r.Mark)
		}
		if logged := b.messageLine(t)["mark"]; tt.want.Field != "" && logged != tt.want.Field {
			t.Errorf("%s: logged %v", tt.name, logged)
		}
	}
}

func TestSubjectAt(t *testing.T) {
	for mail, want := range map[string]string{
		"Subject: a\r\n\r\n":     "a\r\n\r\n",
		"SUBJECT:a\n\n":          "a\n\n",
		"Subject :  a\r\n":       " a\r\n",
		"Subject:\r\n a\r\n\r\n": "\r\n a\r\n\r\n",
		"From: x\r\n subject: no\r\nSubject: =?x?=\r\n\r\n":        "=?x?=\r\n\r\n",
		"From x\nSubject: a\n":                                     "a\n",
		"X: " + strings.Repeat("x", 40<<10) + "\r\nSubject: a\r\n": "a\r\n",
		"X: " + strings.Repeat("x", 16<<10-3) + "Subject: a\r\n":   "",
		"..x: dots\r\nSubject: a\r\n":                              "a\r\n",
		"Subject:":                                                 "",
		"Subject":                                                  "",
		"\r\nSubject: a\r\n":                                       "",
		"text\r\nSubject: a\r\n":                                   "",
		"From: x\r\n\r\nSubject: a\r\n":                            "",
		"":                                                         "",
	} {
		at, ok := SubjectAt(strings.NewReader(mail))
		if ok != (want != "") || ok && mail[at:] != want {
			t.Errorf("%.40q: %d, %t", mail, at, ok)
		}
	}
}
