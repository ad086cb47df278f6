package pop3

import (
	"testing"
	"testing/synctest"
)

// P12: an exchange in which the server never comes to an end is ended.
func TestChallengesAreBounded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		st := openWith(t.Context(), t, Config{Judge: &clerk{}})
		st.send(st.server, "+OK ready\r\n")
		st.send(st.client, "AUTH NTLM\r\n")
		for range 32 {
			st.send(st.server, "+ \r\n")
			st.send(st.client, "QUFB\r\n")
		}
		st.ended(ErrMalformedReply)
		st.close()
	})
}
