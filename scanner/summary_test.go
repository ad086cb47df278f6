package scanner

import (
	"path/filepath"
	"strings"
	"testing"
	"time"
)

func TestPrintable(t *testing.T) {
	for _, tt := range []struct {
		in, want string // limit 10
	}{
		{"", ""},
		{"plain", "plain"},
		{" a\t\tb\r\n ", "a b"},
		{"a\r\nBcc: b", "a Bcc: b"},
		{"\x1b[1mred", "[1mred"},
		{"gpj.\u202efdp", "gpj. fdp"},
		{"a\u2028b\u0085c\u200bd", "a b c d"},
		{"bad \xff", "bad \ufffd"},
		{"ä日本", "ä日本"},
		{"0123456789", "0123456789"},
		{"0123456789x", "0123456789…"},
		{"012345678  x", "012345678…"},
		{"01234567  xy", "01234567 x…"},
		{"0123456789  ", "0123456789"},
	} {
		if got := Printable(tt.in, 10); got != tt.want {
			t.Errorf("%q: got %q, want %q", tt.in, got, tt.want)
		}
	}
	if got := Printable(strings.Repeat("x", 1<<20), 200); got != strings.Repeat("x", 200)+"…" {
		t.Errorf("%d octets", len(got))
	}
}

func TestSummarize(t *testing.T) {
	s := Summarize(strings.NewReader(crlf(`From mbox
From: =?utf-8?q?J=C3=B6rg?= <joerg@example.org>, second@example.org
from: later@example.org
To: a@example.net, =?utf-8?q?A=0D=0ABcc=3A_x=40y?= <b@example.net>, "odd one"@example.net
Subject: =?windows-1252?q?Gr=FC=DFe?= =?utf-8?b?8J+YgA==?=
	=?x-unknown?q?a=ffb?= raw ä
Date: Mon, 2 Jan 2006 15:04:05 -0700 (MST)
Message-ID:  <id.1@example.org>

From: body@example.org
`)))
	if s.From != "Jörg <joerg@example.org>, second@example.org" {
		t.Errorf("From %q", s.From)
	}
	if s.Sender == nil || s.Sender.Address != "joerg@example.org" || s.Sender.Name != "Jörg" {
		t.Errorf("Sender %v", s.Sender)
	}
	if len(s.Recipients) != 2 || s.Recipients[1].Name != "A Bcc: x@y" {
		t.Errorf("Recipients %v", s.Recipients)
	}
	if s.Subject != "Grüße😀a\ufffdb raw ä" {
		t.Errorf("Subject %q", s.Subject)
	}
	if !s.Date.Equal(time.Date(2006, 1, 2, 22, 4, 5, 0, time.UTC)) || s.MessageID != "id.1@example.org" {
		t.Errorf("Date %v, MessageID %q", s.Date, s.MessageID)
	}
}

func TestSummarizeReadsCharsets(t *testing.T) {
	for word, want := range map[string]string{
		"=?koi8-r?b?8NLJ18XU?=":                           "Привет",
		"=?windows-1251?q?=CF=F0=E8=E2=E5=F2?=":           "Привет",
		"=?ISO-8859-2?q?=A3=F3d=BC?=":                     "Łódź",
		"=?iso-8859-15?q?=A4?= =?windows-1252?q?=80?=":    "€€",
		"=?iso-2022-jp?b?GyRCJDMkcyRLJEEkTxsoQg==?=":      "こんにちは",
		"=?gb2312?b?xOO6ww==?= =?hz-gb-2312?q?~{Dc:C~}?=": "你好你好",
		"=?utf-16be?b?AGEA5A==?=":                         "aä",
		"=?x-unknown?q?a=ff=E4b?=":                        "a\ufffd\ufffdb",
		"=?gb2312?b?xA==?= =?iso-2022-jp?b?GyRCJDM=?=":    "\ufffdこ",
	} {
		s := Summarize(strings.NewReader("Subject: " + word + "\r\nFrom: " + word + " <a@b.example>\r\n\r\n"))
		if s.Subject != want || s.Sender == nil || s.Sender.Name != want {
			t.Errorf("%s: %q, %v", word, s.Subject, s.Sender)
		}
	}
}

func TestSummarizeHostile(t *testing.T) {
	for _, header := range []string{
		"",
		"From: <>\r\nMessage-ID: <>\r\nDate: never\r\n",
		"From: a@b\x00c\r\nMessage-ID: <a@b\r\n c>\r\n",
		"From: " + strings.Repeat("a", 300) + "@example.org\r\nMessage-ID: <" + strings.Repeat("a", 300) + "@b>\r\n",
		"From: ä@example.org\r\nMessage-ID: <ä@b>\r\n",
		"From: a@b, c\r\nMessage-ID: a@b\r\n",
		"Message-ID: <a@b@c>\r\n", "Message-ID: <a b@c>\r\n", "Message-ID: <a>b@c\r\n",
	} {
		s := Summarize(strings.NewReader(header + "\r\n"))
		if s.Sender != nil || s.MessageID != "" || !s.Date.IsZero() {
			t.Errorf("%q: %+v", header, s)
		}
	}
	if s := Summarize(strings.NewReader("From: a@b.example, =?utf-8?q?=C3=A4?= <c@d.example> x\r\n\r\n")); s.Sender == nil || s.Sender.Address != "c@d.example" || s.Sender.Name != "a@b.example, ä" {
		t.Errorf("sender %v", s.Sender)
	}
	var list strings.Builder
	for range 1000 {
		list.WriteString("a@example.org, ")
	}
	if s := Summarize(strings.NewReader("To: " + list.String() + "b@example.org\r\n\r\n")); len(s.Recipients) != maxRecipients {
		t.Errorf("%d recipients", len(s.Recipients))
	}
}

// The inputs that once failed are still there.
func TestFoundInputs(t *testing.T) {
	if found, err := filepath.Glob("testdata/fuzz/FuzzSummarize/*"); err != nil || len(found) == 0 {
		t.Errorf("%d inputs, %v", len(found), err)
	}
}
