package pop3

import (
	"encoding/base64"
	"strings"
	"testing"
)

// A login names its user where the server can have understood no other name.
func TestIdentity(t *testing.T) {
	long := strings.Repeat("u", maxUser)
	for _, tt := range []struct {
		given []string
		want  string
	}{
		{nil, ""},
		{[]string{"anna"}, "anna"},
		{[]string{"anna", "anna"}, "anna"},
		{[]string{"anna", "berta"}, ""},
		{[]string{"anna", "berta", "anna"}, ""},
		{[]string{long[1:]}, long[1:]},
		{[]string{long}, ""}, // what follows may differ
		{[]string{long + "x"}, ""},
	} {
		var who identity
		for _, name := range tt.given {
			who.give([]byte(name))
		}
		if got := who.sole(); got != tt.want {
			t.Errorf("%.20q: %.20q, want %.20q", tt.given, got, tt.want)
		}
	}
}

// The same of an exchange by SASL, which must be as long as its mechanism is.
func TestNaming(t *testing.T) {
	for _, tt := range []struct {
		mech     string
		messages []string
		want     string
	}{
		{"PLAIN", []string{"\x00anna\x00secret"}, "anna"},
		{"PLAIN", []string{"anna\x00anna\x00secret"}, "anna"}, // RFC 4616: acts for itself
		{"PLAIN", []string{"boss\x00anna\x00secret"}, ""},
		{"PLAIN", []string{"\x00anna\x00secret", "more"}, ""},
		{"PLAIN", nil, ""},
		{"LOGIN", []string{"anna", "secret"}, "anna"},
		{"LOGIN", []string{"anna"}, ""},
		{"LOGIN", []string{"anna", "secret", "more"}, ""},
		{"CRAM-MD5", []string{"an na 0123"}, "an na"},
		{"CRAM-MD5", []string{"anna 0123", "more"}, ""},
		{"XOAUTH2", []string{"user=anna\x01"}, ""},
	} {
		e := &naming{mech: tt.mech}
		for _, m := range tt.messages {
			e.message([]byte(base64.StdEncoding.EncodeToString([]byte(m))))
		}
		if got := e.sole(); got != tt.want {
			t.Errorf("%s %q: %q, want %q", tt.mech, tt.messages, got, tt.want)
		}
	}
}
