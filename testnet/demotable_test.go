package testnet

import (
	"bytes"
	"errors"
	"strings"
	"testing"
)

func TestDescribeNotice(t *testing.T) {
	original := EICAR().Data
	const verdict = "X-Mirrorgw-Verdict: infected\r\n"
	stolen := string(original[bytes.Index(original, []byte("WDVP")):])
	for want, got := range map[string]string{
		"replaced by a notice":         verdict + "Subject: [mirrorgw] Eicar found\r\n\r\ntext\r\n",
		"delivered":                    string(original),
		`subject "hello"`:              verdict + "Subject: hello\r\n\r\ntext\r\n",
		"no X-Mirrorgw-Verdict":        "Subject: =?utf-8?Q?[mirrorgw]_f=C3=BCr_Sie?=\r\n\r\ntext\r\n",
		"a notice with the attachment": verdict + "Subject: [mirrorgw] Eicar found\r\n\r\n" + stolen,
	} {
		if described := describeNotice(original, []byte(got)); described != want {
			t.Errorf("described as %q, want %q", described, want)
		}
	}
	if described := describeNotice(original, []byte("garbage")); !strings.HasPrefix(described, "no mail: ") {
		t.Errorf("garbage described as %q", described)
	}
}

func TestDemoTable(t *testing.T) {
	var table demoTable
	table.add("ping", "answered", "answered")
	table.add("mail", "40 identical", "39 identical")
	table.failedStep("trace", "x", errors.New("one\n two"+strings.Repeat("é", 100)))
	if n := table.failed(); n != 2 {
		t.Errorf("%d lines fail, want 2", n)
	}
	var out bytes.Buffer
	table.write(&out)
	want := "LINE   EXPECTED      SEEN" + strings.Repeat(" ", 58) + "\n" +
		"ping   answered      answered" + strings.Repeat(" ", 54) + "ok\n" +
		"mail   40 identical  39 identical" + strings.Repeat(" ", 50) + "FAIL\n" +
		"trace  x             …" + strings.Repeat("é", 59) + "  FAIL\n"
	if out.String() != want {
		t.Errorf("table\n%s\nwant\n%s", &out, want)
	}
}
