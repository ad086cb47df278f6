package carve_test

import (
	"slices"
	"testing"
)

func TestNotes(t *testing.T) {
	const (
		sealed  = "encrypted: it holds an OpenPGP message"
		partial = "partial: a header in it says that it is one piece of a message sent in several (message/partial)"
	)
	for _, test := range []struct {
		name, mail string
		want       []string
	}{
		{"OpenPGP in a text", "Subject: x\n\nsee:\n-----BEGIN PGP MESSAGE-----\n\nAAAA\n-----END PGP MESSAGE-----\n", []string{sealed}},
		{"OpenPGP in a part", "--b\nContent-Type: application/octet-stream\n\n-----BEGIN PGP MESSAGE-----\n\nAAAA\n-----END PGP MESSAGE-----\n--b--\n", []string{sealed}},
		{"a signature", "Subject: x\n\n-----BEGIN PGP SIGNED MESSAGE-----\n\nhello\n-----BEGIN PGP SIGNATURE-----\nAAAA\n-----END PGP SIGNATURE-----\n", nil},
		{"a piece", "Content-Type: text/plain\nContent-Type: Message/Partial; number=1\n\nx\n", []string{partial}},
		{"a piece in a part", "Subject: x\n\ntext\n--b\nContent-Type: message/partial\n\nx\n", []string{partial}},
		{"a text about pieces", "Subject: x\n\nWrite this:\n\nContent-Type: message/partial\n", nil},
	} {
		if got := open(t, test.mail).notes; !slices.Equal(got, test.want) {
			t.Errorf("%s: notes %q, want %q", test.name, got, test.want)
		}
	}
}
